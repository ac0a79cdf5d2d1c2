/* Which Supabase tokens are believed, and what of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "domain/supabase.h"
#include "fcgi/auth/jwt.h"
#include "fcgi/core/clock.h"
#include "fcgi/core/str.h"
#include "jwt_world.h"

#include <cmocka.h>
#undef fail /* cmocka's; ours has arguments */

enum { NOW_S = 1800000000 };

static struct arena arena = {.ceiling_bytes = 8 * 1024 * 1024};
static EVP_PKEY *p256;
static struct jwt_keys keys;

static const struct supabase_project with_secret = {.issuer = "https://ref.supabase.co/auth/v1",
	.audience = "authenticated",
	.secret = WORLD_SECRET};
static const struct supabase_project with_keys = {.issuer = "https://ref.supabase.co/auth/v1",
	.audience = "authenticated",
	.jwks_url = "https://ref.supabase.co/auth/v1/.well-known/jwks.json"};

static int make_keys(void **state)
{
	(void)state;
	p256 = world_ec_key("P-256");
	const char *text =
		arena_printf(&arena, "{\"keys\":[%s]}", world_jwk(&arena, p256, "es", ""));
	return jwt_keys_read(&arena, text, strlen(text), &keys) ? 0 : -1;
}

static int free_keys(void **state)
{
	(void)state;
	jwt_keys_free(&keys);
	EVP_PKEY_free(p256);
	return 0;
}

#define SUB "6f3bd9b4-8a3e-4b9e-9c8f-2f1f4f6c1e11"

/* The claims of a good token; a case replaces one, or leaves it out with "". */
static const struct {
	const char *name, *value;
} usual[] = {
	{"iss", "\"https://ref.supabase.co/auth/v1\""},
	{"aud", "\"authenticated\""},
	{"role", "\"authenticated\""},
	{"sub", "\"" SUB "\""},
	{"exp", "1800003600"},
	{"iat", "1800000000"},
	{"email", "\"Ada@Example.org\""},
};

static const char *claims_with(const char *name, const char *value)
{
	const char *text = "{";

	for (size_t i = 0; i < ARRAY_LEN(usual); i++) {
		if (name != NULL && str_equal(name, usual[i].name))
			continue;
		text = arena_printf(&arena, "%s%s\"%s\":%s", text, text[1] != '\0' ? "," : "",
			usual[i].name, usual[i].value);
	}
	if (name != NULL && value[0] != '\0')
		text = arena_printf(&arena, "%s,\"%s\":%s", text, name, value);
	return arena_printf(&arena, "%s}", text);
}

static const struct {
	const char *text, *name, *value;
	enum supabase_verdict verdict;
} cases[] = {
	{"fine", NULL, "", SUPABASE_VALID},
	{"expired", "exp", "1799999939", SUPABASE_INVALID},
	{"expired within the skew", "exp", "1799999941", SUPABASE_VALID},
	{"no exp", "exp", "", SUPABASE_INVALID},
	{"exp is text", "exp", "\"1800003600\"", SUPABASE_INVALID},
	{"exp with decimals", "exp", "1800003600.5", SUPABASE_VALID},
	{"exp after 2038", "exp", "2147483648", SUPABASE_VALID},
	{"exp at the end of 9999", "exp", "253402300799", SUPABASE_VALID},
	{"exp after that", "exp", "253402300800", SUPABASE_INVALID},
	{"exp beyond all times", "exp", "1e300", SUPABASE_INVALID},
	{"negative exp", "exp", "-1", SUPABASE_INVALID},
	{"exp is null", "exp", "null", SUPABASE_INVALID},
	{"not yet valid", "nbf", "1800000061", SUPABASE_INVALID},
	{"valid within the skew", "nbf", "1800000060", SUPABASE_VALID},
	{"nbf is text", "nbf", "\"x\"", SUPABASE_INVALID},
	{"no iat", "iat", "", SUPABASE_INVALID},
	{"issued in the future", "iat", "1800000061", SUPABASE_INVALID},
	{"another issuer", "iss", "\"https://evil.supabase.co/auth/v1\"", SUPABASE_INVALID},
	{"the issuer with a slash", "iss", "\"https://ref.supabase.co/auth/v1/\"",
		SUPABASE_INVALID},
	{"no issuer", "iss", "", SUPABASE_INVALID},
	{"another audience", "aud", "\"anon\"", SUPABASE_INVALID},
	{"one audience of two", "aud", "[\"x\",\"authenticated\"]", SUPABASE_VALID},
	{"none of two audiences", "aud", "[\"x\",\"y\"]", SUPABASE_INVALID},
	{"an audience that is a number", "aud", "[7]", SUPABASE_INVALID},
	{"no audience", "aud", "", SUPABASE_INVALID},
	{"an empty list of audiences", "aud", "[]", SUPABASE_INVALID},
	{"role anon", "role", "\"anon\"", SUPABASE_INVALID},
	{"role service_role", "role", "\"service_role\"", SUPABASE_INVALID},
	{"no role", "role", "", SUPABASE_INVALID},
	{"sub is no UUID", "sub", "\"ada\"", SUPABASE_INVALID},
	{"sub without dashes", "sub", "\"6f3bd9b48a3e4b9e9c8f2f1f4f6c1e11\"", SUPABASE_INVALID},
	{"sub with another letter", "sub", "\"6f3bd9b4-8a3e-4b9e-9c8f-2f1f4f6c1e1g\"",
		SUPABASE_INVALID},
	{"no sub", "sub", "", SUPABASE_INVALID},
	{"sub is a number", "sub", "7", SUPABASE_INVALID},
	{"no email", "email", "", SUPABASE_VALID},
	{"email is no address", "email", "\"ada\"", SUPABASE_VALID},
};

