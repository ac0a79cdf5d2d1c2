/* What calls cost: examples with their sums, the ends of the range, and random calls against sums
 * made another way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "domain/models.h"

#include <cmocka.h>

#define USD 1000000
static const struct model_price sonnet = {.input = 3 * USD,
	.cached_input = 300000,
	.cache_write = 3750000,
	.cache_write_1h = 6 * USD,
	.output = 15 * USD,
	.reasoning = 15 * USD,
	.multiplier = MODEL_MULTIPLIER_ONE};
static const struct model_price one_micro = {.input = 1,
	.cached_input = 1,
	.cache_write = 1,
	.cache_write_1h = 1,
	.output = 1,
	.reasoning = 1,
	.multiplier = MODEL_MULTIPLIER_ONE};
static const struct model_price nothing = {.multiplier = MODEL_MULTIPLIER_ONE};
static const struct model_price dear = {.input = 10000 * (i64)USD,
	.cached_input = 10000 * (i64)USD,
	.cache_write = 10000 * (i64)USD,
	.cache_write_1h = 10000 * (i64)USD,
	.output = 10000 * (i64)USD,
	.reasoning = 10000 * (i64)USD,
	.multiplier = 1000 * (i64)MODEL_MULTIPLIER_ONE};
static const struct model_price thirds = {
	.input = 3 * USD, .output = 15 * USD, .reasoning = 60 * USD, .multiplier = 1333333};
static const struct model_price highest = {
	INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX};

static const struct {
	const char *name;
	const struct model_price *price;
	struct token_counts tokens;
	int rc;
	i64 micro;
} cases[] = {
	{"nothing", &sonnet, {0}, 0, 0},
	{"the contract's example: 120 in, 340 out", &sonnet, {.input = 120, .output = 340}, 0,
		5460},
	{"each class at its price", &sonnet,
		{.input = 1000, .cached = 10000, .cache_write = 2000, .output = 100}, 0,
		3000 + 3000 + 7500 + 1500},
	{"an hour's cache is part of what was written", &sonnet,
		{.cache_write = 2000, .cache_write_1h = 500}, 0, 5625 + 3000},
	{"all of it for an hour", &sonnet, {.cache_write = 500, .cache_write_1h = 500}, 0, 3000},
	{"more for an hour than was written", &sonnet, {.cache_write = 500, .cache_write_1h = 501},
		0, 3000},
	{"reasoning is part of output", &sonnet, {.output = 340, .reasoning = 300}, 0, 5100},
	{"reasoning at its own price", &thirds, {.output = 300, .reasoning = 200}, 0, 18000},
	{"more reasoning than output", &thirds, {.output = 100, .reasoning = 200}, 0, 8000},
	{"one token of a millionth is a whole micro-dollar", &one_micro, {.input = 1}, 0, 1},
	{"rounded once, not by class", &one_micro,
		{.input = 1, .cached = 1, .cache_write = 1, .output = 2, .reasoning = 1}, 0, 1},
	{"exactly a micro-dollar", &one_micro, {.input = 1000000}, 0, 1},
	{"a little more", &one_micro, {.input = 1000001}, 0, 2},
	{"the multiplier before rounding", &thirds, {.input = 1}, 0, 4},
	{"the multiplier, exact", &thirds, {.input = 3000000}, 0, 11999997},
	{"free", &nothing, {.input = INT64_MAX, .output = INT64_MAX}, 0, 0},
	{"a context of a billion at the highest price and multiplier", &dear, {.input = 922337}, 0,
		9223370000000},
	{"the most that fits", &one_micro, {.input = INT64_MAX}, 0, 9223372036855},
	{"does not fit 64 bits", &dear, {.input = INT64_MAX}, -1, 0},
	{"does not fit 128 bits", &highest, {.input = INT64_MAX}, -1, 0},
	{"the sum does not fit 128 bits", &highest,
		{INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX}, -1, 0},
	{"negative input", &sonnet, {.input = -1}, -1, 0},
	{"negative cached", &sonnet, {.cached = -1}, -1, 0},
	{"negative cache write", &sonnet, {.cache_write = -1}, -1, 0},
	{"negative hour", &sonnet, {.cache_write_1h = -1}, -1, 0},
	{"negative output", &sonnet, {.output = -1}, -1, 0},
	{"negative reasoning", &sonnet, {.output = 5, .reasoning = -1}, -1, 0},
	{"the lowest number", &sonnet, {.output = INT64_MIN, .reasoning = INT64_MIN}, -1, 0},
};

static void test_cost(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		i64 micro = -7;
		print_message("  %s\n", cases[i].name);
		assert_int_equal(model_cost(cases[i].price, &cases[i].tokens, &micro), cases[i].rc);
		assert_int_equal(micro, cases[i].rc == 0 ? cases[i].micro : -7);
	}
}

static const struct {
	const char *name;
	const struct model_price *price;
	i64 bytes, n_images, max_tokens;
	int rc;
	i64 micro;
} estimates[] = {
	{"nothing", &sonnet, 0, 0, 0, 0, 0},
	{"a token for three bytes begun", &sonnet, 1, 0, 0, 0, 3},
	{"three bytes", &sonnet, 3, 0, 0, 0, 3},
	{"four bytes", &sonnet, 4, 0, 0, 0, 6},
	{"an image", &sonnet, 0, 1, 0, 0, 4800},
	{"output", &sonnet, 0, 0, 4096, 0, 61440},
	{"all of it", &sonnet, 3000, 2, 1000, 0, 3000 + 9600 + 15000},
	{"output at the dearer of its prices", &thirds, 0, 0, 100, 0, 8000},
	{"free", &nothing, 1000, 1, 1000, 0, 0},
	{"the most bytes", &one_micro, INT64_MAX, 0, 0, 0, 3074457345619},
	{"too much", &dear, INT64_MAX, 0, 0, -1, 0},
	{"negative bytes", &sonnet, -1, 0, 0, -1, 0},
	{"negative images", &sonnet, 0, -1, 0, -1, 0},
	{"negative output", &sonnet, 0, 0, -1, -1, 0},
};

static void test_estimate(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(estimates); i++) {
		struct model model = {.price = nothing, .price_limit = *estimates[i].price};
		i64 micro = -7;
		print_message("  %s\n", estimates[i].name);
		assert_int_equal(model_estimate(&model, estimates[i].bytes, estimates[i].n_images,
					 estimates[i].max_tokens, &micro),
			estimates[i].rc);
		assert_int_equal(micro, estimates[i].rc == 0 ? estimates[i].micro : -7);
	}
}

/* The cost lies in [exact, exact + 1): micro x 10^12 in long division, digit by digit. */
static void test_random(void **state)
{
	unsigned seed = 20261122;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		struct model_price p = {rand_r(&seed) % 100000000, rand_r(&seed) % 10000000,
			rand_r(&seed) % 100000000, rand_r(&seed) % 200000000,
			rand_r(&seed) % 200000000, rand_r(&seed) % 3000000,
			rand_r(&seed) % 100000000};
		struct token_counts t = {rand_r(&seed) % 1000000, rand_r(&seed) % 1000000,
			rand_r(&seed) % 100000, 0, rand_r(&seed) % 100000, 0};
		t.cache_write_1h = rand_r(&seed) % (t.cache_write + 1);
		t.reasoning = rand_r(&seed) % (t.output + 1);
		unsigned __int128 whole =
			(unsigned __int128)t.input * (u64)p.input +
			(unsigned __int128)t.cached * (u64)p.cached_input +
			(unsigned __int128)(t.cache_write - t.cache_write_1h) * (u64)p.cache_write +
			(unsigned __int128)t.cache_write_1h * (u64)p.cache_write_1h +
			(unsigned __int128)(t.output - t.reasoning) * (u64)p.output +
			(unsigned __int128)t.reasoning * (u64)p.reasoning;
		unsigned __int128 scale = (unsigned __int128)1000000 * 1000000;
		i64 micro;
		whole *= (u64)p.multiplier;
		assert_int_equal(model_cost(&p, &t, &micro), 0);
		assert_true((unsigned __int128)micro * scale >= whole);
		assert_true((unsigned __int128)micro * scale < whole + scale);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cost),
		cmocka_unit_test(test_estimate),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
