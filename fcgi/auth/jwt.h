/* JSON Web Tokens: reading them, checking their signatures, and the public keys for it (RFC 7515,
 * 7517, 7518). What the claims have to say is the caller's business. */
#ifndef TURNPIKE_JWT_H
#define TURNPIKE_JWT_H

#include <json-c/json.h>

#include "../core/arena.h"

enum jwt_alg { JWT_HS256, JWT_ES256, JWT_RS256, JWT_ALG_MAX };

extern const char *const jwt_alg_names[JWT_ALG_MAX];

enum { JWT_BYTES_MAX = 8192, JWT_KID_MAX = 200, JWT_KEYS_MAX = 32 };

/* A token in pieces; nothing of it is proved. */
struct jwt {
	enum jwt_alg alg;
	const char *kid; /* NULL: none */
	const char *signed_text;
	size_t signed_length;
	const unsigned char *signature;
	size_t signature_length;
	struct json_object *claims; /* an object; put when the arena is reset */
};

/* The three segments of text: canonical base64url without padding; header and claims by the strict
 * reader, both objects; an algorithm of ours; no critical extensions. NULL, or why not. */
const char *jwt_read(struct arena *a, const char *text, struct jwt *ret);
/* Whether text has the shape of a token: two dots. */
bool jwt_looks_like(const char *text);

/* Whether the signature of an HS256 token was made with this secret. */
bool jwt_verify_secret(const struct jwt *token, const char *secret);

struct evp_pkey_st;

/* A public key with the only algorithm that it is good for. */
struct jwt_key {
	char kid[JWT_KID_MAX + 1]; /* "" : none */
	enum jwt_alg alg;
	struct evp_pkey_st *pkey;
};

struct jwt_keys {
	struct jwt_key key[JWT_KEYS_MAX];
	size_t n;
};

/* The usable signature keys of a JWKS document: P-256, and RSA of 2048 to 4096 bits; others are
 * left out. False when the text is no JWKS. arena is scratch; jwt_keys_free() gives the keys back.
 */
bool jwt_keys_read(struct arena *a, const char *text, size_t length, struct jwt_keys *ret);
void jwt_keys_free(struct jwt_keys *keys);
/* The key that a token names; where it names none, the only one of its algorithm. NULL: there is no
 * such key. */
const struct jwt_key *jwt_key_find(const struct jwt_keys *keys, const struct jwt *jwt);
/* Whether the signature of an ES256 or RS256 token was made with the private half of this key. */
bool jwt_verify_key(const struct jwt *token, const struct jwt_key *key);

#endif
