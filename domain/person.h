/* Who a proved e-mail address is, and whether a credential has proved the second factor. */
#ifndef TURNPIKE_PERSON_H
#define TURNPIKE_PERSON_H

#include "gen/sql.h"

/* The user with this address, which has just been proved; made when there is none. A sign-up that
 * never proved it gives way: its password and whatever it has opened end, so that nobody waits in
 * an account for its owner to come. Inside a transaction. SQL_CONFLICT: taken and left again
 * meanwhile; run it again. */
int person_of_proved_email(struct db *db, const char *email, i64 now_us, u64 *ret_user_id);

/* The address was claimed, never proved, and now its owner has proved it: whatever the claimant has
 * set up ends. Inside a transaction. */
int person_take_over(struct db *db, u64 user_id, i64 now_us);

/* Ends every session, token and pending sign-in of a user, in every family. Inside a transaction.
 */
int person_sign_out_everywhere(struct db *db, u64 user_id, const char *email);

/* Whether the account asks for a second factor (since) that a credential (proved at) lacks. */
static inline bool person_mfa_pending(struct opt_i64 since_us, struct opt_i64 proved_at_us)
{
	return since_us.has && (!proved_at_us.has || proved_at_us.value < since_us.value);
}

#endif
