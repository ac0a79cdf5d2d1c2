/* Hashing and verifying passwords: what fits, what it costs, how many at a time, who is refused. */
#include <argon2.h>
#include <crypt.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "domain/hash_slots.h"
#include "domain/password.h"
#include "fcgi/core/clock.h"

#include <cmocka.h>

enum { SLOTS = 2, QUEUE = 3, SLOT_BYTES = 19 * 1024 * 1024, PAGE = 4096 };

static struct arena arena;
static struct fail failure;
static struct options options;

static int begin(void **state)
{
	(void)state;
	failure = (struct fail){.arena = &arena};
	return password_start(&options) ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	password_stop();
	arena_reset(&arena);
	return 0;
}

/* As libargon2 writes it. */
static const char *argon(const char *password, uint32_t memory_kib, uint32_t passes, uint32_t lanes)
{
	char *text = arena_alloc(&arena, 200);

	assert_int_equal(argon2id_hash_encoded(passes, memory_kib, lanes, password,
				 strlen(password), "0123456789abcdef", 16, 32, text, 200),
		ARGON2_OK);
	return text;
}

static const char *bcrypt(const char *password, const char *prefix)
{
	static struct crypt_data data;
	char setting[64];

	assert_non_null(
		crypt_gensalt_rn(prefix, 4, "0123456789abcdef", 16, setting, sizeof(setting)));
	return arena_strdup(&arena, crypt_r(password, setting, &data));
}

#define TEN "0123456789"
#define SEVENTY TEN TEN TEN TEN TEN TEN TEN

static void test_verify(void **state)
{
	const struct {
		const char *name, *password, *hash;
		bool fits, is_outdated;
	} cases[] = {
		{"ours", "open sesame", argon("open sesame", 19456, 2, 1), true, false},
		{"another password", "open sesamf", argon("open sesame", 19456, 2, 1), false,
			false},
		{"a longer one", "open sesame ", argon("open sesame", 19456, 2, 1), false, false},
		{"none at all", "", argon("open sesame", 19456, 2, 1), false, false},
		{"weaker", "open sesame", argon("open sesame", 4096, 3, 1), true, true},
		{"weaker, another password", "x", argon("open sesame", 4096, 3, 1), false, false},
		{"stronger, of elsewhere", "open sesame", argon("open sesame", 65536, 3, 4), true,
			false},
		{"no hash", "open sesame", NULL, false, false},
		{"an empty one", "", "", false, false},
		{"a broken one", "open sesame", "$argon2id$v=19$m=19456,t=2,p=1$AAAA", false,
			false},
		{"2a", "open sesame", bcrypt("open sesame", "$2a$"), true, true},
		{"2b", "open sesame", bcrypt("open sesame", "$2b$"), true, true},
		{"2y", "open sesame", bcrypt("open sesame", "$2y$"), true, true},
		{"2b, another password", "open sesamf", bcrypt("open sesame", "$2b$"), false,
			false},
		{"2b beyond ASCII",
			"S\xc3\xa9same, \xc3\xb6"
			"ffne dich",
			bcrypt("S\xc3\xa9same, \xc3\xb6"
			       "ffne dich",
				"$2b$"),
			true, true},
		{"2b looks at 72 bytes", SEVENTY "ab" TEN, bcrypt(SEVENTY "ab", "$2b$"), true,
			true},
		{"and at no fewer", SEVENTY "ac", bcrypt(SEVENTY "ab", "$2b$"), false, false},
		{"of a password longer than libcrypt takes",
			SEVENTY SEVENTY SEVENTY SEVENTY SEVENTY SEVENTY SEVENTY SEVENTY,
			bcrypt(SEVENTY "01", "$2b$"), true, true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool fits, is_outdated;
		print_message("  %s\n", cases[i].name);
		assert_int_equal(password_verify(&failure, cases[i].password, cases[i].hash, &fits,
					 &is_outdated),
			0);
		assert_int_equal(fits, cases[i].fits);
		assert_int_equal(is_outdated, cases[i].is_outdated);
	}
}

/* What we write, others read. */
static void test_hash(void **state)
{
	const char *first, *second;

	(void)state;
	assert_int_equal(password_hash(&arena, &failure, "open sesame", &first), 0);
	assert_int_equal(password_hash(&arena, &failure, "open sesame", &second), 0);
	assert_string_not_equal(first, second);
	assert_memory_equal(first, "$argon2id$v=19$m=19456,t=2,p=1$", 31);
	assert_int_equal(argon2id_verify(first, "open sesame", 11), ARGON2_OK);
	assert_int_equal(argon2id_verify(second, "open sesame", 11), ARGON2_OK);
}

static void test_stretch(void **state)
{
	const unsigned char salt[16] = "0123456789abcdef";
	unsigned char got[32], due[32];

	(void)state;
	assert_int_equal(password_stretch(&failure, "ABCDEFGH23", salt, got), 0);
	argon2id_hash_raw(2, 19456, 1, "ABCDEFGH23", 10, salt, sizeof(salt), due, sizeof(due));
	assert_memory_equal(got, due, sizeof(due));
}

static i64 thread_time_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * US_PER_S + t.tv_nsec / 1000;
}

