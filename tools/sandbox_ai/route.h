/* Which path is served by what. */
#ifndef TURNPIKE_SANDBOX_AI_ROUTE_H
#define TURNPIKE_SANDBOX_AI_ROUTE_H

#include "answer.h"

/* The dialect that answers the request; NULL: *ret_status, and what there is to say is in reply. */
const struct dialect *route(
	const struct http_head *head, struct served *served, struct bytes *reply, int *ret_status);

#endif
