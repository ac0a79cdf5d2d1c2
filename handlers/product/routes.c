/* The routes of the product family, in the order of the contract. */
#include "../../domain/release.h"
#include "../../fcgi/http/dialect.h"
#include "../../fcgi/http/route.h"
#include "product.h"

static const struct route routes[] = {
	/* 1. Public */
	ROUTE(GET, "/api/v2/health", NONE, GENERAL, PUBLIC_CORS, product_health, NO_IN,
		OUT(product_health), 200, "Liveness: build and uptime", .pool = POOL_OPS),
	ROUTE(GET, "/api/billing/v2/catalog", NONE, GENERAL, PUBLIC_CORS, product_catalog, NO_IN,
		OUT(product_catalog), 200, "Plans and top-ups in force", .cache_s = 30,
		.other_status = 304),
	ROUTE(GET, "/api/counter/founding", NONE, GENERAL, PUBLIC_CORS, product_founding, NO_IN,
		OUT(product_founding), 200, "Founding places left", .cache_s = 30),
	ROUTE(GET, "/api/v2/status/public", NONE, GENERAL, PUBLIC_CORS, product_status, NO_IN,
		OUT(product_status), 200, "State of the components, and incidents", .cache_s = 30),

	/* 2. Sign-in */
	ROUTE(POST, "/api/auth/request-code", NONE, AUTH, 0, product_code_request,
		IN(product_code_request_in), OUT(product_code_request), 200, "Mail a sign-in code",
		.pool = POOL_AUTH, ERRORS(E_INVALID_EMAIL)),
	ROUTE(POST, "/api/auth/verify", NONE, AUTH, 0, product_code_verify,
		IN(product_code_verify_in), OUT(product_signed_in), 200,
		"Sign in with a code; the first time makes the account", .pool = POOL_AUTH,
		ERRORS(E_INVALID_CODE, E_SUSPENDED)),
	ROUTE(POST, "/api/auth/password", NONE, GENERAL, 0, product_password_signin,
		IN(product_password_in), OUT(product_signed_in), 200,
		"Sign in with a password, where the account has one", .pool = POOL_AUTH,
		ERRORS(E_UNAUTHORIZED, E_RATE_LIMITED, E_BUSY)),
	ROUTE(POST, "/api/auth/exchange", NONE, AUTH, 0, product_handoff_exchange,
		IN(product_exchange_in), OUT(product_signed_in), 200,
		"Turn a hand-off into a session", .pool = POOL_AUTH,
		ERRORS(E_INVALID_CODE, E_SUSPENDED)),
	ROUTE(POST, "/api/auth/handoff", SESSION, AUTH, 0, product_handoff_create,
		IN(product_handoff_in), OUT(product_handoff), 200,
		"Hand a sign-in of the last ten minutes over to the IDE", .pool = POOL_AUTH,
		ERRORS(E_REAUTH_REQUIRED)),
	ROUTE(GET, "/api/auth/oauth/{provider}/start", NONE, AUTH, 0, product_oauth_start,
		IN(product_oauth_start_in), NO_OUT, 302, "Go to GitHub or Google to sign in",
		.pool = POOL_AUTH, ERRORS(E_NOT_FOUND)),
	ROUTE(GET, "/api/auth/oauth/{provider}/callback", NONE, AUTH, PAGE, product_oauth_callback,
		IN(product_oauth_callback_in), NO_OUT, 302, "Come back from GitHub or Google",
		.pool = POOL_AUTH, .produces = "text/html",
		ERRORS(E_UNAUTHORIZED, E_NOT_FOUND, E_UPSTREAM_ERROR)),
	ROUTE(POST, "/api/auth/signout", SESSION, AUTH, MFA_EXEMPT, product_signout, NO_IN,
		OUT(product_ok), 200, "End this session", .pool = POOL_AUTH),
	ROUTE(POST, "/api/auth/signout-others", SESSION, AUTH, 0, product_signout_others, NO_IN,
		OUT(product_revoked), 200, "End all other sessions and browsers; IDE tokens stay",
		.pool = POOL_AUTH),

	/* 3. Account */
	ROUTE(GET, "/api/account/me", SESSION, GENERAL, 0, product_me_get, NO_IN, OUT(product_me),
		200, "The account"),
	ROUTE(PATCH, "/api/account/me", SESSION, GENERAL, 0, product_me_update,
		IN(product_me_update_in), OUT(product_me), 200,
		"Change the display name or the overage switch", ERRORS(E_FORBIDDEN)),
	ROUTE(GET, "/api/account/orders", SESSION, GENERAL, 0, product_orders_list,
		IN(product_orders_in), OUT(product_orders), 200, "Orders, newest first"),
	ROUTE(GET, "/api/account/sessions", SESSION, GENERAL, 0, product_sessions_list, NO_IN,
		OUT(product_sessions), 200, "Signed-in devices, most recent first"),
	ROUTE(DELETE, "/api/account/sessions/{session_id}", SESSION, GENERAL, 0,
		product_session_revoke, IN(product_session_in), OUT(product_ok), 200,
		"Sign a device out", ERRORS(E_NOT_FOUND)),
	ROUTE(GET, "/api/account/credentials", SESSION, GENERAL, 0, product_credentials_list, NO_IN,
		OUT(product_credentials), 200,
		"Everything that opens the account: sessions, browsers, IDE tokens; newest first"),
	ROUTE(DELETE, "/api/account/credentials/{credential_id}", SESSION, GENERAL, 0,
		product_credential_end, IN(product_credential_in), OUT(product_ok), 200,
		"End one of them", ERRORS(E_NOT_FOUND)),
	ROUTE(GET, "/api/account/wallet", SESSION, GENERAL, 0, product_wallet_get, NO_IN,
		OUT(product_wallet), 200, "What was spent, by day, provider and model"),
	ROUTE(GET, "/api/account/export", SESSION, GENERAL, 0, product_export_get, NO_IN,
		OUT(product_export), 200, "Everything stored about the account"),
	ROUTE(DELETE, "/api/account", SESSION, GENERAL, 0, product_account_delete,
		IN(product_account_delete_in), OUT(product_ok), 200,
		"Delete the account at once and for good", ERRORS(E_FORBIDDEN)),

	/* 4. Usage */
	ROUTE(POST, "/api/usage/record", SESSION, GENERAL, IDEMPOTENT, product_usage_record,
		IN(product_usage_in), OUT(product_recorded), 200, "Report the metadata of turns"),
	ROUTE(GET, "/api/usage/check", SESSION, GENERAL, 0, product_usage_check, NO_IN,
		OUT(product_usage_check), 200, "Whether another turn fits the daily cap"),
	ROUTE(POST, "/api/usage/increment", SESSION, GENERAL, IDEMPOTENT, product_usage_increment,
		IN(product_increment_in), OUT(product_increment), 200, "Count finished turns"),

	/* 8. IDE updates */
	ROUTE(GET, "/api/update/{platform}/{quality}/{commit}", NONE, GENERAL, PUBLIC_CORS,
		product_update_get, IN(product_update_in), OUT(product_update), 200,
		"The newest build, or 204 when the client has it", .other_status = 204,
		.pool = POOL_OPS, ERRORS(E_INVALID_PLATFORM, E_NOT_FOUND)),
};

static void tick(const struct worker *worker, struct db *db)
{
	(void)worker;
	release_refresh(db);
}

static const char *const prefixes[] = {"/api/", NULL};

const struct family product_family = {
	.name = "product",
	.title = "Product",
	.prefix = prefixes,
	.dialect = &dialect_product,
	.pool = POOL_CORE,
	.route = routes,
	.n_routes = ARRAY_LEN(routes),
	.authenticate = product_authenticate,
	.tick = tick,
};
