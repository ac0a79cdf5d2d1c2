/* What a call was charged. One transfer charges all calls of a settlement; among them its funds are
 * shared in their order: the first calls have what is spent first. The shares of the calls add up
 * to the transfer. */
#ifndef TURNPIKE_RECEIPT_H
#define TURNPIKE_RECEIPT_H

#include "gen/sql.h"
#include "ledger.h"

/* Micro-dollars; overage with its markup. */
struct charge {
	i64 fund[FUND_MAX];
	i64 uncollected;
};

/* The share of a call that cost `cost`, after others of the same transfer that cost `before`; all
 * of them cost `total`. */
struct charge charge_share(const struct charge *transfer, i64 total, i64 before, i64 cost);

struct receipt {
	struct call_get_row call;
	struct charge charge; /* where the call has a transfer */
	i64 n_calls;	      /* that the transfer charged */
};

/* E_NOT_FOUND: this user has no such call, or it was not settled yet. */
int receipt_get(struct db *db, u64 user_id, const char *call_id, struct receipt *ret);

#endif
