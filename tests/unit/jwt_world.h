/* Keys and tokens as others would make them: right ones, and wrong in any one way. */
#ifndef TURNPIKE_JWT_WORLD_H
#define TURNPIKE_JWT_WORLD_H

#include <openssl/evp.h>

#include "fcgi/core/arena.h"

#define WORLD_SECRET "a secret of the project, as long as they are"

/* An ES256 key on `curve` ("P-256") or an RSA key. */
EVP_PKEY *world_ec_key(const char *curve);
EVP_PKEY *world_rsa_key(unsigned bits);
/* The public half as a JWK; more: further members, each with a comma in front, or "". */
const char *world_jwk(struct arena *a, EVP_PKEY *key, const char *kid, const char *more);
/* header.claims.signature of the two JSON texts. Signed by the key; NULL: with WORLD_SECRET. EC
 * signatures are r and s, or DER. */
const char *world_token(
	struct arena *a, const char *header, const char *claims, EVP_PKEY *key, bool der);
/* base64url of a text. */
const char *world_segment(struct arena *a, const char *text);

#endif
