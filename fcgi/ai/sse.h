/* Server-sent events as they come, cut anywhere (WHATWG HTML 9.2.6). Only events with data are
 * handed on; id and retry are of no use to us. */
#ifndef TURNPIKE_SSE_H
#define TURNPIKE_SSE_H

#include "../core/buf.h"
#include "../core/errors.h"

enum { SSE_LINE_MAX = 1024 * 1024 };

/* name is "" when the event has none. Neither is NUL-terminated, and both are gone afterwards. A
 * result other than 0 ends the reading and is handed through. */
typedef int sse_sink(void *arg, const char *name, size_t name_length, const char *data,
	size_t length, struct fail *fail);

struct sse {
	sse_sink *sink;
	void *arg;
	/* private */
	struct buf line;   /* the beginning of a line that is not complete */
	struct buf joined; /* data that is kept: of several lines, or from an earlier call */
	struct buf name;
	const char *data; /* NULL: the event has no data so far; in the fed bytes, line or joined */
	size_t data_length;
	bool has_started, after_cr;
};

/* Its buffers live in the arena and grow to the size of the largest event, SSE_LINE_MAX at most. */
void sse_init(struct sse *s, struct arena *a, sse_sink *sink, void *arg);
/* E_UPSTREAM_ERROR when a line or an event is too long. */
int sse_feed(struct sse *s, const char *bytes, size_t length, struct fail *fail);
/* The stream is over. What was not closed by an empty line is handed on all the same: many servers
 * leave out the last line end, and a cut event is no JSON. */
int sse_end(struct sse *s, struct fail *fail);

#endif
