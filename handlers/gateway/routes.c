/* The routes of the gateway family, in the order of the contract. */
#include "../../fcgi/http/dialect.h"
#include "../../fcgi/http/route.h"
#include "encoded.h"
#include "gateway.h"

static const struct route routes[] = {
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
	ROUTE(GET, "/v1/account/tiers", NONE, GATEWAY, PUBLIC_CORS, gateway_account_tiers, NO_IN,
		OUT(gateway_tiers), 200, "Tiers of accounts", .other_status = 304),

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

static void tick(const struct worker *worker, struct db *db)
{
	gateway_tick(worker, db);
	models_refresh(db, gateway_encode);
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
	.cors_allow = "X-Request-Id, X-Error-Format",
	.cors_expose = "X-Request-Id, RateLimit-Policy, RateLimit-Limit, RateLimit-Remaining, "
		       "RateLimit-Reset, RateLimit, Retry-After, Deprecation, Sunset, Link",
	.route = routes,
	.n_routes = ARRAY_LEN(routes),
	.authenticate = gateway_authenticate,
	.tick = tick,
};
