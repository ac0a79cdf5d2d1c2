/* turnpike ledger: the proof of the books, and what operators change and ask. */
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../domain/ledger.h"
#include "../../domain/ledger_verify.h"
#include "../../fcgi/core/clock.h"
#include "../../fcgi/core/crypto.h"
#include "../../fcgi/core/str.h"
#include "gen/sql.h"
#include "turnpike.h"

enum { ROWS_MAX = 10000, ROWS_DEFAULT = 50, DAYS_MAX = 3660, DAYS_DEFAULT = 30 };

#define DAY_US S_TO_US(86400)

static int verify(struct command_context *c)
{
	struct ledger_proof proof;
	i64 start_us = clock_mono_us();

	c->options.db_timeout_s = 0; /* however many entries there are */
	if (ledger_verify(&c->db, &proof) != 0)
		return command_failed(c, "The ledger could not be read");
	if (proof.fault != NULL) {
		fprintf(stderr, "The ledger is wrong. First wrong row: %s\n", proof.fault);
		return EXIT_FAILED;
	}
	i64 ms = (clock_mono_us() - start_us) / US_PER_MS;
	printf("The ledger is right: %llu accounts, %llu entries, %lld.%03lld s\n",
		(unsigned long long)proof.n_accounts, (unsigned long long)proof.n_entries,
		(long long)ms / 1000, (long long)ms % 1000);
	return EXIT_FINE;
}

static int find_user(struct command_context *c, int argc, char **argv, u64 *ret_user_id)
{
	const char *who = argument(argc, argv, "--user", NULL);

	return who != NULL ? command_find_user(c, who, ret_user_id) : command_usage(c);
}

/* "12.3456": cents with the parts that a micro-dollar is of one. */
static const char *cents(struct arena *a, i64 micro)
{
	bool negative = micro < 0;
	u64 size = negative ? 0 - (u64)micro : (u64)micro;

	return arena_printf(a, "%s%llu.%04llu", negative ? "-" : "",
		(unsigned long long)(size / MICRO_PER_CENT),
		(unsigned long long)(size % MICRO_PER_CENT));
}

/* Who runs this: the account that sudo came from, if any. */
static const char *operator_name(void)
{
	const char *name = getenv("SUDO_USER");
	const struct passwd *account = getpwuid(getuid());

	if (name != NULL && name[0] != '\0')
		return name;
	return account != NULL ? account->pw_name : "unknown";
}

/* What --cents or --micro says; nothing when neither is given. */
static bool read_amount(int argc, char **argv, struct opt_i64 *ret_micro)
{
	const char *cents = argument(argc, argv, "--cents", NULL);
	const char *micro = argument(argc, argv, "--micro", NULL), *text = cents ? cents : micro;
	i64 value;

	*ret_micro = (struct opt_i64){.has = text != NULL};
	if (text == NULL)
		return true;
	if ((cents == NULL || micro == NULL) && str_to_i64(text, &value) &&
		money_multiply(value, cents != NULL ? MICRO_PER_CENT : 1, &ret_micro->value))
		return true;
	fprintf(stderr, "--cents or --micro needs a whole number.\n");
	return false;
}

static int report(struct command_context *c, u64 user_id, const struct ledger_posted *posted)
{
	struct ledger_balance b;

	if (ledger_balance_get(&c->db, user_id, &b) != 0)
		return command_failed(c, "It is done, but the balance could not be read");
	printf("%s: transfer %llu. Top-ups are now %s cents, %s cents can be spent.\n",
		posted->is_replay ? "Done before under this key" : "Done",
		(unsigned long long)posted->transfer_id, cents(&c->arena, b.balance[FUND_TOPUP]),
		cents(&c->arena, b.spendable));
	return EXIT_FINE;
}

/* The change that the verb names. */
static int post(struct command_context *c, const char *verb, const struct ledger_change *what,
	const char *hold_id, i64 days, struct ledger_posted *ret)
{
	if (str_equal(verb, "grant"))
		return ledger_grant(&c->db, what, ret);
	if (str_equal(verb, "refund"))
		return ledger_refund(&c->db, what, hold_id, ret);
	if (str_equal(verb, "allowance"))
		return ledger_reset_allowance(&c->db, what, what->now_us + days * DAY_US, ret);
	return ledger_adjust(&c->db, what, ret);
}

