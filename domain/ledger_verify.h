/* The proof of the books. */
#ifndef TURNPIKE_LEDGER_VERIFY_H
#define TURNPIKE_LEDGER_VERIFY_H

#include "../fcgi/db/db.h"

struct ledger_proof {
	u64 n_accounts, n_entries;
	const char *fault; /* the first wrong row and what is wrong with it; NULL: none */
};

/* Every account's chain of entries is whole and ends in its balance; every transfer sums to zero;
 * reservations are the open holds; funds are their lots; users see their balances and a statement
 * that adds up to them; leases were charged what their calls have cost. May run while
 * the books are written: what came after it looked is left to the next time. An error means that
 * it could not look. */
int ledger_verify(struct db *db, struct ledger_proof *ret);

#endif
