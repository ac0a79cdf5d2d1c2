/* The routes of the account family, in the order of the contract. */
#include "../../domain/password.h"
#include "../../fcgi/http/dialect.h"
#include "../../fcgi/http/request.h"
#include "../../fcgi/http/route.h"
#include "account.h"

SCHEMA(account_ok, BOOL(account_ok, ok, REQUIRED));

/* What Auth.js does not know, it refuses in its own words. */
#define REFUSED(m, p, l, i, ...)                                                           \
	ROUTE(m, p, NONE, l, HIDDEN, account_bad_request, i, NO_OUT, 400, "Not an action", \
		__VA_ARGS__)

static const struct route routes[] = {
	/* 2. Sessions and sign-in */
	ROUTE(GET, "/api/auth/csrf", NONE, GENERAL, 0, account_csrf, NO_IN, OUT(account_csrf), 200,
		"The token that forms of this browser carry"),
	ROUTE(GET, "/api/auth/providers", NONE, GENERAL, 0, account_providers, NO_IN,
		OUT(account_providers), 200, "Ways in that Auth.js knows"),
	ROUTE(GET, "/api/auth/session", ACCOUNT_OPTIONAL, GENERAL, MFA_EXEMPT, account_session_get,
		NO_IN, OUT(account_session), 200, "Who this browser is; null: nobody"),
	ROUTE(POST, "/api/auth/session", ACCOUNT_OPTIONAL, GENERAL, MFA_EXEMPT, account_session_get,
		NO_IN, OUT(account_session), 200,
		"The same: there is nothing that a browser may update"),
	ROUTE(GET, "/api/auth/signin", NONE, GENERAL, 0, account_signin_page,
		IN(account_signin_page_in), NO_OUT, 302, "To the page where people sign in"),
	ROUTE(GET, "/api/auth/signin/credentials", NONE, GENERAL, 0, account_signin_page,
		IN(account_signin_page_in), NO_OUT, 302, "The same"),
	ROUTE(GET, "/api/auth/error", NONE, GENERAL, 0, account_error_page,
		IN(account_error_page_in), NO_OUT, 302, "To the same, which says what went wrong"),
	ROUTE(POST, "/api/auth/callback/credentials", NONE, GENERAL, FORM_OR_JSON,
		account_password_signin, IN(account_signin_in), OUT(account_url), 200,
		"Sign in with a password", .other_status = 302, .pool = POOL_AUTH,
		ERRORS(E_RATE_LIMITED, E_UNAVAILABLE)),
	ROUTE(POST, "/api/auth/signout", ACCOUNT_OPTIONAL, AUTH, FORM_OR_JSON | MFA_EXEMPT,
		account_signout, IN(account_signout_in), OUT(account_url), 200,
		"End the session of this browser", .other_status = 302, .pool = POOL_AUTH),
	REFUSED(POST, "/api/auth/csrf", GENERAL, NO_IN, .pool = POOL_CORE),
	REFUSED(POST, "/api/auth/providers", GENERAL, NO_IN, .pool = POOL_CORE),
	REFUSED(POST, "/api/auth/signin", GENERAL, NO_IN, .pool = POOL_CORE),
	REFUSED(POST, "/api/auth/error", GENERAL, NO_IN, .pool = POOL_CORE),
	REFUSED(POST, "/api/auth/signin/credentials", GENERAL, NO_IN, .pool = POOL_CORE),
	REFUSED(GET, "/api/auth/signin/{provider}", GENERAL, IN(account_provider_in),
		.pool = POOL_CORE),
	REFUSED(POST, "/api/auth/signin/{provider}", GENERAL, IN(account_provider_in),
		.pool = POOL_CORE),
	REFUSED(GET, "/api/auth/signout", AUTH, NO_IN, .pool = POOL_AUTH),
	REFUSED(GET, "/api/auth/callback/credentials", GENERAL, NO_IN, .pool = POOL_AUTH),
	REFUSED(GET, "/api/auth/callback/{provider}", GENERAL, IN(account_provider_in),
		.pool = POOL_CORE),
	REFUSED(POST, "/api/auth/callback/{provider}", GENERAL, IN(account_provider_in),
		.pool = POOL_CORE),
};

static int start(const struct worker *worker, char *why, size_t why_size)
{
	(void)why, (void)why_size;
	password_start(worker->options);
	return 0;
}

static const char *const prefixes[] = {"/api/auth/csrf", "/api/auth/providers", "/api/auth/session",
	"/api/auth/callback/", "/api/auth/signin", "/api/auth/signout", "/api/auth/signup",
	"/api/auth/error", "/api/account/2fa/", "/api/account/forgot-password",
	"/api/account/reset-password", "/api/account/change-password", "/api/account/verify-email/",
	"/api/account/export", "/api/account/delete", "/api/cron/", "/api/health",
	"/api/billing/checkout", "/api/billing/portal", "/api/billing/return", "/api/webhooks/",
	NULL};

const struct family account_family = {
	.name = "account",
	.title = "Accounts",
	.prefix = prefixes,
	.dialect = &dialect_account,
	.pool = POOL_CORE,
	.any_type = true,
	.no_cors = true,
	.route = routes,
	.n_routes = ARRAY_LEN(routes),
	.claims = account_claims,
	.admit = account_admit,
	.authenticate = account_authenticate,
	.start = start,
};
