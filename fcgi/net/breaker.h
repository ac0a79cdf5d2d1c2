/* The circuit breaker: stops calling an origin that fails, tries it again with one call at a time.
 */
#ifndef TURNPIKE_BREAKER_H
#define TURNPIKE_BREAKER_H

#include <pthread.h>

#include "../core/types.h"

enum {
	BREAKER_SLOTS = 64,	   /* origins that failed lately; the longest unused is forgotten */
	BREAKER_FAILURES_MAX = 5,  /* in a row, then it opens */
	BREAKER_OPEN_S = 5,	   /* until the next probe */
	BREAKER_ORIGIN_BYTES = 288 /* "https://" host ":65535" */
};

/* Of one thing that may fail. Whoever keeps it locks it. */
struct breaker_state {
	unsigned n_failures; /* in a row */
	bool is_probing;
	i64 retry_at_us; /* monotonic */
};

struct breaker_slot {
	char origin[BREAKER_ORIGIN_BYTES]; /* "": free */
	struct breaker_state state;
	i64 used_at_us; /* monotonic */
};

/* Shared by the threads of a process. */
struct breaker {
	pthread_mutex_t lock;
	struct breaker_slot slot[BREAKER_SLOTS];
};

#define BREAKER_INIT                              \
	{                                         \
		.lock = PTHREAD_MUTEX_INITIALIZER \
	}

enum breaker_pass { BREAKER_REFUSED, BREAKER_PASSED, BREAKER_PROBE };
enum breaker_outcome {
	BREAKER_OK,
	BREAKER_FAILED,
	BREAKER_UNKNOWN /* the call ended for a reason that says nothing about the origin */
};

/* Whether breaker_state_enter() would let a call pass. */
bool breaker_state_admits(const struct breaker_state *s, i64 now_us);
enum breaker_pass breaker_state_enter(struct breaker_state *s, i64 now_us);
bool breaker_state_leave(
	struct breaker_state *s, enum breaker_pass pass, enum breaker_outcome outcome, i64 now_us);

/* Whether a call may be made. Each one that may ends with breaker_leave(). */
enum breaker_pass breaker_enter(struct breaker *b, const char *origin, i64 now_us);
/* Notes how the call went; true when the breaker opened by it. */
bool breaker_leave(struct breaker *b, const char *origin, enum breaker_pass pass,
	enum breaker_outcome outcome, i64 now_us);

#endif
