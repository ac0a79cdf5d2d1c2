/* What changes a user's credit other than a call: purchases, gifts, corrections, periods. */
#include "ledger.h"

#include <string.h>

#include "../fcgi/core/str.h"
#include "ledger_book.h"

struct transfer {
	const char *reason;
	const struct ledger_cause *cause;
	const struct ledger_leg *leg;
	size_t n_legs;
	i64 now_us;
	struct ledger_posted *ret;
};

static void sort(u64 *id, size_t n)
{
	for (size_t i = 1; i < n; i++)
		for (size_t k = i; k > 0 && id[k - 1] > id[k]; k--) {
			u64 swap = id[k];
			id[k] = id[k - 1];
			id[k - 1] = swap;
		}
}

/* Locks the owners of the accounts, then the accounts: users', then the house's. */
static int lock_legs(struct book *book, const struct transfer *t)
{
	u64 owner[LEDGER_LEGS_MAX], account[2][LEDGER_LEGS_MAX];
	size_t n_owners = 0, n[2] = {0, 0};

	for (size_t i = 0; i < t->n_legs; i++) {
		struct ledger_account_row row;
		int rc = sql_ledger_account_get(book->db, t->leg[i].account_id, &row);
		if (rc == SQL_NONE)
			return fail(book->db->fail, E_NOT_FOUND, "There is no such account.");
		TRY(rc);
		bool is_house = str_equal(row.owner_kind, "house");
		account[is_house][n[is_house]++] = row.account_id;
		if (!is_house)
			owner[n_owners++] = row.owner_id;
	}
	sort(owner, n_owners);
	for (size_t i = 0; i < n_owners; i++) {
		struct user_lock_row row;
		if (i > 0 && owner[i] == owner[i - 1])
			continue;
		int rc = sql_user_lock(book->db, owner[i], &row);
		if (rc == SQL_NONE)
			return fail(book->db->fail, E_NOT_FOUND, "There is no such user.");
		TRY(rc);
	}
	for (size_t house = 0; house < 2; house++) {
		sort(account[house], n[house]);
		for (size_t i = 0; i < n[house]; i++) {
			struct account *locked;
			if (i == 0 || account[house][i] != account[house][i - 1])
				TRY(book_account(book, account[house][i], &locked));
		}
	}
	return 0;
}

static int transfer_apply(struct db *db, void *arg)
{
	const struct transfer *t = arg;
	struct book book = {.db = db, .now_us = t->now_us};
	struct leg leg[LEDGER_LEGS_MAX];
	struct post post = {
		.reason = t->reason, .cause = t->cause, .leg = leg, .n_legs = t->n_legs};

	if (t->n_legs > LEDGER_LEGS_MAX)
		return fail_cause(db->fail, E_BAD_REQUEST, "more than %d legs", LEDGER_LEGS_MAX);
	TRY(lock_legs(&book, t));
	for (size_t i = 0; i < t->n_legs; i++) {
		leg[i] = (struct leg){.amount = t->leg[i].amount};
		for (size_t k = 0; k < book.n_accounts; k++)
			if (book.account[k].account_id == t->leg[i].account_id)
				leg[i].account = &book.account[k];
		if (leg[i].amount == 0)
			return fail(db->fail, E_BAD_REQUEST, "An amount of nothing.");
		if (leg[i].account->fund == FUND_TOPUP)
			leg[i].expires_at_us =
				(struct opt_i64){true, t->now_us + TOPUP_LIFETIME_US};
	}
	TRY(book_post(&book, &post, t->ret));
	return t->ret->is_replay ? 0 : book_close(&book);
}

int ledger_transfer(struct db *db, const char *reason, const struct ledger_cause *cause,
	const struct ledger_leg *leg, size_t n_legs, i64 now_us, struct ledger_posted *ret)
{
	struct transfer t = {reason, cause, leg, n_legs, now_us, ret};

	return db_tx(db, transfer_apply, &t);
}

