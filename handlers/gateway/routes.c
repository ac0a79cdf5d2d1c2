/* The routes of the gateway family, in the order of the contract. */
#include "../../fcgi/http/dialect.h"
#include "../../fcgi/http/route.h"
#include "gateway.h"

static const struct route routes[] = {
	/* 9. Health */
	ROUTE(GET, "/health", NONE, NONE, 0, gateway_health, NO_IN, OUT(gateway_health), 200,
		"Liveness", .pool = POOL_OPS),
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
};