static int change(struct command_context *c, int argc, char **argv)
{
	const char *verb = argv[1], *hold_id = argument(argc, argv, "--hold", NULL);
	const char *days = argument(argc, argv, "--days", NULL);
	const char *reason = argument(argc, argv, "--reason", NULL);
	const char *key = argument(argc, argv, "--key", random_token(&c->arena));
	struct ledger_change what = {.now_us = clock_now_us()};
	struct ledger_posted posted;
	struct opt_i64 amount;
	i64 n_days = DAYS_DEFAULT;

	if (!read_amount(argc, argv, &amount))
		return EXIT_USAGE;
	if (reason == NULL || (hold_id != NULL && !str_equal(verb, "refund")) ||
		(!amount.has && hold_id == NULL) ||
		(days != NULL && (!str_equal(verb, "allowance") || !str_to_i64(days, &n_days) ||
					 n_days < 1 || n_days > DAYS_MAX)))
		return command_usage(c);
	int status = find_user(c, argc, argv, &what.user_id);
	if (status != EXIT_FINE)
		return status;
	what.amount = amount.value;
	what.cause = (struct ledger_cause){
		.key = arena_printf(&c->arena, "operator:%s", key),
		.reference_kind = hold_id != NULL ? "hold" : "operator",
		.reference_id = hold_id != NULL ? hold_id : operator_name(),
		.note = hold_id != NULL ? arena_printf(&c->arena, "%s: %s", operator_name(), reason)
					: reason,
	};
	if (post(c, verb, &what, hold_id, n_days, &posted) != 0)
		return command_failed(c, "Nothing was changed");
	return report(c, what.user_id, &posted);
}

static int balance(struct command_context *c, int argc, char **argv)
{
	struct ledger_balance b;
	struct ledger_lots_row *lot;
	size_t n;
	u64 user_id;
	int status = find_user(c, argc, argv, &user_id);

	if (status != EXIT_FINE)
		return status;
	if (ledger_balance_get(&c->db, user_id, &b) != 0 ||
		sql_ledger_lots(&c->db, user_id, &lot, &n) != 0)
		return command_failed(c, "The balance could not be read");
	for (size_t i = 0; i < FUND_MAX; i++)
		printf("%s\t%s cents\treserved %s\n", ledger_fund_names[i],
			cents(&c->arena, b.balance[i]), cents(&c->arena, b.reserved[i]));
	printf("spendable\t%s cents\n", cents(&c->arena, b.spendable));
	for (size_t i = 0; i < n; i++)
		printf("lot %llu\t%s by %s\t%s of %s cents left\texpires %s\n",
			(unsigned long long)lot[i].lot_id, lot[i].kind, lot[i].source,
			cents(&c->arena, lot[i].remaining), cents(&c->arena, lot[i].amount),
			lot[i].expires_at_us.has ? clock_date(&c->arena, lot[i].expires_at_us.value)
						 : "never");
	return EXIT_FINE;
}

static int explain_calls(struct command_context *c, u64 transfer_id)
{
	struct call_by_transfer_row *call;
	size_t n;

	TRY(sql_call_by_transfer(&c->db, transfer_id, &call, &n));
	for (size_t i = 0; i < n; i++)
		printf("  %s\t%s by %s, request %s\t%s, %s\t%lld tokens in, %lld out\t%s cents\n",
			call[i].public_id, call[i].model, call[i].provider, call[i].request_id,
			call[i].status, call[i].is_estimated ? "estimated" : "measured",
			(long long)call[i].input_tokens, (long long)call[i].output_tokens,
			cents(&c->arena, call[i].cost_micro));
	return 0;
}

/* The transfer's other sides, and the hold or the calls that it charged. */
static int explain_cause(
	struct command_context *c, u64 user_id, const struct ledger_statement_row *row)
{
	struct ledger_legs_row *leg;
	struct hold_get_row hold;
	size_t n;

