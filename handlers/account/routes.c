/* The routes of the account family, in the order of the contract. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../../domain/password.h"
#include "../../fcgi/core/log.h"
#include "../../fcgi/http/dialect.h"
#include "../../fcgi/http/request.h"
#include "../../fcgi/http/route.h"
#include "account.h"

SCHEMA(account_ok, BOOL(account_ok, ok, REQUIRED));

static const struct route routes[] = {
	/* 2. Sessions and sign-in */
	ROUTE(GET, "/api/auth/csrf", NONE, GENERAL, 0, account_csrf, NO_IN, OUT(account_csrf), 200,
		"The token that forms of this browser carry"),
	ROUTE(GET, "/api/auth/providers", NONE, GENERAL, 0, account_providers, NO_IN, NO_OUT, 200,
		"Ways in that Auth.js knows", .produces = "application/json"),
	ROUTE(GET, "/api/auth/session", ACCOUNT_OPTIONAL, GENERAL, MFA_EXEMPT, account_session_get,
		NO_IN, OUT(account_session), 200, "Who this browser is; null: nobody"),
	ROUTE(POST, "/api/auth/callback/credentials", NONE, GENERAL, FORM_OR_JSON,
		account_password_signin, IN(account_signin_in), OUT(account_url), 200,
		"Sign in with a password", .other_status = 302, .pool = POOL_AUTH,
		ERRORS(E_RATE_LIMITED, E_UNAVAILABLE)),
	ROUTE(POST, "/api/auth/signout", ACCOUNT_OPTIONAL, AUTH, FORM_OR_JSON | MFA_EXEMPT,
		account_signout, IN(account_signout_in), OUT(account_url), 200,
		"End the session of this browser", .other_status = 302, .pool = POOL_AUTH),
};

static int start(const struct worker *worker, char *why, size_t why_size)
{
	const char *cut;

	if (worker->pool != POOL_AUTH)
		return 0;
	password_room(worker->options, password_cores(), &cut);
	if (cut != NULL)
		LOG(WARN, "hashing_cut", LOG_TEXT("why", cut));
	if (password_start(worker->options))
		return 0;
	snprintf(why, why_size,
		"no threads or memory to hash passwords in (%s): lower [account] hashes",
		strerror(errno));
	return -1;
}

static void stop(const struct worker *worker)
{
	(void)worker;
	password_stop();
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
	.stop = stop,
};
