/* How the calls of one transfer share what it took from each fund. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "domain/receipt.h"
#include "fcgi/core/crypto.h"

#include <cmocka.h> /* after ours: its macro fail() would hide our function */

enum { CALLS = 5, ROUNDS = 100000 };

static void test_shares(void **state)
{
	/* Of 100, 30 and 40 at face value, and 10 that nobody pays: 180. */
	static const struct charge transfer = {.fund = {100, 30, 46}, .uncollected = 10};
	static const struct {
		const char *name;
		i64 before, cost, topup, allowance, overage, uncollected;
	} cases[] = {
		{"all of it", 0, 180, 100, 30, 46, 10},
		{"the first", 0, 60, 60, 0, 0, 0},
		{"up to the end of a fund", 60, 40, 40, 0, 0, 0},
		{"over the end of a fund", 90, 20, 10, 10, 0, 0},
		{"over a whole fund", 99, 32, 1, 30, 2, 0},
		{"in the overage", 131, 20, 0, 0, 23, 0},
		{"the overage's last", 169, 1, 0, 0, 1, 0},
		{"beyond the overage", 169, 11, 0, 0, 1, 10},
		{"the last", 179, 1, 0, 0, 0, 1},
		{"a call for nothing", 60, 0, 0, 0, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		printf("%s\n", cases[i].name);
		struct charge c = charge_share(&transfer, 180, cases[i].before, cases[i].cost);
		assert_int_equal(c.fund[FUND_TOPUP], cases[i].topup);
		assert_int_equal(c.fund[FUND_ALLOWANCE], cases[i].allowance);
		assert_int_equal(c.fund[FUND_OVERAGE], cases[i].overage);
		assert_int_equal(c.uncollected, cases[i].uncollected);
	}
}

/* Whatever the funds and the calls: the shares are none below nothing and add up to the transfer.
 */
static void test_sums(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROUNDS; i++) {
		i64 part[CALLS], total = 0, before = 0, face, left;
		struct charge transfer = {.uncollected = 0}, sum = {.uncollected = 0};
		for (size_t k = 0; k < CALLS; k++)
			total += part[k] = random_below(200);
		left = total;
		for (size_t k = 0; k < FUND_OVERAGE; k++)
			left -= transfer.fund[k] = random_below((uint32_t)left + 1);
		face = random_below((uint32_t)left + 1);
		transfer.uncollected = left - face;
		assert_true(money_scale_up(face, 115, 100, &transfer.fund[FUND_OVERAGE]));
		for (size_t k = 0; k < CALLS; before += part[k++]) {
			struct charge c = charge_share(&transfer, total, before, part[k]);
			for (size_t f = 0; f < FUND_MAX; f++) {
				assert_true(c.fund[f] >= 0);
				sum.fund[f] += c.fund[f];
			}
			assert_true(c.uncollected >= 0);
			sum.uncollected += c.uncollected;
		}
		for (size_t f = 0; f < FUND_MAX; f++)
			assert_int_equal(sum.fund[f], transfer.fund[f]);
		assert_int_equal(sum.uncollected, transfer.uncollected);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_sums),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
