/* The account family: handlers, and what several files use (contracts/account.md). */
#ifndef TURNPIKE_ACCOUNT_FAMILY_H
#define TURNPIKE_ACCOUNT_FAMILY_H

#include "../../domain/errand.h"
#include "../../fcgi/http/schema.h"
#include "../visitor.h"
#include "gen/sql.h"

struct req;
struct worker;

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
/* Looks at the database for the health. */
void account_tick(const struct worker *worker, struct db *db);

/* Names of the cookies; with https they have the prefixes that browsers guard. */
const char *account_session_cookie(const struct req *r);
const char *account_csrf_cookie(const struct req *r);
const char *account_callback_cookie(const struct req *r);

/* Whether this is the token of the browser's cookie, and ours. given may be NULL. */
bool account_csrf_fits(struct req *r, const char *given);
/* An address of this site: where its browser wanted to go, or the site. Others are dropped. */
const char *account_target(struct req *r, const char *wanted);

/* {"ok":true} */
struct account_ok {
	bool ok;
};
SCHEMA_DECLARE(account_ok);

/* {"ok":true,"configured":true} */
struct account_mailed {
	bool ok, configured;
};
/* Does what is asked for an address, where there is a mail server. What has no normal form is
 * nobody's. */
int account_ask(
	struct req *r, enum errand_kind kind, const char *email, struct account_mailed *out);
/* Text without the blanks around it; E_INVALID_FIELD unless it has min to max code units. */
int account_trim(struct req *r, const char *field, const char *text, size_t min, size_t max,
	const char **ret);

/* Counts a guess of the present password by whoever is signed in, on all routes that ask for it
 * together. */
int account_count_password(struct req *r);

#define HANDLER(name) int name(struct req *r, const void *in, void *out)
HANDLER(account_csrf);
HANDLER(account_providers);
HANDLER(account_session_get);
HANDLER(account_password_signin);
HANDLER(account_signout);
HANDLER(account_signin_page);
HANDLER(account_error_page);
HANDLER(account_bad_request);
HANDLER(account_signup);
HANDLER(account_password_forgot);
HANDLER(account_password_reset);
HANDLER(account_password_change);
HANDLER(account_verify_start);
HANDLER(account_verify_confirm);
HANDLER(account_2fa_status);
HANDLER(account_2fa_setup);
HANDLER(account_2fa_enable);
HANDLER(account_2fa_verify);
HANDLER(account_2fa_disable);
HANDLER(account_export_get);
HANDLER(account_delete);
HANDLER(account_delete_get);
HANDLER(account_delete_cancel);
HANDLER(account_health);
HANDLER(account_cron);
HANDLER(account_retention);
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
SCHEMA_DECLARE(account_signup_in);
SCHEMA_DECLARE(account_signup);
SCHEMA_DECLARE(account_forgot_in);
SCHEMA_DECLARE(account_mailed);
SCHEMA_DECLARE(account_reset_in);
SCHEMA_DECLARE(account_change_in);
SCHEMA_DECLARE(account_verify_start_in);
SCHEMA_DECLARE(account_verify_in);
SCHEMA_DECLARE(account_verified);
SCHEMA_DECLARE(account_2fa_status);
SCHEMA_DECLARE(account_2fa_setup);
SCHEMA_DECLARE(account_2fa_enable_in);
SCHEMA_DECLARE(account_2fa_enabled);
SCHEMA_DECLARE(account_2fa_verify_in);
SCHEMA_DECLARE(account_2fa_disable_in);
SCHEMA_DECLARE(account_export);
SCHEMA_DECLARE(account_delete_in);
SCHEMA_DECLARE(account_delete);
SCHEMA_DECLARE(account_delete_state);
SCHEMA_DECLARE(account_health);
SCHEMA_DECLARE(account_cron);
SCHEMA_DECLARE(account_retention);

#endif
