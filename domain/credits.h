/* A user's credit as people are shown it. 1 credit is a thousandth of a dollar; what there is is
 * rounded down and what is taken is rounded up, to hundredths (domain/money.h). */
#ifndef TURNPIKE_CREDITS_H
#define TURNPIKE_CREDITS_H

#include "gen/sql.h"

/* Amounts are hundredths of a credit. */
struct credits {
	i64 balance;	       /* top-ups and allowance */
	i64 reserved;	       /* of it for calls under way: balance less available, exactly */
	i64 available;	       /* what calls may still take of it */
	i64 purchased;	       /* of the balance: top-ups */
	struct opt_i64 period; /* what the running period brought; absent: there is none */
	struct opt_i64 resets_at_us;
	bool overage_enabled;
	i64 overage, overage_ceiling; /* owed and how much may be, with the markup */
	struct opt_i64 renews_at_us;
};

/* One read. */
int credits_get(struct db *db, u64 user_id, i64 now_us, struct credits *ret);

#endif
