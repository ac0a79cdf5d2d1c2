/* What users are shown of their credit: a row for each change, one for the calls of each day, and
 * they add up. That they do is also part of the proof after every test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain/credits.h"
#include "fcgi/core/str.h"
#include "ledger_world.h"

#include <cmocka.h> /* after ours: its macro fail() would hide our function */

#define DAY_US S_TO_US(86400)

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

static void expect(int rc)
{
	support_expect(&s, rc, 0, NULL);
}

static struct ledger_change change_of(i64 amount, i64 now_us)
{
	struct ledger_change c = world_change(user, amount, world_key(&s));

	c.now_us = now_us;
	return c;
}

static void grant(i64 amount, i64 now_us)
{
	struct ledger_change c = change_of(amount, now_us);
	struct ledger_posted posted;

	expect(ledger_grant(&s.db, &c, &posted));
}

static void allow(i64 amount, i64 now_us)
{
	struct ledger_change c = change_of(amount, now_us);
	struct ledger_posted posted;

	expect(ledger_reset_allowance(&s.db, &c, now_us + 30 * DAY_US, &posted));
}

/* A call, from its hold to its end. */
static void use(i64 cost, i64 now_us)
{
	struct ledger_hold h = {
		.user_id = user,
		.amount = 1,
		.deadline_at_us = now_us + DAY_US,
		.reference_kind = "test",
		.reference_id = "1",
		.now_us = now_us,
	};
	struct ledger_receipt receipt;
	const char *id;

	expect(ledger_hold(&s.db, &h, &id));
	expect(ledger_settle(&s.db, user, id, cost, now_us, &receipt));
}

/* The whole statement as "reason amount overage", oldest first, and what the running day adds. */
static const char *statement(void)
{
	struct statement_page_row *row;
	const char *text = "";
	size_t n;

	expect(sql_statement_page(&s.db, INT64_MAX, user, 1000, &row, &n));
	for (size_t i = n; i-- > 0;)
		if (row[i].seq.has)
			text = arena_printf(&s.arena, "%s%s %lld %lld, ", text,
				row[i].reason != NULL ? row[i].reason : "usage",
				(long long)row[i].amount.value, (long long)row[i].overage.value);
	return row[0].used_at_us.has
		       ? arena_printf(&s.arena, "%stoday %lld %lld", text,
				 (long long)row[0].used_micro, (long long)row[0].used_overage_micro)
		       : text;
}

static void test_days(void **state)
{
	i64 end_us = (WORLD_NOW / DAY_US + 1) * DAY_US - 1;

	(void)state;
	assert_string_equal(statement(), "");
	grant(1000, WORLD_NOW);
	use(10, WORLD_NOW + 1);
	use(5, WORLD_NOW + 2);
	assert_string_equal(statement(), "grant 1000 0, today 15 0");
	grant(7, end_us); /* the same day: its calls are told when it is over */
	use(1, end_us);
	assert_string_equal(statement(), "grant 1000 0, grant 7 0, today 16 0");
	use(2, end_us + 1);
	assert_string_equal(statement(), "grant 1000 0, grant 7 0, usage -16 0, today 2 0");
	grant(3, end_us + 1 + 5 * DAY_US);
	assert_string_equal(
		statement(), "grant 1000 0, grant 7 0, usage -16 0, usage -2 0, grant 3 0, ");
	use(4, end_us + 1 + 5 * DAY_US);
	use(4, WORLD_NOW); /* the clock was put back: nothing is told twice or torn apart */
	grant(1, WORLD_NOW);
	assert_string_equal(statement(), "grant 1000 0, grant 7 0, usage -16 0, usage -2 0, "
					 "grant 3 0, grant 1 0, today 8 0");
}

/* All funds, in all ways in which they move. */
static void test_changes(void **state)
{
	struct ledger_change c = change_of(-30, WORLD_NOW);
	struct ledger_posted posted;
	i64 billed;

	(void)state;
	world_try(arena_printf(&s.arena,
		"UPDATE users SET overage_enabled = TRUE WHERE user_id = %llu",
		(unsigned long long)user));
	grant(100, WORLD_NOW);
	expect(ledger_adjust(&s.db, &c, &posted));
	allow(50, WORLD_NOW);
	allow(60, WORLD_NOW);
	use(70 + 60 + 40, WORLD_NOW);
	assert_string_equal(statement(), "grant 100 0, adjustment -30 0, allowance 50 0, "
					 "allowance 60 0, expire -50 0, today 130 46");
	use(1, WORLD_NOW + 1); /* only overage moves */
	c = change_of(0, WORLD_NOW + 2);
	expect(ledger_bill_overage(&s.db, &c, &billed, &posted));
	assert_int_equal(billed, 48);
	c = change_of(5, WORLD_NOW + 3);
	expect(ledger_refund(&s.db, &c, NULL, &posted));
	use(2, WORLD_NOW + DAY_US);
	assert_string_equal(statement(), "grant 100 0, adjustment -30 0, allowance 50 0, "
					 "allowance 60 0, expire -50 0, refund 5 0, usage -130 48, "
					 "today 2 0");
}

/* A repeat changes nothing here, either; and what was refused leaves nothing. */
static void test_nothing(void **state)
{
	struct ledger_change c = change_of(9, WORLD_NOW);
	struct ledger_posted posted;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		expect(ledger_grant(&s.db, &c, &posted));
	c = change_of(-10, WORLD_NOW);
	support_expect(&s, ledger_adjust(&s.db, &c, &posted), E_INSUFFICIENT_BALANCE, NULL);
	assert_string_equal(statement(), "grant 9 0, ");
}

