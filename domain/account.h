/* What holds for an account whatever the family that asks. */
#ifndef TURNPIKE_ACCOUNT_H
#define TURNPIKE_ACCOUNT_H

#include "gen/sql.h"

/* A plan that renews and has not run out. */
bool account_is_subscribed(const struct session_caller_row *account, i64 now_us);
/* Forgets a person in one transaction: sessions, identities, usage, pending sign-ins. Orders, the
 * ledger and what calls have cost stay, without a name. */
int account_erase(struct db *db, u64 user_id, const char *email, i64 now_us);

#endif
