/* The ledger, one thing at a time. After every test the books are proven. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/core/clock.h"
#include "ledger_world.h"

#include <cmocka.h> /* after ours: its macro fail() would hide our function */

static struct support s;
static u64 user;

static int set_up(void **state)
{
	(void)state;
	support_connect(&s, 2);
	user = world_user(&s);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	world_verify(&s);
	support_close(&s);
	return 0;
}

static void has(i64 topup, i64 allowance, i64 overage, i64 spendable)
{
	struct ledger_balance b = world_balance(&s, user);
	i64 view = support_admin(arena_printf(&s.arena,
		"SELECT topup_micro FROM users WHERE user_id = %llu", (unsigned long long)user));

	if (b.balance[FUND_TOPUP] != topup || b.balance[FUND_ALLOWANCE] != allowance ||
		b.balance[FUND_OVERAGE] != overage || b.spendable != spendable || view != topup)
		fail_msg("has %lld (view %lld), %lld, %lld and can spend %lld; expected %lld, "
			 "%lld, %lld, %lld",
			(long long)b.balance[FUND_TOPUP], (long long)view,
			(long long)b.balance[FUND_ALLOWANCE], (long long)b.balance[FUND_OVERAGE],
			(long long)b.spendable, (long long)topup, (long long)allowance,
			(long long)overage, (long long)spendable);
}

static void reserves(i64 topup, i64 allowance, i64 overage)
{
	struct ledger_balance b = world_balance(&s, user);

	assert_int_equal(b.reserved[FUND_TOPUP], topup);
	assert_int_equal(b.reserved[FUND_ALLOWANCE], allowance);
	assert_int_equal(b.reserved[FUND_OVERAGE], overage);
}

static void settles(const char *hold, i64 cost, int rc, struct ledger_receipt *ret)
{
	support_expect(&s, ledger_settle(&s.db, user, hold, cost, WORLD_NOW, ret), rc, NULL);
}

static void enable_overage(bool enabled)
{
	support_admin(
		arena_printf(&s.arena, "UPDATE users SET overage_enabled = %d WHERE user_id = %llu",
			enabled, (unsigned long long)user));
}

static void resets_allowance(i64 amount, i64 now_us)
{
	struct ledger_change c = world_change(user, amount, world_key(&s));
	struct ledger_posted posted;

	c.now_us = now_us;
	support_expect(&s, ledger_reset_allowance(&s.db, &c, now_us + S_TO_US(30 * 86400), &posted),
		0, NULL);
}

typedef int change_fn(struct db *db, const struct ledger_change *c, struct ledger_posted *ret);

