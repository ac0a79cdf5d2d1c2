/* A lane: one easy handle with its own connection, lent to one call at a time. Lanes never share
 * connections, so an address that was allowed for one purpose is not reused for another.
 * Private to fcgi/net. */
#ifndef TURNPIKE_LANE_H
#define TURNPIKE_LANE_H

#include <curl/curl.h>
#include <sys/queue.h>

#include "breaker.h"
#include "net.h"
#include "stream.h"

struct sockaddr;

/* Which addresses a lane may connect to. */
enum lane_policy { LANE_ANY, LANE_PUBLIC, LANE_LOOPBACK, LANE_POLICY_MAX };

/* Everything here is plain memory of libcurl or malloc: the arena may leave by longjmp, which must
 * not happen between libcurl's frames. What a call leaves behind the next lane_begin() frees. */
struct lane {
	CURL *easy;
	CURLM *multi;
	CURLU *url;
	struct curl_slist *list;
	enum lane_policy policy;
	CURLcode code;
	bool is_refused;   /* an address was not allowed */
	bool is_sent_once; /* set by who makes the call: sending it twice could do it twice */
	bool is_lost;	   /* it was sent over a kept connection that died without an answer */
	bool is_too_large; /* the answer passed body_max or the bound of header bytes */
	bool has_head;	   /* status and headers of the answer are there */
	bool is_error;	   /* its status is 400 or more */
	i64 sent_at_us;	   /* when a connection was ready and the request began; 0: not yet */
	char *body;	   /* what came and was not taken; NUL-terminated when there is any */
	size_t body_length, body_capacity;
	size_t pause_at; /* so many bytes are to be taken before more are read */
	bool is_paused;
	size_t body_max, error_max; /* of the whole answer; the latter when status >= 400 */
	size_t received, header_bytes;
	int watch_fd; /* an epoll set that holds the client; 0: not made yet */
	char error[CURL_ERROR_SIZE];
	/* of lane_pool.c */
	char origin[BREAKER_ORIGIN_BYTES];
	i64 returned_at_us;
	TAILQ_ENTRY(lane) in_bucket, by_age;
};

/* How long a call may take, who is told meanwhile, and for whom it is. 0 and NULL: no bound,
 * nobody. The calls come from outside libcurl: they may take their time and may leave by longjmp. A
 * result other than 0 ends the call. */
struct lane_wait {
	int client_fd;
	i64 first_byte_ms; /* from the request's beginning to the first byte of the body */
	i64 idle_ms;	   /* between bytes */
	i64 total_ms;
	i64 quiet_ms;		      /* on_quiet after so long without a byte, and again */
	int (*on_arrival)(void *arg); /* the head is there, or more of the body */
	int (*on_quiet)(void *arg);
	void *arg;
};

/* What a struct net is, one for each thread. */
struct net {
	struct lane mail_lane;
	char mail_server[1024]; /* what mail_lane's connection was made by */
	int client_fd;		/* of the request under way; 0: none */
	/* The call under way. A longjmp out of it leaves them to net_forget(). */
	struct lane *lane;
	struct breaker *breaker;
	enum breaker_pass pass;
};

/* Gives up the connection. A closed lane is all zero, as is a new one; lane_begin() opens it. */
void lane_close(struct lane *lane);
/* Forgets the last call but not the connection, and sets what all calls have in common. */
bool lane_begin(struct lane *lane, enum lane_policy policy, i64 connect_ms, size_t body_max);
/* Forgets the last call; what a new one does not need is freed. */
void lane_forget(struct lane *lane);
bool lane_header(struct lane *lane, const char *line);
/* Makes the call that was set up. */
enum net_end lane_run(struct lane *lane, const struct lane_wait *wait);
/* What went wrong, for the log: never holds a path, a query or a mail address. */
const char *lane_cause(const struct lane *lane, enum net_end end);

/* The lane that was used last for this origin, or a new one; NULL when there is no memory. */
struct lane *lane_borrow(enum lane_policy policy, const char *origin);
void lane_return(struct lane *lane);
/* Instead of lane_return(): its state is not known. */
void lane_discard(struct lane *lane);

bool net_address_allowed(enum lane_policy policy, const struct sockaddr *address);

#endif