	TRY(sql_ledger_legs(&c->db, row->transfer_id, &leg, &n));
	for (size_t i = 0; i < n; i++)
		printf("  entry %llu.%llu\t%s %llu %s\t%s cents\n",
			(unsigned long long)leg[i].account_id, (unsigned long long)leg[i].seq,
			leg[i].owner_kind, (unsigned long long)leg[i].owner_id, leg[i].kind,
			cents(&c->arena, leg[i].amount));
	if (str_equal(row->reference_kind, "calls"))
		return explain_calls(c, row->transfer_id);
	if (!str_equal(row->reference_kind, "hold"))
		return 0;
	int rc = sql_hold_get(&c->db, row->reference_id, user_id, &hold);
	if (rc == SQL_NONE)
		return 0;
	TRY(rc);
	i64 held = hold.held_topup + hold.held_allowance + hold.held_overage;
	printf("  %s\tfor %s %s\theld %s, cost %s, uncollected %s cents\n", row->reference_id,
		hold.reference_kind, hold.reference_id, cents(&c->arena, held),
		cents(&c->arena, hold.cost.value), cents(&c->arena, hold.uncollected));
	return 0;
}

/* "12.7": the seventh entry of account 12. */
static bool read_entry(const char *text, struct ledger_statement_in *in)
{
	const char *dot = strchr(text, '.');
	char account[24] = "";

	if (dot == NULL || (size_t)(dot - text) >= sizeof(account))
		return false;
	memcpy(account, text, (size_t)(dot - text));
	in->account_id.has = str_to_i64(account, &in->account_id.value);
	in->seq.has = str_to_i64(dot + 1, &in->seq.value);
	return in->account_id.has && in->seq.has;
}

static int explain(struct command_context *c, int argc, char **argv)
{
	const char *entry = argument(argc, argv, "--entry", NULL);
	const char *rows = argument(argc, argv, "--rows", NULL);
	struct ledger_statement_in in = {.n = ROWS_DEFAULT};
	struct ledger_statement_row *row;
	size_t n;

	if ((entry != NULL && !read_entry(entry, &in)) ||
		(rows != NULL && (!str_to_i64(rows, &in.n) || in.n < 1 || in.n > ROWS_MAX)))
		return command_usage(c);
	int status = find_user(c, argc, argv, &in.user_id);
	if (status != EXIT_FINE)
		return status;
	if (sql_ledger_statement(&c->db, &in, &row, &n) != 0)
		return command_failed(c, "The entries could not be read");
	if (n == 0 && entry != NULL) {
		fprintf(stderr, "This user has no entry %s.\n", entry);
		return EXIT_FAILED;
	}
	for (size_t i = 0; i < n; i++) {
		printf("%llu.%llu\t%s\t%s\t%s cents, then %s\t%s by %s %s",
			(unsigned long long)row[i].account_id, (unsigned long long)row[i].seq,
			clock_iso8601(&c->arena, row[i].created_at_us), row[i].kind,
			cents(&c->arena, row[i].amount), cents(&c->arena, row[i].balance_after),
			row[i].reason, row[i].reference_kind, row[i].reference_id);
		if (row[i].request_id != NULL)
			printf(", request %s", row[i].request_id);
		printf("%s%s\n", row[i].note != NULL ? ": " : "",
			row[i].note != NULL ? row[i].note : "");
		if (entry != NULL && explain_cause(c, in.user_id, &row[i]) != 0)
			return command_failed(c, "The transfer could not be read");
	}
	return EXIT_FINE;
}

int command_ledger(struct command_context *c, int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (argc == 2 && str_equal(verb, "verify"))
		return verify(c);
	if (str_equal(verb, "grant") || str_equal(verb, "adjust") || str_equal(verb, "refund") ||
		str_equal(verb, "allowance"))
		return change(c, argc, argv);
	if (str_equal(verb, "balance"))
		return balance(c, argc, argv);
	if (str_equal(verb, "explain"))
		return explain(c, argc, argv);
	return command_usage(c);
}
