/* The routes of the gateway family, in the order of the contract. */
#include <errno.h>
#include <stdio.h>

#include "../../domain/provider_health.h"
#include "../../domain/purse.h"
#include "../../fcgi/core/log.h"
#include "../../fcgi/http/dialect.h"
#include "../../fcgi/http/request.h"
#include "../../fcgi/http/route.h"
#include "encoded.h"
#include "gateway.h"

/* Calls that a process may have under way or unsettled. */
enum { CALLS_PER_THREAD = 2, CALLS_MORE = 1024 };

static const struct route routes[] = {
	/* 2. AI */
	ROUTE(POST, "/v1/chat/completions", BEARER, AI, STREAM | RAW_BODY, gateway_chat,
		IN(gateway_chat_in), OUT(gateway_chat), 200,
		"Chat with a model, in one answer or as a stream", .pool = POOL_AI,
		.body_bytes = 20 * 1024 * 1024,
		ERRORS(E_INSUFFICIENT_BALANCE, E_MODEL_NOT_ALLOWED, E_MODEL_NOT_FOUND, E_TIMEOUT,
			E_UPSTREAM_ERROR, E_UPSTREAM_OVERLOADED)),
	ROUTE(POST, "/v1/completions", BEARER, AI, STREAM | RAW_BODY, gateway_completions,
		IN(gateway_completions_in), OUT(gateway_completion), 200,
		"Fill in between a prefix and a suffix", .pool = POOL_TAB, .body_bytes = 512 * 1024,
		ERRORS(E_INSUFFICIENT_BALANCE, E_MODEL_NOT_ALLOWED, E_MODEL_NOT_FOUND, E_TIMEOUT,
			E_UPSTREAM_ERROR, E_UPSTREAM_OVERLOADED)),
	/* 2.6. Models */
	ROUTE(GET, "/v1/models", OPTIONAL, GATEWAY, 0, gateway_models_list, NO_IN,
		OUT(gateway_model_list), 200, "All models; signed in: with what the plan includes",
		.other_status = 304),
	ROUTE(GET, "/v1/models/tiers/{tier}", OPTIONAL, GATEWAY, 0, gateway_model_tier_get,
		IN(gateway_model_tier_in), OUT(gateway_model_list), 200,
		"The models of a tier: efficient, balanced or flagship", .other_status = 304,
		ERRORS(E_NOT_FOUND)),
	ROUTE(GET, "/v1/models/{model_id}", OPTIONAL, GATEWAY, REST, gateway_model_get,
		IN(gateway_model_in), OUT(gateway_model), 200, "One model, by its id or an alias",
		.other_status = 304, ERRORS(E_MODEL_NOT_FOUND)),

	/* 3. Catalog */
	ROUTE(GET, "/v1/catalog/manifest", NONE, GATEWAY, PUBLIC_CORS, gateway_catalog_manifest,
		NO_IN, OUT(gateway_manifest), 200, "Everything that is sold", .other_status = 304),
	ROUTE(GET, "/v1/catalog/plans", NONE, GATEWAY, PUBLIC_CORS, gateway_catalog_plans, NO_IN,
		OUT(gateway_catalog_plans), 200, "Plans", .other_status = 304),
	ROUTE(GET, "/v1/catalog/models", NONE, GATEWAY, PUBLIC_CORS, gateway_catalog_models, NO_IN,
		OUT(gateway_catalog_models), 200, "Models, also those that are not enabled",
		.other_status = 304),
	ROUTE(GET, "/v1/catalog/addon-credit-packs", NONE, GATEWAY, PUBLIC_CORS,
		gateway_catalog_packs, NO_IN, OUT(gateway_catalog_packs), 200, "Packs of credits",
		.other_status = 304),

	/* 4. Account */
	ROUTE(GET, "/v1/account/me", BEARER, GATEWAY, 0, gateway_me, NO_IN, OUT(gateway_me), 200,
		"Profile, tier and credit of the caller"),
	ROUTE(GET, "/v1/account", BEARER, GATEWAY, 0, gateway_me, NO_IN, OUT(gateway_me), 200,
		"The same as /v1/account/me"),
	ROUTE(GET, "/v1/account/usage", BEARER, GATEWAY, 0, gateway_usage_get, IN(gateway_usage_in),
		OUT(gateway_period_usage), 200,
		"What a month's calls have used, by model and by day"),
	ROUTE(GET, "/v1/account/usage/activity", BEARER, GATEWAY, 0, gateway_activity_list,
		IN(gateway_activity_in), OUT(gateway_activity), 200, "Calls, newest first"),
	ROUTE(GET, "/v1/account/usage/activity/{activity_id}", BEARER, GATEWAY, 0,
		gateway_receipt_get, IN(gateway_receipt_in), OUT(gateway_receipt), 200,
		"The receipt of a call", ERRORS(E_NOT_FOUND)),
	ROUTE(GET, "/v1/account/transactions", BEARER, GATEWAY, 0, gateway_transactions_list,
		IN(gateway_transactions_in), OUT(gateway_transactions), 200,
		"Changes of credit, newest first; the calls of a day are one"),
	ROUTE(GET, "/v1/account/credits", BEARER, GATEWAY, 0, gateway_credits, NO_IN,
		OUT(gateway_credits), 200, "Credit and its limits"),
	ROUTE(PATCH, "/v1/account/profile", BEARER, GATEWAY, 0, gateway_profile_set,
		IN(gateway_profile_in), OUT(gateway_me), 200, "Change the profile"),
	ROUTE(PUT, "/v1/account/profile", BEARER, GATEWAY, 0, gateway_profile_set,
		IN(gateway_profile_in), OUT(gateway_me), 200, "The same as PATCH"),
	ROUTE(POST, "/v1/account/profile", BEARER, GATEWAY, 0, gateway_profile_set,
		IN(gateway_profile_in), OUT(gateway_me), 200, "The same as PATCH"),
	ROUTE(GET, "/v1/account/export", BEARER, GATEWAY_EXPORT, 0, gateway_export_get, NO_IN,
		OUT(gateway_export), 200, "Everything that the gateway has of the account"),
	ROUTE(DELETE, "/v1/account", HUMAN, GATEWAY, 0, gateway_account_delete,
		IN(gateway_account_delete_in), OUT(gateway_deleted), 200,
		"Delete the account at once and for good"),
	ROUTE(POST, "/v1/account/delete", HUMAN, GATEWAY, 0, gateway_account_delete,
		IN(gateway_account_delete_in), OUT(gateway_deleted), 200,
		"The same, for clients whose deletions cannot carry a body"),
	ROUTE(GET, "/v1/account/tiers", NONE, GATEWAY, PUBLIC_CORS, gateway_account_tiers, NO_IN,
		OUT(gateway_tiers), 200, "Tiers of accounts", .other_status = 304),

	/* 7. Device and IDE login; polls have a limit of their own, by their code */
	ROUTE(POST, "/v1/auth/device/start", NONE, GATEWAY_AUTH, FORM_OR_JSON, gateway_device_start,
		IN(gateway_device_start_in), OUT(gateway_device_start), 200,
		"Begin to sign in a device: the code that its owner types elsewhere",
		.pool = POOL_AUTH),
	ROUTE(POST, "/v1/auth/device/poll", NONE, GATEWAY, 0, gateway_device_poll,
		IN(gateway_device_poll_in), OUT(gateway_device_poll), 200,
		"Whether it was approved, and the token", .pool = POOL_AUTH),
	ROUTE(POST, "/v1/auth/device/token", NONE, GATEWAY, FORM_OR_JSON, gateway_device_token,
		IN(gateway_device_token_in), OUT(gateway_device_token), 200,
		"The same for OAuth clients (RFC 8628)", .pool = POOL_AUTH,
		ERRORS(E_AUTHORIZATION_PENDING, E_SLOW_DOWN, E_ACCESS_DENIED, E_EXPIRED_TOKEN,
			E_UNSUPPORTED_GRANT_TYPE)),
	ROUTE(GET, "/v1/auth/device/{user_code}", HUMAN, GATEWAY_AUTH, 0, gateway_device_get,
		IN(gateway_device_in), OUT(gateway_login_view), 200, "What asks to be let in",
		.pool = POOL_AUTH, ERRORS(E_NOT_FOUND)),
	ROUTE(POST, "/v1/auth/device/approve", HUMAN, GATEWAY_AUTH, 0, gateway_device_approve,
		IN(gateway_user_code_in), OUT(gateway_decided), 200, "Let a device in",
		.pool = POOL_AUTH, ERRORS(E_NOT_FOUND, E_ALREADY_DECIDED)),
	ROUTE(POST, "/v1/auth/device/deny", HUMAN, GATEWAY_AUTH, 0, gateway_device_deny,
		IN(gateway_user_code_in), OUT(gateway_decided), 200, "Refuse a device",
		.pool = POOL_AUTH, ERRORS(E_NOT_FOUND, E_ALREADY_DECIDED)),
	ROUTE(POST, "/v1/auth/device/revoke", NONE, GATEWAY_AUTH, 0, gateway_device_revoke,
		IN(gateway_device_revoke_in), OUT(gateway_ok), 200, "End an IDE token",
		.pool = POOL_AUTH),
	ROUTE(POST, "/v1/auth/ide/start", NONE, GATEWAY_AUTH, 0, gateway_ide_start,
		IN(gateway_ide_start_in), OUT(gateway_ide_start), 200,
		"Begin to sign in an IDE that can open a browser", .pool = POOL_AUTH),
	ROUTE(POST, "/v1/auth/ide/describe", HUMAN, GATEWAY_AUTH, 0, gateway_ide_describe,
		IN(gateway_ide_code_in), OUT(gateway_login_view), 200,
		"Which IDE asks to be let in", .pool = POOL_AUTH, ERRORS(E_NOT_FOUND)),
	ROUTE(POST, "/v1/auth/ide/approve", HUMAN, GATEWAY_AUTH, 0, gateway_ide_approve,
		IN(gateway_ide_code_in), OUT(gateway_decided), 200, "Let an IDE in",
		.pool = POOL_AUTH, ERRORS(E_NOT_FOUND, E_ALREADY_DECIDED)),
	ROUTE(POST, "/v1/auth/ide/deny", HUMAN, GATEWAY_AUTH, 0, gateway_ide_deny,
		IN(gateway_ide_code_in), OUT(gateway_decided), 200, "Refuse an IDE",
		.pool = POOL_AUTH, ERRORS(E_NOT_FOUND, E_ALREADY_DECIDED)),
	ROUTE(POST, "/v1/auth/ide/token", NONE, GATEWAY_AUTH, 0, gateway_ide_token,
		IN(gateway_ide_token_in), OUT(gateway_ide_token), 200,
		"The token of an approved IDE", .pool = POOL_AUTH,
		ERRORS(E_AUTHORIZATION_PENDING, E_ACCESS_DENIED, E_EXPIRED_TOKEN, E_INVALID_GRANT)),

	/* 9. Health */
	ROUTE(GET, "/health", NONE, NONE, 0, gateway_health, NO_IN, OUT(gateway_health), 200,
		"Liveness", .pool = POOL_OPS),
	ROUTE(GET, "/health/ready", NONE, NONE, 0, gateway_ready, NO_IN, OUT(gateway_ready), 200,
		"Whether the database and the store of the limits answer", .pool = POOL_OPS,
		.other_status = 503),
	ROUTE(GET, "/health/detailed", NONE, NONE, OPERATOR, gateway_detailed, NO_IN,
		OUT(gateway_detailed), 200, "All that is looked after; for operators only",
		.pool = POOL_OPS),

	/* 10. Telemetry and feedback */
	ROUTE(POST, "/v1/telemetry", OPTIONAL, FEEDBACK, 0, gateway_telemetry,
		IN(gateway_telemetry_in), OUT(gateway_accepted), 202, "Report events"),
	ROUTE(POST, "/v1/feedback", OPTIONAL, FEEDBACK, 0, gateway_feedback,
		IN(gateway_feedback_in), OUT(gateway_feedback), 201, "Tell us what you think"),
};