/* Processor time, not time: the machine may be busy. The least of several is free of its noise. */
static i64 cost_us(const char *hash)
{
	i64 least = INT64_MAX;

	for (int i = 0; i < 7; i++) {
		bool fits, is_outdated;
		i64 from = thread_time_us();
		assert_int_equal(password_verify(&failure, "wrong", hash, &fits, &is_outdated), 0);
		i64 took = thread_time_us() - from;
		least = took < least ? took : least;
	}
	return least;
}

static void test_nobody_costs_the_same(void **state)
{
	i64 known = cost_us(argon("open sesame", 19456, 2, 1));
	const char *const others[] = {NULL, "", "nonsense", "$argon2id$v=19$m=1,t=1,p=1$$"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		i64 cost = cost_us(others[i]);
		print_message("  %s: %lld of %lld us\n", others[i] != NULL ? others[i] : "NULL",
			(long long)cost, (long long)known);
		assert_true(cost > known / 2 && cost < known * 2);
	}
}

/* The door that holds hashing threads up until the test opens it. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool is_open;
static int n_inside, n_inside_most, n_done;

static void wait_inside(void *arg, unsigned char *memory)
{
	(void)arg;
	memory[0] = memory[SLOT_BYTES - 1] = 1;
	pthread_mutex_lock(&mutex);
	n_inside++;
	n_inside_most = n_inside > n_inside_most ? n_inside : n_inside_most;
	pthread_cond_broadcast(&changed);
	while (!is_open)
		pthread_cond_wait(&changed, &mutex);
	n_inside--;
	n_done++;
	pthread_mutex_unlock(&mutex);
}

struct caller {
	struct hash_slots *slots;
	pthread_t thread;
	bool was_served;
};

static atomic_int n_refused;

static void *call(void *arg)
{
	struct caller *c = arg;

	c->was_served = hash_slots_run(c->slots, wait_inside, NULL);
	if (!c->was_served)
		atomic_fetch_add(&n_refused, 1);
	return NULL;
}

static void wait_for_inside(int n)
{
	pthread_mutex_lock(&mutex);
	while (n_inside < n)
		pthread_cond_wait(&changed, &mutex);
	pthread_mutex_unlock(&mutex);
}

static void open_door(bool open)
{
	pthread_mutex_lock(&mutex);
	is_open = open;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&mutex);
}

/* Of many at once as many are served as there are slots and places to wait; the rest is told at
 * once, while the others still wait. */