/* A transfer between two people, whose books are not opened; a day of each is over meanwhile. */
static void test_transfer(void **state)
{
	struct ledger_posted posted;
	u64 first = user;

	(void)state;
	grant(100, WORLD_NOW);
	use(1, WORLD_NOW);
	user = world_user(&s);
	grant(10, WORLD_NOW);
	use(2, WORLD_NOW);
	struct ledger_leg leg[] = {
		{world_account(first, FUND_TOPUP), -20}, {world_account(user, FUND_TOPUP), 20}};
	struct ledger_change c = change_of(0, 0);
	expect(ledger_transfer(&s.db, "gift", &c.cause, leg, 2, WORLD_NOW + DAY_US, &posted));
	assert_string_equal(statement(), "grant 10 0, usage -2 0, gift 20 0, ");
	user = first;
	assert_string_equal(statement(), "grant 100 0, usage -1 0, gift -20 0, ");
}

static void test_pages(void **state)
{
	struct statement_page_row *row;
	size_t n;

	(void)state;
	for (i64 i = 1; i <= 5; i++)
		grant(i, WORLD_NOW);
	use(1, WORLD_NOW);
	expect(sql_statement_page(&s.db, 4, user, 2, &row, &n));
	assert_int_equal(n, 2);
	assert_int_equal(row[0].seq.value, 3);
	assert_int_equal(row[1].seq.value, 2);
	assert_int_equal(row[0].newer, 4 + 5);
	assert_int_equal(row[0].credit, 14);
	expect(sql_statement_page(&s.db, 1, user, 2, &row, &n));
	assert_int_equal(n, 1);
	assert_false(row[0].seq.has);
}

static void test_purchase(void **state)
{
	struct ledger_change c = change_of(50000, WORLD_NOW);
	struct statement_page_row *row;
	struct ledger_posted posted;
	size_t n;

	(void)state;
	c.cause.reference_kind = "order";
	c.cause.reference_id = arena_printf(&s.arena, "ord_%llu", (unsigned long long)user);
	assert_true(world_try(arena_printf(&s.arena,
		"INSERT INTO orders (public_id, user_id, kind, amount_cents, status, created_at_us)"
		" VALUES ('%s', %llu, 'topup', 1999, 'paid', 1)",
		c.cause.reference_id, (unsigned long long)user)));
	expect(ledger_purchase(&s.db, &c, &posted));
	expect(sql_statement_page(&s.db, INT64_MAX, user, 2, &row, &n));
	assert_int_equal(n, 1);
	assert_string_equal(row[0].reason, "purchase");
	assert_int_equal(row[0].order_cents.value, 1999);
	assert_string_equal(row[0].order_currency, "usd");
}

/* In hundredths of a credit; what is shown as reserved is always balance less available. */
static void test_credits(void **state)
{
	struct credits c;
	const char *id;

	(void)state;
	expect(credits_get(&s.db, user, WORLD_NOW, &c));
	assert_true(c.balance == 0 && c.available == 0 && c.reserved == 0 && !c.period.has);
	grant(1234567, WORLD_NOW);
	allow(800005, WORLD_NOW);
	expect(world_hold(&s, user, 15, &id));
	expect(credits_get(&s.db, user, WORLD_NOW, &c));
	assert_int_equal(c.balance, 203457);   /* 2034572 */
	assert_int_equal(c.available, 203455); /* 2034557 */
	assert_int_equal(c.reserved, 2);
	assert_int_equal(c.purchased, 123456);
	assert_true(c.period.has && c.period.value == 80000);
	assert_true(c.resets_at_us.value == WORLD_NOW + 30 * DAY_US);
	assert_true(!c.overage_enabled && c.overage == 0 && c.overage_ceiling == 5000000);
	expect(credits_get(&s.db, user, WORLD_NOW + 30 * DAY_US, &c));
	assert_false(c.period.has);
	expect(ledger_release(&s.db, user, id, WORLD_NOW));
}

/* Runs all statements of the migration that fill the tables from what was booked before. */
static void run_backfill(void)
{
	char text[8192];
	FILE *f = fopen(PRODUCT_MIGRATIONS "/0011_credit_statement.sql", "r");

	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	char *sql = strstr(text, "INSERT INTO credit_statement");
	size_t n = 0;
	for (; sql != NULL && strchr(sql, ';') != NULL; n++) {
		char *end = strchr(sql, ';');
		*end = '\0';
		assert_true(world_try(sql));
		sql = end + 1;
	}
	assert_int_equal(n, 2);
}

static void test_backfill(void **state)
{
	(void)state;
	test_changes(NULL);
	use(3, WORLD_NOW + 2 * DAY_US);
	grant(4, WORLD_NOW + 3 * DAY_US);
	assert_true(world_try("DELETE FROM credit_statement"));
	assert_true(world_try("UPDATE users SET used_at_us = NULL, used_micro = 0,"
			      " used_overage_micro = 0, statement_rows = 0"));
	run_backfill();
	assert_string_equal(statement(), "grant 100 0, adjustment -30 0, allowance 50 0, "
					 "allowance 60 0, expire -50 0, usage -130 48, refund 5 0, "
					 "usage -2 0, usage -3 0, grant 4 0, ");
	grant(5, WORLD_NOW + 3 * DAY_US);
	assert_true(str_equal(statement() + strlen(statement()) - 11, "grant 5 0, "));
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		CASE(test_days),
		CASE(test_changes),
		CASE(test_nothing),
		CASE(test_transfer),
		CASE(test_pages),
		CASE(test_purchase),
		CASE(test_credits),
		CASE(test_backfill),
	};

	if (!world_database())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