/* One of the changes below, in its transaction. */
struct change {
	const struct ledger_change *in;
	const char *reason, *house;
	enum fund fund;
	i64 expires_at_us;
	const char *hold_id;
	i64 amount;
	struct ledger_posted *ret;
};

/* Moves c->amount from the house's account to the fund. */
static int post_change(struct book *book, const struct change *c, const struct sha256 *fingerprint)
{
	struct account *house;
	i64 other;

	TRY(book_house(book, c->house, &house));
	if (!money_subtract(0, c->amount, &other))
		return fail(book->db->fail, E_BAD_REQUEST, "The amount is too large.");
	struct leg leg[] = {{.account = book->fund[c->fund],
				    .amount = c->amount,
				    .expires_at_us = {true, c->expires_at_us}},
		{.account = house, .amount = other}};
	struct post post = {.reason = c->reason,
		.cause = &c->in->cause,
		.leg = leg,
		.n_legs = ARRAY_LEN(leg),
		.fingerprint = fingerprint};
	return book_post(book, &post, c->ret);
}

static int change_apply(struct db *db, void *arg)
{
	struct change *c = arg;
	struct book book;

	TRY(book_open(&book, db, c->in->user_id, c->in->now_us));
	TRY(post_change(&book, c, NULL));
	return c->ret->is_replay ? 0 : book_close(&book);
}

static int topup(struct db *db, const char *reason, const char *house, bool may_take,
	const struct ledger_change *in, struct ledger_posted *ret)
{
	struct change c = {
		.in = in,
		.reason = reason,
		.house = house,
		.fund = FUND_TOPUP,
		.expires_at_us = in->now_us + TOPUP_LIFETIME_US,
		.amount = in->amount,
		.ret = ret,
	};

	if (in->amount == 0 || (in->amount < 0 && !may_take))
		return fail(db->fail, E_BAD_REQUEST, "The amount must be more than nothing.");
	return db_tx(db, change_apply, &c);
}

int ledger_purchase(struct db *db, const struct ledger_change *c, struct ledger_posted *ret)
{
	return topup(db, "purchase", "purchases", false, c, ret);
}

int ledger_grant(struct db *db, const struct ledger_change *c, struct ledger_posted *ret)
{
	return topup(db, "grant", "grants", false, c, ret);
}

int ledger_adjust(struct db *db, const struct ledger_change *c, struct ledger_posted *ret)
{
	return topup(db, "adjustment", "adjustments", true, c, ret);
}

/* What may still be given back of a hold's cost. */
static int refundable(struct book *book, const char *hold_id, i64 *ret)
{
	struct hold_get_row hold;
	struct hold_refunded_row refunded;
	int rc = sql_hold_get(book->db, hold_id, book->user_id, &hold);

	if (rc == SQL_NONE)
		return fail(book->db->fail, E_NOT_FOUND, "This user has no such hold.");
	TRY(rc);
	TRY(sql_hold_refunded(book->db, hold_id, book->fund[FUND_TOPUP]->account_id, &refunded));
	*ret = hold.charged_topup;
	if (!money_add(*ret, hold.charged_allowance, ret) ||
		!money_add(*ret, hold.charged_overage, ret) ||
		!money_subtract(*ret, refunded.amount, ret))
		return fail_cause(
			book->db->fail, E_INTERNAL, "the charges of %s overflow", hold_id);
	return 0;
}

