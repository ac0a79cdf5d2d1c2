/* Encoding of every type, what is left out and what is null; and money: 10^5 random decimals
 * against big-integer arithmetic, cents that are never more than there is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>

#include "fcgi/http/json.h"
#include "fcgi/http/schema.h"

#include <cmocka.h>

static struct arena arena = {.ceiling_bytes = 4 * 1024 * 1024};

struct inner {
	i64 n;
};
SCHEMA(inner, I64(inner, n));

struct all {
	const char *text, *null_text, *json, *null_json;
	i64 number, usd_micro, cents, exact, hundredths, at_us, null_at_us;
	struct opt_i64 maybe, null_maybe;
	bool yes;
	struct opt_bool maybe_yes, null_maybe_yes;
	struct inner *object, *null_object;
	struct inner *items;
	size_t n_items;
	const char *const *tags;
	size_t n_tags;
};
SCHEMA(all, STR(all, text), STR(all, null_text, NULLABLE), JSON(all, json),
	JSON(all, null_json, NULLABLE), I64(all, number), USD_MICRO(all, usd_micro, .json = "usd"),
	CENTS(all, cents), CENTS_EXACT(all, exact), HUNDREDTHS(all, hundredths),
	TIME_S(all, at_us, .json = "at"), TIME_S(all, null_at_us, NULLABLE, .json = "null_at"),
	OPT_I64(all, maybe), OPT_I64(all, null_maybe, NULLABLE), BOOL(all, yes),
	OPT_BOOL(all, maybe_yes), OPT_BOOL(all, null_maybe_yes, NULLABLE),
	OBJECT(all, object, inner), OBJECT(all, null_object, inner, NULLABLE),
	ARRAY(all, items, inner), STR_ARRAY(all, tags));

struct pair {
	const char *a, *b;
};
SCHEMA(pair, STR(pair, a), STR(pair, b));

struct times {
	i64 always, never;
};
SCHEMA(times, TIME_S(times, always, REQUIRED), TIME_S(times, never));

static const char *encoded(const struct schema *s, const void *value)
{
	struct buf b;

	buf_init(&b, &arena, 0);
	schema_encode(s, value, &b);
	assert_null(json_check(&arena, b.data, b.length));
	return b.data;
}

static void test_everything(void **state)
{
	const char *const tags[] = {"x", "\"y\""};
	struct inner items[] = {{1}, {2}}, object = {3};
	struct all full = {
		.text = "a\"é",
		.null_text = "t",
		.json = "[1, {}]",
		.null_json = "{}",
		.number = INT64_MIN,
		.usd_micro = 1500000,
		.cents = 19999,
		.exact = 19999,
		.hundredths = -550,
		.at_us = 1999999,
		.null_at_us = 1000000,
		.maybe = {true, 0},
		.null_maybe = {true, INT64_MAX},
		.yes = true,
		.maybe_yes = {true, false},
		.null_maybe_yes = {true, true},
		.object = &object,
		.null_object = &object,
		.items = items,
		.n_items = 2,
		.tags = tags,
		.n_tags = 2,
	};
	struct all empty = {0};

	(void)state;
	assert_string_equal(encoded(&all_schema, &full),
		"{\"text\":\"a\\\"é\",\"null_text\":\"t\",\"json\":[1, {}],\"null_json\":{},"
		"\"number\":-9223372036854775808,\"usd\":1.5,\"cents\":1,\"exact\":1.9999,"
		"\"hundredths\":-5.5,\"at\":1,\"null_at\":1,\"maybe\":0,\"null_maybe\":"
		"9223372036854775807,"
		"\"yes\":true,\"maybe_yes\":false,\"null_maybe_yes\":true,\"object\":{\"n\":3},"
		"\"null_object\":{\"n\":3},\"items\":[{\"n\":1},{\"n\":2}],"
		"\"tags\":[\"x\",\"\\\"y\\\"\"]}");
	assert_string_equal(encoded(&all_schema, &empty),
		"{\"null_text\":null,\"null_json\":null,\"number\":0,\"usd\":0,\"cents\":0,"
		"\"exact\":0,\"hundredths\":0,\"null_at\":null,\"null_maybe\":null,\"yes\":false,"
		"\"null_maybe_yes\":null,\"null_object\":null,\"items\":[],\"tags\":[]}");
	arena_reset(&arena);
}

static void test_commas(void **state)
{
	static const struct {
		struct pair value;
		const char *json;
	} cases[] = {
		{{NULL, NULL}, "{}"},
		{{"1", NULL}, "{\"a\":\"1\"}"},
		{{NULL, "2"}, "{\"b\":\"2\"}"},
		{{"1", "2"}, "{\"a\":\"1\",\"b\":\"2\"}"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		print_message("  %s\n", cases[i].json);
		assert_string_equal(encoded(&pair_schema, &cases[i].value), cases[i].json);
	}
	arena_reset(&arena);
}

struct money {
	i64 usd, cents, exact;
};
SCHEMA(money, USD_MICRO(money, usd), CENTS(money, cents), CENTS_EXACT(money, exact));

static const struct {
	i64 micro;
	const char *usd, *cents, *exact;
} money_cases[] = {
	{0, "0", "0", "0"},
	{1, "0.000001", "0", "0.0001"},
	{-1, "-0.000001", "-1", "-0.0001"},
	{9999, "0.009999", "0", "0.9999"},
	{-9999, "-0.009999", "-1", "-0.9999"},
	{10000, "0.01", "1", "1"},
	{-10000, "-0.01", "-1", "-1"},
	{10001, "0.010001", "1", "1.0001"},
	{-10001, "-0.010001", "-2", "-1.0001"},
	{19900, "0.0199", "1", "1.99"},
	{1000000, "1", "100", "100"},
	{100000, "0.1", "10", "10"},
	{123456789, "123.456789", "12345", "12345.6789"},
	{INT64_MAX, "9223372036854.775807", "922337203685477", "922337203685477.5807"},
	{INT64_MIN, "-9223372036854.775808", "-922337203685478", "-922337203685477.5808"},
};

static void test_money(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(money_cases); i++) {
		i64 micro = money_cases[i].micro;
		struct money value = {micro, micro, micro};
		print_message("  %s\n", money_cases[i].usd);
		assert_string_equal(encoded(&money_schema, &value),
			arena_printf(&arena, "{\"usd\":%s,\"cents\":%s,\"exact\":%s}",
				money_cases[i].usd, money_cases[i].cents, money_cases[i].exact));
		arena_reset(&arena);
	}
}

/* "12.5e-3" in micro-dollars rounded up, or INT64_MIN when that is more than an i64 holds. */
static i64 big_micro(const char *number)
{
	const char *point = strchr(number, '.'), *e = strchr(number, 'e');
	int length = (int)strcspn(number, "e"), whole = (int)strcspn(number, ".e");
	int n_decimals = (point != NULL ? length - whole - 1 : 0) - (e != NULL ? atoi(e + 1) : 0);
	char digits[64];
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *n = NULL, *scale = NULL, *rest = BN_new(), *limit = NULL;

	snprintf(digits, sizeof(digits), "%.*s%.*s", whole, number,
		point != NULL ? length - whole - 1 : 0, number + whole + 1);
	BN_dec2bn(&n, digits);
	BN_dec2bn(&scale, "1");
	for (int i = 0; i < n_decimals; i++)
		BN_mul_word(scale, 10);
	for (int i = n_decimals; i < 0; i++)
		BN_mul_word(n, 10);
	BN_mul_word(n, 1000000);
	BN_div(n, rest, n, scale, ctx);
	if (!BN_is_zero(rest))
		BN_add_word(n, 1);
	BN_dec2bn(&limit, "9223372036854775807");
	i64 micro = BN_cmp(n, limit) > 0 ? INT64_MIN : (i64)BN_get_word(n);
	BN_free(n);
	BN_free(scale);
	BN_free(rest);
	BN_free(limit);
	BN_CTX_free(ctx);
	return micro;
}

