/* Hashes, randomness and random names. */
#include "crypto.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "str.h"

struct sha256 sha256(const void *data, size_t length)
{
	struct sha256 out;

	SHA256(data, length, out.byte);
	return out;
}

struct sha256 hmac_sha256(const void *key, size_t key_length, const void *data, size_t length)
{
	struct sha256 out;
	unsigned n = sizeof(out.byte);

	if (HMAC(EVP_sha256(), key, (int)key_length, data, length, out.byte, &n) == NULL)
		abort(); /* out of memory inside the library */
	return out;
}

void random_bytes(void *ret, size_t length)
{
	unsigned char *p = ret;

	while (length > 0) {
		size_t chunk = length < 256 ? length : 256; /* never cut short by a signal */
		if (getrandom(p, chunk, 0) != (ssize_t)chunk)
			abort();
		p += chunk;
		length -= chunk;
	}
}

unsigned random_below(unsigned bound)
{
	unsigned value, limit = UINT32_MAX - UINT32_MAX % bound;

	do {
		random_bytes(&value, sizeof(value));
	} while (value >= limit);
	return value % bound;
}

bool equal_ct(const void *a, const void *b, size_t length)
{
	return CRYPTO_memcmp(a, b, length) == 0;
}

bool text_equal_ct(const char *a, const char *b)
{
	size_t length = strlen(a);

	return length == strlen(b) && equal_ct(a, b, length);
}

char *public_id(struct arena *a, const char *prefix)
{
	static const char base62[] =
		"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	size_t start = strlen(prefix), n = 0;
	char *out = arena_alloc(a, start + PUBLIC_ID_RANDOM + 1);

	memcpy(out, prefix, start);
	while (n < PUBLIC_ID_RANDOM) {
		unsigned char random[2 * PUBLIC_ID_RANDOM];
		random_bytes(random, sizeof(random));
		for (size_t i = 0; i < sizeof(random) && n < PUBLIC_ID_RANDOM; i++)
			if (random[i] < 248) /* 4 * 62: no bias */
				out[start + n++] = base62[random[i] % 62];
	}
	return out;
}

char *random_token(struct arena *a)
{
	unsigned char random[32];

	random_bytes(random, sizeof(random));
	return base64url_encode(a, random, sizeof(random));
}
