/* The JSON reader: the whole of JSONTestSuite, the corners that json-c lets through, duplicate
 * keys, and random documents that must come back as they went in. */
#include "fcgi/http/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "fcgi/core/buf.h"
#include "fcgi/core/crypto.h"
#include "fcgi/http/json_keys.h"
#include "fcgi/http/json_number.h"

enum expectation { REFUSE, ACCEPT };

static const struct suite_case {
	const char *name, *text;
	size_t length;
	enum expectation expectation;
} suite_cases[] = {
#define Y(name, text) {"y_" name, text, sizeof(text) - 1, ACCEPT},
#define S(name, text) {"y_" name, text, sizeof(text) - 1, REFUSE},
#define N(name, text) {"n_" name, text, sizeof(text) - 1, REFUSE},
#define I(name, text, expectation) {"i_" name, text, sizeof(text) - 1, expectation},
#include "json_suite.def"
};

static struct arena arena;

/* The text in memory of exactly its length, so that AddressSanitizer sees a byte too far. */
static const char *refusal(const char *text, size_t length)
{
	char *exact = malloc(length > 0 ? length : 1);
	const char *why, *why_read;

	assert_non_null(exact);
	memcpy(exact, text, length);
	why = json_check(&arena, exact, length);
	struct json_object *doc = json_read(&arena, exact, length, &why_read);
	if (why == NULL)
		assert_null(why_read);
	else
		assert_string_equal(why, why_read);
	if (why != NULL)
		assert_null(doc);
	json_object_put(doc);
	free(exact);
	return why;
}

static void test_suite(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(suite_cases); i++) {
		const struct suite_case *c = &suite_cases[i];
		const char *why = refusal(c->text, c->length);
		if ((why == NULL) != (c->expectation == ACCEPT))
			fail_msg("%s: %s", c->name, why != NULL ? why : "accepted");
		arena_reset(&arena);
	}
}

static const struct corner {
	const char *text;
	const char *why; /* NULL: accepted */
} corners[] = {
	{"{'a':1}", "key expected at byte 1"},
	{"[NaN]", "value expected at byte 1"},
	{"[Infinity]", "value expected at byte 1"},
	{"[-Infinity]", "digit expected at byte 2"},
	{"[1.]", "digit expected at byte 3"},
	{"[.5]", "value expected at byte 1"},
	{"[01]", "number with a leading zero at byte 1"},
	{"[\"a\x1f\"]", "control character in text at byte 3"},
	{"[\"a\nb\"]", "control character in text at byte 3"},
	{"[\"\xc0\xaf\"]", "invalid UTF-8 at byte 2"},
	{"[\"12345678\xe0\x80\x80\"]", "invalid UTF-8 at byte 10"},
	{"[\"\xed\xa0\x80\"]", "invalid UTF-8 at byte 2"},
	{"[\"\xf4\x90\x80\x80\"]", "invalid UTF-8 at byte 2"},
	{"[\"\xe2\x82", "invalid UTF-8 at byte 2"},
	{"[\"\\ud800\"]", "lone surrogate at byte 2"},
	{"[\"\\udc00\\ud800\"]", "lone surrogate at byte 2"},
	{"[\"\\ud800\\ud800\"]", "lone surrogate at byte 2"},
	{"[\"\\ud83d\\ude00\"]", NULL},
	{"[\"a\\u0000\"]", "\\u0000 at byte 3"},
	{"[\"\\u00\"]", "broken escape at byte 2"},
	{"[\"\\v\"]", "unknown escape at byte 2"},
	{"[\"a", "text without end at byte 1"},
	{"\xef\xbb\xbf{}", "value expected at byte 0"},
	{"", "unfinished at byte 0"},
	{" \t\r\n", "unfinished at byte 4"},
	{"{\"a\"", "':' expected at byte 4"},
	{"{\"a\":1,}", "key expected at byte 7"},
	{"{\"a\":1]", "',' or '}' expected at byte 6"},
	{"[1}", "',' or ']' expected at byte 2"},
	{"{} {}", "text after the end at byte 3"},
	{"1 2", "text after the end at byte 2"},
	{"{}x", "text after the end at byte 2"},
	{"[1]/**/", "text after the end at byte 3"},
	{"[1,//x\n2]", "value expected at byte 3"},
	{"[TRUE]", "value expected at byte 1"},
	{"[truth]", "value expected at byte 1"},
	{"{\"amount\":1,\"amount\":-1}", "duplicate key at byte 12"},
	{"{\"amount\":1,\"\\u0061mount\":-1}", "duplicate key at byte 12"},
	{"{\"\\u0061\\/\":1,\"a\\u002F\":2}", "duplicate key at byte 14"},
	{"{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}", "duplicate key at byte 18"},
	{"{\"\\u00e9\":1,\"\xc3\xa9\":2}", "duplicate key at byte 12"},
	{"{\"\\u20ac\":1,\"\xe2\x82\xac\":2}", "duplicate key at byte 12"},
	{"{\"\\n\":1,\"\\u000a\":2}", "duplicate key at byte 8"},
	{"{\"\":1,\"\":2}", "duplicate key at byte 6"},
	{"{\"a\":{\"b\":1,\"b\":2},\"a\":1}", "duplicate key at byte 12"},
	{"{\"a\":{\"a\":1},\"b\":{\"a\":2},\"c\":[{\"a\":1},{\"a\":1}]}", NULL},
	{"{\"a\":1,\"A\":2,\"a \":3,\"\":4}", NULL},
	{"{\"b\":1,\"\\\\u0062\":2}", NULL},
	{"9223372036854775807", NULL},
	{"18446744073709551615", NULL},
	{"18446744073709551616", "integer out of range at byte 0"},
	{"[100000000000000000000]", "integer out of range at byte 1"},
	{"-9223372036854775808", NULL},
	{"-9223372036854775809", "integer out of range at byte 0"},
	{"-0", NULL},
	{"-0.0", NULL},
	{"0e999999999999999999999999", NULL},
	{"0.000e400", NULL},
	{"1e308", NULL},
	{"1.7976931348623157e308", NULL},
	{"-1.7976931348623157e+308", NULL},
	{"1.7976931348623158079e308", NULL}, /* rounds down to the largest double */
	{"1.797693134862315808e308", "number out of range at byte 0"},
	{"17976931348623159e292", "number out of range at byte 0"},
	{"0.00017976931348623157e312", NULL},
	{"0.00017976931348623159e312", "number out of range at byte 0"},
	{"[1e309]", "number out of range at byte 1"},
	{"[-1e400]", "number out of range at byte 1"},
	{"1e-400", NULL},
	{"1e-99999999999999999999999999", NULL},
	{"1e99999999999999999999999999", "number out of range at byte 0"},
	{"123456789012345678901234567890.5", NULL},
	{"1E5", NULL},
	{"1e+", "digit expected at byte 3"},
	{"-", "digit expected at byte 1"},
	{"--1", "digit expected at byte 1"},
	{"+1", "value expected at byte 0"},
	{"null", NULL},
	{" true ", NULL},
	{"\"\"", NULL},
};

