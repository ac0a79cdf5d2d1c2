/* How the hash of a password is written down: a PHC string of Argon2id, or bcrypt. Pure functions.
 */
#ifndef TURNPIKE_STORED_HASH_H
#define TURNPIKE_STORED_HASH_H

#include "../fcgi/core/arena.h"

enum {
	/* What we make (OWASP's minimum). */
	ARGON_MEMORY_KIB = 19456,
	ARGON_PASSES = 2,
	ARGON_LANES = 1,
	ARGON_SALT_BYTES = 16,
	ARGON_TAG_BYTES = 32,
	/* What we verify at most: whoever can write a hash must not be able to stop us with it. */
	ARGON_MEMORY_MAX_KIB = 65536,
	ARGON_PASSES_MAX = 10,
	ARGON_LANES_MAX = 8,
	ARGON_SALT_MAX = 64,
	ARGON_TAG_MIN = 16,
	ARGON_TAG_MAX = 64,
	BCRYPT_COST_MAX = 14,
};

struct argon_hash {
	uint32_t memory_kib, passes, lanes;
	unsigned char salt[ARGON_SALT_MAX], tag[ARGON_TAG_MAX];
	uint32_t n_salt, n_tag;
};

/* `$argon2id$v=19$m=19456,t=2,p=1$salt$tag`; false for anything else, or beyond the bounds. */
bool argon_hash_read(struct arena *a, const char *text, struct argon_hash *ret);
const char *argon_hash_write(struct arena *a, const struct argon_hash *h);
/* Weaker than what we make now. */
bool argon_hash_outdated(const struct argon_hash *h);

/* `$2a$`, `$2b$` or `$2y$`, a cost, salt and hash. */
bool bcrypt_hash_valid(const char *text);

#endif