/* Digits with none in front that JSON forbids; lengths where the range ends come often. */
static void random_decimal(unsigned *seed, char *out)
{
	int n_whole = 1 + rand_r(seed) % 16, n_decimals = rand_r(seed) % 24;

	if (rand_r(seed) % 4 == 0)
		n_whole = 13;
	for (int i = 0; i < n_whole; i++)
		*out++ = (char)('0' + rand_r(seed) % 10);
	if (n_whole > 1 && out[-n_whole] == '0')
		out[-n_whole] = '9';
	if (n_decimals > 0)
		*out++ = '.';
	for (int i = 0; i < n_decimals; i++) /* many zeros and nines: ties and carries */
		*out++ = "0123456789000099"[rand_r(seed) % 16];
	*out = '\0';
	if (rand_r(seed) % 4 == 0)
		sprintf(out, "e%d", rand_r(seed) % 40 - 32);
}

struct price {
	i64 usd;
};
SCHEMA(price, USD_MICRO(price, usd));

static void check_price(const char *decimal)
{
	struct fail f = {.arena = &arena};
	struct price price = {-1};
	const char *why;
	const char *json = arena_printf(&arena, "{\"usd\":%s}", decimal);
	i64 expected = big_micro(decimal);
	scoped(json_object) *doc = json_read(&arena, json, strlen(json), &why);

	assert_null(why);
	int rc = schema_bind_body(&price_schema, doc, &price, &arena, &f);
	if (rc != (expected == INT64_MIN ? E_INVALID_FIELD : 0) ||
		(rc == 0 && price.usd != expected))
		fail_msg("%s: %d, %lld instead of %lld", decimal, rc, (long long)price.usd,
			(long long)expected);
	if (expected == INT64_MIN)
		assert_string_equal(f.fault[0].rule, "range");
}

