/* The account family: handlers, and what several files use (contracts/account.md). */
#ifndef TURNPIKE_ACCOUNT_FAMILY_H
#define TURNPIKE_ACCOUNT_FAMILY_H

#include "../../domain/audit.h"
#include "../../fcgi/http/schema.h"
#include "gen/sql.h"

struct req;

/* Who calls: a browser with its cookie, or whoever has a session token. */
struct account_caller {
	u64 user_id;
	const char *public_id, *email, *display_name;
	i64 auth_at_us; /* when the person proved who they are */
	i64 created_at_us;
	struct opt_i64 mfa_since_us;
	/* One of them is set: */
	const struct web_session_caller_row *web;
	const struct session_caller_row *session;
};

/* NULL: anonymous, on a route where that is allowed. */
const struct account_caller *account_caller(const struct req *r);

bool account_claims(const struct req *r);
int account_admit(struct req *r);
int account_authenticate(struct req *r);

/* Names of the cookies; with https they have the prefixes that browsers guard. */
const char *account_session_cookie(const struct req *r);
const char *account_csrf_cookie(const struct req *r);
const char *account_callback_cookie(const struct req *r);

struct visitor req_visitor(const struct req *r);

/* {"ok":true} */
struct account_ok {
	bool ok;
};
SCHEMA_DECLARE(account_ok);

#define HANDLER(name) int name(struct req *r, const void *in, void *out)
HANDLER(account_csrf);
HANDLER(account_providers);
HANDLER(account_session_get);
HANDLER(account_password_signin);
HANDLER(account_signout);
HANDLER(account_signin_page);
HANDLER(account_error_page);
HANDLER(account_bad_request);
#undef HANDLER

SCHEMA_DECLARE(account_csrf);
SCHEMA_DECLARE(account_providers);
SCHEMA_DECLARE(account_signin_in);
SCHEMA_DECLARE(account_signout_in);
SCHEMA_DECLARE(account_url);
SCHEMA_DECLARE(account_session);
SCHEMA_DECLARE(account_signin_page_in);
SCHEMA_DECLARE(account_error_page_in);
SCHEMA_DECLARE(account_provider_in);

#endif
