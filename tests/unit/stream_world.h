/* What the tests of net_stream() share: a server that does what upstreams do, a listener that lets
 * nobody in, and a call that notes what its callbacks were told. */
#ifndef TURNPIKE_STREAM_WORLD_H
#define TURNPIKE_STREAM_WORLD_H

#include "fcgi/core/metrics.h"
#include "fcgi/net/stream.h"
#include "tests/unit/http_server.h"

struct stream_world {
	struct http_server server;
	struct arena arena;
	struct net *net;
	struct net_result result;
	/* of the call under way */
	size_t n_heads, n_data, n_quiet, length, largest;
	char data[256]; /* the beginning */
	int status;
	bool stop_head, stop_data, stop_quiet;
	i64 taking_ms;	       /* how long each piece of data takes */
	jmp_buf *leave_by;     /* on_data jumps there */
	struct leaver *leaver; /* on_data makes the client leave */
};

/* A client that leaves, by one of the ways that there are. */
enum leaving { LEAVE_CLOSE, LEAVE_TCP_CLOSE, LEAVE_TCP_HALF, LEAVE_ABORT_RECORD, LEAVING_MAX };

struct leaver {
	enum leaving how;
	int fd[2]; /* ours, the client's */
	i64 after_ms, left_at_us;
	pthread_t thread;
};

http_server_answer stream_server_answer;

bool world_open(struct stream_world *w);
void world_close(struct stream_world *w);
/* POSTs "{}" to the path ("http://..." is taken as it is) with the deadlines of call. */
enum net_end stream(struct stream_world *w, const char *path, struct net_stream call);
/* The same, collected. */
enum net_end collect(struct stream_world *w, const char *path, struct net_stream call);

/* A listener that never accepts. Crowded, connecting to it hangs; else sending does. */
enum { CROWD = 8 };

struct deaf {
	char url[64];
	int fd[CROWD];
};

bool deaf_open(struct deaf *d, bool is_crowded);
void deaf_close(struct deaf *d);

void leaver_open(struct leaver *l, enum leaving how);
void leaver_start(struct leaver *l, i64 after_ms);
void leaver_leave(struct leaver *l);
void leaver_close(struct leaver *l);

#endif