static void test_so_many_at_a_time(void **state)
{
	enum { CALLERS = 40 };
	struct caller caller[CALLERS];
	struct hash_slots *slots = hash_slots_new(SLOTS, QUEUE, SLOT_BYTES);
	int n_served = 0;

	(void)state;
	assert_non_null(slots);
	for (int round = 0; round < 3; round++) {
		open_door(false);
		atomic_store(&n_refused, 0);
		n_done = n_inside_most = n_served = 0;
		for (int i = 0; i < CALLERS; i++) {
			caller[i] = (struct caller){.slots = slots};
			assert_int_equal(
				pthread_create(&caller[i].thread, NULL, call, &caller[i]), 0);
		}
		wait_for_inside(SLOTS);
		while (atomic_load(&n_refused) < CALLERS - SLOTS - QUEUE)
			usleep(1000);
		open_door(true);
		for (int i = 0; i < CALLERS; i++) {
			pthread_join(caller[i].thread, NULL);
			n_served += caller[i].was_served;
		}
		assert_int_equal(n_served, SLOTS + QUEUE);
		assert_int_equal(n_done, SLOTS + QUEUE);
		assert_int_equal(n_inside_most, SLOTS);
	}
	hash_slots_free(slots);
}

static unsigned char *slot;

static void touch(void *arg, unsigned char *memory)
{
	(void)arg;
	slot = memory;
	memset(memory, 1, SLOT_BYTES);
}

/* How many pages of the slot the system has given. */
static size_t resident(void)
{
	static unsigned char there[SLOT_BYTES / PAGE];
	size_t n = 0;

	assert_int_equal(mincore(slot, SLOT_BYTES, there), 0);
	for (size_t i = 0; i < sizeof(there); i++)
		n += there[i] & 1;
	return n;
}

/* The memory is there between uses, and goes back when nobody has hashed for a while. */
static void test_idle_memory_goes_back(void **state)
{
	struct hash_slots *slots = hash_slots_new(1, 1, SLOT_BYTES);

	(void)state;
	assert_non_null(slots);
	for (int round = 0; round < 2; round++) {
		assert_true(hash_slots_run(slots, touch, NULL));
		assert_int_equal(resident(), SLOT_BYTES / PAGE);
		for (int i = 0; i < 600 && resident() > 0; i++)
			usleep(100 * 1000);
		assert_int_equal(resident(), 0);
	}
	hash_slots_free(slots);
}

static void look_around(void *arg, unsigned char *memory)
{
	int *niceness = arg;
	sigset_t blocked;

	(void)memory;
	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	assert_true(sigismember(&blocked, SIGTERM) == 1 && sigismember(&blocked, SIGINT) == 1);
	*niceness = getpriority(PRIO_PROCESS, (id_t)gettid());
}

/* Threads that hash yield to others, and leave signals to them; those that wait stay as they are.
 */
static void test_in_the_background(void **state)
{
	struct hash_slots *slots = hash_slots_new(1, 1, SLOT_BYTES);
	int before = getpriority(PRIO_PROCESS, (id_t)gettid()), inside = 0;

	(void)state;
	assert_true(hash_slots_run(slots, look_around, &inside));
	assert_int_equal(inside, before + 10 < 19 ? before + 10 : 19);
	assert_int_equal(getpriority(PRIO_PROCESS, (id_t)gettid()), before);
	hash_slots_free(slots);
}

static void test_without_a_start(void **state)
{
	const char *hash;

	(void)state;
	failure = (struct fail){.arena = &arena};
	assert_int_equal(password_hash(&arena, &failure, "open sesame", &hash), E_INTERNAL);
	password_stop(); /* does nothing */
}

struct verifier {
	pthread_t thread;
	struct arena arena;
	struct fail failure;
	const char *hash;
	int rc;
};

static void *verify(void *arg)
{
	struct verifier *v = arg;
	bool fits, is_outdated;

	v->rc = password_verify(&v->failure, "open sesame", v->hash, &fits, &is_outdated);
	return NULL;
}

