/* The routes of the product family, in the order of the contract. */
#include "../../fcgi/http/dialect.h"
#include "../../fcgi/http/route.h"
#include "product.h"

static const struct route routes[] = {
	/* 1. Public */
	{GET, "/api/v2/health", AUTH_NONE, LIMIT_GENERAL, PUBLIC_CORS, product_health, NO_IN,
		OUT(product_health), 200, "Liveness: build and uptime", .pool = POOL_OPS},
	{GET, "/api/billing/v2/catalog", AUTH_NONE, LIMIT_GENERAL, PUBLIC_CORS, product_catalog,
		NO_IN, OUT(product_catalog), 200, "Plans and top-ups in force", .cache_s = 30,
		.other_status = 304},
	{GET, "/api/counter/founding", AUTH_NONE, LIMIT_GENERAL, PUBLIC_CORS, product_founding,
		NO_IN, OUT(product_founding), 200, "Founding places left", .cache_s = 30},
	{GET, "/api/v2/status/public", AUTH_NONE, LIMIT_GENERAL, PUBLIC_CORS, product_status, NO_IN,
		OUT(product_status), 200, "State of the components, and incidents", .cache_s = 30,
		.pool = POOL_OPS},

	/* 2. Sign-in */
	{POST, "/api/auth/request-code", AUTH_NONE, LIMIT_AUTH, 0, product_code_request,
		IN(product_code_request_in), OUT(product_code_request), 200,
		"Mail a sign-in code", .pool = POOL_AUTH, ERRORS(E_INVALID_EMAIL)},
	{POST, "/api/auth/verify", AUTH_NONE, LIMIT_AUTH, 0, product_code_verify,
		IN(product_code_verify_in), OUT(product_signed_in), 200,
		"Sign in with a code; the first time makes the account", .pool = POOL_AUTH,
		ERRORS(E_INVALID_CODE)},
	{POST, "/api/auth/exchange", AUTH_NONE, LIMIT_AUTH, 0, product_handoff_exchange,
		IN(product_exchange_in), OUT(product_signed_in), 200,
		"Turn a hand-off into a session", .pool = POOL_AUTH, ERRORS(E_INVALID_CODE)},
	{GET, "/api/auth/oauth/{provider}/start", AUTH_NONE, LIMIT_AUTH, 0, product_oauth_start,
		IN(product_oauth_start_in), NO_OUT, 302, "Go to GitHub or Google to sign in",
		.pool = POOL_AUTH, ERRORS(E_NOT_FOUND)},
	{GET, "/api/auth/oauth/{provider}/callback", AUTH_NONE, LIMIT_AUTH, 0,
		product_oauth_callback, IN(product_oauth_callback_in), NO_OUT, 302,
		"Come back from GitHub or Google", .pool = POOL_AUTH, .produces = "text/html",
		ERRORS(E_NOT_FOUND, E_UPSTREAM_ERROR)},
	{POST, "/api/auth/signout", AUTH_SESSION, LIMIT_AUTH, 0, product_signout, NO_IN,
		OUT(product_ok), 200, "End this session", .pool = POOL_AUTH},
	{POST, "/api/auth/signout-others", AUTH_SESSION, LIMIT_AUTH, 0, product_signout_others,
		NO_IN, OUT(product_revoked), 200, "End all other sessions", .pool = POOL_AUTH},

	/* 3. Account */
	{GET, "/api/account/me", AUTH_SESSION, LIMIT_GENERAL, 0, product_me_get, NO_IN,
		OUT(product_me), 200, "The account"},
	{PATCH, "/api/account/me", AUTH_SESSION, LIMIT_GENERAL, 0, product_me_update,
		IN(product_me_update_in), OUT(product_me), 200,
		"Change the display name or the overage switch", ERRORS(E_FORBIDDEN)},
	{GET, "/api/account/orders", AUTH_SESSION, LIMIT_GENERAL, 0, product_orders_list,
		IN(product_orders_in), OUT(product_orders), 200, "Orders, newest first"},
	{GET, "/api/account/sessions", AUTH_SESSION, LIMIT_GENERAL, 0, product_sessions_list, NO_IN,
		OUT(product_sessions), 200, "Signed-in devices, most recent first"},
	{DELETE, "/api/account/sessions/{session_id}", AUTH_SESSION, LIMIT_GENERAL, 0,
		product_session_revoke, IN(product_session_in), OUT(product_ok), 200,
		"Sign a device out", ERRORS(E_NOT_FOUND)},
	{GET, "/api/account/wallet", AUTH_SESSION, LIMIT_GENERAL, 0, product_wallet_get, NO_IN,
		OUT(product_wallet), 200, "What was spent, by day, provider and model"},
	{GET, "/api/account/export", AUTH_SESSION, LIMIT_GENERAL, 0, product_export_get, NO_IN,
		OUT(product_export), 200, "Everything stored about the account"},
	{DELETE, "/api/account", AUTH_SESSION, LIMIT_GENERAL, 0, product_account_delete,
		IN(product_account_delete_in), OUT(product_ok), 200,
		"Delete the account at once and for good", ERRORS(E_FORBIDDEN)},

	/* 4. Usage */
	{POST, "/api/usage/record", AUTH_SESSION, LIMIT_GENERAL, IDEMPOTENT, product_usage_record,
		IN(product_usage_in), OUT(product_recorded), 200, "Report the metadata of turns"},
	{GET, "/api/usage/check", AUTH_SESSION, LIMIT_GENERAL, 0, product_usage_check, NO_IN,
		OUT(product_usage_check), 200, "Whether another turn fits the daily cap"},
	{POST, "/api/usage/increment", AUTH_SESSION, LIMIT_GENERAL, IDEMPOTENT,
		product_usage_increment, IN(product_increment_in), OUT(product_increment), 200,
		"Count finished turns"},

	/* 8. IDE updates */
	{GET, "/api/update/{platform}/{quality}/{commit}", AUTH_NONE, LIMIT_GENERAL, PUBLIC_CORS,
		product_update_get, IN(product_update_in), OUT(product_update), 200,
		"The newest build, or 204 when the client has it", .other_status = 204,
		ERRORS(E_INVALID_PLATFORM, E_NOT_FOUND)},
};

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
};
