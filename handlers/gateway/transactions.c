/* The statement of an account: changes of credit, and a sum for the calls of each day (gateway.md
 * section 4). */
#include <string.h>

#include "../../domain/ledger.h"
#include "../../fcgi/core/clock.h"
#include "../../fcgi/core/str.h"
#include "../../fcgi/http/request.h"
#include "gateway.h"
#include "lists.h"

enum { ROWS_DEFAULT = 50, ROWS_MAX = 200 };

SCHEMA(gateway_transactions_in,
	I64(gateway_transactions_in, limit, QUERY, .min = 1, .max = ROWS_MAX,
		DOC("50 unless told")),
	OPT_I64(gateway_transactions_in, cursor, QUERY, .min = 1, .max = INT64_MAX,
		DOC("nextCursor of the answer before")));

SCHEMA(gateway_transaction, STR(gateway_transaction, id, REQUIRED),
	STR(gateway_transaction, type, REQUIRED,
		.values = "purchase|grant|adjustment|refund|usage_rollup"),
	HUNDREDTHS(gateway_transaction, credits, REQUIRED, DOC("Negative: taken")),
	HUNDREDTHS(gateway_transaction, balance_after, REQUIRED, .json = "balanceAfter"),
	STR(gateway_transaction, description, REQUIRED),
	OPT_I64(gateway_transaction, amount_cents, REQUIRED, NULLABLE, .json = "amountCents",
		DOC("What was paid; null: nothing was, or it is not known")),
	STR(gateway_transaction, currency, REQUIRED, NULLABLE),
	STR(gateway_transaction, created_at, REQUIRED, .json = "createdAt",
		DOC("ISO 8601; of a day's calls: when the last one was charged")));

SCHEMA(gateway_transactions,
	ARRAY(gateway_transactions, transactions, gateway_transaction, REQUIRED),
	STR(gateway_transactions, next_cursor, REQUIRED, NULLABLE, .json = "nextCursor",
		DOC("null: this is the end")));

/* A row of the statement, also the one that the running day will become. */
struct line {
	u64 seq;
	i64 amount, overage, at_us;
	const char *reason;
	struct opt_i64 cents;
	const char *currency;
};

static const struct words {
	const char *reason, *type, *description;
} words[] = {
	{"purchase", "purchase", "Purchased credits"},
	{"grant", "grant", "Granted credits"},
	{"allowance", "grant", "Allowance of a new period"},
	{"refund", "refund", "Refund of model usage"},
	{"expire", "adjustment", "Expired credits"},
};

static const struct words *words_of(const char *reason)
{
	static const struct words other = {"", "adjustment", "Adjustment"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_equal(words[i].reason, reason))
			return &words[i];
	return &other;
}

static const char *describe_day(struct arena *a, const struct line *line)
{
	const char *day = clock_date(a, line->at_us);
	struct buf overage;

	if (line->overage == 0)
		return arena_printf(a, "Model usage on %s", day);
	buf_init(&overage, a, 32);
	buf_decimal(&overage, money_charge_hundredths(line->overage), 2);
	return arena_printf(a, "Model usage on %s, and %s credits of overage", day, overage.data);
}

/* A transaction's id is the user's with the number of the row: the same in every answer. */
static struct gateway_transaction transaction_of(struct req *r, const struct line *line, i64 after)
{
	const char *user = gateway_account(r)->public_id + strlen("usr_");
	bool is_usage = line->reason == NULL;
	const struct words *w = is_usage ? NULL : words_of(line->reason);
	/* The difference of what is shown, so that the rows add up to the balance. */
	i64 balance = money_credit_hundredths(after);
	i64 before = money_credit_hundredths(after - line->amount);

	return (struct gateway_transaction){
		.id = arena_printf(r->arena, "txn_%s%08llu", user, (unsigned long long)line->seq),
		.type = is_usage ? "usage_rollup" : w->type,
		.description = is_usage ? describe_day(r->arena, line) : w->description,
		.credits = balance - before,
		.balance_after = balance,
		.amount_cents = line->cents,
		.currency = line->currency,
		.created_at = clock_iso8601_ms(r->arena, line->at_us),
	};
}

/* The lines of a page: the running day's first, where the page begins above it. */
static size_t lines_of(
	const struct statement_page_row *row, size_t n, i64 before_seq, struct line *ret)
{
	size_t n_lines = 0;

	if (row[0].used_at_us.has && before_seq > (i64)row[0].statement_rows + 1)
		ret[n_lines++] = (struct line){
			.seq = row[0].statement_rows + 1,
			.amount = -row[0].used_micro,
			.overage = row[0].used_overage_micro,
			.at_us = row[0].used_at_us.value,
		};
	for (size_t i = 0; i < n && row[i].seq.has; i++)
		ret[n_lines++] = (struct line){
			.seq = (u64)row[i].seq.value,
			.amount = row[i].amount.value,
			.overage = row[i].overage.value,
			.at_us = row[i].at_us.value,
			.reason = row[i].reason,
			.cents = row[i].order_cents,
			.currency = row[i].order_currency,
		};
	return n_lines;
}

int gateway_transactions_list(struct req *r, const void *in_, void *out_)
{
	const struct gateway_transactions_in *in = in_;
	struct gateway_transactions *out = out_;
	size_t limit = (size_t)(in->limit != 0 ? in->limit : ROWS_DEFAULT), n;
	i64 before_seq = in->cursor.has ? in->cursor.value : INT64_MAX;
	struct statement_page_row *row;

	/* One more than the limit tells whether there are more. */
	TRY(sql_statement_page(
		&r->db, (u64)before_seq, r->caller.user_id, (i64)limit + 1, &row, &n));
	if (n == 0)
		return fail(r->fail, E_UNAUTHORIZED, NULL);
	struct line *line = arena_array(r->arena, struct line, n + 1);
	size_t n_lines = lines_of(row, n, before_seq, line);
	i64 after = row[0].credit - row[0].newer;
	if (row[0].used_at_us.has && before_seq <= (i64)row[0].statement_rows + 1)
		after += row[0].used_micro;
	out->n_transactions = n_lines < limit ? n_lines : limit;
	out->transactions = arena_array(r->arena, struct gateway_transaction, out->n_transactions);
	for (size_t i = 0; i < out->n_transactions; i++) {
		out->transactions[i] = transaction_of(r, &line[i], after);
		after -= line[i].amount;
	}
	if (n_lines > limit)
		out->next_cursor =
			arena_printf(r->arena, "%llu", (unsigned long long)line[limit - 1].seq);
	return 0;
}
