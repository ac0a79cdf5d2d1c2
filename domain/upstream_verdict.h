/* What an upstream's error means: for the client, for the next attempt, for the route. */
#ifndef TURNPIKE_UPSTREAM_VERDICT_H
#define TURNPIKE_UPSTREAM_VERDICT_H

#include "../fcgi/net/stream.h"
#include "route_choice.h"

struct verdict {
	enum error error; /* what the client is told; never a vendor's 401 or 402 */
	bool retry;	  /* another attempt may go well, while the client has seen nothing */
	enum choice_outcome outcome;
	const char *text; /* the vendor's own words, where they are about the client's input */
};

/* Of an answer with this status (0: unknown, as of an error within a stream). type and message are
 * those of the error's body; "" when there is none. */
struct verdict upstream_verdict(int status, const char *type, const char *message);
/* Of a call that ended without an answer. */
struct verdict upstream_verdict_of_end(enum net_end end);

#endif
