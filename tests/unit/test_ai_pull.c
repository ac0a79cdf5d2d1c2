/* JSON without a tree, and texts that are not all they should be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/ai/text.h"
#include "fcgi/core/str.h"
#include "fcgi/http/json.h"

#include <cmocka.h>

static struct arena arena = {.ceiling_bytes = 64 * 1024 * 1024};

static const struct suite_case {
	const char *name, *text;
	size_t length;
	bool is_json;
} suite[] = {
#define Y(name, text) {"y_" name, text, sizeof(text) - 1, true},
#define S(name, text)
#define N(name, text) {"n_" name, text, sizeof(text) - 1, false},
#define I(name, text, expectation)
#include "json_suite.def"
};

/* From memory of exactly its length, so that AddressSanitizer sees a byte too far. */
static bool is_json(const char *text, size_t length)
{
	char *exact = malloc(length > 0 ? length : 1);
	struct pull p;

	assert_non_null(exact);
	memcpy(exact, text, length);
	pull_init(&p, exact, length);
	pull_skip(&p);
	bool is = pull_end(&p);
	free(exact);
	return is;
}

static void test_suite(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(suite); i++) {
		const struct suite_case *c = &suite[i];
		if (is_json(c->text, c->length) != c->is_json)
			fail_msg("%s", c->name);
	}
}

static void test_depth(void **state)
{
	char text[400];

	(void)state;
	for (size_t depth = 1; depth < 100; depth++) {
		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		assert_int_equal(is_json(text, 2 * depth), depth <= 64);
		memcpy(text, "{\"a\":", 5);
		memset(text + 5, '[', depth);
		memset(text + 5 + depth, ']', depth);
		text[5 + 2 * depth] = '}';
		assert_int_equal(is_json(text, 2 * depth + 6), depth <= 63);
	}
}

static void test_members(void **state)
{
	static const char text[] = " { \"n\" : -12, \"b\":true, \"s\":\"a\\nb\", \"l\":[1,[2],{}],"
				   "\"null\":null, \"o\":{\"x\":{\"y\":[]}} , \"big\":1e3, "
				   "\"huge\":9223372036854775808,\"max\":9223372036854775807,"
				   "\"min\":-9223372036854775808} ";
	struct pull_text name, s = {0}, raw = {0};
	i64 n = 0, big = 7, huge = 7, max = 0, min = 0, sum = 0;
	bool b = false;
	struct pull p;

	(void)state;
	pull_init(&p, text, strlen(text));
	assert_true(pull_object(&p));
	while (pull_member(&p, &name)) {
		if (pull_is(&name, "n")) {
			assert_true(pull_i64(&p, &n));
		} else if (pull_is(&name, "b")) {
			assert_true(pull_bool(&p, &b));
		} else if (pull_is(&name, "s")) {
			assert_true(pull_string(&p, &s));
		} else if (pull_is(&name, "l")) {
			assert_true(pull_array(&p));
			while (pull_item(&p))
				if (pull_i64(&p, &n))
					sum += n;
			n = -12;
		} else if (pull_is(&name, "null")) {
			assert_false(pull_string(&p, &raw));
		} else if (pull_is(&name, "o")) {
			assert_true(pull_raw(&p, &raw));
		} else if (pull_is(&name, "big")) {
			assert_false(pull_i64(&p, &big));
		} else if (pull_is(&name, "huge")) {
			assert_false(pull_i64(&p, &huge));
		} else if (pull_is(&name, "max")) {
			assert_true(pull_i64(&p, &max));
		} else {
			assert_true(pull_i64(&p, &min));
		}
	}
	assert_true(pull_end(&p));
	assert_int_equal(n, -12);
	assert_int_equal(sum, 1);
	assert_true(b && s.is_escaped && s.length == 4);
	assert_memory_equal(raw.at, "{\"x\":{\"y\":[]}}", raw.length);
	assert_true(big == 7 && huge == 7 && max == INT64_MAX && min == INT64_MIN);
}

#define REPLACED "\xef\xbf\xbd"

