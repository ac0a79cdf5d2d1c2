/* Hashing passwords. */
#include "password.h"

#include <argon2.h>
#include <string.h>

#include "../fcgi/core/crypto.h"

enum { MEMORY_KIB = 19456, PASSES = 2, LANES = 1, SALT_BYTES = 16, TAG_BYTES = 32, PHC_MAX = 128 };

void password_start(const struct options *options)
{
	(void)options;
}

const char *password_refusal(const char *password, const char *email)
{
	(void)password, (void)email;
	return NULL;
}

int password_hash(struct arena *a, struct fail *fail, const char *password, const char **ret_hash)
{
	unsigned char salt[SALT_BYTES];
	char *text = arena_alloc(a, PHC_MAX);

	random_bytes(salt, sizeof(salt));
	int rc = argon2id_hash_encoded(PASSES, MEMORY_KIB, LANES, password, strlen(password), salt,
		sizeof(salt), TAG_BYTES, text, PHC_MAX);
	if (rc != ARGON2_OK)
		return fail_cause(fail, E_INTERNAL, "argon2: %s", argon2_error_message(rc));
	*ret_hash = text;
	return 0;
}

int password_verify(struct fail *fail, const char *password, const char *hash, bool *ret_fits,
	bool *ret_outdated)
{
	(void)fail;
	*ret_outdated = false;
	*ret_fits = hash != NULL && argon2id_verify(hash, password, strlen(password)) == ARGON2_OK;
	return 0;
}

int password_stretch(
	struct fail *fail, const char *text, const unsigned char salt[16], unsigned char ret[32])
{
	int rc = argon2id_hash_raw(
		PASSES, MEMORY_KIB, LANES, text, strlen(text), salt, SALT_BYTES, ret, TAG_BYTES);

	return rc == ARGON2_OK
		       ? 0
		       : fail_cause(fail, E_INTERNAL, "argon2: %s", argon2_error_message(rc));
}
