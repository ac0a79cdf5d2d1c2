/* The imitation of Supabase Auth as far as others see it: access tokens and the keys to check them
 * with. Keys are made when they are first needed, and live as long as this process. */
#include <pthread.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "../../domain/supabase.h"
#include "../../fcgi/auth/jwt.h"
#include "../../fcgi/core/clock.h"
#include "../../fcgi/core/crypto.h"
#include "../../fcgi/core/str.h"
#include "../../fcgi/http/json.h"
#include "../../fcgi/http/request.h"
#include "../../fcgi/http/response.h"
#include "sandbox.h"

enum { LIFETIME_S = 3600, P256_BYTES = 32, RSA_BITS = 2048, RSA_BYTES = RSA_BITS / 8 };

/* One pair of keys, and its public half before. */
struct generation {
	EVP_PKEY *key[JWT_ALG_MAX]; /* ES256 and RS256 */
	char id[12];
};

static struct {
	pthread_mutex_t lock;
	struct generation now, before;
} keys = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void generate_locked(void)
{
	unsigned char random[4];

	random_bytes(random, sizeof(random));
	snprintf(keys.now.id, sizeof(keys.now.id), "%02x%02x%02x%02x", random[0], random[1],
		random[2], random[3]);
	keys.now.key[JWT_ES256] = EVP_EC_gen("P-256");
	keys.now.key[JWT_RS256] = EVP_RSA_gen(RSA_BITS);
}

static void lock_keys(void)
{
	pthread_mutex_lock(&keys.lock);
	if (keys.now.id[0] == '\0')
		generate_locked();
}

static void put_number(const EVP_PKEY *key, const char *param, int length, struct buf *out)
{
	unsigned char bytes[RSA_BYTES];
	BIGNUM *n = NULL;

	EVP_PKEY_get_bn_param(key, param, &n);
	if (length == 0)
		length = BN_num_bytes(n);
	BN_bn2binpad(n, bytes, length);
	BN_free(n);
	buf_printf(out, "\"%s\"", base64url_encode(out->arena, bytes, (size_t)length));
}

static void put_keys(const struct generation *g, struct buf *out)
{
	if (g->id[0] == '\0')
		return;
	buf_str(out, out->data[out->length - 1] == '[' ? "" : ",");
	buf_printf(out,
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ES256\",\"use\":\"sig\","
		"\"key_ops\":[\"verify\"],\"kid\":\"es-%s\",\"x\":",
		g->id);
	put_number(g->key[JWT_ES256], OSSL_PKEY_PARAM_EC_PUB_X, P256_BYTES, out);
	buf_str(out, ",\"y\":");
	put_number(g->key[JWT_ES256], OSSL_PKEY_PARAM_EC_PUB_Y, P256_BYTES, out);
	buf_printf(out,
		"},{\"kty\":\"RSA\",\"alg\":\"RS256\",\"use\":\"sig\",\"key_ops\":[\"verify\"],"
		"\"kid\":\"rs-%s\",\"n\":",
		g->id);
	put_number(g->key[JWT_RS256], OSSL_PKEY_PARAM_RSA_N, RSA_BYTES, out);
	buf_str(out, ",\"e\":");
	put_number(g->key[JWT_RS256], OSSL_PKEY_PARAM_RSA_E, 0, out);
	buf_char(out, '}');
}

static int answer_keys(struct req *r)
{
	struct buf b;

	buf_init(&b, r->arena, 2048);
	buf_str(&b, "{\"keys\":[");
	put_keys(&keys.now, &b);
	put_keys(&keys.before, &b);
	buf_str(&b, "]}\n");
	return resp_text(r, 200, "application/json; charset=utf-8", b.data, b.length);
}

int sandbox_jwks(struct req *r, const void *in, void *out)
{
	(void)in, (void)out;
	lock_keys();
	int rc = answer_keys(r);
	pthread_mutex_unlock(&keys.lock);
	return rc;
}

static void forget(struct generation *g)
{
	for (size_t i = 0; i < JWT_ALG_MAX; i++)
		EVP_PKEY_free(g->key[i]);
	*g = (struct generation){0};
}

struct sandbox_jwks_rotate_in {
	bool revoke;
};
SCHEMA(sandbox_jwks_rotate_in,
	BOOL(sandbox_jwks_rotate_in, revoke, DOC("The former keys are no longer published")));

int sandbox_jwks_rotate(struct req *r, const void *in_, void *out)
{
	const struct sandbox_jwks_rotate_in *in = in_;

	(void)out;
	lock_keys();
	forget(&keys.before);
	keys.before = keys.now;
	if (in->revoke)
		forget(&keys.before);
	generate_locked();
	int rc = answer_keys(r);
	pthread_mutex_unlock(&keys.lock);
	return rc;
}

