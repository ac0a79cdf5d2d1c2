/* Reading tokens and checking their signatures, on OpenSSL's EVP. Keys are read in jwks.c. */
#include "jwt.h"

#include <string.h>

#include <openssl/ec.h>
#include <openssl/evp.h>

#include "../core/crypto.h"
#include "../core/str.h"
#include "../http/json.h"

enum { ES256_HALF = 32, ES256_DER_MAX = 80 };

const char *const jwt_alg_names[JWT_ALG_MAX] = {"HS256", "ES256", "RS256"};

bool jwt_looks_like(const char *text)
{
	const char *dot = strchr(text, '.');

	return dot != NULL && (dot = strchr(dot + 1, '.')) != NULL && strchr(dot + 1, '.') == NULL;
}

static void put_document(void *doc)
{
	json_object_put(doc);
}

/* One segment as a JSON object; NULL when it is none. */
static struct json_object *segment_object(struct arena *a, const char *text, size_t length)
{
	size_t n;
	const char *why = NULL;
	unsigned char *data = base64url_decode(a, text, length, &n);

	if (data == NULL)
		return NULL;
	struct json_object *doc = json_read(a, (const char *)data, n, &why);
	if (doc == NULL)
		return NULL;
	arena_defer(a, put_document, doc);
	return json_object_is_type(doc, json_type_object) ? doc : NULL;
}

static const char *read_header(struct arena *a, struct json_object *header, struct jwt *ret)
{
	struct json_object *kid = NULL;
	const char *alg = json_text(a, header, "alg");

	if (json_object_object_get_ex(header, "crit", NULL))
		return "critical extensions";
	for (ret->alg = 0; ret->alg < JWT_ALG_MAX; ret->alg++)
		if (alg != NULL && str_equal(alg, jwt_alg_names[ret->alg]))
			break;
	if (ret->alg == JWT_ALG_MAX)
		return "an algorithm that is not ours";
	ret->kid = NULL;
	if (!json_object_object_get_ex(header, "kid", &kid))
		return NULL;
	ret->kid = json_text(a, header, "kid");
	if (ret->kid == NULL || ret->kid[0] == '\0' || strlen(ret->kid) > JWT_KID_MAX)
		return "no usable kid";
	return NULL;
}

const char *jwt_read(struct arena *a, const char *text, struct jwt *ret)
{
	if (strlen(text) > JWT_BYTES_MAX)
		return "too long";
	if (!jwt_looks_like(text))
		return "not three segments";
	const char *claims = strchr(text, '.') + 1, *signature = strchr(claims, '.') + 1;
	struct json_object *header = segment_object(a, text, (size_t)(claims - 1 - text));

	if (header == NULL)
		return "no header";
	const char *why = read_header(a, header, ret);
	if (why != NULL)
		return why;
	ret->claims = segment_object(a, claims, (size_t)(signature - 1 - claims));
	if (ret->claims == NULL)
		return "no claims";
	ret->signature = base64url_decode(a, signature, strlen(signature), &ret->signature_length);
	if (ret->signature == NULL || ret->signature_length == 0)
		return "no signature";
	ret->signed_text = text;
	ret->signed_length = (size_t)(signature - 1 - text);
	return NULL;
}

bool jwt_verify_secret(const struct jwt *token, const char *secret)
{
	if (token->alg != JWT_HS256 || token->signature_length != SHA256_BYTES)
		return false;
	struct sha256 due =
		hmac_sha256(secret, strlen(secret), token->signed_text, token->signed_length);
	return equal_ct(due.byte, token->signature, SHA256_BYTES);
}

/* JWS has the two halves of an ECDSA signature side by side, OpenSSL wants DER. 0: impossible. */
static size_t der_of(const struct jwt *token, unsigned char ret[ES256_DER_MAX])
{
	BIGNUM *r = BN_bin2bn(token->signature, ES256_HALF, NULL);
	BIGNUM *s = BN_bin2bn(token->signature + ES256_HALF, ES256_HALF, NULL);
	ECDSA_SIG *sig = ECDSA_SIG_new();
	int length = 0;

	if (r != NULL && s != NULL && sig != NULL && ECDSA_SIG_set0(sig, r, s) == 1) {
		r = s = NULL; /* sig's now */
		length = i2d_ECDSA_SIG(sig, NULL);
		if (length > 0 && length <= ES256_DER_MAX)
			length = i2d_ECDSA_SIG(sig, &ret);
		else
			length = 0;
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(sig);
	return length > 0 ? (size_t)length : 0;
}

bool jwt_verify_key(const struct jwt *token, const struct jwt_key *key)
{
	unsigned char der[ES256_DER_MAX];
	const unsigned char *signature = token->signature;
	size_t length = token->signature_length;

	if (token->alg != key->alg || token->alg == JWT_HS256)
		return false;
	if (token->alg == JWT_ES256) {
		if (length != 2 * ES256_HALF)
			return false;
		length = der_of(token, der);
		signature = der;
	}
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool fits = ctx != NULL && length > 0 &&
		    EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key->pkey) == 1 &&
		    EVP_DigestVerify(ctx, signature, length,
			    (const unsigned char *)token->signed_text, token->signed_length) == 1;
	EVP_MD_CTX_free(ctx);
	return fits;
}