/* A storm: each is either served rightly or told when to come again. */
static void test_storm(void **state)
{
	enum { CALLERS = 30 };
	static struct verifier v[CALLERS];
	const char *hash = argon("open sesame", 19456, 2, 1);
	int n_served = 0;

	(void)state;
	for (int i = 0; i < CALLERS; i++) {
		arena_init(&v[i].arena, 1024 * 1024);
		v[i].failure = (struct fail){.arena = &v[i].arena};
		v[i].hash = hash;
		assert_int_equal(pthread_create(&v[i].thread, NULL, verify, &v[i]), 0);
	}
	for (int i = 0; i < CALLERS; i++) {
		pthread_join(v[i].thread, NULL);
		n_served += v[i].rc == 0;
		if (v[i].rc != 0) {
			assert_int_equal(v[i].rc, E_BUSY);
			assert_int_equal(v[i].failure.retry_after_s, 1);
		}
		arena_free(&v[i].arena);
	}
	assert_in_range(n_served, SLOTS + QUEUE, CALLERS);
}

static void test_room(void **state)
{
	static const struct {
		const char *name;
		i64 hashes, queue, threads, processes;
		unsigned cores;
		struct password_room due;
		bool is_cut;
	} cases[] = {
		{"as shipped, two cores", 0, 8, 16, 1, 2, {2, 8}, false},
		{"one core", 0, 8, 16, 1, 1, {1, 8}, false},
		{"many cores: the queue keeps its places", 0, 8, 16, 1, 64, {4, 8}, false},
		{"processes share the cores", 0, 8, 32, 3, 8, {3, 8}, false},
		{"as asked for", 4, 8, 16, 1, 2, {4, 8}, false},
		{"nobody waits", 12, 0, 16, 1, 2, {12, 0}, false},
		{"too many at a time", 13, 0, 16, 1, 2, {12, 0}, true},
		{"too many wait", 4, 9, 16, 1, 2, {4, 8}, true},
		{"far too many", 64, 1024, 16, 1, 2, {12, 0}, true},
		{"a queue as long as the pool", 0, 16, 16, 1, 2, {1, 11}, true},
		{"four threads", 0, 2, 4, 1, 2, {1, 2}, false},
		{"two threads", 0, 0, 2, 1, 2, {1, 0}, false},
		{"a single thread", 0, 0, 1, 1, 2, {1, 0}, true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct options o = {.account_hashes = cases[i].hashes,
			.account_hash_queue = cases[i].queue,
			.pool_auth_threads = cases[i].threads,
			.pool_auth_processes = cases[i].processes};
		const char *why;
		print_message("  %s\n", cases[i].name);
		struct password_room room = password_room(&o, cases[i].cores, &why);
		assert_int_equal(room.hashes, cases[i].due.hashes);
		assert_int_equal(room.waiting, cases[i].due.waiting);
		assert_int_equal(why != NULL, cases[i].is_cut);
		assert_true(cases[i].threads == 1 ||
			    room.hashes + room.waiting < (unsigned)cases[i].threads);
	}
	assert_true(password_cores() >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_verify, begin, end),
		cmocka_unit_test_setup_teardown(test_hash, begin, end),
		cmocka_unit_test_setup_teardown(test_stretch, begin, end),
		cmocka_unit_test_setup_teardown(test_nobody_costs_the_same, begin, end),
		cmocka_unit_test_setup_teardown(test_storm, begin, end),
		cmocka_unit_test(test_so_many_at_a_time),
		cmocka_unit_test(test_idle_memory_goes_back),
		cmocka_unit_test(test_in_the_background),
		cmocka_unit_test(test_without_a_start),
		cmocka_unit_test(test_room),
	};

	arena_init(&arena, 8 * 1024 * 1024);
	options_defaults(&options);
	options.account_hashes = SLOTS;
	options.account_hash_queue = QUEUE;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_free(&arena);
	return failed;
}
