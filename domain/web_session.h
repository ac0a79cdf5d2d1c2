/* Sessions of browsers: a cookie with a reference token, and the cookie that says the second factor
 * was proved (account.md sections 2.1 and 2.6). */
#ifndef TURNPIKE_WEB_SESSION_H
#define TURNPIKE_WEB_SESSION_H

#include "../fcgi/core/options.h"
#include "audit.h"
#include "gen/sql.h"

enum {
	WEB_SESSION_S = 30 * 86400,
	WEB_SESSION_IDLE_S = 7 * 86400,
	WEB_SESSION_TOUCH_S = 300, /* how often a use is written down */
	WEB_SESSION_FRESH_S = 600, /* a sign-in young enough for what needs one */
	MFA_COOKIE_S = 86400,
};

/* A new session; *ret_token is the cookie's value. Inside a transaction. */
int web_session_create(struct db *db, u64 user_id, const struct visitor *visitor, i64 now_us,
	const char **ret_token);
/* The live session of a cookie's value, with its user. 0, E_UNAUTHORIZED or E_SUSPENDED. */
int web_session_resolve(struct db *db, const char *token, const char *ip, i64 now_us,
	struct web_session_caller_row *ret);
/* Ends the session of a cookie's value, if there is one. */
int web_session_end(struct db *db, const char *token);

/* The same by its owner, and written down. */
int web_session_sign_out(struct db *db, const struct web_session_caller_row *session,
	const struct visitor *visitor, i64 now_us);

/* The value of the second factor's cookie: `<user>.<authAt>.<expiresAt>.<signature>`; it is void
 * for another session, and once the second factor was turned off and on again. */
const char *mfa_cookie_make(struct arena *a, const struct options *options,
	const struct web_session_caller_row *session, i64 now_us);
bool mfa_cookie_fits(struct arena *a, const struct options *options, const char *value,
	const struct web_session_caller_row *session, i64 now_us);

#endif
