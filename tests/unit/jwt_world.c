/* Keys and tokens as others would make them. */
#include "jwt_world.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "fcgi/core/crypto.h"
#include "fcgi/core/str.h"

enum { NUMBER_MAX = 1024 };

EVP_PKEY *world_ec_key(const char *curve)
{
	return EVP_EC_gen(curve);
}

EVP_PKEY *world_rsa_key(unsigned bits)
{
	return EVP_RSA_gen(bits);
}

static const char *number(struct arena *a, EVP_PKEY *key, const char *param, int length)
{
	unsigned char bytes[NUMBER_MAX];
	BIGNUM *n = NULL;

	if (EVP_PKEY_get_bn_param(key, param, &n) != 1)
		abort();
	if (length == 0)
		length = BN_num_bytes(n);
	BN_bn2binpad(n, bytes, length);
	BN_free(n);
	return base64url_encode(a, bytes, (size_t)length);
}

const char *world_jwk(struct arena *a, EVP_PKEY *key, const char *kid, const char *more)
{
	if (EVP_PKEY_is_a(key, "RSA"))
		return arena_printf(a,
			"{\"kty\":\"RSA\",\"kid\":\"%s\",\"n\":\"%s\",\"e\":\"%s\"%s}", kid,
			number(a, key, OSSL_PKEY_PARAM_RSA_N, 0),
			number(a, key, OSSL_PKEY_PARAM_RSA_E, 0), more);
	int length = (EVP_PKEY_get_bits(key) + 7) / 8;
	return arena_printf(a,
		"{\"kty\":\"EC\",\"crv\":\"P-%d\",\"kid\":\"%s\",\"x\":\"%s\",\"y\":\"%s\"%s}",
		EVP_PKEY_get_bits(key), kid, number(a, key, OSSL_PKEY_PARAM_EC_PUB_X, length),
		number(a, key, OSSL_PKEY_PARAM_EC_PUB_Y, length), more);
}

const char *world_segment(struct arena *a, const char *text)
{
	return base64url_encode(a, text, strlen(text));
}

static const char *halves(struct arena *a, const unsigned char *der, size_t length, int half)
{
	unsigned char both[NUMBER_MAX];
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)length);

	BN_bn2binpad(ECDSA_SIG_get0_r(sig), both, half);
	BN_bn2binpad(ECDSA_SIG_get0_s(sig), both + half, half);
	ECDSA_SIG_free(sig);
	return base64url_encode(a, both, 2 * (size_t)half);
}

static const char *signature(struct arena *a, const char *text, EVP_PKEY *key, bool der)
{
	unsigned char bytes[NUMBER_MAX];
	size_t length = sizeof(bytes);

	if (key == NULL) {
		struct sha256 mac =
			hmac_sha256(WORLD_SECRET, strlen(WORLD_SECRET), text, strlen(text));
		return base64url_encode(a, mac.byte, sizeof(mac.byte));
	}
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	if (EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) != 1 ||
		EVP_DigestSign(ctx, bytes, &length, (const unsigned char *)text, strlen(text)) != 1)
		abort();
	EVP_MD_CTX_free(ctx);
	if (der || EVP_PKEY_is_a(key, "RSA"))
		return base64url_encode(a, bytes, length);
	return halves(a, bytes, length, (EVP_PKEY_get_bits(key) + 7) / 8);
}

const char *world_token(
	struct arena *a, const char *header, const char *claims, EVP_PKEY *key, bool der)
{
	const char *text =
		arena_printf(a, "%s.%s", world_segment(a, header), world_segment(a, claims));

	return arena_printf(a, "%s.%s", text, signature(a, text, key, der));
}
