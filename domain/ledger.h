/* The ledger: money in double entry, exact under any concurrency and after any crash.
 *
 * Each change is a transfer: entries that sum to zero, one idempotency key, one recorded cause. A
 * user has three funds, spent in this order: top-ups (lots, oldest first, 12 months), allowance
 * (reset at renewal), overage (debt with a markup, down to its account's floor, when the user has
 * enabled it). The house has the other side. A hold reserves from the funds what a call may cost
 * at most; settling it charges what it did cost. What a user can spend is never negative at any
 * read: the balance less what is reserved stays at or above the floor, by the code and by a CHECK.
 *
 * Every function is a transaction of its own, or part of the caller's. Amounts are micro-dollars.
 * Refused input is E_BAD_REQUEST, too little money E_INSUFFICIENT_BALANCE. A repeated key with the
 * same content changes nothing and answers as the first time; with other content it is
 * E_IDEMPOTENCY_MISMATCH. */
#ifndef TURNPIKE_LEDGER_H
#define TURNPIKE_LEDGER_H

#include "gen/sql.h"
#include "money.h"

enum {
	OVERAGE_MARKUP_PERCENT = 15,
	OVERAGE_CEILING_CENTS = 5000, /* a month */
	HOUSE_SHARDS = 16,
	LEDGER_LEGS_MAX = 8,
};

/* The reason of what calls are charged. */
#define LEDGER_USAGE "usage"

#define TOPUP_LIFETIME_US (366 * 86400 * (i64)1000000)

/* Why money moves. Texts longer than their columns are refused. */
struct ledger_cause {
	const char *key;	    /* idempotency: one transfer each */
	const char *reference_kind; /* "operator", "order", "webhook", "hold", "lot" ... */
	const char *reference_id;
	const char *request_id; /* may be NULL */
	const char *note;	/* may be NULL */
};

struct ledger_posted {
	u64 transfer_id;
	bool is_replay; /* the key had been used: nothing was changed */
};

struct ledger_leg {
	u64 account_id;
	i64 amount;
};

/* Moves money between any accounts of one asset: two or more legs, each account once, sum zero.
 * What comes into a user's top-ups is a lot of 12 months. */
int ledger_transfer(struct db *db, const char *reason, const struct ledger_cause *cause,
	const struct ledger_leg *leg, size_t n_legs, i64 now_us, struct ledger_posted *ret);

/* What changes a user's credit. */
struct ledger_change {
	u64 user_id;
	i64 amount;
	struct ledger_cause cause;
	i64 now_us;
};

/* Top-ups: paid for; given by the operator; corrected by the operator (negative takes the oldest
 * credit that is not reserved). */
int ledger_purchase(struct db *db, const struct ledger_change *c, struct ledger_posted *ret);
int ledger_grant(struct db *db, const struct ledger_change *c, struct ledger_posted *ret);
int ledger_adjust(struct db *db, const struct ledger_change *c, struct ledger_posted *ret);
/* Gives back what calls had cost, as a top-up. With a hold (whose public id is then the cause's
 * reference): at most what it was charged, less what has been given back of it; amount 0: all of
 * that. */
int ledger_refund(struct db *db, const struct ledger_change *c, const char *hold_id,
	struct ledger_posted *ret);
/* A new period: what is left of the allowance goes (reserved parts when they are released), amount
 * comes and lasts until expires_at_us. */
int ledger_reset_allowance(
	struct db *db, const struct ledger_change *c, i64 expires_at_us, struct ledger_posted *ret);
/* Moves a user's overage debt to what the next invoice asks for, so that the ceiling is free again;
 * c->amount is not read. *ret_amount 0: there was none, and no transfer. */
int ledger_bill_overage(
	struct db *db, const struct ledger_change *c, i64 *ret_amount, struct ledger_posted *ret);

enum fund { FUND_TOPUP, FUND_ALLOWANCE, FUND_OVERAGE, FUND_MAX };

