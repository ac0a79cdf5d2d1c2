/* The proof finds whatever is changed behind the ledger's back, and names it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain/ledger_verify.h"
#include "domain/settle.h"
#include "fcgi/core/crypto.h"
#include "ledger_world.h"

#include <cmocka.h> /* after ours: its macro fail() would hide our function */

static struct support s;
static u64 user, account, caller;

/* Somebody with two calls, charged together. */
static void make_calls(void)
{
	struct call_record record[2] = {0}, *call[] = {&record[0], &record[1]};
	struct ledger_leased leased;
	char *hold_id = public_id(&s.arena, "hold_");

	caller = world_user(&s);
	world_grant(&s, caller, 100);
	for (size_t i = 0; i < ARRAY_LEN(record); i++) {
		strcpy(record[i].id, public_id(&s.arena, "act_"));
		strcpy(record[i].hold_id, hold_id);
		record[i].user_id = caller;
		record[i].cost = i == 0 ? 30 : 12;
		record[i].started_at_us = WORLD_NOW;
	}
	struct settlement settlement = {
		.lease = {.user_id = caller, .hold_id = hold_id, .keep = 50, .now_us = WORLD_NOW},
		.call = call,
	};
	support_expect(&s, ledger_lease_set(&s.db, &settlement.lease, &leased), 0, NULL);
	settlement.lease.keep = 0;
	settlement.n_calls = ARRAY_LEN(call);
	support_expect(&s, settle(&s.db, &settlement, &leased), 0, NULL);
}

static int set_up(void **state)
{
	struct ledger_receipt receipt;
	const char *hold;

	(void)state;
	support_connect(&s, 2);
	user = world_user(&s);
	world_grant(&s, user, 100);
	world_grant(&s, user, 200);
	assert_int_equal(world_hold(&s, user, 120, &hold), 0);
	assert_int_equal(ledger_settle(&s.db, user, hold, 90, WORLD_NOW, &receipt), 0);
	assert_int_equal(world_hold(&s, user, 7, &hold), 0);
	account = world_account(user, FUND_TOPUP);
	make_calls();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	world_verify(&s);
	support_close(&s);
	return 0;
}

static u64 meant_by(char mark)
{
	if (mark == 'C')
		return caller;
	return mark == 'U' ? user : account;
}

/* U# and A# stand for the user and the account of the user's top-ups, C# for who made calls. */
static const char *fill_in(const char *sql)
{
	const char *text = "";

	for (const char *mark; (mark = strchr(sql, '#')) != NULL; sql = mark + 1)
		text = arena_printf(&s.arena, "%s%.*s%llu", text, (int)(mark - 1 - sql), sql,
			(unsigned long long)meant_by(mark[-1]));
	return arena_printf(&s.arena, "%s%s", text, sql);
}

/* As one who owns the server does it. */
static void tamper(const char *sql)
{
	static const char *const around[] = {
		"SET GLOBAL check_constraint_checks = 0, GLOBAL foreign_key_checks = 0",
		"DROP TRIGGER ledger_entry_no_update", "DROP TRIGGER ledger_entry_no_delete",
		"DROP TRIGGER ledger_transfer_no_update", "DROP TRIGGER ledger_transfer_no_delete"};
	static const char *const back[] = {
		"CREATE TRIGGER ledger_entry_no_update BEFORE UPDATE ON ledger_entry",
		"CREATE TRIGGER ledger_entry_no_delete BEFORE DELETE ON ledger_entry",
		"CREATE TRIGGER ledger_transfer_no_update BEFORE UPDATE ON ledger_transfer",
		"CREATE TRIGGER ledger_transfer_no_delete BEFORE DELETE ON ledger_transfer"};

	for (size_t i = 0; i < ARRAY_LEN(around); i++)
		assert_true(world_try(around[i]));
	bool ok = world_try(fill_in(sql));
	assert_true(world_try("SET GLOBAL check_constraint_checks = 1,"
			      " GLOBAL foreign_key_checks = 1"));
	for (size_t i = 0; i < ARRAY_LEN(back); i++)
		assert_true(world_try(arena_printf(
			&s.arena, "%s FOR EACH ROW SIGNAL SQLSTATE '45000'", back[i])));
	assert_true(ok);
}