static enum supabase_verdict check(const struct supabase_project *project, const char *header,
	const char *claims, EVP_PKEY *signer, struct supabase_claims *ret)
{
	const char *why;

	return supabase_check(&arena, project, &keys,
		world_token(&arena, header, claims, signer, false), S_TO_US(NOW_S), ret, &why);
}

#define HS "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define ES(kid) "{\"alg\":\"ES256\",\"kid\":\"" kid "\"}"

static void test_claims(void **state)
{
	struct supabase_claims claims;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *text = claims_with(cases[i].name, cases[i].value);
		print_message("  %s\n", cases[i].text);
		assert_int_equal(check(&with_secret, HS, text, NULL, &claims), cases[i].verdict);
		assert_int_equal(
			check(&with_keys, ES("es"), text, p256, &claims), cases[i].verdict);
		arena_reset(&arena);
	}
}

/* A key proves only what it is for. */
static void test_keys_and_secrets_are_apart(void **state)
{
	struct supabase_claims claims;
	const char *text = claims_with(NULL, "");
	EVP_PKEY *stranger = world_ec_key("P-256");

	(void)state;
	assert_int_equal(check(&with_keys, HS, text, NULL, &claims), SUPABASE_INVALID);
	assert_int_equal(check(&with_secret, ES("zz"), text, p256, &claims), SUPABASE_UNKNOWN_KEY);
	assert_int_equal(check(&with_keys, ES("es"), text, stranger, &claims), SUPABASE_INVALID);
	/* The public key as the secret of an HMAC: whatever that is, it is not our secret. */
	assert_int_equal(
		check(&with_keys, "{\"alg\":\"HS256\",\"kid\":\"es\"}", text, NULL, &claims),
		SUPABASE_INVALID);
	assert_int_equal(
		check(&with_secret, "{\"alg\":\"none\"}", text, NULL, &claims), SUPABASE_INVALID);
	EVP_PKEY_free(stranger);
	arena_reset(&arena);
}

static const struct {
	const char *name, *claim, *value;
	bool trust, is_proved;
} proofs[] = {
	{"nothing said", NULL, "", false, false},
	{"the operator vouches", NULL, "", true, true},
	{"said at the top", "email_verified", "true", false, true},
	{"denied at the top", "email_verified", "false", false, false},
	{"text is no truth", "email_verified", "\"true\"", false, false},
	{"a number is no truth", "email_verified", "1", false, false},
	{"said by an administrator", "app_metadata", "{\"email_verified\":true}", false, true},
	{"said by the person", "user_metadata", "{\"email_verified\":true}", false, false},
	{"no address, nothing proved", "email", "", true, false},
};

static void test_whose_address_is_proved(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(proofs); i++) {
		struct supabase_project project = with_secret;
		struct supabase_claims claims;
		print_message("  %s\n", proofs[i].name);
		project.trust_email = proofs[i].trust;
		assert_int_equal(check(&project, HS, claims_with(proofs[i].claim, proofs[i].value),
					 NULL, &claims),
			SUPABASE_VALID);
		assert_int_equal(claims.email_is_proved, proofs[i].is_proved);
		if (claims.email != NULL)
			assert_string_equal(claims.email, "ada@example.org");
		assert_int_equal(claims.issued_at_us, S_TO_US(NOW_S));
		arena_reset(&arena);
	}
}

static void test_a_person_has_one_hash(void **state)
{
	struct supabase_claims a, b, c;

	(void)state;
	check(&with_secret, HS, claims_with(NULL, ""), NULL, &a);
	check(&with_secret, HS, claims_with("sub", "\"6F3BD9B4-8A3E-4B9E-9C8F-2F1F4F6C1E11\""),
		NULL, &b);
	check(&with_secret, HS, claims_with("sub", "\"6f3bd9b4-8a3e-4b9e-9c8f-2f1f4f6c1e12\""),
		NULL, &c);
	assert_memory_equal(a.subject_hash, b.subject_hash, sizeof(a.subject_hash));
	assert_memory_not_equal(a.subject_hash, c.subject_hash, sizeof(a.subject_hash));
	arena_reset(&arena);
}

static void test_configuration(void **state)
{
	struct options options;
	struct supabase_project project;

	(void)state;
	options_defaults(&options);
	assert_false(supabase_project(&arena, &options, &project));
	options.supabase_jwt_secret = WORLD_SECRET; /* without an issuer: anybody's project */
	assert_false(supabase_project(&arena, &options, &project));
	options.supabase_url = "https://ref.supabase.co";
	assert_true(supabase_project(&arena, &options, &project));
	assert_string_equal(project.issuer, with_keys.issuer);
	assert_string_equal(project.jwks_url, with_keys.jwks_url);
	assert_string_equal(project.audience, "authenticated");
	assert_string_equal(project.secret, WORLD_SECRET);
	assert_false(project.trust_email);
	options.supabase_url = "";
	options.supabase_issuer = "https://auth.example.org";
	assert_true(supabase_project(&arena, &options, &project));
	assert_null(project.jwks_url);
	arena_reset(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_keys_and_secrets_are_apart),
		cmocka_unit_test(test_whose_address_is_proved),
		cmocka_unit_test(test_a_person_has_one_hash),
		cmocka_unit_test(test_configuration),
	};
	int failed = cmocka_run_group_tests(tests, make_keys, free_keys);

	arena_free(&arena);
	return failed;
}
