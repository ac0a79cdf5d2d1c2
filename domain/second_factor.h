/* The second factor of an account: codes of an authenticator app, each used once, and ten recovery
 * codes for the day when the app is lost (account.md section 5). */
#ifndef TURNPIKE_SECOND_FACTOR_H
#define TURNPIKE_SECOND_FACTOR_H

#include "../fcgi/core/options.h"
#include "audit.h"

enum { RECOVERY_CODES = 10 };

/* Whose it is, and the credential that acts: one of both ids is 0. */
struct second_factor_by {
	const struct options *options;
	u64 user_id, web_session_id, session_id;
	struct opt_i64 mfa_since_us; /* of the account, as the credential was checked against */
	struct visitor visitor;
	i64 now_us;
};

/* Everything below looks again, in the transaction that changes something, whether the account and
 * the credential are still what they were: E_UNAUTHORIZED, E_SUSPENDED, or E_MFA_REQUIRED when the
 * second factor was changed meanwhile. */

/* Turns it on with a new secret (base32) that the app has shown a code of, or changes the secret.
 * The acting session counts as proved, every other credential is pending from now on. *ret_codes:
 * the recovery codes; they are not kept. *ret_since_us: since when it is asked for.
 * E_BAD_CODE, E_BUSY, E_NOT_CONFIGURED. */
int second_factor_enable(struct db *db, const struct second_factor_by *by, const char *secret,
	const char *code, const char *const **ret_codes, i64 *ret_since_us);
/* Proves it for a session; the caller makes a browser's cookie. E_BAD_CODE: wrong, used before, or
 * there is no second factor. */
int second_factor_verify(struct db *db, const struct second_factor_by *by, const char *code);
/* The same with a recovery code. Also E_BUSY: too many wait to be hashed. */
int second_factor_recover(struct db *db, const struct second_factor_by *by, const char *code);
/* Turns it off. What never proved it ends: no sign-in that stopped half way becomes a
 * whole one by this. */
int second_factor_disable(struct db *db, const struct second_factor_by *by);

#endif
