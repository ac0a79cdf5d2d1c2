/* Known answers of base32 and of time-based codes, and which steps count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain/recovery_code.h"
#include "domain/totp.h"
#include "fcgi/core/clock.h"
#include "fcgi/core/str.h"

#include <cmocka.h>

static struct arena arena = {.ceiling_bytes = 64 * 1024 * 1024};

static const unsigned char key[] = "12345678901234567890";
enum { KEY_BYTES = 20 };

/* RFC 4648 section 10, less the padding. */
static void test_base32(void **state)
{
	static const struct {
		const char *data, *text;
	} cases[] = {
		{"", ""},
		{"f", "MY"},
		{"fo", "MZXQ"},
		{"foo", "MZXW6"},
		{"foob", "MZXW6YQ"},
		{"fooba", "MZXW6YTB"},
		{"foobar", "MZXW6YTBOI"},
		{"12345678901234567890", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"},
	};
	size_t n;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		print_message("  '%s'\n", cases[i].data);
		assert_string_equal(
			base32_encode(&arena, cases[i].data, strlen(cases[i].data)), cases[i].text);
		unsigned char *bytes = base32_decode(&arena, cases[i].text, &n);
		assert_non_null(bytes);
		assert_int_equal(n, strlen(cases[i].data));
		assert_memory_equal(bytes, cases[i].data, n);
	}
	assert_string_equal(base32_encode(&arena, "\xff\x00\xff\x00\xff", 5), "74AP6AH7");
	arena_reset(&arena);
}

static void test_base32_as_typed(void **state)
{
	static const struct {
		const char *text, *data;
	} cases[] = {
		{"mzxw6ytboi", "foobar"},
		{"MzXw6YtBoI", "foobar"},
		{"MZXW6YTBOI======", "foobar"},
		{"MY======", "f"},
		{"MZXW6YQ=", "foob"},
		{"MZXW6YTBOI=====", NULL},  /* a sign of padding too few */
		{"MZXW6YTB========", NULL}, /* padding without need */
		{"MZXW6YTBO", NULL},	    /* half a byte */
		{"MZXW6YTBOJ", NULL},	    /* a bit that no byte has */
		{"M", NULL},
		{"MZXW6Y1B", NULL},
		{"MZXW 6YTB", NULL},
		{"MZXW6YT\xc3\xa9", NULL},
		{"MY==MY==", NULL},
	};
	size_t n;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		unsigned char *bytes = base32_decode(&arena, cases[i].text, &n);
		print_message("  '%s'\n", cases[i].text);
		if (cases[i].data == NULL) {
			assert_null(bytes);
			continue;
		}
		assert_non_null(bytes);
		assert_int_equal(n, strlen(cases[i].data));
		assert_memory_equal(bytes, cases[i].data, n);
	}
	arena_reset(&arena);
}

/* RFC 6238 appendix B, of which six digits are the last of eight. */
static void test_codes(void **state)
{
	static const struct {
		i64 at_s;
		unsigned code;
	} cases[] = {
		{59, 287082},
		{1111111109, 81804},
		{1111111111, 50471},
		{1234567890, 5924},
		{2000000000, 279037},
		{20000000000, 353130},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		print_message("  %lld\n", (long long)cases[i].at_s);
		assert_int_equal(totp_code(key, KEY_BYTES, totp_step(S_TO_US(cases[i].at_s))),
			cases[i].code);
	}
}

static void test_steps(void **state)
{
	enum { NOW_S = 1234567890, STEP = NOW_S / TOTP_STEP_S };
	static const struct {
		const char *name;
		int code_step;
		i64 after_step, found;
	} cases[] = {
		{"now", 0, -1, STEP},
		{"the step before", -1, -1, STEP - 1},
		{"the step after", 1, -1, STEP + 1},
		{"expired by a step", -2, -1, -1},
		{"two steps early", 2, -1, -1},
		{"used", 0, STEP, -1},
		{"before a used one", -1, STEP, -1},
		{"after a used one", 1, STEP, STEP + 1},
		{"the last one before", 0, STEP - 1, STEP},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *code = arena_printf(
			&arena, "%06u", totp_code(key, KEY_BYTES, STEP + cases[i].code_step));
		print_message("  %s\n", cases[i].name);
		assert_int_equal(
			totp_find(key, KEY_BYTES, code, S_TO_US(NOW_S), cases[i].after_step),
			cases[i].found);
	}
	arena_reset(&arena);
}