/* Processes that make calls of models keep what their callers may spend. */
static bool makes_calls(const struct worker *worker)
{
	return worker->pool == POOL_AI || worker->pool == POOL_TAB;
}

static int start(const struct worker *worker, char *why, size_t why_size)
{
	size_t n_calls = CALLS_PER_THREAD * worker->n_threads + CALLS_MORE;
	char dir[300];

	snprintf(dir, sizeof(dir), "%s/shm", worker->options->state_dir);
	if (!provider_health_share(dir))
		LOG(WARN, "provider_health_not_shared", LOG_TEXT("dir", dir),
			LOG_NUMBER("errno", errno));
	if (!makes_calls(worker))
		return 0;
	return purses_start(
		worker->options, worker->db_pool, pool_names[worker->pool], n_calls, why, why_size);
}

static void stop(const struct worker *worker)
{
	if (makes_calls(worker))
		purses_stop();
}

static void tick(const struct worker *worker, struct db *db)
{
	gateway_tick(worker, db);
	models_refresh(db, gateway_encode);
	if (makes_calls(worker))
		purses_tick(db);
}

static const char *const prefixes[] = {"/v1/", "/health", NULL};

const struct family gateway_family = {
	.name = "gateway",
	.title = "AI gateway",
	.prefix = prefixes,
	.dialect = &dialect_gateway,
	.pool = POOL_CORE,
	.limit = LIMIT_GATEWAY,
	.untyped_json = true,
	.fault_paths = true,
	.cors_allow = "X-Request-Id, X-Error-Format",
	.cors_expose = "X-Request-Id, RateLimit-Policy, RateLimit-Limit, RateLimit-Remaining, "
		       "RateLimit-Reset, RateLimit, Retry-After, Deprecation, Sunset, Link, "
		       "X-Turnpike-Hold, X-Turnpike-Receipt, X-Turnpike-Cost",
	.route = routes,
	.n_routes = ARRAY_LEN(routes),
	.authenticate = gateway_authenticate,
	.start = start,
	.stop = stop,
	.tick = tick,
};
