/* Tokens in pieces, key sets, signatures: what is right, and everything that only looks like it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "fcgi/auth/jwt.h"
#include "fcgi/core/str.h"
#include "jwt_world.h"

#include <cmocka.h>

static struct arena arena = {.ceiling_bytes = 8 * 1024 * 1024};

#define HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"

/* Segments: '{' begins a JSON text that is encoded; anything else stands as it is. */
static const struct {
	const char *name, *header, *claims, *signature;
	bool is_fine;
} shapes[] = {
	{"fine", HEADER, "{\"a\":1}", "AAAA", true},
	{"with a kid", "{\"alg\":\"ES256\",\"kid\":\"k\"}", "{}", "AAAA", true},
	{"alg none", "{\"alg\":\"none\"}", "{}", "AAAA", false},
	{"alg None", "{\"alg\":\"None\"}", "{}", "", false},
	{"alg HS512", "{\"alg\":\"HS512\"}", "{}", "AAAA", false},
	{"alg hs256", "{\"alg\":\"hs256\"}", "{}", "AAAA", false},
	{"alg PS256", "{\"alg\":\"PS256\"}", "{}", "AAAA", false},
	{"no alg", "{\"typ\":\"JWT\"}", "{}", "AAAA", false},
	{"alg is no text", "{\"alg\":256}", "{}", "AAAA", false},
	{"alg twice", "{\"alg\":\"none\",\"alg\":\"HS256\"}", "{}", "AAAA", false},
	{"critical extension", "{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}", "{}", "AAAA",
		false},
	{"kid is no text", "{\"alg\":\"HS256\",\"kid\":7}", "{}", "AAAA", false},
	{"kid is null", "{\"alg\":\"HS256\",\"kid\":null}", "{}", "AAAA", false},
	{"empty kid", "{\"alg\":\"HS256\",\"kid\":\"\"}", "{}", "AAAA", false},
	{"no signature", HEADER, "{}", "", false},
	{"padding", HEADER, "{}", "AAA=", false},
	{"standard alphabet", HEADER, "{}", "AA+/", false},
	{"bits left over", HEADER, "{}", "AB", false},
	{"a length that cannot be", HEADER, "{}", "AAAAA", false},
	{"a blank", HEADER, "{}", "AAAA ", false},
	{"claims are a list", HEADER, "W10", "AAAA", false},
	{"claims are no JSON", HEADER, "e30x", "AAAA", false},
	{"claims have a key twice", HEADER, "{\"sub\":1,\"sub\":2}", "AAAA", false},
	{"claims with single quotes", HEADER, "{'sub':1}", "AAAA", false},
	{"no claims", HEADER, "", "AAAA", false},
	{"header is a list", "W10", "{}", "AAAA", false},
	{"no header", "", "{}", "AAAA", false},
};

static const char *segment(const char *text)
{
	return text[0] == '{' ? world_segment(&arena, text) : text;
}

static void test_shapes(void **state)
{
	struct jwt token;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
		print_message("  %s\n", shapes[i].name);
		const char *text = arena_printf(&arena, "%s.%s.%s", segment(shapes[i].header),
			segment(shapes[i].claims), segment(shapes[i].signature));
		const char *why = jwt_read(&arena, text, &token);
		if (shapes[i].is_fine)
			assert_null(why);
		else
			assert_non_null(why);
		arena_reset(&arena);
	}
	for (const char *const *text =
			(const char *const[]){"", ".", "..", "...", "a.b", "a.b.c.d", NULL};
		*text != NULL; text++)
		assert_non_null(jwt_read(&arena, *text, &token));
	char *large = arena_alloc(&arena, JWT_BYTES_MAX + 2);
	memset(large, 'A', JWT_BYTES_MAX + 1);
	large[2] = large[4] = '.';
	assert_string_equal(jwt_read(&arena, large, &token), "too long");
	arena_reset(&arena);
}

static void test_which_are_tokens(void **state)
{
	(void)state;
	assert_true(jwt_looks_like("a.b.c"));
	assert_true(jwt_looks_like(".."));
	assert_false(jwt_looks_like("cgx_0123456789abcdef"));
	assert_false(jwt_looks_like("a.b"));
	assert_false(jwt_looks_like("a.b.c.d"));
}

static EVP_PKEY *p256, *p384, *rsa, *rsa_other, *rsa_short;

