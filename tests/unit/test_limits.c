/* The table of limits, overrides and keys of addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fcgi/limit/limits.h"

static void test_rows_are_sane(void **state)
{
	(void)state;
	for (size_t i = 0; i < LIMIT_MAX; i++) {
		const struct limit_row *row = &limit_table[i];
		print_message("  %s\n", row->name);
		assert_non_null(row->text);
		if (row->where == LIMIT_AT_NOWHERE)
			continue;
		assert_in_range(row->count, 1, limit_in_worker(row) ? 1000 : 1000000);
		assert_in_range(row->window_s, 1, 86400);
	}
	assert_string_equal(limit_table[LIMIT_CODE_EMAIL].name, "code_email");
	assert_int_equal(limit_table[LIMIT_CODE_EMAIL].key, LIMIT_KEY_EMAIL);
	assert_int_equal(limit_table[LIMIT_AUTH].where, LIMIT_AT_BOTH);
	assert_false(limit_in_worker(&limit_table[LIMIT_NONE]));
	assert_false(limit_in_worker(&limit_table[LIMIT_GENERAL]));
	assert_true(limit_in_worker(&limit_table[LIMIT_AUTH]));
}

static void test_override(void **state)
{
	static const struct {
		const char *name, *value;
		i64 count, window_s; /* 0: refused */
		const char *why;
	} cases[] = {
		{"auth", "7/30", 7, 30, NULL},
		{"auth", "1000/86400", 1000, 86400, NULL},
		{"auth", "8 / 31", 8, 31, NULL},
		{"general", "1000000/1", 1000000, 1, NULL},
		{"auth", "1001/60", 0, 0, "COUNT of `auth` is from 1 to 1000"},
		{"auth", "0/60", 0, 0, "COUNT of `auth` is from 1 to 1000"},
		{"auth", "-3/60", 0, 0, "COUNT of `auth` is from 1 to 1000"},
		{"general", "1000001/60", 0, 0, "COUNT of `general` is from 1 to 1000000"},
		{"auth", "5/0", 0, 0, "SECONDS of `auth` are from 1 to 86400"},
		{"auth", "5/86401", 0, 0, "SECONDS of `auth` are from 1 to 86400"},
		{"auth", "5", 0, 0, "not COUNT/SECONDS, such as 8/31"},
		{"auth", "5/", 0, 0, "not COUNT/SECONDS, such as 8/31"},
		{"auth", "/60", 0, 0, "not COUNT/SECONDS, such as 8/31"},
		{"auth", "5/60s", 0, 0, "not COUNT/SECONDS, such as 8/31"},
		{"auth", "5 6/60", 0, 0, "not COUNT/SECONDS, such as 8/31"},
		{"auth", "5/60/2", 0, 0, "not COUNT/SECONDS, such as 8/31"},
		{"auth", "5/99999999999999999999", 0, 0, "not COUNT/SECONDS, such as 8/31"},
		{"auth", "", 0, 0, "not COUNT/SECONDS, such as 8/31"},
		{"code_mail", "5/60", 0, 0, "no limit has this name; the nearest is `code_email`"},
		{"zzzzzzzzzz", "5/60", 0, 0, "no limit has this name"},
		{"none", "5/60", 0, 0, "no limit has this name"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *why = NULL;
		bool done = limit_override(cases[i].name, cases[i].value, NULL, &why);
		print_message("  %s = %s\n", cases[i].name, cases[i].value);
		assert_int_equal(done, cases[i].count != 0);
		if (!done) {
			assert_string_equal(why, cases[i].why);
			continue;
		}
		struct limit_row *row = &limit_table[LIMIT_AUTH];
		if (strcmp(cases[i].name, "general") == 0)
			row = &limit_table[LIMIT_GENERAL];
		assert_int_equal(row->count, cases[i].count);
		assert_int_equal(row->window_s, cases[i].window_s);
	}
}

static void test_ip_key(void **state)
{
	static const struct {
		const char *text;
		size_t n; /* 0: no address */
		unsigned char key[7];
	} cases[] = {
		{"192.0.2.7", 4, {192, 0, 2, 7}},
		{"::ffff:192.0.2.7", 4, {192, 0, 2, 7}},
		{"::FFFF:c000:0207", 4, {192, 0, 2, 7}},
		{"2001:db8:1:2aa:1::1", 7, {0x20, 1, 0x0d, 0xb8, 0, 1, 2}},
		{"2001:db8:1:2ff:ffff::", 7, {0x20, 1, 0x0d, 0xb8, 0, 1, 2}},
		{"2001:db8:1:300::", 7, {0x20, 1, 0x0d, 0xb8, 0, 1, 3}},
		{"::1", 7, {0}},
		{"::192.0.2.7", 7, {0}},
		{"", 0, {0}},
		{"localhost", 0, {0}},
		{"192.0.2", 0, {0}},
		{"192.0.2.256", 0, {0}},
		{"192.0.2.7 ", 0, {0}},
		{"0300.0.2.7", 0, {0}},
		{"[::1]", 0, {0}},
		{"::1%lo", 0, {0}},
		{"unix:", 0, {0}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		unsigned char key[IP_KEY_MAX];
		size_t n = 0;
		print_message("  `%s`\n", cases[i].text);
		assert_int_equal(ip_key(cases[i].text, key, &n), cases[i].n != 0);
		assert_int_equal(n, cases[i].n);
		assert_memory_equal(key, cases[i].key, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_are_sane),
		cmocka_unit_test(test_override),
		cmocka_unit_test(test_ip_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