/* What is done to the books, how it is undone, and what the proof says of it. */
static const struct {
	const char *name, *change, *undo, *fault;
} cases[] = {
	{"an amount", "UPDATE ledger_entry SET amount = 101 WHERE account_id = A# AND seq = 1",
		"UPDATE ledger_entry SET amount = 100 WHERE account_id = A# AND seq = 1",
		"ledger_entry A#.1: balance_after is 100, expected 101"},
	{"an amount and what follows from it",
		"UPDATE ledger_entry SET amount = amount + (seq = 1), balance_after ="
		" balance_after + 1 WHERE account_id = A#",
		"UPDATE ledger_entry SET amount = amount - (seq = 1), balance_after ="
		" balance_after - 1 WHERE account_id = A#",
		"ledger_entry A#.1: its hash"},
	{"which transfer it is of",
		"UPDATE ledger_entry SET transfer_id = transfer_id + 1 WHERE account_id = "
		"A#"
		" AND seq = 2",
		"UPDATE ledger_entry SET transfer_id = transfer_id - 1 WHERE account_id = "
		"A#"
		" AND seq = 2",
		"ledger_entry A#.2: its hash"},
	{"the hash",
		"UPDATE ledger_entry SET hash = REVERSE(hash) WHERE account_id = A# AND "
		"seq = 3",
		"UPDATE ledger_entry SET hash = REVERSE(hash) WHERE account_id = A# AND "
		"seq = 3",
		"ledger_entry A#.3: its hash"},
	{"an entry in the middle is gone",
		"UPDATE ledger_entry SET seq = 99 WHERE account_id = A# AND seq = 2",
		"UPDATE ledger_entry SET seq = 2 WHERE account_id = A# AND seq = 99",
		"ledger_entry A#.3: the entry before it is missing"},
	{"the last entry is gone",
		"UPDATE ledger_entry SET account_id = 1000000 WHERE account_id = A# AND "
		"seq = 3",
		"UPDATE ledger_entry SET account_id = A# WHERE account_id = 1000000",
		"ledger_account A#: n_entries is 3, but there are 2"},
	{"an entry too many",
		"INSERT INTO ledger_entry SELECT account_id, 4, transfer_id, amount,"
		" balance_after, hash FROM ledger_entry WHERE account_id = A# AND seq = 3",
		"DELETE FROM ledger_entry WHERE account_id = A# AND seq = 4",
		"ledger_entry A#.4: its account does not count it"},
	{"an entry of no account",
		"INSERT INTO ledger_entry SELECT 1000000, 1, transfer_id, amount,"
		" balance_after, hash FROM ledger_entry WHERE account_id = A# AND seq = 3",
		"DELETE FROM ledger_entry WHERE account_id = 1000000",
		"ledger_entry 1000000.1: its account does not count it"},
	{"a balance", "UPDATE ledger_account SET balance = balance + 1 WHERE account_id = A#",
		"UPDATE ledger_account SET balance = balance - 1 WHERE account_id = A#",
		"ledger_account A#: balance is 211, but its entries sum to 210"},
	{"the last hash",
		"UPDATE ledger_account SET last_hash = REVERSE(last_hash) WHERE account_id "
		"= A#",
		"UPDATE ledger_account SET last_hash = REVERSE(last_hash) WHERE account_id "
		"= A#",
		"ledger_account A#: last_hash"},
	{"a balance below the floor", "UPDATE ledger_account SET floor = 204 WHERE account_id = A#",
		"UPDATE ledger_account SET floor = 0 WHERE account_id = A#",
		"ledger_account A#: balance 210 less reserved 7 is below its floor"},
	{"a transfer without entries",
		"INSERT INTO ledger_transfer (transfer_id, key_hash, fingerprint, reason,"
		" reference_kind, reference_id, created_at_us) VALUES (4000000000, '', '',"
		" 'x', 'x', 'x', 0)",
		"DELETE FROM ledger_transfer WHERE transfer_id = 4000000000",
		"ledger_transfer 4000000000: 0 entries"},
	{"a transfer that is not there, of whole chains",
		"UPDATE ledger_transfer SET transfer_id = 1000000 ORDER BY transfer_id DESC"
		" LIMIT 1",
		"UPDATE ledger_transfer SET transfer_id = (SELECT MAX(transfer_id) FROM"
		" ledger_entry) WHERE transfer_id = 1000000",
		"it is missing, but has 2 entries"},
	{"a reservation", "UPDATE ledger_account SET reserved = reserved + 1 WHERE account_id = A#",
		"UPDATE ledger_account SET reserved = reserved - 1 WHERE account_id = A#",
		"ledger_account A#: reserved is 8, but its open holds sum to 7"},
	{"a hold", "UPDATE hold SET held_topup = 8 WHERE user_id = U# AND state = 'open'",
		"UPDATE hold SET held_topup = 7 WHERE user_id = U# AND state = 'open'",
		"ledger_account A#: reserved is 7, but its open holds sum to 8"},
	{"a closed hold opened",
		"UPDATE hold SET state = 'open' WHERE user_id = U# AND state = 'settled'",
		"UPDATE hold SET state = 'settled' WHERE user_id = U# AND held_topup = 120",
		"ledger_account A#: reserved is 7, but its open holds sum to 127"},
	{"a lot",
		"UPDATE credit_lot SET remaining = remaining - 1 WHERE account_id = A#"
		" AND amount = 200",
		"UPDATE credit_lot SET remaining = remaining + 1 WHERE account_id = A#"
		" AND amount = 200",
		"ledger_account A#: balance is 210, but its lots hold 209"},
	{"a lot of a house account",
		"UPDATE credit_lot SET account_id = 1 WHERE account_id = A# AND amount = "
		"200",
		"UPDATE credit_lot SET account_id = A# WHERE account_id = 1",
		"ledger_account 1: balance is "},
	{"a lot that expires unseen",
		"UPDATE credit_lot SET expires_at_us = expires_at_us - 1 WHERE account_id "
		"= A#",
		"UPDATE credit_lot SET expires_at_us = expires_at_us + 1 WHERE account_id "
		"= A#",
		"credit_lot "},
	{"what the user sees", "UPDATE users SET topup_micro = 5 WHERE user_id = U#",
		"UPDATE users SET topup_micro = 210 WHERE user_id = U#",
		"users U#: topup_micro 5 and allowance_micro 0, but the balances are 210 "
		"and 0"},
	{"what a user without accounts sees",
		"INSERT INTO users (public_id, created_at_us, allowance_micro) VALUES "
		"('x', 0, 9)",
		"DELETE FROM users WHERE public_id = 'x'",
		"topup_micro 0 and allowance_micro 9, but the balances are 0 and 0"},
	{"a row of the statement",
		"UPDATE credit_statement SET amount = 101 WHERE user_id = U# AND seq = 1",
		"UPDATE credit_statement SET amount = 100 WHERE user_id = U# AND seq = 1",
		"users U#: the statement adds up to 211, but the credit is 210"},
	{"what the day has used", "UPDATE users SET used_micro = used_micro + 1 WHERE user_id = C#",
		"UPDATE users SET used_micro = used_micro - 1 WHERE user_id = C#",
		"users C#: the statement adds up to 57, but the credit is 58"},
	{"what a call has cost",
		"UPDATE ai_call SET cost_micro = 31 WHERE user_id = C# AND cost_micro = 30",
		"UPDATE ai_call SET cost_micro = 30 WHERE user_id = C# AND cost_micro = 31",
		": cost is 42, but its calls cost 43"},
	{"two calls that make up for each other, one below nothing",
		"UPDATE ai_call SET cost_micro = IF(cost_micro = 30, 43, -1) WHERE user_id "
		"= C#",
		"UPDATE ai_call SET cost_micro = IF(cost_micro = 43, 30, 12) WHERE user_id "
		"= C#",
		": no transfer has charged its cost of -1 to its hold"},
	{"what a lease was charged", "UPDATE hold SET cost = 41 WHERE user_id = C#",
		"UPDATE hold SET cost = 42 WHERE user_id = C#",
		": cost is 41, but its calls cost 42"},
	{"a call of no lease",
		"UPDATE ai_call SET hold_id = 'hold_x' WHERE user_id = C# AND cost_micro = "
		"12",
		"UPDATE ai_call SET hold_id = (SELECT public_id FROM hold WHERE user_id = "
		"C#) WHERE user_id = C#",
		": cost is 42, but its calls cost 30"},
	{"a call that nothing charged",
		"UPDATE ai_call SET transfer_id = NULL WHERE user_id = C# AND cost_micro = "
		"12",
		"UPDATE ai_call SET transfer_id = (SELECT transfer_id FROM hold WHERE "
		"user_id = C#) WHERE user_id = C#",
		": no transfer has charged its cost of 12 to its hold"},
	{"a call that something else charged",
		"UPDATE ai_call SET transfer_id = (SELECT transfer_id FROM hold WHERE "
		"user_id = U# AND state = 'settled') WHERE user_id = C#",
		"UPDATE ai_call SET transfer_id = (SELECT transfer_id FROM hold WHERE "
		"user_id = C#) WHERE user_id = C#",
		": no transfer has charged its cost of 30 to its hold"},
};

