/* Which route of a model, and which key, serves a call; and what the calls before it have taught
 * about them: who is busy, who rests, who fails. That is known to the process and outlives every
 * version of the catalog. */
#ifndef TURNPIKE_ROUTE_CHOICE_H
#define TURNPIKE_ROUTE_CHOICE_H

#include "../fcgi/net/breaker.h"
#include "models.h"

enum {
	CHOICE_ATTEMPTS_MAX = 3,     /* of one call */
	CHOICE_KEY_REST_S = 30,	     /* a key that met its limit, when the vendor does not say */
	CHOICE_KEY_OFF_S = 300,	     /* a key that the vendor refuses */
	CHOICE_REST_MAX_S = 3600,    /* whatever the vendor says */
	CHOICE_OVERLOAD_MAX_S = 30,  /* 1, 2, 4 ... when the vendor does not say */
	CHOICE_RETRY_PERCENT = 20,   /* of the calls may be tried again, */
	CHOICE_RETRIES_AT_ONCE = 10, /* and so many at once */
};

/* What an attempt tells about the route and the key that it took. */
enum choice_outcome {
	CHOICE_GOOD,	   /* it answered, if only to complain about the call */
	CHOICE_UNKNOWN,	   /* nothing: the client left */
	CHOICE_LIMITED,	   /* 429: the key rests */
	CHOICE_REFUSED,	   /* 401, 402, 403, an empty account: the key is out of use; logged */
	CHOICE_OVERLOADED, /* 529, 503: the route rests */
	CHOICE_FAILED,	   /* another 5xx, no connection, time-outs, nonsense: to its breaker */
};

/* The attempts of one call. Zero at first. */
struct choice {
	i64 until_mono_us; /* given: no further attempt from then on; 0: at any time */
	const struct model_route *route;
	const struct provider_key *key; /* never NULL; its secret is "" when none is needed */
	size_t n_tried;
	i64 retry_after_s; /* when choice_next() finds nothing: when it may. At least 1 */
	/* private */
	bool is_open;
	enum breaker_pass pass;
	struct {
		u64 route;
		enum choice_outcome outcome;
	} attempt[CHOICE_ATTEMPTS_MAX];
};

/* The next route and key for this call: of the lowest position that has any, the least busy one by
 * weight; one that failed in this call only when there is no other, and once. One that rests
 * without the vendor having said how long is still asked when there is no other. False: none, or
 * too many attempts, of this call or of all. */
bool choice_next(struct choice *c, const struct model *model);
/* How it went; retry_after_s is the vendor's, 0: it said nothing. Each choice_next() that found
 * something is followed by this, before the next one and before its models are put; a second one
 * does nothing, so that a deferred call with CHOICE_UNKNOWN covers every way out. */
void choice_done(struct choice *c, enum choice_outcome outcome, i64 retry_after_s);

/* The same at a time given by hand, and oblivion: for tests. */
bool choice_next_at(struct choice *c, const struct model *model, i64 now_us);
void choice_done_at(struct choice *c, enum choice_outcome outcome, i64 retry_after_s, i64 now_us);
void choice_forget(void);

#endif
