/* JSON Web Key Sets as OpenSSL's keys (RFC 7517, RFC 7518 section 6). */
#include "jwt.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "../core/str.h"
#include "../http/json.h"

enum { P256_BYTES = 32, RSA_BITS_MIN = 2048, RSA_BITS_MAX = 4096 };

struct bytes {
	const unsigned char *data;
	size_t length;
};

/* A member that is base64url; false when it is missing or anything else. */
static bool member_bytes(
	struct arena *a, struct json_object *jwk, const char *name, struct bytes *ret)
{
	const char *text = json_text(a, jwk, name);

	if (text == NULL)
		return false;
	ret->data = base64url_decode(a, text, strlen(text), &ret->length);
	return ret->data != NULL && ret->length > 0;
}

static EVP_PKEY *key_from(const char *type, OSSL_PARAM_BLD *build)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
		EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	return key;
}

/* NULL unless x and y are a point of P-256. */
static EVP_PKEY *read_p256(struct arena *a, struct json_object *jwk)
{
	static char group[] = "prime256v1";
	unsigned char point[1 + 2 * P256_BYTES] = {4}; /* uncompressed */
	const char *curve = json_text(a, jwk, "crv");
	struct bytes x, y;

	if (curve == NULL || !str_equal(curve, "P-256") || !member_bytes(a, jwk, "x", &x) ||
		!member_bytes(a, jwk, "y", &y) || x.length != P256_BYTES || y.length != P256_BYTES)
		return NULL;
	memcpy(point + 1, x.data, P256_BYTES);
	memcpy(point + 1 + P256_BYTES, y.data, P256_BYTES);
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY *key = NULL;
	if (build != NULL &&
		OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) == 1 &&
		OSSL_PARAM_BLD_push_octet_string(
			build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)) == 1)
		key = key_from("EC", build);
	OSSL_PARAM_BLD_free(build);
	return key;
}

static EVP_PKEY *read_rsa(struct arena *a, struct json_object *jwk)
{
	struct bytes n_bytes, e_bytes;

	if (!member_bytes(a, jwk, "n", &n_bytes) || !member_bytes(a, jwk, "e", &e_bytes) ||
		n_bytes.length > RSA_BITS_MAX / 8 || e_bytes.length > 8)
		return NULL;
	BIGNUM *n = BN_bin2bn(n_bytes.data, (int)n_bytes.length, NULL);
	BIGNUM *e = BN_bin2bn(e_bytes.data, (int)e_bytes.length, NULL);
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY *key = NULL;
	if (n != NULL && e != NULL && build != NULL && BN_num_bits(n) >= RSA_BITS_MIN &&
		BN_is_odd(e) && BN_num_bits(e) > 1 &&
		OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
		OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1)
		key = key_from("RSA", build);
	OSSL_PARAM_BLD_free(build);
	BN_free(n);
	BN_free(e);
	return key;
}

static bool is_for_signatures(struct arena *a, struct json_object *jwk)
{
	struct json_object *operations = NULL;
	const char *use = json_text(a, jwk, "use");

	if (use != NULL && !str_equal(use, "sig"))
		return false;
	if (!json_object_object_get_ex(jwk, "key_ops", &operations))
		return true;
	if (!json_object_is_type(operations, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(operations); i++) {
		struct json_object *o = json_object_array_get_idx(operations, i);
		if (json_object_is_type(o, json_type_string) &&
			str_equal(json_object_get_string(o), "verify"))
			return true;
	}
	return false;
}

static bool read_key(struct arena *a, struct json_object *jwk, struct jwt_key *ret)
{
	if (!json_object_is_type(jwk, json_type_object) || !is_for_signatures(a, jwk))
		return false;
	const char *type = json_text(a, jwk, "kty"), *kid = json_text(a, jwk, "kid");
	const char *alg = json_text(a, jwk, "alg");

	if (type == NULL || (kid != NULL && strlen(kid) > JWT_KID_MAX))
		return false;
	ret->alg = str_equal(type, "EC") ? JWT_ES256 : JWT_RS256;
	if (alg != NULL && !str_equal(alg, jwt_alg_names[ret->alg]))
		return false;
	strcpy(ret->kid, kid != NULL ? kid : "");
	ret->pkey = NULL;
	if (str_equal(type, "EC"))
		ret->pkey = read_p256(a, jwk);
	else if (str_equal(type, "RSA"))
		ret->pkey = read_rsa(a, jwk);
	return ret->pkey != NULL;
}

bool jwt_keys_read(struct arena *a, const char *text, size_t length, struct jwt_keys *ret)
{
	const char *why = NULL;
	struct json_object *list = NULL;
	scoped(json_object) *doc = json_read(a, text, length, &why);

	ret->n = 0;
	if (!json_object_is_type(doc, json_type_object) ||
		!json_object_object_get_ex(doc, "keys", &list) ||
		!json_object_is_type(list, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(list) && ret->n < JWT_KEYS_MAX; i++)
		if (read_key(a, json_object_array_get_idx(list, i), &ret->key[ret->n]))
			ret->n++;
	return true;
}

void jwt_keys_free(struct jwt_keys *keys)
{
	for (size_t i = 0; i < keys->n; i++)
		EVP_PKEY_free(keys->key[i].pkey);
	keys->n = 0;
}

const struct jwt_key *jwt_key_find(const struct jwt_keys *keys, const struct jwt *jwt)
{
	const struct jwt_key *only = NULL;

	for (size_t i = 0; i < keys->n; i++) {
		const struct jwt_key *key = &keys->key[i];
		if (key->alg != jwt->alg)
			continue;
		if (jwt->kid != NULL && str_equal(key->kid, jwt->kid))
			return key;
		if (jwt->kid == NULL && only != NULL)
			return NULL;
		only = key;
	}
	return jwt->kid == NULL ? only : NULL;
}