static void test_amounts(void **state)
{
	const struct {
		const char *name;
		change_fn *run;
		i64 amount;
		int rc;
		i64 topup;
	} cases[] = {
		{"grant", ledger_grant, 5, 0, 5},
		{"purchase", ledger_purchase, 5, 0, 5},
		{"adjust up", ledger_adjust, 5, 0, 5},
		{"adjust down without credit", ledger_adjust, -1, E_INSUFFICIENT_BALANCE, 0},
		{"grant nothing", ledger_grant, 0, E_BAD_REQUEST, 0},
		{"adjust by nothing", ledger_adjust, 0, E_BAD_REQUEST, 0},
		{"grant -1", ledger_grant, -1, E_BAD_REQUEST, 0},
		{"purchase -1", ledger_purchase, -1, E_BAD_REQUEST, 0},
		{"grant 2^31", ledger_grant, 1LL << 31, 0, 1LL << 31},
		{"grant 2^53 + 1", ledger_grant, (1LL << 53) + 1, 0, (1LL << 53) + 1},
		{"adjust by the least", ledger_adjust, INT64_MIN, E_BAD_REQUEST, 0},
		{"adjust by nearly the least", ledger_adjust, -INT64_MAX, E_INSUFFICIENT_BALANCE,
			0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ledger_posted posted;
		printf("%s\n", cases[i].name);
		user = world_user(&s);
		struct ledger_change c = world_change(user, cases[i].amount, world_key(&s));
		support_expect(&s, cases[i].run(&s.db, &c, &posted), cases[i].rc, NULL);
		has(cases[i].topup, 0, 0, cases[i].topup);
	}
}

/* A sum past 2^63 is refused, not wrapped. */
static void test_overflow(void **state)
{
	struct ledger_change c = world_change(user, 1LL << 62, world_key(&s));
	struct ledger_posted posted;

	(void)state;
	support_expect(&s, ledger_grant(&s.db, &c, &posted), 0, NULL);
	c.cause.key = world_key(&s);
	support_expect(&s, ledger_grant(&s.db, &c, &posted), E_BAD_REQUEST, NULL);
	has(1LL << 62, 0, 0, 1LL << 62);
	c.cause.key = world_key(&s);
	c.amount = -(1LL << 62);
	support_expect(&s, ledger_adjust(&s.db, &c, &posted), 0, NULL);
}

static void test_replay(void **state)
{
	struct ledger_change c = world_change(user, 100, world_key(&s));
	struct ledger_posted first, again;

	(void)state;
	support_expect(&s, ledger_grant(&s.db, &c, &first), 0, NULL);
	assert_false(first.is_replay);
	support_expect(&s, ledger_grant(&s.db, &c, &again), 0, NULL);
	assert_true(again.is_replay);
	assert_int_equal(again.transfer_id, first.transfer_id);
	c.amount = 101;
	support_expect(&s, ledger_grant(&s.db, &c, &again), E_IDEMPOTENCY_MISMATCH, NULL);
	c.amount = 100;
	support_expect(&s, ledger_purchase(&s.db, &c, &again), E_IDEMPOTENCY_MISMATCH, NULL);
	/* Also when the funds that it needed are gone by now. */
	c.amount = -60;
	c.cause.key = world_key(&s);
	support_expect(&s, ledger_adjust(&s.db, &c, &first), 0, NULL);
	support_expect(&s, ledger_adjust(&s.db, &c, &again), 0, NULL);
	assert_int_equal(again.transfer_id, first.transfer_id);
	has(40, 0, 0, 40);
}

static void test_causes(void **state)
{
	char *text = arena_alloc(&s.arena, 600);
	struct ledger_change good = world_change(user, 1, world_key(&s)), c;
	struct ledger_posted posted;

	(void)state;
	memset(text, 'x', 501);
	c = good, c.cause.note = text;
	support_expect(&s, ledger_grant(&s.db, &c, &posted), E_BAD_REQUEST, NULL);
	c.cause.note = text + 1;
	support_expect(&s, ledger_grant(&s.db, &c, &posted), 0, NULL);
	c = good, c.cause.key = "";
	support_expect(&s, ledger_grant(&s.db, &c, &posted), E_BAD_REQUEST, NULL);
	c = good, c.cause.reference_kind = "seventeen letters";
	support_expect(&s, ledger_grant(&s.db, &c, &posted), E_BAD_REQUEST, NULL);
	c = good, c.cause.reference_id = NULL;
	support_expect(&s, ledger_grant(&s.db, &c, &posted), E_BAD_REQUEST, NULL);
	c = good, c.user_id = UINT64_MAX;
	support_expect(&s, ledger_grant(&s.db, &c, &posted), E_NOT_FOUND, NULL);
	has(1, 0, 0, 1);
}

static void test_transfers(void **state)
{
	u64 other = world_user(&s);

	(void)state;
	world_grant(&s, user, 100);
	world_grant(&s, other, 100);
	u64 a = world_account(user, FUND_TOPUP), b = world_account(other, FUND_TOPUP);
	const struct {
		const char *name;
		struct ledger_leg leg[3];
		size_t n;
		int rc;
		i64 topup;
	} cases[] = {
		{"to another", {{a, -30}, {b, 30}}, 2, 0, 70},
		{"back", {{b, -30}, {a, 30}}, 2, 0, 100},
		{"to oneself", {{a, -30}, {a, 30}}, 2, E_BAD_REQUEST, 100},
		{"more than there is", {{a, -101}, {b, 101}}, 2, E_INSUFFICIENT_BALANCE, 100},
		{"all of it", {{a, -100}, {b, 100}}, 2, 0, 0},
		{"and back", {{b, -100}, {a, 100}}, 2, 0, 100},
		{"out of nothing", {{a, 1}, {b, 1}}, 2, E_BAD_REQUEST, 100},
		{"one side", {{a, 0}, {b, 0}}, 1, E_BAD_REQUEST, 100},
		{"no side", {{a, 0}}, 0, E_BAD_REQUEST, 100},
		{"of nothing", {{a, 0}, {b, 0}}, 2, E_BAD_REQUEST, 100},
		{"wrapping around", {{a, INT64_MIN}, {b, INT64_MIN}}, 2, E_BAD_REQUEST, 100},
		{"past the most", {{b, INT64_MAX}, {1, -INT64_MAX}}, 2, E_BAD_REQUEST, 100},
		{"to nobody", {{a, -1}, {UINT32_MAX, 1}}, 2, E_NOT_FOUND, 100},
		{"in three parts", {{a, -10}, {b, 7}, {1, 3}}, 3, 0, 90},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ledger_change c = world_change(user, 0, world_key(&s));
		struct ledger_posted posted;
		printf("%s\n", cases[i].name);
		support_expect(&s,
			ledger_transfer(&s.db, "test", &c.cause, cases[i].leg, cases[i].n,
				WORLD_NOW, &posted),
			cases[i].rc, NULL);
		assert_int_equal(world_balance(&s, user).balance[FUND_TOPUP], cases[i].topup);
	}
}

static void test_hold_and_settle(void **state)
{
	const struct {
		const char *name;
		i64 hold, cost;
		int rc, settle_rc;
		i64 topup, allowance, uncollected;
	} cases[] = {
		{"less than held", 100, 40, 0, 0, 60, 50, 0},
		{"all that was held", 100, 100, 0, 0, 0, 50, 0},
		{"two funds", 130, 120, 0, 0, 0, 30, 0},
		{"nothing", 100, 0, 0, 0, 100, 50, 0},
		{"more than held, and there is more", 10, 120, 0, 0, 0, 30, 0},
		{"more than there is", 10, 170, 0, 0, 0, 0, 20},
		{"everything", 150, 150, 0, 0, 0, 0, 0},
		{"one too many", 151, 0, E_INSUFFICIENT_BALANCE, 0, 100, 50, 0},
		{"hold nothing", 0, 0, E_BAD_REQUEST, 0, 100, 50, 0},
		{"hold less", -1, 0, E_BAD_REQUEST, 0, 100, 50, 0},
		{"hold the most", INT64_MAX, 0, E_INSUFFICIENT_BALANCE, 0, 100, 50, 0},
		{"a negative cost", 10, -1, 0, E_BAD_REQUEST, 100, 50, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ledger_receipt r = {.cost = 0}, again;
		const char *hold;
		printf("%s\n", cases[i].name);
		user = world_user(&s);
		world_grant(&s, user, 100);
		resets_allowance(50, WORLD_NOW);
		support_expect(&s, world_hold(&s, user, cases[i].hold, &hold), cases[i].rc, NULL);
		if (cases[i].rc == 0) {
			has(100, 50, 0, 150 - cases[i].hold);
			settles(hold, cases[i].cost, cases[i].settle_rc, &r);
		}
		if (cases[i].rc == 0 && cases[i].settle_rc == 0) {
			settles(hold, cases[i].cost, 0, &again);
			assert_true(again.is_replay);
			assert_int_equal(again.cost, cases[i].cost);
			settles(hold, cases[i].cost + 1, E_IDEMPOTENCY_MISMATCH, &again);
			support_expect(
				&s, ledger_release(&s.db, user, hold, WORLD_NOW), E_CONFLICT, NULL);
			reserves(0, 0, 0);
		}
		assert_int_equal(r.uncollected, cases[i].uncollected);
		i64 held = cases[i].settle_rc != 0 ? cases[i].hold : 0;
		has(cases[i].topup, cases[i].allowance, 0,
			cases[i].topup + cases[i].allowance - held);
	}
}

static void test_release_and_foreign_holds(void **state)
{
	u64 other = world_user(&s);
	struct ledger_receipt r;
	const char *hold;

	(void)state;
	world_grant(&s, user, 100);
	support_expect(&s, world_hold(&s, user, 80, &hold), 0, NULL);
	support_expect(&s, ledger_release(&s.db, other, hold, WORLD_NOW), E_NOT_FOUND, NULL);
	support_expect(&s, ledger_settle(&s.db, other, hold, 1, WORLD_NOW, &r), E_NOT_FOUND, NULL);
	reserves(80, 0, 0);
	for (size_t i = 0; i < 2; i++) /* again: fine */
		support_expect(&s, ledger_release(&s.db, user, hold, WORLD_NOW), 0, NULL);
	has(100, 0, 0, 100);
	/* The goods came all the same. */
	settles(hold, 30, 0, &r);
	assert_int_equal(r.charged[FUND_TOPUP], 30);
	has(70, 0, 0, 70);
}

static void test_holds_protect_each_other(void **state)
{
	struct ledger_receipt r;
	const char *first, *second;

	(void)state;
	world_grant(&s, user, 100);
	support_expect(&s, world_hold(&s, user, 60, &first), 0, NULL);
	support_expect(&s, world_hold(&s, user, 40, &second), 0, NULL);
	settles(first, 90, 0, &r); /* 60 are its own, 40 the other's */
	assert_int_equal(r.charged[FUND_TOPUP], 60);
	assert_int_equal(r.uncollected, 30);
	settles(second, 40, 0, &r);
	assert_int_equal(r.uncollected, 0);
	has(0, 0, 0, 0);
}

static void test_overage(void **state)
{
	const i64 ceiling = (i64)OVERAGE_CEILING_CENTS * MICRO_PER_CENT;
	struct ledger_change c = world_change(user, 0, world_key(&s));
	struct ledger_posted posted;
	struct ledger_receipt r;
	const char *hold;
	i64 amount, face;

	(void)state;
	world_grant(&s, user, 10);
	enable_overage(true);
	assert_true(money_scale_down(ceiling, 100, 115, &face));
	has(10, 0, 0, 10 + face);
	support_expect(&s, world_hold(&s, user, 11 + face, &hold), E_INSUFFICIENT_BALANCE, NULL);
	support_expect(&s, world_hold(&s, user, 10 + 101, &hold), 0, NULL);
	reserves(10, 0, 117); /* 116.15 */
	enable_overage(false);
	has(10, 0, 0, 0);
	settles(hold, 10 + 200, 0, &r); /* what was held still may be taken */
	assert_int_equal(r.charged[FUND_OVERAGE], 117);
	assert_int_equal(r.uncollected, 99);
	has(0, 0, -117, 0);
	enable_overage(true);
	support_expect(&s, ledger_bill_overage(&s.db, &c, &amount, &posted), 0, NULL);
	assert_int_equal(amount, 117);
	support_expect(&s, ledger_bill_overage(&s.db, &c, &amount, &posted), 0, NULL);
	assert_int_equal(amount, 0);
	has(0, 0, 0, face);
	support_expect(&s, world_hold(&s, user, face, &hold), 0, NULL);
	settles(hold, 2 * face, 0, &r);
	assert_true(r.charged[FUND_OVERAGE] <= ceiling && r.charged[FUND_OVERAGE] > ceiling - 2);
	assert_int_equal(r.uncollected, face);
}

static void test_lots(void **state)
{
	struct ledger_change c = world_change(user, 0, NULL);
	struct ledger_posted posted;
	struct ledger_receipt r;
	const char *hold;
	size_t n;

	(void)state;
	for (i64 i = 0; i < 3; i++) { /* 100 each, a month apart */
		c.amount = 100;
		c.now_us = WORLD_NOW + i * S_TO_US(30 * 86400);
		c.cause.key = world_key(&s);
		support_expect(&s, ledger_purchase(&s.db, &c, &posted), 0, NULL);
	}
	support_expect(&s, world_hold(&s, user, 150, &hold), 0, NULL);
	settles(hold, 150, 0, &r);
	struct ledger_lots_row *lot;
	support_expect(&s, sql_ledger_lots(&s.db, user, &lot, &n), 0, NULL);
	assert_int_equal(n, 2); /* the oldest first */
	assert_int_equal(lot[0].remaining, 50);
	assert_int_equal(lot[1].remaining, 100);

	/* What is reserved does not expire; it does once it is free. */
	support_expect(&s, world_hold(&s, user, 140, &hold), 0, NULL);
	i64 later = lot[0].expires_at_us.value;
	support_admin(
		arena_printf(&s.arena, "UPDATE hold SET deadline_at_us = %lld WHERE user_id = %llu",
			(long long)later + 1000, (unsigned long long)user));
	support_expect(&s, ledger_sweep(&s.db, later - 1, &n), 0, NULL);
	has(150, 0, 0, 10);
	support_expect(&s, ledger_sweep(&s.db, later, &n), 0, NULL);
	assert_int_equal(n, 1);
	has(140, 0, 0, 0);
	world_verify(&s);
	support_expect(&s, ledger_sweep(&s.db, later + 1000, &n), 0, NULL);
	support_expect(&s, ledger_sweep(&s.db, later + 1000, &n), 0, NULL);
	has(100, 0, 0, 100);
	/* A hold finds what has expired by itself. */
	struct ledger_hold h = {.user_id = user,
		.amount = 1,
		.deadline_at_us = INT64_MAX,
		.reference_kind = "test",
		.reference_id = "1",
		.now_us = later + S_TO_US(366 * 86400)};
	support_expect(&s, ledger_hold(&s.db, &h, &hold), E_INSUFFICIENT_BALANCE, NULL);
}

static void test_allowance(void **state)
{
	struct ledger_change c = world_change(user, 500, world_key(&s));
	const i64 next_us = WORLD_NOW + S_TO_US(30 * 86400);
	struct ledger_posted posted;
	struct ledger_receipt r;
	const char *hold;

	(void)state;
	support_expect(&s, ledger_reset_allowance(&s.db, &c, next_us, &posted), 0, NULL);
	support_expect(&s, ledger_reset_allowance(&s.db, &c, next_us, &posted), 0, NULL);
	assert_true(posted.is_replay);
	has(0, 500, 0, 500);
	support_expect(&s, world_hold(&s, user, 200, &hold), 0, NULL);
	settles(hold, 100, 0, &r);
	assert_int_equal(r.charged[FUND_ALLOWANCE], 100);
	resets_allowance(300, WORLD_NOW); /* no carry-over */
	has(0, 300, 0, 300);
	support_expect(&s, world_hold(&s, user, 200, &hold), 0, NULL);
	resets_allowance(0, WORLD_NOW); /* the plan has ended, a call has not */
	has(0, 200, 0, 0);
	settles(hold, 50, 0, &r);
	size_t n;
	support_expect(&s, ledger_sweep(&s.db, WORLD_NOW + 1, &n), 0, NULL);
	has(0, 0, 0, 0);
	support_expect(
		&s, ledger_reset_allowance(&s.db, &c, WORLD_NOW, &posted), E_BAD_REQUEST, NULL);
}

static void test_refund(void **state)
{
	struct ledger_change c = world_change(user, 30, world_key(&s));
	struct ledger_posted posted;
	struct ledger_receipt r;
	const char *hold;

	(void)state;
	world_grant(&s, user, 100);
	support_expect(&s, world_hold(&s, user, 80, &hold), 0, NULL);
	settles(hold, 70, 0, &r);
	c.cause.reference_kind = "hold";
	c.cause.reference_id = hold;
	for (size_t i = 0; i < 2; i++) {
		support_expect(&s, ledger_refund(&s.db, &c, hold, &posted), 0, NULL);
		assert_int_equal(posted.is_replay, i == 1);
		has(60, 0, 0, 60);
	}
	c.cause.key = world_key(&s);
	c.amount = 41;
	support_expect(&s, ledger_refund(&s.db, &c, hold, &posted), E_CONFLICT, NULL);
	c.amount = 0; /* all that is left */
	for (size_t i = 0; i < 2; i++)
		support_expect(&s, ledger_refund(&s.db, &c, hold, &posted), 0, NULL);
	has(100, 0, 0, 100);
	c.cause.key = world_key(&s);
	support_expect(&s, ledger_refund(&s.db, &c, hold, &posted), E_CONFLICT, NULL);
	support_expect(&s, ledger_refund(&s.db, &c, "hold_none", &posted), E_NOT_FOUND, NULL);
	support_expect(&s, ledger_refund(&s.db, &c, NULL, &posted), E_BAD_REQUEST, NULL);
	c.amount = 5;
	support_expect(&s, ledger_refund(&s.db, &c, NULL, &posted), 0, NULL);
	has(105, 0, 0, 105);
}

static void test_sweep(void **state)
{
	const char *silent, *noted, *young;
	struct ledger_receipt r;
	size_t n;

	(void)state;
	world_grant(&s, user, 100);
	support_expect(&s, world_hold(&s, user, 30, &silent), 0, NULL);
	support_expect(&s, world_hold(&s, user, 30, &noted), 0, NULL);
	support_expect(&s, ledger_hold_note(&s.db, user, noted, 20), 0, NULL);
	support_expect(&s, ledger_hold_note(&s.db, user, noted, -1), E_BAD_REQUEST, NULL);
	support_expect(&s, ledger_sweep(&s.db, WORLD_LATER - 1, &n), 0, NULL);
	assert_int_equal(n, 0);
	support_expect(&s, ledger_sweep(&s.db, WORLD_LATER, &n), 0, NULL);
	assert_int_equal(n, 2);
	has(80, 0, 0, 80);
	/* The one who was slow reports after all. */
	settles(noted, 25, 0, &r);
	assert_int_equal(r.charged[FUND_TOPUP], 25);
	settles(silent, 0, 0, &r);
	has(75, 0, 0, 75);
	support_expect(&s, world_hold(&s, user, 1, &young), 0, NULL);
	support_expect(&s, ledger_release(&s.db, user, young, WORLD_NOW), 0, NULL);
	support_expect(&s, ledger_sweep(&s.db, WORLD_LATER, &n), 0, NULL);
	assert_int_equal(n, 0);
}

/* Books that were changed behind the ledger's back do not stand up, and the database itself refuses
 * some of it. */
static void test_append_only(void **state)
{
	static const char *const refused[] = {
		"UPDATE ledger_entry SET amount = 1 LIMIT 1",
		"DELETE FROM ledger_entry LIMIT 1",
		"UPDATE ledger_transfer SET note = 'x' LIMIT 1",
		"DELETE FROM ledger_transfer LIMIT 1",
		"UPDATE ledger_account SET balance = -1 WHERE kind = 'topup' LIMIT 1",
		"UPDATE ledger_account SET reserved = 1 + balance WHERE kind = 'topup' LIMIT 1",
		"UPDATE credit_lot SET remaining = amount + 1 LIMIT 1",
	};

	(void)state;
	world_grant(&s, user, 100);
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		printf("%s\n", refused[i]);
		assert_false(world_try(refused[i]));
	}
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		CASE(test_amounts),
		CASE(test_overflow),
		CASE(test_replay),
		CASE(test_causes),
		CASE(test_transfers),
		CASE(test_hold_and_settle),
		CASE(test_release_and_foreign_holds),
		CASE(test_holds_protect_each_other),
		CASE(test_overage),
		CASE(test_lots),
		CASE(test_allowance),
		CASE(test_refund),
		CASE(test_sweep),
		CASE(test_append_only),
	};

	if (!world_database())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
