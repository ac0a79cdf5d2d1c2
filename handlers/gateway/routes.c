/* The routes of the gateway family, in the order of the contract. */
#include "../../fcgi/http/dialect.h"
#include "../../fcgi/http/route.h"
#include "gateway.h"

static const struct route routes[] = {
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
	.tick = gateway_tick,
};