static int make_keys(void **state)
{
	(void)state;
	p256 = world_ec_key("P-256");
	p384 = world_ec_key("P-384");
	rsa = world_rsa_key(2048);
	rsa_other = world_rsa_key(2048);
	rsa_short = world_rsa_key(1024);
	return p256 == NULL || p384 == NULL || rsa == NULL || rsa_short == NULL ? -1 : 0;
}

static int free_keys(void **state)
{
	(void)state;
	EVP_PKEY_free(p256);
	EVP_PKEY_free(p384);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(rsa_other);
	EVP_PKEY_free(rsa_short);
	return 0;
}

/* How many keys of a set with these members are of use; -1: it is no set. */
static int keys_in(const char *format, const char *a, const char *b)
{
	struct jwt_keys keys;
	const char *text =
		arena_printf(&arena, "{\"keys\":[%s%s%s]}", a, b[0] != '\0' ? "," : "", b);
	int n = -1;

	if (format != NULL)
		text = format;
	if (jwt_keys_read(&arena, text, strlen(text), &keys)) {
		n = (int)keys.n;
		jwt_keys_free(&keys);
	}
	arena_reset(&arena);
	return n;
}

static const char *jwk(EVP_PKEY *key, const char *more)
{
	return world_jwk(&arena, key, "k", more);
}

/* The JWK of p256 with one member replaced. */
static const char *changed(const char *member, const char *value)
{
	char *text = arena_strdup(&arena, jwk(p256, ""));
	char *at = strstr(text, arena_printf(&arena, "\"%s\":\"", member));

	assert_non_null(at);
	char *end = strchr(at + strlen(member) + 4, '"');
	*at = '\0';
	return arena_printf(&arena, "%s\"%s\":%s%s", text, member, value, end + 1);
}