/* "topup" ...: the kinds of the accounts. */
extern const char *const ledger_fund_names[FUND_MAX];

struct ledger_balance {
	i64 balance[FUND_MAX], reserved[FUND_MAX];
	/* What a new hold may take, at face value. Credit whose time has passed counts until the
	 * sweep or the user's next hold takes it. */
	i64 spendable;
};

/* One read, without locks. A user whom the ledger does not know has nothing. */
int ledger_balance_get(struct db *db, u64 user_id, struct ledger_balance *ret);

struct ledger_hold {
	u64 user_id;
	i64 amount; /* at face value: the markup of overage comes on top */
	i64 deadline_at_us;
	const char *reference_kind, *reference_id;
	const char *request_id; /* may be NULL */
	i64 now_us;
};

/* Reserves; *ret_id ("hold_...") lives in db->arena. Lost answers need no care: the sweeper
 * releases. */
int ledger_hold(struct db *db, const struct ledger_hold *h, const char **ret_id);
/* Notes what an open hold's call has cost so far, for the sweeper; no error when it is closed. */
int ledger_hold_note(struct db *db, u64 user_id, const char *hold_id, i64 cost);

struct ledger_receipt {
	i64 cost; /* at face value; charged_ and uncollected explain it */
	i64 charged[FUND_MAX];
	i64 uncollected;
	struct opt_i64 transfer_id;
	bool is_replay;
};

/* Charges the real cost and frees the rest. Funds are taken in order, also beyond what was held,
 * but never what other holds reserve and never below a floor; what no fund could pay is booked as
 * the house's "uncollected". A hold that was released before (its deadline had passed) is charged
 * all the same, because the goods were delivered. Again with the same cost: the first receipt. */
int ledger_settle(struct db *db, u64 user_id, const char *hold_id, i64 cost, i64 now_us,
	struct ledger_receipt *ret);
/* Frees all of a hold; again: fine; once it is settled: E_CONFLICT. */
int ledger_release(struct db *db, u64 user_id, const char *hold_id, i64 now_us);
/* Ends all open holds of a user who leaves, as the sweeper would; leases, too. Calls under way are
 * charged all the same once they are over. */
int ledger_void(struct db *db, u64 user_id, i64 now_us);
/* A lease: a hold that lives as long as its owner renews it, for many calls. Each change charges
 * what calls have cost since the last one and sets what stays reserved. */
struct ledger_lease {
	u64 user_id;
	const char *hold_id; /* the owner's choice; the first change opens it, also after a close */
	i64 charge;	     /* may be 0 */
	const char *charge_key;
	i64 keep;	/* reserved from now on; 0 closes it */
	i64 extra_max;	/* on top, at most this much ... */
	i64 extra_unit; /* ... when a sixteenth of what is left then covers this */
	/* What calls of the day (UTC) may cost with all that is reserved for more; absent: whatever
	 * there is. */
	struct opt_i64 day_max;
	i64 deadline_at_us, now_us;
};

struct ledger_leased {
	i64 held;      /* reserved now; below keep only when the charge left no more */
	i64 others;    /* what other holds of this user reserve */
	bool has_more; /* a sixteenth of what was left beyond keep covers extra_unit */
	struct opt_i64 transfer_id;
};

/* With charge 0: all of keep, or E_INSUFFICIENT_BALANCE or (day_max) E_RATE_LIMITED and nothing
 * changed; others says whether that may be due to them. A charge always
 * happens, as in ledger_settle(). The same charge_key a second time is E_INTERNAL: ask first. */
int ledger_lease_set(struct db *db, const struct ledger_lease *l, struct ledger_leased *ret);

/* Holds past their deadline are settled at what was noted, else released; expired credit is taken.
 * At most a few hundred at a time; *ret_n says how many. */
int ledger_sweep(struct db *db, i64 now_us, size_t *ret_n);

#endif
