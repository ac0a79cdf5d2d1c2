/* The operator's own addresses; nginx lets only the machine itself and listed addresses in. */
#include <stdio.h>

#include "../../fcgi/core/metrics.h"
#include "../../fcgi/http/dialect.h"
#include "../../fcgi/http/request.h"
#include "../../fcgi/http/response.h"
#include "../../fcgi/http/route.h"

/* All processes of all pools, in the Prometheus text format. */
static int ops_metrics(struct req *r, const void *in, void *out)
{
	struct buf text;
	const char *dir = arena_printf(r->arena, "%s/shm", r->worker->options->state_dir);

	(void)in, (void)out;
	buf_init(&text, r->arena, 32 * 1024);
	metrics_render(dir, &text);
	return resp_text(
		r, 200, "text/plain; version=0.0.4; charset=utf-8", text.data, text.length);
}

static const struct route routes[] = {
	ROUTE(GET, "/metrics", NONE, NONE, HIDDEN | OPERATOR, ops_metrics, NO_IN, NO_OUT, 200,
		"Prometheus metrics of all processes", .produces = "text/plain"),
};

static const char *const prefixes[] = {"/metrics", NULL};

const struct family ops_family = {
	.name = "ops",
	.title = "Operation",
	.prefix = prefixes,
	.dialect = &dialect_product,
	.pool = POOL_OPS,
	.route = routes,
	.n_routes = ARRAY_LEN(routes),
};
