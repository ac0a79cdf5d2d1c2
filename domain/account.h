/* What holds for an account whatever the family that asks. */
#ifndef TURNPIKE_ACCOUNT_H
#define TURNPIKE_ACCOUNT_H

#include "audit.h"
#include "gen/sql.h"

/* A plan that renews and has not run out. */
bool account_is_subscribed(const struct session_caller_row *account, i64 now_us);
/* Forgets a person in one transaction: sessions, identities, passwords, usage, pending sign-ins.
 * Orders, the ledger, what calls have cost and what happened stay, without a name; what calls had
 * reserved is free. how: a word for
 * the record of events. */
int account_erase(
	struct db *db, u64 user_id, const char *how, const struct visitor *visitor, i64 now_us);

#endif
