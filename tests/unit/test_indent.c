/* Indented JSON, whole and in pieces of every length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "fcgi/http/indent.h"

#include <cmocka.h> /* after ours: its macro fail() would hide our function */

static const struct {
	const char *name, *text, *indented;
} cases[] = {
	{"a number", "1", "1"},
	{"an empty object", "{}", "{}"},
	{"empty in full", "{\"a\":[],\"b\":{}}", "{\n  \"a\": [],\n  \"b\": {}\n}"},
	{"nested", "[1,[2,[3]]]", "[\n  1,\n  [\n    2,\n    [\n      3\n    ]\n  ]\n]"},
	{"objects in a row", "[{\"a\":1},{\"b\":null}]",
		"[\n  {\n    \"a\": 1\n  },\n  {\n    \"b\": null\n  }\n]"},
	{"signs in a string", "{\"a{,:]\":\"[{,:}]\"}", "{\n  \"a{,:]\": \"[{,:}]\"\n}"},
	{"escapes", "[\"\\\"\",\"\\\\\",\"\\\\\\\"[\"]",
		"[\n  \"\\\"\",\n  \"\\\\\",\n  \"\\\\\\\"[\"\n]"},
	{"a string first", "[\"a\"]", "[\n  \"a\"\n]"},
};

static void test_pieces(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 1024 * 1024);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t length = strlen(cases[i].text);
		for (size_t piece = 1; piece <= length; piece++) {
			struct indent indent = {0};
			struct buf b;
			buf_init(&b, &arena, 64);
			for (size_t at = 0; at < length; at += piece)
				indent_put(&indent, cases[i].text + at,
					piece < length - at ? piece : length - at, &b);
			if (strcmp(b.data, cases[i].indented) != 0)
				printf("%s, pieces of %zu\n", cases[i].name, piece);
			assert_string_equal(b.data, cases[i].indented);
			assert_int_equal(indent.depth, 0);
		}
	}
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_pieces)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