static void test_corners(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(corners); i++) {
		const char *why = refusal(corners[i].text, strlen(corners[i].text));
		if ((why == NULL) != (corners[i].why == NULL) ||
			(why != NULL && strcmp(why, corners[i].why) != 0))
			fail_msg("%s: %s", corners[i].text, why != NULL ? why : "accepted");
		arena_reset(&arena);
	}
}

static const struct repeated {
	const char *name;
	size_t n;
	const char *each, *middle, *each_end;
	const char *why;
} repeated[] = {
	{"depth 64", 64, "[", "", "]", NULL},
	{"depth 65", 65, "[", "", "]", "nested too deeply at byte 64"},
	{"depth 64, objects", 64, "{\"a\":", "1", "}", NULL},
	{"depth 65, objects", 65, "{\"a\":", "1", "}", "nested too deeply at byte 320"},
	{"64 mixed", 32, "[{\"a\":", "{}", "}]", "nested too deeply at byte 192"},
	{"i_structure_500_nested_arrays", 500, "[", "", "]", "nested too deeply at byte 64"},
	{"n_structure_100000_opening_arrays", 100000, "[", "", "", "nested too deeply at byte 64"},
	{"n_structure_open_array_object", 50000, "[{\"\":", "\n", "",
		"nested too deeply at byte 160"},
	{"objects", 100000, "{\"a\":", "", "", "nested too deeply at byte 320"},
	{"values side by side", 100000, "[],", "", "", "text after the end at byte 2"},
	{"long integer", 100000, "9", "", "", "integer out of range at byte 0"},
	{"long fraction", 100000, "1", ".5", "", "number out of range at byte 0"},
};

static void test_repeated(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(repeated); i++) {
		const struct repeated *c = &repeated[i];
		struct buf text;
		buf_init(&text, &arena, 0);
		for (size_t n = 0; n < c->n; n++)
			buf_str(&text, c->each);
		buf_str(&text, c->middle);
		for (size_t n = 0; n < c->n; n++)
			buf_str(&text, c->each_end);
		const char *why = refusal(text.data, text.length);
		if ((why == NULL) != (c->why == NULL) || (why != NULL && strcmp(why, c->why) != 0))
			fail_msg("%s: %s", c->name, why != NULL ? why : "accepted");
		arena_reset(&arena);
	}
}

/* {"k0":0,...}, every fifth key with an escape; the last key is `last`. */
static void many_keys(struct buf *text, size_t n, const char *last)
{
	buf_init(text, &arena, 0);
	buf_str(text, "{");
	for (size_t i = 0; i < n; i++)
		buf_printf(text, i % 5 == 0 ? "\"\\u006b%zu\":%zu," : "\"k%zu\":%zu,", i, i);
	buf_printf(text, "\"%s\":0}", last);
}

