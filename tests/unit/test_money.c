/* Arithmetic of money: overflow, signs, rounding, and that no amount is ever approximate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "domain/money.h"
#include "fcgi/core/crypto.h"
#include "fcgi/core/str.h"

#include <cmocka.h>

static const i64 least = INT64_MIN, most = INT64_MAX, past_double = (1LL << 53) + 1;

static void test_add_subtract_multiply(void **state)
{
	const struct {
		const char *name;
		bool (*run)(i64, i64, i64 *);
		i64 a, b;
		bool ok;
		i64 result;
	} cases[] = {
		{"1 + 2", money_add, 1, 2, true, 3},
		{"2^53 + 1 is exact", money_add, past_double, 0, true, 9007199254740993},
		{"2^31 + 2^31", money_add, 1LL << 31, 1LL << 31, true, 1LL << 32},
		{"up to the most", money_add, most - 1, 1, true, most},
		{"past the most", money_add, most, 1, false, 0},
		{"past the least", money_add, least, -1, false, 0},
		{"most + least", money_add, most, least, true, -1},
		{"0 - 1", money_subtract, 0, 1, true, -1},
		{"0 - most", money_subtract, 0, most, true, -most},
		{"0 - least", money_subtract, 0, least, false, 0},
		{"least - 1", money_subtract, least, 1, false, 0},
		{"3 * -4", money_multiply, 3, -4, true, -12},
		{"2^31 * 2^31", money_multiply, 1LL << 31, 1LL << 31, true, 1LL << 62},
		{"2^32 * 2^31", money_multiply, 1LL << 32, 1LL << 31, false, 0},
		{"least * -1", money_multiply, least, -1, false, 0},
		{"most * 0", money_multiply, most, 0, true, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		i64 result = 42;
		printf("%s\n", cases[i].name);
		assert_int_equal(cases[i].run(cases[i].a, cases[i].b, &result), cases[i].ok);
		assert_true(result == (cases[i].ok ? cases[i].result : 42));
	}
}

static void test_divide_and_scale(void **state)
{
	const struct {
		const char *name;
		i64 a, times, by;
		bool ok;
		i64 up, down;
	} cases[] = {
		{"exact", 10, 1, 5, true, 2, 2},
		{"a rest", 11, 1, 5, true, 3, 2},
		{"less than one", 1, 1, 1000000, true, 1, 0},
		{"nothing", 0, 3, 7, true, 0, 0},
		{"negative exact", -10, 1, 5, true, -2, -2},
		{"negative rest", -11, 1, 5, true, -2, -3},
		{"times negative", 11, -1, 5, true, -2, -3},
		{"markup", 100, 115, 100, true, 115, 115},
		{"markup of one", 1, 115, 100, true, 2, 1},
		{"the most by one", most, 1, 1, true, most, most},
		{"the least by one", least, 1, 1, true, least, least},
		{"the most by itself", most, 1, most, true, 1, 1},
		{"most * 2 / 2", most - 1, 2, 2, true, most - 1, most - 1},
		{"most * 115 / 100", most, 115, 100, false, 0, 0},
		{"by nothing", 1, 1, 0, false, 0, 0},
		{"by less than nothing", 1, 1, -1, false, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		i64 up = 42, down = 42;
		printf("%s\n", cases[i].name);
		assert_int_equal(
			money_scale_up(cases[i].a, cases[i].times, cases[i].by, &up), cases[i].ok);
		assert_int_equal(money_scale_down(cases[i].a, cases[i].times, cases[i].by, &down),
			cases[i].ok);
		assert_true(up == (cases[i].ok ? cases[i].up : 42));
		assert_true(down == (cases[i].ok ? cases[i].down : 42));
		if (cases[i].times != 1)
			continue;
		assert_int_equal(money_divide_up(cases[i].a, cases[i].by, &up), cases[i].ok);
		assert_int_equal(money_divide_down(cases[i].a, cases[i].by, &down), cases[i].ok);
		assert_true(up == (cases[i].ok ? cases[i].up : 42));
		assert_true(down == (cases[i].ok ? cases[i].down : 42));
	}
}

static void test_tokens_and_cents(void **state)
{
	const struct {
		const char *name;
		i64 tokens, price;
		bool ok;
		i64 cost;
	} cases[] = {
		{"one token at 3 USD a million", 1, 3000000, true, 3},
		{"one at 0.10 USD: a part is a whole", 1, 100000, true, 1},
		{"11 at 0.10 USD: 1.1", 11, 100000, true, 2},
		{"no tokens", 0, 15000000, true, 0},
		{"free", 1000, 0, true, 0},
		{"a million million at 15 USD", 1000000000000, 15000000, true, 15000000000000},
		{"past the most", most, 15000000, false, 0},
		{"less than none", -1, 1, false, 0},
		{"a negative price", 1, -1, false, 0},
	};
	i64 micro = 42;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		i64 cost = 42;
		printf("%s\n", cases[i].name);
		assert_int_equal(
			money_of_tokens(cases[i].tokens, cases[i].price, &cost), cases[i].ok);
		assert_true(cost == (cases[i].ok ? cases[i].cost : 42));
	}
	assert_true(money_of_cents(-1, &micro) && micro == -10000);
	assert_false(money_of_cents(most / MICRO_PER_CENT + 1, &micro));
	assert_true(money_credit_cents(9999) == 0 && money_charge_cents(1) == 1);
	assert_true(money_credit_cents(-1) == -1 && money_charge_cents(-9999) == 0);
}

/* A credit is 1000 micro-dollars: what there is is rounded down, what is taken up. */
static void test_credits(void **state)
{
	static const struct {
		i64 micro, credit, charge;
	} cases[] = {{0, 0, 0}, {1, 0, 1}, {9, 0, 1}, {10, 1, 1}, {11, 1, 2}, {999, 99, 100},
		{1000, 100, 100}, {5460, 546, 546}, {5461, 546, 547}, {1000000, 100000, 100000},
		{-1, -1, 0}, {-10, -1, -1}, {-11, -2, -1}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		printf("%lld micro-dollars\n", (long long)cases[i].micro);
		assert_true(money_credit_hundredths(cases[i].micro) == cases[i].credit);
		assert_true(money_charge_hundredths(cases[i].micro) == cases[i].charge);
	}
	assert_true(money_credit_hundredths(most) == most / 10);
	assert_true(money_charge_hundredths(most) == most / 10 + 1);
	assert_true(money_credit_hundredths(least) == least / 10 - 1);
}

