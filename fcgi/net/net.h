/* Calls to the outside, over libcurl. Nothing else links it. */
#ifndef TURNPIKE_NET_H
#define TURNPIKE_NET_H

#include "../core/arena.h"
#include "../core/errors.h"
#include "../core/options.h"

struct net; /* one per thread */

/* Once per process, before threads. */
void net_global_init(void);
/* NULL when there is no memory. */
struct net *net_new(void);
void net_free(struct net *net);
/* Gives up a call that was left by longjmp. What runs on its behalf ends now; a new call does so,
 * too.
 */
void net_forget(struct net *net);
/* Closes the connections that no call used for so long; worker/tick.c does it, since later calls
 * close one each at the most. */
void net_sweep(i64 idle_us);
/* From now on calls are given up when the client behind fd leaves (0: nobody waits for them). */
void net_set_client(struct net *net, int fd);

enum net_trust {
	NET_OPERATOR, /* an address from the configuration: any address class */
	NET_USER, /* an address that a user can influence: public addresses only, no proxy, ports 80
		     and 443 */
};

struct net_request {
	const char *method; /* "GET" */
	const char *url;
	const char *const *header; /* "Name: value", ends with NULL; may be NULL */
	const void *body;
	size_t body_length;
	enum net_trust trust;
	i64 timeout_ms;	     /* 0: 10,000 */
	size_t response_max; /* bytes; 0: 1 MiB; more than that is an error */
	/* 0: that of net_set_client(), -1: none; when it closes, the call is given up. */
	int abort_fd;
};

struct net_response {
	int status;
	const char *content_type; /* "" when absent */
	const char *body;	  /* NUL-terminated */
	size_t body_length;
	i64 retry_after_s; /* of Retry-After (seconds or date), else 0 */
};

/* One call without redirects. 0 whatever the HTTP status; E_UPSTREAM_TIMEOUT, E_UPSTREAM_ERROR
 * (refused, reset, too large, address not allowed, breaker open) with the cause in `fail`. A
 * breaker per scheme://host:port opens after 5 failures in a row (connection, time-out, 5xx), lets
 * one probe through after 5 s; shared by the threads of the process. */
int net_call(struct net *net, struct arena *arena, const struct net_request *request,
	struct net_response *ret, struct fail *fail);

/* Whether a numeric address (AF_INET or AF_INET6 sockaddr) is public unicast: F-48 of assurance.md.
 */
struct sockaddr;
bool net_address_is_public(const struct sockaddr *address);

struct mail {
	const char *to; /* one address; must pass mail_address_valid() of core/email.h */
	const char *subject;
	const char *text;	/* plain text, UTF-8, lines end in \n */
	const char *html;	/* NULL: text only */
	const char *message_id; /* stable over retries: "<id@host>" */
};

/* Sends one mail by the [smtp] options and counts it in the metrics MAIL_SENT and MAIL_FAILED. 0,
 * E_UPSTREAM_TIMEOUT or E_UPSTREAM_ERROR; *ret_permanent when the server answered 5xx to this mail,
 * so that trying again is useless. A control character in any header value: E_BAD_REQUEST. */
int mail_send(struct net *net, const struct options *options, const struct mail *mail,
	bool *ret_permanent, struct arena *arena, struct fail *fail);

#endif
