/* What people may call themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain/display_name.h"

#include <cmocka.h>

#define TEN "0123456789"
#define EIGHTY TEN TEN TEN TEN TEN TEN TEN TEN
#define TEN_WIDE "\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac"
#define EIGHTY_WIDE TEN_WIDE TEN_WIDE TEN_WIDE TEN_WIDE TEN_WIDE TEN_WIDE TEN_WIDE TEN_WIDE

static void test_names(void **state)
{
	static const struct {
		const char *text;
		enum display_name_fault fault;
		const char *name;
	} cases[] = {
		{"Ada", NAME_FINE, "Ada"},
		{"  Ada\t Lovelace \r\n", NAME_CHARACTERS, NULL},
		{" \t\r\n\v\fAda Lovelace \r\n", NAME_FINE, "Ada Lovelace"},
		{"\u00a0\u3000\ufeffAda\u2003\u2028", NAME_FINE, "Ada"},
		{"x", NAME_FINE, "x"},
		{"", NAME_EMPTY, NULL},
		{" \t\u00a0\u2029 ", NAME_EMPTY, NULL},
		{EIGHTY, NAME_FINE, EIGHTY},
		{"   " EIGHTY "   ", NAME_FINE, EIGHTY},
		{EIGHTY "x", NAME_TOO_LONG, NULL},
		{EIGHTY " x", NAME_TOO_LONG, NULL},
		{EIGHTY_WIDE, NAME_FINE, EIGHTY_WIDE},
		{EIGHTY_WIDE "\u20ac", NAME_TOO_LONG, NULL},
		{"\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x9a\x80", NAME_FINE,
			"\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x9a\x80"},
		{"a\001b", NAME_CHARACTERS, NULL},
		{"\001", NAME_CHARACTERS, NULL},
		{"a\nb", NAME_CHARACTERS, NULL},
		{"a\177", NAME_CHARACTERS, NULL},
		{"a\xc2\x85z", NAME_CHARACTERS, NULL},
		{"a\xc2\x9f", NAME_CHARACTERS, NULL},
		{"a\u2028z", NAME_CHARACTERS, NULL},
		{"\u202eeda", NAME_CHARACTERS, NULL},
		{"a\u2067z", NAME_CHARACTERS, NULL},
		{"\xff", NAME_CHARACTERS, NULL},
		{"a\xe2\x82", NAME_CHARACTERS, NULL},
		{"\u05d0\u05d1\u200f", NAME_FINE, "\u05d0\u05d1\u200f"},
		{"\"</b>\\", NAME_FINE, "\"</b>\\"},
	};
	struct arena arena;

	(void)state;
	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *name = NULL;
		printf("case %zu: %s\n", i, cases[i].text);
		assert_int_equal(display_name_read(&arena, cases[i].text, &name), cases[i].fault);
		if (cases[i].name == NULL)
			assert_null(name);
		else
			assert_string_equal(name, cases[i].name);
	}
	arena_free(&arena);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(test_names)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
