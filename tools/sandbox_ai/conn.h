/* A client's connection: requests in, bytes out, in turn. */
#ifndef TURNPIKE_SANDBOX_AI_CONN_H
#define TURNPIKE_SANDBOX_AI_CONN_H

#include <event2/event.h>

#include "bytes.h"
#include "served.h"

struct conn;

/* What all connections share; there is one thread. */
struct server {
	struct event_base *events;
	struct event *listener;
	struct served *served;
	struct bytes frame; /* scratch of whoever writes a frame */
	struct conn *first_conn;
	bool is_full; /* no descriptor was left: the listener waits */
};

/* After the answer: the next request, or the end; reset: at once and without a farewell (RST). */
enum ending { ENDING_NEXT, ENDING_CLOSE, ENDING_RESET };

void conn_accept(evutil_socket_t listener, short what, void *server);
void conn_close_all(struct server *server);

struct server *conn_server(struct conn *c);
struct bytes *conn_out(struct conn *c); /* append here, then flush */
void conn_flush(struct conn *c);
size_t conn_backlog(const struct conn *c);    /* bytes that the kernel did not take yet */
u64 conn_written(const struct conn *c);	      /* bytes that were ever appended */
u64 conn_sent(const struct conn *c);	      /* bytes that the kernel has taken */
bool conn_keeps(const struct conn *c);	      /* open for another request after the answer */
void conn_wake_at(struct conn *c, i64 at_us); /* answer_run() is called then */
void conn_finish(struct conn *c, enum ending ending);

#endif
