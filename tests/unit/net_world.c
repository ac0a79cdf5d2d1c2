/* What the tests of net_call() share. */
#include "tests/unit/net_world.h"

i64 counted[METRIC_MAX];

void metrics_add(enum metric m, i64 n)
{
	__atomic_fetch_add(&counted[m], n, __ATOMIC_RELAXED);
}

bool world_open(struct world *w)
{
	*w = (struct world){.net = net_new()};
	arena_init(&w->arena, 16 << 20);
	w->fail.arena = &w->arena;
	return w->net != NULL && http_server_start(&w->server, "127.0.0.1", 0, NULL);
}

void world_close(struct world *w)
{
	net_free(w->net);
	arena_free(&w->arena);
	http_server_stop(&w->server);
}

int call(struct world *w, const struct net_request *request)
{
	fail_clear(&w->fail);
	return net_call(w->net, &w->arena, request, &w->response, &w->fail);
}

int get(struct world *w, const char *path)
{
	const struct net_request request = {
		.method = "GET",
		.url = arena_printf(&w->arena, "%s%s", w->server.url, path),
		.timeout_ms = 1500,
	};

	return call(w, &request);
}
