/* Calls to the outside whose answer is passed on while it arrives, with a deadline for each phase
 * and an end that says what may be done next. */
#ifndef TURNPIKE_STREAM_H
#define TURNPIKE_STREAM_H

#include "net.h"

enum net_end {
	NET_DONE,	     /* there is an answer, of any status */
	NET_CONNECT,	     /* no connection: nothing was sent, trying again is safe */
	NET_BROKEN,	     /* after the request was sent, at least in part, and once: only what
				may safely be done twice (GET, PUT ..., an Idempotency-Key) is sent
				again when a kept connection turns out to be dead */
	NET_TIMEOUT_CONNECT, /* nothing was sent */
	NET_TIMEOUT_FIRST,
	NET_TIMEOUT_IDLE,
	NET_TIMEOUT_TOTAL,
	NET_CLIENT_LEFT,
	NET_STOPPED, /* by a callback */
	NET_TOO_LARGE,
	NET_BREAKER_OPEN, /* nothing was sent */
	NET_END_MAX
};
extern const char *const net_end_names[NET_END_MAX];

struct net_head {
	int status;
	const char *content_type; /* "" when absent */
	i64 retry_after_s;	  /* of Retry-After (seconds or date), else 0 */
	const char *request_id;	  /* of request-id or x-request-id; "" when absent */
};

/* A call. 0 and NULL: no bound, not wanted. The callbacks may take their time and may leave by
 * longjmp (then net_forget()); a result other than 0 ends the call. */
struct net_stream {
	const char *method; /* NULL: "POST" */
	const char *url;
	const char *const *header; /* "Name: value", ends with NULL */
	const void *body;
	size_t body_length;
	enum net_trust trust;
	int client_fd;	   /* 0: that of net_set_client(), -1: nobody's; when it leaves, so do we */
	i64 connect_ms;	   /* 0: 5,000 */
	i64 first_byte_ms; /* from the request's beginning to the first byte of the body */
	i64 idle_ms;	   /* between bytes */
	i64 total_ms;	   /* of all */
	i64 quiet_ms;	   /* on_quiet after so long without a byte, and again; also before
			      the head */
	size_t response_max; /* bytes, decompressed; 0: 32 MiB, without a bound when streamed */
	size_t error_max;    /* bytes kept of a body with a status >= 400; 0: 64 KiB */
	bool judges_answers; /* 5xx and broken answers count for the breaker of the origin, too;
				else only that there was no connection */
	int (*on_head)(void *arg, const struct net_head *head);
	/* NULL: the body is collected. So is one with a status >= 400, always. */
	int (*on_data)(void *arg, const char *data, size_t length);
	int (*on_quiet)(void *arg);
	void *arg;
};

struct net_result {
	enum net_end end;
	struct net_head head; /* status 0: none came */
	const char *body;     /* collected; NUL-terminated, never NULL */
	size_t body_length;
	u64 received;	   /* bytes of the body, decompressed */
	i64 connect_us;	   /* from the beginning until the request was sent; 0: never */
	i64 first_byte_us; /* until the first byte of the body; 0: none came */
	i64 total_us;
	const char *cause; /* for the log when end is not NET_DONE: never a path or a query */
};

/* Makes one call without redirects; returns ret->end. Texts are the arena's. */
enum net_end net_stream(struct net *net, struct arena *arena, const struct net_stream *call,
	struct net_result *ret);

#endif