static void test_many_keys(void **state)
{
	static const size_t counts[] = {1, 14, 15, 16, 17, 64, 100, 1000, 90000};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		struct buf text;
		char last[32];
		many_keys(&text, counts[i], "last");
		assert_null(refusal(text.data, text.length));
		snprintf(last, sizeof(last), "\\u006B%zu", counts[i] / 2);
		many_keys(&text, counts[i], last);
		const char *why = refusal(text.data, text.length);
		if (why == NULL || strncmp(why, "duplicate key", 13) != 0)
			fail_msg("%zu keys: %s", counts[i], why != NULL ? why : "accepted");
		arena_reset(&arena);
	}
}

/* A text of twenty megabytes must not become a tree of gigabytes. */
static void test_many_values(void **state)
{
	(void)state;
	for (size_t more = 0; more < 2; more++) {
		struct buf text;
		const char *why;
		buf_init(&text, &arena, 0);
		buf_str(&text, "[0");
		for (size_t i = 2; i < JSON_VALUES_MAX + more; i++)
			buf_str(&text, ",[]");
		buf_char(&text, ']');
		assert_null(json_check(&arena, text.data, text.length));
		struct json_object *doc = json_read(&arena, text.data, text.length, &why);
		assert_int_equal(doc != NULL, more == 0);
		if (more > 0)
			assert_non_null(strstr(why, "too many values at byte 29999"));
		json_object_put(doc);
		arena_reset(&arena);
	}
}

/* Scratch space is given back: a check leaves nothing but its message in the arena. */
static void test_scratch(void **state)
{
	struct buf text;

	(void)state;
	many_keys(&text, 10000, "last");
	size_t used_bytes = arena.used_bytes;
	assert_null(json_check(&arena, text.data, text.length));
	assert_int_equal(arena.used_bytes, used_bytes);
	arena_reset(&arena);
}

static void test_siphash(void **state)
{
	unsigned char data[64];
	u64 secret[2];
	unsigned rounds_c = 1, rounds_d = 3;
	size_t size = 8, n;

	(void)state;
	random_bytes(data, sizeof(data));
	random_bytes(secret, sizeof(secret));
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_size_t("size", &size),
		OSSL_PARAM_construct_uint("c-rounds", &rounds_c),
		OSSL_PARAM_construct_uint("d-rounds", &rounds_d),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
	EVP_MAC_CTX *context = EVP_MAC_CTX_new(mac);
	for (size_t length = 0; length <= sizeof(data); length++) {
		unsigned char expected[8];
		u64 hash = siphash13(secret, data, length);
		assert_true(EVP_MAC_init(
			context, (const unsigned char *)secret, sizeof(secret), params));
		assert_true(EVP_MAC_update(context, data, length));
		assert_true(EVP_MAC_final(context, expected, &n, sizeof(expected)));
		assert_memory_equal(&hash, expected, sizeof(expected)); /* little endian */
	}
	EVP_MAC_CTX_free(context);
	EVP_MAC_free(mac);
}

static void test_micro(void **state)
{
	static const struct {
		const char *number;
		bool fits;
		i64 micro;
	} cases[] = {
		{"0", true, 0},
		{"-0", true, 0},
		{"0.0", true, 0},
		{"0e400", true, 0},
		{"1", true, 1000000},
		{"0.25", true, 250000},
		{"0.000001", true, 1},
		{"0.0000001", true, 1},
		{"0.0000010", true, 1},
		{"0.00000100000000000000000000000000001", true, 2},
		{"0.1234565", true, 123457},
		{"0.30000000000000004", true, 300001},
		{"1e-6", true, 1},
		{"1e-7", true, 1},
		{"1E-999999999999999999999", true, 1},
		{"9.5e-7", true, 1},
		{"1.05e-5", true, 11},
		{"1.5E+2", true, 150000000},
		{"25e-2", true, 250000},
		{"9223372036854.775807", true, INT64_MAX},
		{"9223372036854.7758061", true, INT64_MAX},
		{"9223372036854.7758071", false, 0},
		{"9223372036854.775808", false, 0},
		{"1e13", false, 0},
		{"1e999999999999999999999", false, 0},
		{"-1", false, 0},
		{"-0.000001", false, 0},
		{"-1e-7", false, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		i64 micro = 0;
		bool fits = json_number_micro(cases[i].number, &micro);
		if (fits != cases[i].fits || (fits && micro != cases[i].micro))
			fail_msg("%s: %s, %lld", cases[i].number, fits ? "fits" : "refused",
				(long long)micro);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_suite),
		cmocka_unit_test(test_corners),
		cmocka_unit_test(test_repeated),
		cmocka_unit_test(test_many_keys),
		cmocka_unit_test(test_many_values),
		cmocka_unit_test(test_scratch),
		cmocka_unit_test(test_siphash),
		cmocka_unit_test(test_micro),
	};

	arena_init(&arena, 256 * 1024 * 1024);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_free(&arena);
	return failed;
}
