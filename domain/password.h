/* Passwords: Argon2id, and bcrypt of imports, which is only verified (account.md section 10).
 * Hashing takes a core and 19 MiB for some 20 ms: only so many run at a time, only so many wait. */
#ifndef TURNPIKE_PASSWORD_H
#define TURNPIKE_PASSWORD_H

#include "../fcgi/core/arena.h"
#include "../fcgi/core/errors.h"
#include "../fcgi/core/options.h"

enum { PASSWORD_MIN = 12, PASSWORD_MAX = 200 };

/* Before threads start: how many at a time, how many may wait ([account] hashes, hash_queue). */
void password_start(const struct options *options);

/* NULL, or why this may not become a password: a word for the fault ("too_common",
 * "contains_email"). Its length is checked by the schema. email: of the account. */
const char *password_refusal(const char *password, const char *email);
/* A PHC string. 0, or E_UNAVAILABLE with Retry-After: too many wait. */
int password_hash(struct arena *a, struct fail *fail, const char *password, const char **ret_hash);
/* Whether it fits; hash NULL costs the same and never fits. *ret_outdated: it fits, and the hash
 * should be made anew. 0 or E_UNAVAILABLE. */
int password_verify(struct fail *fail, const char *password, const char *hash, bool *ret_fits,
	bool *ret_outdated);
/* Argon2id of any text with a salt of 16 bytes, for codes of little entropy. 0 or E_UNAVAILABLE. */
int password_stretch(
	struct fail *fail, const char *text, const unsigned char salt[16], unsigned char ret[32]);

#endif
