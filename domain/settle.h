/* Writing down what calls have cost: rows of ai_call, sums of the day, and the charge, in one
 * transaction. Only domain/purse*.c include it. */
#ifndef TURNPIKE_SETTLE_H
#define TURNPIKE_SETTLE_H

#include "call_record.h"
#include "ledger.h"

enum { SETTLE_CALLS_MAX = 256 };

struct settlement {
	struct ledger_lease lease; /* its charge and charge_key are set here */
	struct call_record *const *call;
	size_t n_calls;
	bool ask_first; /* some may have been settled before: those are left out */
};

/* All of it or nothing. */
int settle(struct db *db, const struct settlement *s, struct ledger_leased *ret);
/* Settles the calls of processes that are dead, by their journals in dir. */
void settle_orphans(struct db *db, const char *dir);

#endif