/* What an operator types as an amount (F-16). */
static void test_text(void **state)
{
	static const char *const refused[] = {"", "-", "+1", " 1", "1 ", "1.5", "1e3", "1e400",
		"0x10", "9223372036854775808", "-9223372036854775809", "NaN", "1,000"};
	i64 value = 42;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		printf("\"%s\"\n", refused[i]);
		assert_false(str_to_i64(refused[i], &value));
		assert_true(value == 42);
	}
	assert_true(str_to_i64("9223372036854775807", &value) && value == most);
	assert_true(str_to_i64("9007199254740993", &value) && value == past_double);
}

static i64 random_amount(void)
{
	i64 value;

	random_bytes(&value, sizeof(value));
	return value >> random_below(64);
}

/* A million random amounts: added and taken off again, converted and back, split and summed. */
static void test_million(void **state)
{
	(void)state;
	for (size_t i = 0; i < 1000000; i++) {
		i64 a = random_amount(), b = random_amount(), sum, back, up = 0, down = 0, by;
		by = (i64)random_below(1000000) + 1;
		if (money_add(a, b, &sum))
			assert_true(money_subtract(sum, b, &back) && back == a);
		else
			assert_true((a < 0) == (b < 0));
		if (money_of_cents(a, &sum)) {
			assert_true(money_credit_cents(sum) == a);
			assert_true(money_charge_cents(sum) == a);
		}
		assert_true(money_divide_up(a, by, &up) && money_divide_down(a, by, &down));
		/* Less than one unit of error, in the direction that the name says. */
		assert_true(up - down == (a % by != 0));
		assert_true(down * by <= a && a - down * by < by);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add_subtract_multiply),
		cmocka_unit_test(test_divide_and_scale),
		cmocka_unit_test(test_tokens_and_cents),
		cmocka_unit_test(test_credits),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_million),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