static void test_codes_as_typed(void **state)
{
	static const struct {
		const char *code;
		bool fits;
	} cases[] = {
		{"005924", true},
		{"005 924", true},
		{" 00 59 24 ", true},
		{"005\t924", true},
		{"5924", false},
		{"0005924", false},
		{"00592", false},
		{"00592x", false},
		{"005-924", false},
		{"", false},
		{"      ", false},
		{"\xef\xbc\x90\xef\xbc\x90\xef\xbc\x95\xef\xbc\x99\xef\xbc\x92\xef\xbc\x94", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		print_message("  '%s'\n", cases[i].code);
		assert_int_equal(
			totp_find(key, KEY_BYTES, cases[i].code, S_TO_US(1234567890), -1) >= 0,
			cases[i].fits);
	}
}

static void test_url(void **state)
{
	(void)state;
	assert_string_equal(totp_url(&arena, "Suparbase", "alice+1@example.com",
				    "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"),
		"otpauth://totp/Suparbase:alice%2B1%40example.com?issuer=Suparbase&"
		"secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&algorithm=SHA1&digits=6&period=30");
	assert_string_equal(totp_url(&arena, "My IDE", "a@b.c", "AA"),
		"otpauth://totp/My%20IDE:a%40b.c?issuer=My%20IDE&secret=AA&algorithm=SHA1&"
		"digits=6&period=30");
	arena_reset(&arena);
}

/* Each of 31 signs is as likely as the others: of 10,000 codes each comes 3,226 times, give or take
 * six standard deviations. */
static void test_recovery_codes(void **state)
{
	static const char alphabet[] = "ABCDEFGHJKMNPQRSTUVWXYZ23456789";
	int seen[256] = {0};

	(void)state;
	for (int i = 0; i < 10000; i++) {
		const char *code = recovery_code_new(&arena);
		assert_int_equal(strlen(code), 12);
		assert_int_equal(code[4], '-');
		assert_int_equal(code[9], '-');
		const char *normal = recovery_code_normal(&arena, code);
		assert_non_null(normal);
		for (const char *p = normal; *p != '\0'; p++)
			seen[(unsigned char)*p]++;
		arena_reset(&arena);
	}
	int total = 0;
	for (const char *p = alphabet; *p != '\0'; p++) {
		print_message("  %c %d\n", *p, seen[(unsigned char)*p]);
		assert_in_range(seen[(unsigned char)*p], 2886, 3566);
		total += seen[(unsigned char)*p];
	}
	assert_int_equal(total, 100000);
}

static void test_recovery_codes_as_typed(void **state)
{
	static const struct {
		const char *typed, *normal;
	} cases[] = {
		{"ABCD-EFGH-JK", "ABCDEFGHJK"},
		{"abcd-efgh-jk", "ABCDEFGHJK"},
		{" ab cd ef gh jk ", "ABCDEFGHJK"},
		{"ABCDEFGHJK", "ABCDEFGHJK"},
		{"ABCD-EFGH-J", NULL},
		{"ABCD-EFGH-JKM", NULL},
		{"ABCD-EFGH-J1", NULL},
		{"ABCD-EFGH-JO", NULL},
		{"ABCD_EFGH_JK", NULL},
		{"", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *normal = recovery_code_normal(&arena, cases[i].typed);
		print_message("  '%s'\n", cases[i].typed);
		if (cases[i].normal == NULL)
			assert_null(normal);
		else
			assert_string_equal(normal, cases[i].normal);
	}
	arena_reset(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base32),
		cmocka_unit_test(test_base32_as_typed),
		cmocka_unit_test(test_codes),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_codes_as_typed),
		cmocka_unit_test(test_url),
		cmocka_unit_test(test_recovery_codes),
		cmocka_unit_test(test_recovery_codes_as_typed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
