/* Deletion of an account with a time of grace (account.md section 4.7): asked for, called off, and
 * carried out by the retention run. */
#ifndef TURNPIKE_DELETION_H
#define TURNPIKE_DELETION_H

#include "../fcgi/core/options.h"
#include "audit.h"
#include "gen/sql.h"

enum { DELETION_GRACE_S = 30 * 86400 };

/* Who asks for what happens to the own account. */
struct deletion {
	const struct options *options;
	u64 user_id;
	const char *password_hash; /* that was verified; NULL: a fresh sign-in stood for it */
	struct visitor visitor;
	i64 now_us;
};

/* *ret_at_us: when the account will be deleted; of one that is to be already, the time stays. 0 or
 * E_BAD_PASSWORD: the password has changed since it was verified. */
int deletion_schedule(struct db *db, const struct deletion *in, i64 *ret_at_us);
/* Nothing, when nothing was scheduled. */
int deletion_cancel(struct db *db, const struct deletion *in);
/* Carries out what is due, until the monotonic time until_us; *ret_n: accounts deleted. An account
 * that cannot be deleted holds up no other one. */
int deletion_run(
	struct db *db, const struct options *options, i64 now_us, i64 until_us, i64 *ret_n);

#endif
