/* A lane: one easy handle with its own connections, for one purpose of one thread. Lanes never
 * share connections, so an address that was allowed for one purpose is not reused for another.
 * Private to fcgi/net. */
#ifndef TURNPIKE_LANE_H
#define TURNPIKE_LANE_H

#include <curl/curl.h>

#include "../core/types.h"

struct sockaddr;

/* Which addresses a lane may connect to. */
enum lane_policy { LANE_ANY, LANE_PUBLIC, LANE_LOOPBACK };

/* Everything here is plain memory of libcurl or malloc: the arena may leave by longjmp, which must
 * not happen between libcurl's frames. What a call leaves behind the next lane_begin() frees. */
struct lane {
	CURL *easy;
	CURLM *multi;
	CURLU *url;
	struct curl_slist *list;
	enum lane_policy policy;
	bool is_refused;   /* an address was not allowed */
	bool is_too_large; /* the answer passed body_max or the bound of header bytes */
	bool has_left;	   /* the client closed its connection */
	char *body;
	size_t body_length, body_capacity, body_max, header_bytes;
	char error[CURL_ERROR_SIZE];
};

struct net {
	struct lane operator_lane, user_lane, mail_lane;
	int client_fd;		/* of the request under way; 0: none */
	char mail_server[1024]; /* what mail_lane's connections were made by */
};

/* Gives up the connections. A closed lane is all zero, as is a new one; lane_begin() opens it. */
void lane_close(struct lane *lane);
/* Forgets the last call but not the connections, and sets what all calls have in common. */
bool lane_begin(struct lane *lane, enum lane_policy policy, i64 timeout_ms, size_t body_max);
bool lane_header(struct lane *lane, const char *line);
/* Makes the call that was set up; gives it up when abort_fd (0: none) is closed by its peer. */
CURLcode lane_run(struct lane *lane, int abort_fd);
/* What went wrong, for the log: never holds a path, a query or a mail address. */
const char *lane_cause(const struct lane *lane, CURLcode code);

bool net_address_is_loopback(const struct sockaddr *address);
bool net_address_allowed(enum lane_policy policy, const struct sockaddr *address);

#endif