struct sandbox_jwt_in {
	const char *claims, *kid, *alg;
};
SCHEMA(sandbox_jwt_in,
	JSON(sandbox_jwt_in, claims, DOC("What is missing is filled in; null leaves a claim out")),
	STR(sandbox_jwt_in, kid, .max = JWT_KID_MAX),
	STR(sandbox_jwt_in, alg, .values = "HS256|ES256|RS256"));

static const char *random_uuid(struct arena *a)
{
	unsigned char b[16];

	random_bytes(b, sizeof(b));
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	const char *hex = hex_encode(a, b, sizeof(b));
	return arena_printf(
		a, "%.8s-%.4s-%.4s-%.4s-%s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

static void fill(struct json_object *claims, const char *name, struct json_object *value)
{
	struct json_object *there = NULL;

	if (!json_object_object_get_ex(claims, name, &there)) {
		json_object_object_add(claims, name, value);
		return;
	}
	json_object_put(value);
	if (there == NULL)
		json_object_object_del(claims, name);
}

/* The claims as they are signed. */
static const char *claims_text(struct req *r, const char *text)
{
	struct supabase_project project;
	const char *why = NULL;
	i64 now_s = r->now_us / US_PER_S;
	scoped(json_object) *claims = json_read(
		r->arena, text != NULL ? text : "{}", strlen(text != NULL ? text : "{}"), &why);

	supabase_project(r->arena, r->worker->options, &project);
	fill(claims, "iss", json_object_new_string(project.issuer));
	fill(claims, "aud", json_object_new_string(project.audience));
	fill(claims, "role", json_object_new_string("authenticated"));
	fill(claims, "sub", json_object_new_string(random_uuid(r->arena)));
	fill(claims, "iat", json_object_new_int64(now_s));
	fill(claims, "exp", json_object_new_int64(now_s + LIFETIME_S));
	return arena_strdup(
		r->arena, json_object_to_json_string_ext(
				  claims, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* DER has the two halves as numbers, JWS side by side. */
static const char *halves_of(struct arena *a, const unsigned char *der, size_t length)
{
	unsigned char both[2 * P256_BYTES];
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)length);

	BN_bn2binpad(ECDSA_SIG_get0_r(sig), both, P256_BYTES);
	BN_bn2binpad(ECDSA_SIG_get0_s(sig), both + P256_BYTES, P256_BYTES);
	ECDSA_SIG_free(sig);
	return base64url_encode(a, both, sizeof(both));
}

static const char *sign(struct req *r, enum jwt_alg alg, EVP_PKEY *key, const char *text)
{
	unsigned char signature[RSA_BYTES];
	size_t length = sizeof(signature);

	if (alg == JWT_HS256) {
		const char *secret = r->worker->options->supabase_jwt_secret;
		struct sha256 mac = hmac_sha256(secret, strlen(secret), text, strlen(text));
		return base64url_encode(r->arena, mac.byte, sizeof(mac.byte));
	}
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool done = EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
		    EVP_DigestSign(ctx, signature, &length, (const unsigned char *)text,
			    strlen(text)) == 1;
	EVP_MD_CTX_free(ctx);
	if (!done)
		return "";
	return alg == JWT_ES256 ? halves_of(r->arena, signature, length)
				: base64url_encode(r->arena, signature, length);
}

static enum jwt_alg alg_of(const char *name)
{
	for (int alg = 0; alg < JWT_ALG_MAX; alg++)
		if (name != NULL && str_equal(name, jwt_alg_names[alg]))
			return (enum jwt_alg)alg;
	return JWT_ES256;
}

int sandbox_jwt(struct req *r, const void *in_, void *out)
{
	const struct sandbox_jwt_in *in = in_;
	enum jwt_alg alg = alg_of(in->alg);
	const char *claims = claims_text(r, in->claims);
	struct buf b;

	(void)out;
	lock_keys();
	const char *kid = in->kid;
	if (kid == NULL && alg != JWT_HS256)
		kid = arena_printf(r->arena, "%s-%s", alg == JWT_ES256 ? "es" : "rs", keys.now.id);
	buf_init(&b, r->arena, 512);
	buf_printf(&b, "{\"alg\":\"%s\",\"typ\":\"JWT\"", jwt_alg_names[alg]);
	if (kid != NULL) {
		buf_str(&b, ",\"kid\":");
		buf_json(&b, kid);
	}
	buf_char(&b, '}');
	const char *text =
		arena_printf(r->arena, "%s.%s", base64url_encode(r->arena, b.data, b.length),
			base64url_encode(r->arena, claims, strlen(claims)));
	const char *signature = sign(r, alg, keys.now.key[alg], text);
	pthread_mutex_unlock(&keys.lock);
	text = arena_printf(r->arena, "{\"token\":\"%s.%s\"}\n", text, signature);
	return resp_text(r, 200, "application/json; charset=utf-8", text, strlen(text));
}
