/* The few cryptographic pieces that everything uses, on OpenSSL. */
#ifndef TURNPIKE_CRYPTO_H
#define TURNPIKE_CRYPTO_H

#include "arena.h"

enum { SHA256_BYTES = 32, PUBLIC_ID_RANDOM = 24 };

struct sha256 {
	unsigned char byte[SHA256_BYTES];
};

struct sha256 sha256(const void *data, size_t length);
struct sha256 hmac_sha256(const void *key, size_t key_length, const void *data, size_t length);
/* Fills from the kernel's CSPRNG; never fails (aborts when there is no randomness). */
void random_bytes(void *ret, size_t length);
/* Uniform in 0 .. bound-1. */
unsigned random_below(unsigned bound);
/* Equal in constant time. */
bool equal_ct(const void *a, const void *b, size_t length);
/* The same of two texts; their lengths are no secret. */
bool text_equal_ct(const char *a, const char *b);

/* A public id: prefix and 24 random base62 characters ("usr_..."; product.md section 0). */
char *public_id(struct arena *a, const char *prefix);
/* 32 random bytes as base64url: 43 characters. */
char *random_token(struct arena *a);

#endif
