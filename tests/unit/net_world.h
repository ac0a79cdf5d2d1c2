/* What the tests of net_call() share: a server, an arena, a struct net. */
#ifndef TURNPIKE_NET_WORLD_H
#define TURNPIKE_NET_WORLD_H

#include "fcgi/core/metrics.h"
#include "fcgi/net/net.h"
#include "tests/unit/http_server.h"

struct world {
	struct http_server server;
	struct arena arena;
	struct net *net;
	struct fail fail;
	struct net_response response;
};

extern i64 counted[METRIC_MAX];

bool world_open(struct world *w);
void world_close(struct world *w);
int call(struct world *w, const struct net_request *request);
/* GET of a path of the server, 1.5 s at most. */
int get(struct world *w, const char *path);

#endif
