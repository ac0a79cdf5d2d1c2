/* The cookie that says a browser has proved the second factor: for whom, until when, and nothing
 * else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "domain/web_session.h"
#include "fcgi/core/clock.h"
#include "fcgi/core/str.h"

#include <cmocka.h>

#define USER "usr_0123456789abcdefghijklmn"
#define NOW_US S_TO_US(1800000000)
#define NEVER_US INT64_MAX

static struct arena arena = {.ceiling_bytes = 1024 * 1024};
static struct options options = {.config_key = "0123456789abcdef0123456789abcdef"};

static const struct web_session_caller_row session = {
	.session_public_id = "web_0123456789abcdefghijklmn",
	.public_id = USER,
	.auth_at_us = NOW_US - S_TO_US(60),
	.mfa_since_us = {true, NOW_US - S_TO_US(3600)},
};

static bool fits(const char *value, const struct web_session_caller_row *of, i64 now_us)
{
	return mfa_cookie_fits(&arena, &options, value, of, now_us);
}

static void test_shape(void **state)
{
	const char *value = mfa_cookie_make(&arena, &options, &session, NOW_US);
	static const char fields[] = USER ".1799999940000.1800086400000.";

	(void)state;
	assert_int_equal(strncmp(value, fields, sizeof(fields) - 1), 0);
	assert_int_equal(strlen(value + sizeof(fields) - 1), 43);
	assert_int_equal(base64url_span(value + sizeof(fields) - 1), 43);
	assert_true(fits(value, &session, NOW_US));
}

static void test_expiry(void **state)
{
	const char *value = mfa_cookie_make(&arena, &options, &session, NOW_US);

	(void)state;
	assert_true(fits(value, &session, NOW_US + S_TO_US(MFA_COOKIE_S) - US_PER_MS));
	assert_false(fits(value, &session, NOW_US + S_TO_US(MFA_COOKIE_S)));
	assert_false(fits(value, &session, NEVER_US));
}

/* Whatever byte is changed, and however it is cut or made longer. */
static void test_tampering(void **state)
{
	const char *value = mfa_cookie_make(&arena, &options, &session, NOW_US);
	size_t length = strlen(value);

	(void)state;
	for (size_t i = 0; i < length; i++) {
		char *other = arena_strdup(&arena, value);
		other[i] = other[i] == '1' ? '2' : '1';
		assert_false(fits(other, &session, NOW_US));
		assert_false(fits(arena_strndup(&arena, value, i), &session, NOW_US));
		assert_false(fits(value + i + 1, &session, NOW_US));
	}
	assert_false(fits(arena_printf(&arena, "%s.", value), &session, NOW_US));
	assert_false(fits(arena_printf(&arena, "%sA", value), &session, NOW_US));
	assert_false(fits(arena_printf(&arena, ".%s", value), &session, NOW_US));
	assert_false(fits(NULL, &session, NOW_US));
}

static const struct {
	const char *name, *value;
} none[] = {
	{"empty", ""},
	{"dots", "..."},
	{"no number", USER ".x.y.z"},
	{"too large a number", USER ".1799999940000.99999999999999999999."},
	{"a negative one", USER ".1799999940000.-1."},
	{"no signature", USER ".1799999940000.1800086400000."},
	{"fields alone", USER ".1799999940000.1800086400000"},
	{"the product's own, of another key",
		"11111111-1111-4111-8111-111111111111.1700000000000.1700086400000."
		"CYi6SA5pDdTQk8J1tG4XToAgQ32WTRfLLzoAh4dsqVo"},
};

static void test_none(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		print_message("  %s\n", none[i].name);
		assert_false(fits(none[i].value, &session, NOW_US));
	}
}

/* It is for one session of one person, of one time the second factor was turned on, and one key. */
static void test_others(void **state)
{
	const char *value = mfa_cookie_make(&arena, &options, &session, NOW_US);
	struct web_session_caller_row other = session;
	struct options rotated = {.config_key = "0123456789abcdef0123456789abcdeg"};

	(void)state;
	other.session_public_id = "web_0123456789abcdefghijklmo";
	assert_false(fits(value, &other, NOW_US));
	other = session;
	other.public_id = "usr_0123456789abcdefghijklmo";
	assert_false(fits(value, &other, NOW_US));
	other = session;
	other.auth_at_us += US_PER_MS;
	assert_false(fits(value, &other, NOW_US));
	other = session;
	other.mfa_since_us.value++;
	assert_false(fits(value, &other, NOW_US));
	assert_false(mfa_cookie_fits(&arena, &rotated, value, &session, NOW_US));
	assert_true(fits(value, &session, NOW_US));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shape),
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_tampering),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_others),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	arena_free(&arena);
	return failed;
}