static void test_key_sets(void **state)
{
	(void)state;
	assert_int_equal(keys_in(NULL, jwk(p256, ""), ""), 1);
	assert_int_equal(
		keys_in(NULL, jwk(p256, ",\"alg\":\"ES256\",\"use\":\"sig\""), jwk(rsa, "")), 2);
	assert_int_equal(keys_in(NULL, jwk(rsa, ",\"key_ops\":[\"verify\"]"), ""), 1);
	assert_int_equal(keys_in("{\"keys\":[]}", "", ""), 0);

	static const char *const none[] = {"", "[]", "{}", "{\"keys\":{}}", "null", "{\"keys\":[]",
		"{\"keys\":[],\"keys\":[]}"};
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		assert_int_equal(keys_in(none[i], "", ""), -1);

	assert_int_equal(keys_in(NULL, jwk(p384, ""), ""), 0);
	assert_int_equal(keys_in(NULL, jwk(rsa_short, ""), ""), 0);
	assert_int_equal(keys_in(NULL, jwk(rsa, ",\"use\":\"enc\""), ""), 0);
	assert_int_equal(keys_in(NULL, jwk(rsa, ",\"key_ops\":[\"encrypt\"]"), ""), 0);
	assert_int_equal(keys_in(NULL, jwk(rsa, ",\"alg\":\"PS256\""), ""), 0);
	assert_int_equal(keys_in(NULL, jwk(rsa, ",\"alg\":\"HS256\""), ""), 0);
	assert_int_equal(keys_in(NULL, jwk(p256, ",\"alg\":\"RS256\""), ""), 0);
	assert_int_equal(keys_in(NULL, changed("kty", "\"oct\""), ""), 0);
	assert_int_equal(keys_in(NULL, changed("kty", "7"), ""), 0);
	assert_int_equal(keys_in(NULL, changed("crv", "\"P-384\""), ""), 0);
	assert_int_equal(keys_in(NULL, changed("x", "\"AAAA\""), ""), 0);
	assert_int_equal(
		keys_in(NULL, changed("x", "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""), ""),
		0); /* no point of the curve */
	assert_int_equal(keys_in(NULL, "\"text\"", "null"), 0);
	assert_int_equal(keys_in(NULL, "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", ""), 0);
}

/* Whether the set finds a key for the token, and the token is the key's. */
static bool verifies(struct jwt_keys *keys, const char *header, EVP_PKEY *signer, bool der)
{
	struct jwt token;
	const char *text = world_token(&arena, header, "{\"sub\":\"x\"}", signer, der);

	assert_null(jwt_read(&arena, text, &token));
	const struct jwt_key *key = jwt_key_find(keys, &token);
	return key != NULL && jwt_verify_key(&token, key);
}

#define ES(kid) "{\"alg\":\"ES256\",\"kid\":\"" kid "\"}"
#define RS(kid) "{\"alg\":\"RS256\",\"kid\":\"" kid "\"}"

static void test_signatures(void **state)
{
	struct jwt_keys keys;
	const char *text =
		arena_printf(&arena, "{\"keys\":[%s,%s,%s]}", world_jwk(&arena, p256, "es", ""),
			world_jwk(&arena, rsa, "rs", ""), world_jwk(&arena, rsa_other, "rs2", ""));

	(void)state;
	assert_true(jwt_keys_read(&arena, text, strlen(text), &keys));
	assert_int_equal(keys.n, 3);
	assert_true(verifies(&keys, ES("es"), p256, false));
	assert_true(verifies(&keys, RS("rs"), rsa, false));
	assert_true(verifies(&keys, RS("rs2"), rsa_other, false));
	assert_true(
		verifies(&keys, "{\"alg\":\"ES256\"}", p256, false)); /* the only one of its kind */
	assert_false(verifies(&keys, "{\"alg\":\"RS256\"}", rsa, false)); /* one of two */
	assert_false(verifies(&keys, ES("es"), p256, true));		  /* DER */
	assert_false(verifies(&keys, RS("rs"), rsa_other, false));
	assert_false(verifies(&keys, RS("es"), rsa, false)); /* a kid of another algorithm */
	assert_false(verifies(&keys, ES("rs"), p256, false));
	assert_false(verifies(&keys, ES("zz"), p256, false));
	assert_false(verifies(&keys, "{\"alg\":\"HS256\",\"kid\":\"es\"}", NULL, false));
	jwt_keys_free(&keys);
	arena_reset(&arena);
}

static void test_every_byte_counts(void **state)
{
	struct jwt_keys keys;
	struct jwt token;
	const char *set =
		arena_printf(&arena, "{\"keys\":[%s]}", world_jwk(&arena, p256, "es", ""));

	(void)state;
	assert_true(jwt_keys_read(&arena, set, strlen(set), &keys));
	const char *text = world_token(&arena, ES("es"), "{\"sub\":\"x\",\"exp\":1}", p256, false);
	for (size_t i = 0; i < strlen(text); i++) {
		char *other = arena_strdup(&arena, text);
		other[i] = other[i] == 'A' ? 'B' : 'A';
		if (jwt_read(&arena, other, &token) != NULL)
			continue;
		const struct jwt_key *key = jwt_key_find(&keys, &token);
		assert_false(key != NULL && jwt_verify_key(&token, key));
	}
	/* A signature of zeroes, which naive code takes for anybody's. */
	char *zero = arena_strdup(&arena, text);
	memset(strrchr(zero, '.') + 1, 'A', strlen(strrchr(zero, '.') + 1));
	assert_null(jwt_read(&arena, zero, &token));
	assert_false(jwt_verify_key(&token, &keys.key[0]));
	jwt_keys_free(&keys);
	arena_reset(&arena);
}

static void test_secret(void **state)
{
	struct jwt token;

	(void)state;
	assert_null(jwt_read(&arena, world_token(&arena, HEADER, "{}", NULL, false), &token));
	assert_true(jwt_verify_secret(&token, WORLD_SECRET));
	assert_false(jwt_verify_secret(&token, WORLD_SECRET "x"));
	assert_false(jwt_verify_secret(&token, ""));
	token.signature_length--;
	assert_false(jwt_verify_secret(&token, WORLD_SECRET));
	assert_null(jwt_read(&arena, world_token(&arena, ES("es"), "{}", NULL, false), &token));
	assert_false(jwt_verify_secret(&token, WORLD_SECRET)); /* another algorithm's */
	arena_reset(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_which_are_tokens),
		cmocka_unit_test(test_key_sets),
		cmocka_unit_test(test_signatures),
		cmocka_unit_test(test_every_byte_counts),
		cmocka_unit_test(test_secret),
	};
	int failed = cmocka_run_group_tests(tests, make_keys, free_keys);

	arena_free(&arena);
	return failed;
}
