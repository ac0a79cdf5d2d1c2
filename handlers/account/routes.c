/* The routes of the account family, in the order of the contract. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../../domain/password.h"
#include "../../fcgi/core/log.h"
#include "../../fcgi/core/seal.h"
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
	ROUTE(GET, "/api/auth/session", ACCOUNT_OPTIONAL, GENERAL, MFA_EXEMPT | MAY_BE_NULL,
		account_session_get, NO_IN, OUT(account_session), 200,
		"Who this browser is; null: nobody"),
	ROUTE(POST, "/api/auth/session", ACCOUNT_OPTIONAL, GENERAL, MFA_EXEMPT | MAY_BE_NULL,
		account_session_get, NO_IN, OUT(account_session), 200,
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
		ERRORS(E_RATE_LIMITED, E_BUSY)),
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

	/* 3. Sign-up */
	ROUTE(POST, "/api/auth/signup", NONE, SENSITIVE, 0, account_signup, IN(account_signup_in),
		OUT(account_signup), 201, "Make an account with a password", .pool = POOL_AUTH,
		ERRORS(E_CONSTRAINT, E_BUSY)),

	/* 4. Passwords and e-mail */
	ROUTE(POST, "/api/account/forgot-password", NONE, SENSITIVE, 0, account_password_forgot,
		IN(account_forgot_in), OUT(account_mailed), 200, "Mail a link for a new password"),
	ROUTE(POST, "/api/account/reset-password", NONE, SENSITIVE, 0, account_password_reset,
		IN(account_reset_in), OUT(account_ok), 200, "Set a new password with a mailed link",
		.pool = POOL_AUTH, ERRORS(E_NOT_FOUND, E_CONSUMED, E_EXPIRED, E_BUSY)),
	ROUTE(POST, "/api/account/change-password", ACCOUNT, PASSWORD_CHANGE, RAW_BODY,
		account_password_change, IN(account_change_in), OUT(account_ok), 200,
		"Change the password; everything signs out", .pool = POOL_AUTH,
		ERRORS(E_BAD_PASSWORD, E_NO_PASSWORD, E_BUSY)),
	ROUTE(POST, "/api/account/verify-email/start", ACCOUNT_OPTIONAL, VERIFY_START, RAW_BODY,
		account_verify_start, IN(account_verify_start_in), OUT(account_mailed), 200,
		"Mail a link that proves an address"),
	ROUTE(POST, "/api/account/verify-email/confirm", NONE, SENSITIVE, 0, account_verify_confirm,
		IN(account_verify_in), OUT(account_verified), 200, "Prove an address by its link",
		ERRORS(E_NOT_FOUND, E_ALREADY_VERIFIED, E_EXPIRED)),
	ROUTE(GET, "/api/account/export", ACCOUNT, GENERAL, 0, account_export_get, NO_IN,
		OUT(account_export), 200, "What is stored about the account",
		ERRORS(E_RATE_LIMITED)),
	ROUTE(POST, "/api/account/delete", ACCOUNT, GENERAL, 0, account_delete,
		IN(account_delete_in), OUT(account_delete), 200,
		"Have the account deleted in 30 days", .pool = POOL_AUTH,
		ERRORS(E_BAD_PASSWORD, E_REAUTH_REQUIRED, E_RATE_LIMITED, E_BUSY)),
	ROUTE(GET, "/api/account/delete", ACCOUNT, GENERAL, 0, account_delete_get, NO_IN,
		OUT(account_delete_state), 200, "Whether the account will be deleted, and when",
		.pool = POOL_AUTH),
	ROUTE(POST, "/api/account/delete/cancel", ACCOUNT, GENERAL, 0, account_delete_cancel, NO_IN,
		OUT(account_ok), 200, "Keep the account", .pool = POOL_AUTH),

	/* 5. Second factor */
	ROUTE(GET, "/api/account/2fa/status", ACCOUNT, GENERAL, 0, account_2fa_status, NO_IN,
		OUT(account_2fa_status), 200, "Whether it is on, and what is left of it"),
	ROUTE(GET, "/api/account/2fa/setup", ACCOUNT, GENERAL, 0, account_2fa_setup, NO_IN,
		OUT(account_2fa_setup), 200, "A new secret for an authenticator app; keeps nothing",
		ERRORS(E_NOT_CONFIGURED)),
	ROUTE(POST, "/api/account/2fa/setup", ACCOUNT, GENERAL, 0, account_2fa_setup, NO_IN,
		OUT(account_2fa_setup), 200, "The same as GET", ERRORS(E_NOT_CONFIGURED)),
	ROUTE(POST, "/api/account/2fa/enable", ACCOUNT, GENERAL, RAW_BODY, account_2fa_enable,
		IN(account_2fa_enable_in), OUT(account_2fa_enabled), 200,
		"Turn the second factor on, or move it to another app", .pool = POOL_AUTH,
		ERRORS(E_BAD_CODE, E_BAD_PASSWORD, E_REAUTH_REQUIRED, E_RATE_LIMITED,
			E_NOT_CONFIGURED)),
	ROUTE(POST, "/api/account/2fa/verify", ACCOUNT, GENERAL, MFA_EXEMPT | RAW_BODY,
		account_2fa_verify, IN(account_2fa_verify_in), OUT(account_ok), 200,
		"Prove the second factor for this session", .pool = POOL_AUTH,
		ERRORS(E_BAD_CODE, E_RATE_LIMITED, E_NOT_CONFIGURED)),
	ROUTE(POST, "/api/account/2fa/disable", ACCOUNT, GENERAL, RAW_BODY, account_2fa_disable,
		IN(account_2fa_disable_in), OUT(account_ok), 200, "Turn the second factor off",
		.pool = POOL_AUTH, ERRORS(E_BAD_PASSWORD, E_REAUTH_REQUIRED, E_RATE_LIMITED)),

	/* 7. Operation */
	ROUTE(GET, "/api/health", NONE, GENERAL, 0, account_health, NO_IN, OUT(account_health), 200,
		"Whether we are well", .pool = POOL_OPS, .other_status = 503),
	ROUTE(POST, "/api/cron/retention", NONE, GENERAL, 0, account_retention, NO_IN,
		OUT(account_retention), 200, "Delete what is due",
		ERRORS(E_UNAUTHORIZED, E_NO_KEY)),
	ROUTE(GET, "/api/cron/retention", NONE, GENERAL, 0, account_cron, NO_IN, OUT(account_cron),
		200, "Whether the route has its secret"),
};

static int start(const struct worker *worker, char *why, size_t why_size)
{
	const char *fault = seal_fault(worker->options), *cut;

	if (fault != NULL) {
		snprintf(why, why_size, "%s", fault);
		return -1;
	}
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
	"/api/auth/callback/", "/api/auth/signin", "/api/auth/signup", "/api/auth/error",
	"/api/account/2fa/", "/api/account/forgot-password", "/api/account/reset-password",
	"/api/account/change-password", "/api/account/verify-email/", "/api/account/delete",
	"/api/cron/", "/api/health", "/api/billing/return", "/api/webhooks/", NULL};

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
	.tick = account_tick,
};