static int refund_apply(struct db *db, void *arg)
{
	struct change *c = arg;
	struct book book;
	struct {
		u64 user_id;
		i64 amount;
		struct sha256 hold;
	} asked = {c->in->user_id, c->in->amount, {{0}}};

	TRY(book_open(&book, db, c->in->user_id, c->in->now_us));
	c->amount = c->in->amount;
	if (c->hold_id != NULL) {
		struct sha256 key = sha256(c->in->cause.key, strlen(c->in->cause.key));
		struct ledger_transfer_by_key_row first;
		i64 left;
		asked.hold = sha256(c->hold_id, strlen(c->hold_id));
		int rc = sql_ledger_transfer_by_key(
			db, (struct sql_bytes){key.byte, sizeof(key.byte)}, &first);
		if (rc != 0 && rc != SQL_NONE)
			return rc;
		TRY(refundable(&book, c->hold_id, &left));
		if (rc == 0) /* a repeat, which must not be refused for what it did itself */
			c->amount = 1;
		else if (left == 0 || c->amount > left)
			return fail(db->fail, E_CONFLICT, "Of this hold %lld cents are left.",
				(long long)money_credit_cents(left));
		else if (c->amount == 0)
			c->amount = left;
	}
	struct sha256 print = sha256(&asked, sizeof(asked));
	TRY(post_change(&book, c, &print));
	return c->ret->is_replay ? 0 : book_close(&book);
}

int ledger_refund(struct db *db, const struct ledger_change *in, const char *hold_id,
	struct ledger_posted *ret)
{
	struct change c = {
		.in = in,
		.reason = "refund",
		.house = "revenue",
		.fund = FUND_TOPUP,
		.expires_at_us = in->now_us + TOPUP_LIFETIME_US,
		.hold_id = hold_id,
		.ret = ret,
	};

	if (in->amount < 0 || (in->amount == 0 && hold_id == NULL))
		return fail(db->fail, E_BAD_REQUEST, "The amount must be more than nothing.");
	return db_tx(db, refund_apply, &c);
}

static int reset_apply(struct db *db, void *arg)
{
	struct change *c = arg;
	struct book book;

	TRY(book_open(&book, db, c->in->user_id, c->in->now_us));
	if (c->amount > 0) {
		TRY(post_change(&book, c, NULL));
		if (c->ret->is_replay)
			return 0;
	}
	struct account *allowance = book.fund[FUND_ALLOWANCE];
	TRY(sql_lot_end(db, c->in->now_us, allowance->account_id, c->ret->transfer_id, NULL));
	TRY(book_expire_fund(&book, allowance, &c->in->cause));
	TRY(book_expire(&book));
	return book_close(&book);
}

int ledger_reset_allowance(
	struct db *db, const struct ledger_change *in, i64 expires_at_us, struct ledger_posted *ret)
{
	struct change c = {
		.in = in,
		.reason = "allowance",
		.house = "allowances",
		.fund = FUND_ALLOWANCE,
		.expires_at_us = expires_at_us,
		.amount = in->amount,
		.ret = ret,
	};

	*ret = (struct ledger_posted){0};
	if (in->amount < 0 || expires_at_us <= in->now_us)
		return fail(db->fail, E_BAD_REQUEST, "An allowance is for the time to come.");
	return db_tx(db, reset_apply, &c);
}

static int bill_apply(struct db *db, void *arg)
{
	static const char asked[] = "the debt";
	struct change *c = arg;
	struct book book;
	struct sha256 print = sha256(asked, sizeof(asked));

	TRY(book_open(&book, db, c->in->user_id, c->in->now_us));
	if (!money_subtract(0, book.fund[FUND_OVERAGE]->balance, &c->amount))
		return fail_cause(db->fail, E_INTERNAL, "the overage overflows");
	if (c->amount <= 0) {
		c->amount = 0;
		return 0;
	}
	TRY(post_change(&book, c, &print));
	if (c->ret->is_replay)
		c->amount = 0;
	return c->ret->is_replay ? 0 : book_close(&book);
}

int ledger_bill_overage(
	struct db *db, const struct ledger_change *in, i64 *ret_amount, struct ledger_posted *ret)
{
	struct change c = {.in = in,
		.reason = "overage_billed",
		.house = "receivable",
		.fund = FUND_OVERAGE,
		.ret = ret};

	*ret = (struct ledger_posted){0};
	int rc = db_tx(db, bill_apply, &c);
	*ret_amount = c.amount;
	return rc;
}