/* Fragments end at '|'. */
static const struct {
	const char *name, *json, *text;
} texts[] = {
	{"plain", "abc|def", "abcdef"},
	{"escapes", "\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041", "\"\\/\b\f\n\r\tA"},
	{"two and three bytes", "\\u00e9\\u20ac", "\xc3\xa9\xe2\x82\xac"},
	{"pair", "\\ud83d\\ude00", "\xf0\x9f\x98\x80"},
	{"last pair", "\\udbff\\udfff", "\xf4\x8f\xbf\xbf"},
	{"pair over two fragments", "a\\ud83d|\\ude00z", "a\xf0\x9f\x98\x80z"},
	{"half", "a\\ud83dz", "a" REPLACED "z"},
	{"half at the end", "a\\ud83d", "a" REPLACED},
	{"half, then text", "a\\ud83d|z", "a" REPLACED "z"},
	{"low half", "a\\ude00z", "a" REPLACED "z"},
	{"two high halves", "\\ud83d\\ud83d\\ude00", REPLACED "\xf0\x9f\x98\x80"},
	{"halves in the wrong order", "\\ude00\\ud83d", REPLACED REPLACED},
	{"bytes over two fragments", "\xe2\x82|\xac", "\xe2\x82\xac"},
	{"bytes over three", "\xf0|\x9f\x98|\x80", "\xf0\x9f\x98\x80"},
	{"bytes over four", "\xf0|\x9f|\x98|\x80!", "\xf0\x9f\x98\x80!"},
	{"cut, then text", "\xe2\x82|x", REPLACED REPLACED "x"},
	{"cut at the end", "x\xe2\x82", "x" REPLACED},
	{"cut before an escape", "\xe2|\\u20ac", REPLACED "\xe2\x82\xac"},
	{"never a byte", "\xff\xfe|a", REPLACED REPLACED "a"},
	{"overlong", "\xc0\xaf\xe0\x80\x80", REPLACED REPLACED REPLACED REPLACED REPLACED},
	{"overlong at the end", "\xe0|\x80", REPLACED REPLACED},
	{"above the last", "\xf4\x90|\x80\x80", REPLACED REPLACED REPLACED REPLACED},
	{"raw halves are joined", "\xed\xa0\xbd\xed\xb8\x80", "\xf0\x9f\x98\x80"},
	{"raw halves in six", "\xed|\xa0|\xbd|\xed|\xb8|\x80", "\xf0\x9f\x98\x80"},
	{"raw half, then not", "\xed\xa0\xbd\xed|\x80\x80", REPLACED "\xed\x80\x80"},
	{"NUL", "a\\u0000b", "a" REPLACED "b"},
	{"byte order mark stays", "\\ufeffa",
		"\xef\xbb\xbf"
		"a"},
	{"empty fragments", "|a||b|", "ab"},
};

static void test_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct text_tail tail = {0};
		struct buf b;
		print_message("  %s\n", texts[i].name);
		buf_init(&b, &arena, 0);
		for (const char *p = texts[i].json;; p++) {
			size_t n = strcspn(p, "|");
			const struct pull_text t = {p, n, memchr(p, '\\', n) != NULL};
			text_append(&b, &tail, &t);
			assert_true(utf8_valid(b.data, b.length));
			p += n;
			if (*p == '\0')
				break;
		}
		text_flush(&b, &tail);
		assert_string_equal(b.data, texts[i].text);
		assert_int_equal(strlen(b.data), b.length);
		arena_reset(&arena);
	}
}

/* Any bytes, in any fragments: always UTF-8, and the same as in one piece. */
static void test_any_bytes(void **state)
{
	static const char pool[] = "\xe2\x82\xac\xed\xa0\xbd\xed\xb8\x80\xf0\x9f\x98\x80 a\xff\xc3";
	unsigned seed = 1;

	(void)state;
	for (int i = 0; i < 50000; i++) {
		char text[24];
		size_t n = (size_t)rand_r(&seed) % sizeof(text);
		struct text_tail tail = {0};
		struct buf whole, pieces;
		for (size_t j = 0; j < n; j++)
			text[j] = pool[(size_t)rand_r(&seed) % (sizeof(pool) - 1)];
		buf_init(&whole, &arena, 0);
		buf_init(&pieces, &arena, 0);
		text_append(&whole, &tail, &(struct pull_text){text, n, false});
		text_flush(&whole, &tail);
		for (size_t j = 0; j < n;) {
			size_t k = 1 + (size_t)rand_r(&seed) % 4;
			k = k < n - j ? k : n - j;
			text_append(&pieces, &tail, &(struct pull_text){text + j, k, false});
			j += k;
		}
		text_flush(&pieces, &tail);
		assert_true(utf8_valid(whole.data, whole.length));
		assert_string_equal(whole.data, pieces.data);
		arena_reset(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_suite),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_any_bytes),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	arena_free(&arena);
	return rc;
}
