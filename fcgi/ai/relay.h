/* Passing an answer's events on as they came. What the client gets always ends where an event does,
 * so that another one can be put behind when the upstream breaks off. */
#ifndef TURNPIKE_RELAY_H
#define TURNPIKE_RELAY_H

#include "../core/buf.h"

typedef int relay_sink(void *arg, const char *data, size_t length);

struct relay {
	relay_sink *sink;
	void *arg;
	bool is_open;	 /* set by the caller; before that everything is kept back */
	struct buf held; /* of an event that is not complete, or from before */
};

/* The length of data up to the end of the first event in it; all of it when none ends there. */
size_t relay_next(const struct relay *r, const char *data, size_t length);

void relay_init(struct relay *r, struct arena *a, relay_sink *sink, void *arg);
/* 0, or what the sink returned. */
int relay_feed(struct relay *r, const char *data, size_t length);
/* The answer is complete: the rest of it, too. */
int relay_end(struct relay *r);

#endif
