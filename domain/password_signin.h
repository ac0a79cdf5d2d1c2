/* Signing in with an e-mail address and a password. */
#ifndef TURNPIKE_PASSWORD_SIGNIN_H
#define TURNPIKE_PASSWORD_SIGNIN_H

#include "signin.h"
#include "web_session.h"

struct password_signin {
	const struct options *options;
	const char *email; /* normalised; NULL: none that is one */
	const char *password;
	struct visitor visitor;
	i64 now_us;
};

/* Whose they are. Costs the same whether the address is known or not. 0; E_BAD_PASSWORD for every
 * reason alike (unknown, no password, wrong, not proved, deleted, suspended); E_BUSY. */
int password_signin_check(
	struct db *db, const struct password_signin *in, struct credential_by_email_row *ret);
/* A browser's session for them; old_token (may be NULL), the one it had, ends. E_BAD_PASSWORD: the
 * password or the account has changed since it was checked. */
int password_signin_web(struct db *db, const struct password_signin *in,
	const struct credential_by_email_row *who, const char *old_token, const char **ret_token);
/* A session with a token for them, and a hand-off when it is for the IDE. E_BAD_PASSWORD as above.
 */
int password_signin_session(struct db *db, const struct password_signin *in,
	const struct credential_by_email_row *who, const struct signin_purpose *purpose,
	const struct session_device *device, struct signin_result *ret);

#endif
