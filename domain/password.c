/* Hashing and verifying passwords. */
#include "password.h"

#include <argon2.h>
#include <crypt.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "../fcgi/core/crypto.h"
#include "common_password.h"
#include "hash_slots.h"
#include "stored_hash.h"

enum { RETRY_AFTER_S = 1, BCRYPT_BYTES = 72, LOCAL_PART_MIN = 4, BRAND_MIN = 4 };

/* One per process: the cores and the memory are the process's, whoever hashes. */
static struct hash_slots *slots;
static const char *brand;

unsigned password_cores(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

static unsigned min_of(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static const char *cut(const struct options *o, struct password_room room)
{
	if (o->pool_auth_threads == 1)
		return "[pool.auth] threads = 1: while a password is hashed, nobody can sign in; "
		       "give the pool 8 or more";
	if (o->account_hashes > (i64)room.hashes)
		return "[account] hashes would take the pool's threads from all other ways of "
		       "signing in, so fewer run at a time: raise [pool.auth] threads";
	if (o->account_hash_queue > (i64)room.waiting)
		return "[account] hash_queue would take the pool's threads from all other ways of "
		       "signing in, so fewer may wait: raise [pool.auth] threads";
	return NULL;
}

struct password_room password_room(const struct options *o, unsigned cores, const char **ret_why)
{
	unsigned threads = (unsigned)o->pool_auth_threads, queue = (unsigned)o->account_hash_queue;
	unsigned processes = o->pool_auth_processes > 1 ? (unsigned)o->pool_auth_processes : 1;
	unsigned most = threads - (threads + 3) / 4; /* a quarter is the others' */
	struct password_room room = {.hashes = (unsigned)o->account_hashes};

	if (most == 0)
		most = 1;
	if (room.hashes == 0)
		room.hashes = min_of(
			(cores + processes - 1) / processes, most > queue ? most - queue : 1);
	room.hashes = min_of(room.hashes, most);
	room.waiting = min_of(queue, most - room.hashes);
	*ret_why = cut(o, room);
	return room;
}

bool password_start(const struct options *options)
{
	const char *why;
	struct password_room room = password_room(options, password_cores(), &why);

	brand = options->account_brand;
	slots = hash_slots_new(room.hashes, room.waiting, (size_t)ARGON_MEMORY_KIB * 1024);
	return slots != NULL;
}

void password_stop(void)
{
	hash_slots_free(slots);
	slots = NULL;
}

/* What a hashing thread is given. */
struct argon_job {
	const char *text;
	const struct argon_hash *hash; /* parameters and salt; its n_tag says how long */
	unsigned char *tag;
	int rc;
};

/* The slot of this thread; libargon2 hands nothing through to its callbacks. */
static _Thread_local unsigned char *slot_memory;

/* Hashes of elsewhere may need more than a slot has. */
static int allocate(uint8_t **ret, size_t bytes)
{
	*ret = bytes <= (size_t)ARGON_MEMORY_KIB * 1024 ? slot_memory : malloc(bytes);
	return *ret != NULL ? ARGON2_OK : ARGON2_MEMORY_ALLOCATION_ERROR;
}

/* libargon2 has wiped it. */
static void release(uint8_t *memory, size_t bytes)
{
	(void)bytes;
	if (memory != slot_memory)
		free(memory);
}

static void run_argon(void *arg, unsigned char *memory)
{
	struct argon_job *job = arg;
	const struct argon_hash *h = job->hash;
	/* libargon2 takes pointers to what it does not write: it was not told to wipe them. */
	argon2_context context = {
		.out = job->tag,
		.outlen = h->n_tag,
		.pwd = (uint8_t *)(uintptr_t)job->text,
		.pwdlen = (uint32_t)strlen(job->text),
		.salt = (uint8_t *)(uintptr_t)h->salt,
		.saltlen = h->n_salt,
		.t_cost = h->passes,
		.m_cost = h->memory_kib,
		.lanes = h->lanes,
		.threads = 1,
		.version = ARGON2_VERSION_13,
		.allocate_cbk = allocate,
		.free_cbk = release,
	};

	slot_memory = memory;
	job->rc = argon2_ctx(&context, Argon2_id);
}

static int run_slot(struct fail *fail, hash_job_fn *job, void *arg)
{
	if (slots == NULL)
		return fail_cause(fail, E_INTERNAL, "passwords are hashed in the pool auth only");
	return hash_slots_run(slots, job, arg) ? 0 : fail_later(fail, E_BUSY, RETRY_AFTER_S);
}

int password_has_room(struct fail *fail)
{
	if (slots == NULL || hash_slots_has_room(slots))
		return 0;
	return fail_later(fail, E_BUSY, RETRY_AFTER_S);
}

static int argon(
	struct fail *fail, const char *text, const struct argon_hash *hash, unsigned char *ret_tag)
{
	struct argon_job job = {.text = text, .hash = hash, .tag = ret_tag};

	TRY(run_slot(fail, run_argon, &job));
	if (job.rc != ARGON2_OK)
		return fail_cause(fail, E_INTERNAL, "argon2: %s", argon2_error_message(job.rc));
	return 0;
}

static const struct argon_hash present = {
	.memory_kib = ARGON_MEMORY_KIB,
	.passes = ARGON_PASSES,
	.lanes = ARGON_LANES,
	.n_salt = ARGON_SALT_BYTES,
	.n_tag = ARGON_TAG_BYTES,
};

int password_hash(struct arena *a, struct fail *fail, const char *password, const char **ret_hash)
{
	struct argon_hash hash = present;

	random_bytes(hash.salt, hash.n_salt);
	TRY(argon(fail, password, &hash, hash.tag));
	*ret_hash = argon_hash_write(a, &hash);
	return 0;
}

int password_stretch(
	struct fail *fail, const char *text, const unsigned char salt[16], unsigned char ret[32])
{
	struct argon_hash hash = present;

	memcpy(hash.salt, salt, hash.n_salt);
	return argon(fail, text, &hash, ret);
}

struct bcrypt_job {
	const char *password, *hash;
	bool fits;
};

static void run_bcrypt(void *arg, unsigned char *memory)
{
	struct bcrypt_job *job = arg;
	struct crypt_data data = {.initialized = 0};
	char first[BCRYPT_BYTES + 1];
	size_t n = strnlen(job->password, BCRYPT_BYTES);

	/* bcrypt looks at no more, and libcrypt refuses what is much longer. */
	(void)memory;
	memcpy(first, job->password, n);
	first[n] = '\0';
	const char *made = crypt_rn(first, job->hash, &data, sizeof(data));
	job->fits = made != NULL && strlen(made) == strlen(job->hash) &&
		    equal_ct(made, job->hash, strlen(made));
	explicit_bzero(&data, sizeof(data));
	explicit_bzero(first, sizeof(first));
}

static int verify_bcrypt(struct fail *fail, const char *password, const char *hash, bool *ret_fits)
{
	struct bcrypt_job job = {password, hash, false};

	TRY(run_slot(fail, run_bcrypt, &job));
	*ret_fits = job.fits;
	return 0;
}

int password_verify(struct fail *fail, const char *password, const char *hash, bool *ret_fits,
	bool *ret_outdated)
{
	struct argon_hash stored;
	unsigned char tag[ARGON_TAG_MAX];

	*ret_fits = *ret_outdated = false;
	if (hash != NULL && bcrypt_hash_valid(hash)) {
		TRY(verify_bcrypt(fail, password, hash, ret_fits));
		*ret_outdated = *ret_fits;
		return 0;
	}
	bool is_hash = hash != NULL && argon_hash_read(fail->arena, hash, &stored);
	if (!is_hash)
		stored = present; /* who has no password is not told apart by the time it takes */
	TRY(argon(fail, password, &stored, tag));
	*ret_fits = equal_ct(tag, stored.tag, stored.n_tag) && is_hash;
	*ret_outdated = *ret_fits && argon_hash_outdated(&stored);
	return 0;
}

/* Whether text has the piece in it, upper or lower case. */
static bool contains(const char *text, const char *piece, size_t n, size_t min)
{
	char copy[256];

	if (n < min || n >= sizeof(copy))
		return false;
	memcpy(copy, piece, n);
	copy[n] = '\0';
	return strcasestr(text, copy) != NULL;
}

const char *password_refusal(const char *password, const char *email)
{
	size_t n_local = email != NULL ? strcspn(email, "@") : 0;
	size_t n_name = email != NULL ? strcspn(email, "+@") : 0;

	if (email != NULL && (contains(password, email, n_local, LOCAL_PART_MIN) ||
				     contains(password, email, n_name, LOCAL_PART_MIN)))
		return "contains_email";
	if (brand != NULL && contains(password, brand, strlen(brand), BRAND_MIN))
		return "too_common";
	return password_is_common(password) ? "too_common" : NULL;
}
