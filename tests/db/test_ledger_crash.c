/* The connection breaks at each command of each operation, before or after the server got it: the
 * operation has happened wholly or not at all, and asking again makes it happen once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/core/clock.h"
#include "ledger_world.h"

#include <cmocka.h> /* after ours: its macro fail() would hide our function */

static struct support s, cut; /* the second through the proxy */
static u64 user, other;
static const char *hold, *key;

static int set_up(void **state)
{
	(void)state;
	support_connect(&s, 2);
	support_connect(&cut, 1);
	support_proxy(&cut);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	support_cut(CUT_NEVER, 0, NULL);
	support_close(&cut);
	support_close(&s);
	return 0;
}

static int do_grant(struct support *on)
{
	struct ledger_change c = world_change(user, 1000, key);
	struct ledger_posted posted;

	return ledger_grant(&on->db, &c, &posted);
}

static int do_transfer(struct support *on)
{
	struct ledger_change c = world_change(user, 0, key);
	struct ledger_leg leg[] = {
		{world_account(user, FUND_TOPUP), -40}, {world_account(other, FUND_TOPUP), 40}};
	struct ledger_posted posted;

	return ledger_transfer(&on->db, "test", &c.cause, leg, 2, WORLD_NOW, &posted);
}

static int do_settle(struct support *on)
{
	struct ledger_receipt receipt;

	return ledger_settle(&on->db, user, hold, 170, WORLD_NOW, &receipt);
}

static int do_release(struct support *on)
{
	return ledger_release(&on->db, user, hold, WORLD_NOW);
}

/* Until nothing is due, also of the users of tests before. */
static int do_sweep(struct support *on)
{
	size_t n;

	do
		TRY(ledger_sweep(&on->db, WORLD_LATER, &n));
	while (n > 0);
	return 0;
}

static int do_reset(struct support *on)
{
	struct ledger_change c = world_change(user, 500, key);
	struct ledger_posted posted;

	return ledger_reset_allowance(&on->db, &c, WORLD_LATER, &posted);
}

static int do_refund(struct support *on)
{
	struct ledger_change c = world_change(user, 0, key);
	struct ledger_receipt receipt;
	struct ledger_posted posted;

	support_expect(&s, ledger_settle(&s.db, user, hold, 60, WORLD_NOW, &receipt), 0, NULL);
	return ledger_refund(&on->db, &c, hold, &posted);
}

struct operation {
	const char *name;
	int (*run)(struct support *on);
	i64 before[2], after[2]; /* top-ups and allowance */
	i64 reserved[2];	 /* before and after */
};

/* A user with 100 in top-ups and 50 of allowance, of which a hold takes 120. */
static void make_user(void)
{
	struct ledger_change c;
	struct ledger_posted posted;

	user = world_user(&s);
	other = world_user(&s);
	world_grant(&s, other, 1);
	world_grant(&s, user, 100);
	c = world_change(user, 50, world_key(&s));
	support_expect(&s, ledger_reset_allowance(&s.db, &c, WORLD_LATER, &posted), 0, NULL);
	support_expect(&s, world_hold(&s, user, 60, &hold), 0, NULL);
	key = world_key(&s);
}

static bool is(const struct operation *o, bool done)
{
	const i64 *expected = done ? o->after : o->before;
	struct ledger_balance b = world_balance(&s, user);

	return b.balance[FUND_TOPUP] == expected[0] && b.balance[FUND_ALLOWANCE] == expected[1] &&
	       b.reserved[FUND_TOPUP] == o->reserved[done];
}

/* Cuts at the nth command; false when the operation has fewer. */
static bool cut_at(const struct operation *o, enum cut when, unsigned n)
{
	make_user();
	support_cut_nth(when, n);
	int rc = o->run(&cut);
	bool was_cut = support_was_cut();
	support_cut(CUT_NEVER, 0, NULL);
	fail_clear(&cut.fail);
	if (rc != 0 && rc != E_OUTCOME_UNKNOWN && rc != E_UNAVAILABLE)
		fail_msg("%s: %d after a cut at command %u", o->name, rc, n);
	/* The server rolls a broken transaction back when it notices. */
	bool done = is(o, true);
	if (!done && !is(o, false))
		fail_msg("%s: half done after a cut at command %u", o->name, n);
	if (rc == 0)
		assert_true(done);
	world_verify(&s);
	support_expect(&s, o->run(&s), 0, NULL);
	assert_true(is(o, true));
	world_verify(&s);
	arena_reset(&s.arena);
	arena_reset(&cut.arena);
	return was_cut;
}

static void test_each_command(void **state)
{
	static const struct operation operations[] = {
		{"grant", do_grant, {100, 50}, {1100, 50}, {60, 60}},
		{"transfer", do_transfer, {100, 50}, {60, 50}, {60, 60}},
		{"settle", do_settle, {100, 50}, {0, 0}, {60, 0}},
		{"release", do_release, {100, 50}, {100, 50}, {60, 0}},
		{"reset", do_reset, {100, 50}, {100, 500}, {60, 60}},
		{"refund", do_refund, {40, 50}, {100, 50}, {0, 0}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(operations); i++)
		for (enum cut when = CUT_BEFORE; when <= CUT_AFTER; when++) {
			unsigned n = 1;
			while (cut_at(&operations[i], when, n))
				n++;
			printf("%s: %u commands cut %s\n", operations[i].name, n - 1,
				when == CUT_BEFORE ? "before" : "after");
			assert_true(n > 5);
		}
}

/* The sweep closes a hold and takes what has expired, in transactions of their own. */
static void test_sweep(void **state)
{
	(void)state;
	support_expect(&s, do_sweep(&s), 0, NULL);
	for (enum cut when = CUT_BEFORE; when <= CUT_AFTER; when++)
		for (unsigned n = 1, was_cut = 1; was_cut; n++) {
			make_user();
			support_cut_nth(when, n);
			(void)do_sweep(&cut);
			was_cut = support_was_cut();
			support_cut(CUT_NEVER, 0, NULL);
			fail_clear(&cut.fail);
			world_verify(&s);
			support_expect(&s, do_sweep(&s), 0, NULL);
			struct ledger_balance b = world_balance(&s, user);
			assert_int_equal(b.balance[FUND_TOPUP], 100);
			assert_int_equal(b.balance[FUND_ALLOWANCE], 0);
			assert_int_equal(b.spendable, 100);
			world_verify(&s);
			arena_reset(&s.arena);
			arena_reset(&cut.arena);
		}
}

/* A hold that may or may not have been made is released by the sweep. */
static void test_hold(void **state)
{
	const char *id;

	(void)state;
	for (enum cut when = CUT_BEFORE; when <= CUT_AFTER; when++)
		for (unsigned n = 1, was_cut = 1; was_cut; n++) {
			user = world_user(&s);
			world_grant(&s, user, 100);
			support_cut_nth(when, n);
			int rc = world_hold(&cut, user, 30, &id);
			was_cut = support_was_cut();
			support_cut(CUT_NEVER, 0, NULL);
			fail_clear(&cut.fail);
			i64 spendable = world_balance(&s, user).spendable;
			assert_true(spendable == 70 || (rc != 0 && spendable == 100));
			world_verify(&s);
			support_expect(&s, do_sweep(&s), 0, NULL);
			assert_int_equal(world_balance(&s, user).spendable, 100);
			arena_reset(&s.arena);
			arena_reset(&cut.arena);
		}
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		CASE(test_each_command),
		CASE(test_sweep),
		CASE(test_hold),
	};

	if (!world_database())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
