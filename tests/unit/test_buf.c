/* Buffers: growth keeps what is there, numbers, and what JSON strings look like. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/core/buf.h"
#include "fcgi/http/json.h"

#include <cmocka.h>

static struct arena arena = {.ceiling_bytes = 64 * 1024 * 1024};

#define REPLACED "\xef\xbf\xbd"

static const struct {
	const char *name, *text;
	size_t length;
	const char *json;
} strings[] = {
#define T(name, text, json)                        \
	{                                          \
		name, text, sizeof(text) - 1, json \
	}
	T("empty", "", "\"\""),
	T("plain", "abc", "\"abc\""),
	T("quote", "a\"b", "\"a\\\"b\""),
	T("backslash", "a\\b", "\"a\\\\b\""),
	T("slash stays", "</script>", "\"</script>\""),
	T("line ends", "\r\n\t", "\"\\r\\n\\t\""),
	T("NUL", "a\0b", "\"a\\u0000b\""),
	T("control", "\x01\x1f", "\"\\u0001\\u001f\""),
	T("delete", "\x7f", "\"\\u007f\""),
	T("two bytes", "é", "\"é\""),
	T("three bytes", "€", "\"€\""),
	T("four bytes", "😀", "\"😀\""),
	T("last character", "\xf4\x8f\xbf\xbf", "\"\xf4\x8f\xbf\xbf\""),
	T("above the last", "\xf4\x90\x80\x80", "\"" REPLACED REPLACED REPLACED REPLACED "\""),
	T("lone continuation", "a\x80z", "\"a" REPLACED "z\""),
	T("cut short", "a\xe2\x82", "\"a" REPLACED REPLACED "\""),
	T("cut short by text", "\xe2\x82z", "\"" REPLACED REPLACED "z\""),
	T("overlong slash", "\xc0\xaf", "\"" REPLACED REPLACED "\""),
	T("surrogate", "\xed\xa0\x80", "\"" REPLACED REPLACED REPLACED "\""),
	T("never a byte", "\xff\xfe", "\"" REPLACED REPLACED "\""),
	T("invalid at the end", "ok\xc3", "\"ok" REPLACED "\""),
	T("all together", "\"\xff\\é\n", "\"\\\"" REPLACED "\\\\é\\n\""),
#undef T
};

static void test_json_strings(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
		struct buf b;
		print_message("  %s\n", strings[i].name);
		buf_init(&b, &arena, 0);
		buf_json_n(&b, strings[i].text, strings[i].length);
		assert_string_equal(b.data, strings[i].json);
		if (memchr(strings[i].text, 0, strings[i].length) == NULL) {
			buf_init(&b, &arena, 0);
			buf_json(&b, strings[i].text);
			assert_string_equal(b.data, strings[i].json);
			assert_null(json_check(&arena, b.data, b.length));
		}
		arena_reset(&arena);
	}
}

/* Any bytes at all become a string that our own reader takes. */
static void test_json_of_any_bytes(void **state)
{
	unsigned seed = 1;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		char text[24];
		size_t n = (size_t)rand_r(&seed) % sizeof(text);
		struct buf b;
		for (size_t j = 0; j < n; j++)
			text[j] = (char)(1 + rand_r(&seed) % 255);
		buf_init(&b, &arena, 0);
		buf_json_n(&b, text, n);
		assert_int_equal(strlen(b.data), b.length);
		assert_null(json_check(&arena, b.data, b.length));
		arena_reset(&arena);
	}
}

static void test_numbers(void **state)
{
	static const i64 numbers[] = {
		0, 1, -1, 9, 10, -10, 123456789, INT64_MAX, INT64_MIN, INT64_MIN + 1};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		struct buf b;
		char expected[32];
		snprintf(expected, sizeof(expected), "%lld", (long long)numbers[i]);
		print_message("  %s\n", expected);
		buf_init(&b, &arena, 0);
		buf_i64(&b, numbers[i]);
		assert_string_equal(b.data, expected);
		arena_reset(&arena);
	}
}

static void test_growth(void **state)
{
	static const size_t pieces[] = {0, 1, 62, 63, 64, 65, 127, 128, 129, 1000, 70000};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
		for (size_t j = 0; j < ARRAY_LEN(pieces); j++) {
			char *first = arena_alloc(&arena, pieces[i] + 1);
			char *second = arena_alloc(&arena, pieces[j] + 1);
			struct buf b;
			memset(first, 'a', pieces[i]);
			memset(second, 'b', pieces[j]);
			buf_init(&b, &arena, 0);
			buf_str(&b, first);
			buf_printf(&b, "%s", second);
			assert_int_equal(b.length, pieces[i] + pieces[j]);
			assert_true(b.capacity > b.length);
			assert_int_equal(strspn(b.data, "a"), pieces[i]);
			assert_int_equal(strspn(b.data + pieces[i], "b"), pieces[j]);
			assert_int_equal(b.data[b.length], '\0');
			arena_reset(&arena);
		}
}

static void test_one_by_one(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, &arena, 0);
	for (int i = 0; i < 5000; i++) {
		buf_char(&b, (char)('a' + i % 26));
		assert_int_equal(b.length, i + 1);
	}
	for (int i = 0; i < 5000; i++)
		assert_int_equal(b.data[i], 'a' + i % 26);
	buf_bytes(&b, NULL, 0);
	assert_int_equal(b.length, 5000);
	arena_reset(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_strings),
		cmocka_unit_test(test_json_of_any_bytes),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_one_by_one),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	arena_free(&arena);
	return failed;
}
