/* What a call over HTTP looks like to libcurl. Private to fcgi/net. */
#ifndef TURNPIKE_HTTP_H
#define TURNPIKE_HTTP_H

#include "lane.h"
#include "stream.h"

/* Checks the address and gives its parts and origin ("https://api.example:443"); NULL, or why it is
 * refused. *ret_url is to be freed in either case. */
const char *http_read_url(const char *text, enum net_trust trust, CURLU **ret_url,
	char ret_origin[BREAKER_ORIGIN_BYTES]);
/* Sets the call up in a lane that holds its url; NULL, or why it cannot be made. */
const char *http_prepare(struct lane *lane, const struct net_stream *call);
/* The head of the answer; texts are copied to the arena. */
void http_read_head(struct lane *lane, struct arena *arena, struct net_head *ret);

#endif
