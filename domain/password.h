/* Passwords: Argon2id, and bcrypt of imports, which is only verified (account.md section 10).
 * Hashing takes a core and 19 MiB for some 20 ms: only so many run at a time, only so many wait, in
 * threads of their own (hash_slots.h). */
#ifndef TURNPIKE_PASSWORD_H
#define TURNPIKE_PASSWORD_H

#include "../fcgi/core/arena.h"
#include "../fcgi/core/errors.h"
#include "../fcgi/core/options.h"

enum { PASSWORD_MIN = 12, PASSWORD_MAX = 200 };

/* How many are hashed at a time in one process of the pool `auth`, and how many may wait. */
struct password_room {
	unsigned hashes, waiting;
};

/* By [account] hashes, hash_queue and the cores: what leaves a quarter of the pool's threads to
 * other ways of signing in. *ret_why: NULL, or a sentence on what had to be cut. */
struct password_room password_room(
	const struct options *options, unsigned cores, const char **ret_why);
/* The cores that this process may use. */
unsigned password_cores(void);

/* Before threads start, in processes of the pool `auth`. False when the system does not give the
 * threads; errno tells. */
bool password_start(const struct options *options);
/* After the last of them. Does nothing where it was not started. */
void password_stop(void);

/* NULL, or why this may not become a password: a word for the fault ("too_common",
 * "contains_email"). Its length is checked by the schema. email: of the account; may be NULL. */
const char *password_refusal(const char *password, const char *email);
/* 0, or E_BUSY when a hash would be refused right now: before anything is looked up for one. */
int password_has_room(struct fail *fail);
/* A PHC string. 0, or E_BUSY with Retry-After: too many wait. */
int password_hash(struct arena *a, struct fail *fail, const char *password, const char **ret_hash);
/* Whether it fits; a hash that is NULL or none costs the same and never fits. *ret_outdated: it
 * fits, and the hash should be made anew. 0 or E_BUSY. */
int password_verify(struct fail *fail, const char *password, const char *hash, bool *ret_fits,
	bool *ret_outdated);
/* Argon2id of any text with a salt of 16 bytes, for codes of little entropy. 0 or E_BUSY. */
int password_stretch(
	struct fail *fail, const char *text, const unsigned char salt[16], unsigned char ret[32]);

#endif
