/* Text: which bytes are UTF-8, the encodings and their inverses, comparisons. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/core/str.h"

#include <cmocka.h>

static struct arena arena = {.ceiling_bytes = 64 * 1024 * 1024};

/* RFC 3629, by the number: what a code point looks like. */
static size_t encode(unsigned c, char out[4])
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = n - 1; i > 0; i--, c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)((0xf00U >> n & 0xf0U) | c);
	return n;
}

static void test_every_code_point(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 0x120000; c++) {
		char text[4];
		size_t n = encode(c, text);
		bool legal = c < 0x110000 && (c < 0xd800 || c > 0xdfff);
		assert_int_equal(utf8_sequence(text, n), legal ? n : 0);
		for (size_t cut = 0; cut < n; cut++)
			assert_int_equal(utf8_sequence(text, cut), 0);
	}
}

static const struct {
	const char *name, *text;
	bool valid;
	size_t count;
} utf8_cases[] = {
	{"empty", "", true, 0},
	{"ASCII", "abc", true, 3},
	{"mixed", "aé€😀", true, 4},
	{"combining", "e\xcc\x81", true, 2},
	{"noncharacter U+FFFF", "\xef\xbf\xbf", true, 1},
	{"overlong NUL", "\xc0\x80", false, 0},
	{"overlong slash, 2", "\xc0\xaf", false, 0},
	{"overlong 7f, 2", "\xc1\xbf", false, 0},
	{"overlong slash, 3", "\xe0\x80\xaf", false, 0},
	{"overlong 7ff, 3", "\xe0\x9f\xbf", false, 0},
	{"overlong slash, 4", "\xf0\x80\x80\xaf", false, 0},
	{"overlong ffff, 4", "\xf0\x8f\xbf\xbf", false, 0},
	{"first surrogate", "\xed\xa0\x80", false, 0},
	{"last surrogate", "\xed\xbf\xbf", false, 0},
	{"surrogate pair (CESU-8)", "\xed\xa0\xbd\xed\xb8\x80", false, 0},
	{"above U+10FFFF", "\xf4\x90\x80\x80", false, 0},
	{"five bytes", "\xf8\x88\x80\x80\x80", false, 0},
	{"six bytes", "\xfc\x84\x80\x80\x80\x80", false, 0},
	{"fe", "\xfe", false, 0},
	{"ff", "\xff", false, 0},
	{"continuation alone", "\x80", false, 0},
	{"two instead of three", "\xe2\x82", false, 0},
	{"letter inside", "\xe2\x41\xac", false, 0},
	{"first byte inside", "\xe2\x82\xe2", false, 0},
	{"valid, then broken", "ok\xc3", false, 0},
};

static void test_utf8(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(utf8_cases); i++) {
		const char *text = utf8_cases[i].text;
		print_message("  %s\n", utf8_cases[i].name);
		assert_int_equal(utf8_valid(text, strlen(text)), utf8_cases[i].valid);
		if (utf8_cases[i].valid)
			assert_int_equal(utf8_count(text), utf8_cases[i].count);
	}
}

static void test_utf16(void **state)
{
	static const struct {
		const char *text;
		size_t count;
	} cases[] = {{"", 0}, {"abc", 3}, {"aé€😀", 5}, {"\xef\xbf\xbf", 1}, {"\xf0\x90\x80\x80", 2},
		{"\xf4\x8f\xbf\xbf", 2}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(utf16_count(cases[i].text), cases[i].count);
}

static const struct {
	const char *text;
	bool good;
	i64 value;
} numbers[] = {
	{"0", true, 0},
	{"-0", true, 0},
	{"007", true, 7},
	{"-12", true, -12},
	{"9223372036854775807", true, INT64_MAX},
	{"-9223372036854775808", true, INT64_MIN},
	{"9223372036854775808", false, 0},
	{"-9223372036854775809", false, 0},
	{"99999999999999999999999999", false, 0},
	{"", false, 0},
	{"-", false, 0},
	{"--1", false, 0},
	{"+1", false, 0},
	{" 1", false, 0},
	{"1 ", false, 0},
	{"1x", false, 0},
	{"0x1", false, 0},
	{"1.0", false, 0},
	{"1e3", false, 0},
};

static void test_numbers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		i64 value = 77;
		print_message("  '%s'\n", numbers[i].text);
		assert_int_equal(str_to_i64(numbers[i].text, &value), numbers[i].good);
		assert_int_equal(value, numbers[i].good ? numbers[i].value : 77);
	}
}

static const struct {
	const char *a, *b;
	size_t distance;
} distances[] = {
	{"", "", 0},
	{"", "abc", 3},
	{"abc", "", 3},
	{"kitten", "sitting", 3},
	{"flaw", "lawn", 2},
	{"threads", "threads", 0},
	{"thread", "threads", 1},
	{"htreads", "threads", 2},
};

static void test_distance(void **state)
{
	static const char *const words[] = {"threads", "connections", "socket"};
	static const struct {
		const char *word, *nearest;
	} cases[] = {
		{"threads", "threads"},
		{"thread", "threads"},
		{"conections", "connections"},
		{"sokcet", "socket"},
		{"banana", NULL},
		{"x", NULL},
	};
	char huge[100];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(distances); i++) {
		print_message("  %s - %s\n", distances[i].a, distances[i].b);
		assert_int_equal(
			str_distance(distances[i].a, distances[i].b), distances[i].distance);
		assert_int_equal(
			str_distance(distances[i].b, distances[i].a), distances[i].distance);
	}
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *found = str_nearest(cases[i].word, words, ARRAY_LEN(words));
		print_message("  %s ~ %s\n", cases[i].word, found != NULL ? found : "nothing");
		if (cases[i].nearest == NULL)
			assert_null(found);
		else
			assert_string_equal(found, cases[i].nearest);
	}
	assert_null(str_nearest("threads", words, 0));
	memset(huge, 'a', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	assert_true(str_distance(huge, "a") >= 64);
	assert_true(str_distance("a", huge) >= 64);
}

static void test_comparisons(void **state)
{
	(void)state;
	assert_true(str_equal("a", "a"));
	assert_false(str_equal("a", "A"));
	assert_true(str_equal_nocase("aBc", "AbC"));
	assert_false(str_equal_nocase("a", "ab"));
	assert_false(str_equal_nocase(NULL, "a"));
	assert_false(str_equal_nocase("a", NULL));
	assert_true(str_starts("abc", ""));
	assert_true(str_starts("abc", "abc"));
	assert_false(str_starts("ab", "abc"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_code_point),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_utf16),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_distance),
		cmocka_unit_test(test_comparisons),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	arena_free(&arena);
	return failed;
}