static void test_tampering(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ledger_proof proof;
		printf("%s\n", cases[i].name);
		world_verify(&s);
		tamper(cases[i].change);
		support_expect(&s, ledger_verify(&s.db, &proof), 0, NULL);
		const char *expected = fill_in(cases[i].fault);
		if (proof.fault == NULL || strstr(proof.fault, expected) == NULL)
			fail_msg("found %s; expected %s", proof.fault, expected);
		tamper(cases[i].undo);
	}
}

/* More than one page of accounts, and more than one of an account's entries. */
static void test_pages(void **state)
{
	struct ledger_proof before, after;
	u64 first = 0;

	(void)state;
	support_expect(&s, ledger_verify(&s.db, &before), 0, NULL);
	for (size_t i = 0; i < 1100; i++) {
		u64 id = world_user(&s);
		first = first == 0 ? id : first;
		world_grant(&s, id, 1);
		arena_reset(&s.arena);
	}
	for (size_t i = 0; i < 5000; i++) {
		world_grant(&s, first, 1);
		arena_reset(&s.arena);
	}
	support_expect(&s, ledger_verify(&s.db, &after), 0, NULL);
	assert_null(after.fault);
	assert_int_equal(after.n_accounts - before.n_accounts, 3 * 1100);
	assert_int_equal(after.n_entries - before.n_entries, 2 * 6100);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		CASE(test_tampering),
		CASE(test_pages),
	};

	if (!world_database())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