static void test_dollars_are_exact(void **state)
{
	static const char *const edges[] = {"0", "0.0", "0.0000001", "0.0000000",
		"0.00000000000000000000001", "0.1", "0.7", "1.005", "1.0050000", "0.9999999",
		"9223372036854.775807", "9223372036854.7758070", "9223372036854.7758071",
		"9223372036854.775808", "9223372036855", "9223372036854.7758069999",
		"18446744073709551615", "92233720368547758.07"};
	unsigned seed = 20260131;
	size_t n_refused = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(edges); i++) {
		print_message("  %s\n", edges[i]);
		check_price(edges[i]);
	}
	for (int i = 0; i < 100000; i++) {
		char decimal[48];
		random_decimal(&seed, decimal);
		check_price(decimal);
		n_refused += big_micro(decimal) == INT64_MIN ? 1 : 0;
		arena_reset(&arena);
	}
	print_message("  %zu of 100000 were out of range\n", n_refused);
	assert_true(n_refused > 1000 && n_refused < 50000);
}

/* What goes out comes back as the same number. */
static void test_round_trip(void **state)
{
	unsigned seed = 7;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		u64 random =
			(u64)rand_r(&seed) << 42 ^ (u64)rand_r(&seed) << 21 ^ (u64)rand_r(&seed);
		struct price out = {(i64)(random >> 1 >> random % 48)}, in = {-1};
		struct fail f = {.arena = &arena};
		const char *why, *json = encoded(&price_schema, &out);
		scoped(json_object) *doc = json_read(&arena, json, strlen(json), &why);
		assert_int_equal(schema_bind_body(&price_schema, doc, &in, &arena, &f), 0);
		assert_int_equal(in.usd, out.usd);
		arena_reset(&arena);
	}
}

/* A time that is promised is there, even the first second of 1970. */
static void test_required_time(void **state)
{
	struct times times = {0, 0};

	(void)state;
	assert_string_equal(encoded(&times_schema, &times), "{\"always\":0}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_commas),
		cmocka_unit_test(test_money),
		cmocka_unit_test(test_dollars_are_exact),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_required_time),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	arena_free(&arena);
	return failed;
}
