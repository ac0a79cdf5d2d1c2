/* A user's accounts locked in one transaction: read once, changed in memory, written once. Only
 * domain/ledger*.c include it. */
#ifndef TURNPIKE_LEDGER_BOOK_H
#define TURNPIKE_LEDGER_BOOK_H

#include "../fcgi/core/crypto.h"
#include "ledger.h"

enum {
	BOOK_ACCOUNTS_MAX = 2 * LEDGER_LEGS_MAX,
	FULL_PERCENT = 100,
	MARKED_UP_PERCENT = FULL_PERCENT + OVERAGE_MARKUP_PERCENT,
};

struct account {
	u64 account_id, owner_id, n_entries;
	bool is_house, is_sat, may_spend;
	bool is_dirty, is_moved; /* to be written; its balance, too */
	enum fund fund;		 /* of a user's usd_micro account */
	i64 balance, reserved;
	struct opt_i64 floor, expires_at_us;
	struct sha256 last_hash;
};

struct book {
	struct db *db;
	u64 user_id; /* 0: no single user */
	i64 now_us;
	/* What calls have taken on the day of used_at_us and is not in the user's statement yet. */
	struct opt_i64 used_at_us;
	i64 used, used_overage;
	struct account *fund[FUND_MAX];
	struct account account[BOOK_ACCOUNTS_MAX];
	size_t n_accounts;
};

struct leg {
	struct account *account;
	i64 amount;
	/* Out of a fund with lots: this one (0: the oldest first). Into one: when it expires. */
	u64 lot_id;
	struct opt_i64 expires_at_us;
};

/* The user with the three funds, made if they do not exist. E_NOT_FOUND: no such user. */
int book_open(struct book *book, struct db *db, u64 user_id, i64 now_us);
/* One more account, in the lock order that sql/queries/ledger.sql gives. */
int book_house(struct book *book, const char *kind, struct account **ret);
int book_account(struct book *book, u64 account_id, struct account **ret);
/* What can be taken from an account that is not reserved; never negative. */
i64 book_headroom(const struct account *account);
/* Posts a transfer: legs of nothing are left out, the rest must balance. fingerprint: what was
 * asked for, when that is not the legs themselves. */
struct post {
	const char *reason;
	const struct ledger_cause *cause;
	struct leg *leg;
	size_t n_legs;
	const struct sha256 *fingerprint;
};
int book_post(struct book *book, const struct post *post, struct ledger_posted *ret);
/* The lots of a leg's account: takes amount out of the leg's lot, or out of the oldest; adds one.
 */
int lots_burn(struct book *book, const struct leg *leg, i64 amount);
int lots_add(struct book *book, const struct leg *leg, const char *source, u64 transfer_id);
/* Takes credit whose time has passed and that is not reserved. */
int book_expire(struct book *book);
/* The same of one fund; why its credit ended, when that is not the lot's own time (may be NULL). */
int book_expire_fund(struct book *book, struct account *account, const struct ledger_cause *why);
/* Writes every account that changed, and the user's view of them. */
int book_close(struct book *book);

/* The statement that the user sees: a row for what was added to an account with lots (or taken from
 * it) by anything but calls; what calls took is added to their day. */
int statement_add(struct book *book, const struct leg *leg, u64 transfer_id);
int statement_use(struct book *book, const struct leg *leg);

/* How an amount is paid: fund by fund, the overage with its markup, and what nothing can pay. */
struct payment {
	i64 from[FUND_MAX];
	i64 left;
};
/* own_overage: what may come out of the overage although the user has meanwhile disabled it. */
struct payment book_split(const struct book *book, i64 amount, i64 own_overage);
/* Adds to what the funds reserve (sign 1), or takes off (-1). */
int book_reserve(struct book *book, const i64 amount[FUND_MAX], int sign);
/* Posts a payment to the house's revenue. */
int book_charge(struct book *book, const struct payment *p, const struct ledger_cause *cause,
	u64 *ret_transfer_id);

/* The hash of an account's entry. */
struct sha256 ledger_hash(const struct sha256 *previous, u64 account_id, u64 seq, u64 transfer_id,
	i64 amount, i64 balance_after);

#endif
