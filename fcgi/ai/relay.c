/* Events in and out, unchanged. */
#include "relay.h"

#include <string.h>

void relay_init(struct relay *r, struct arena *a, relay_sink *sink, void *arg)
{
	*r = (struct relay){.sink = sink, .arg = arg};
	buf_init(&r->held, a, 0);
}

/* The length up to the last empty line that ends behind `from`: an event's end. 0: there is none.
 */
static size_t length_of_events(const char *data, size_t length, size_t from)
{
	for (size_t i = length; i > from && i > 1; i--) {
		if (data[i - 1] != '\n')
			continue;
		if (data[i - 2] == '\n' || (i > 2 && data[i - 2] == '\r' && data[i - 3] == '\n'))
			return i;
	}
	return 0;
}

static int pass_on(struct relay *r, const char *data, size_t length)
{
	return length > 0 ? r->sink(r->arg, data, length) : 0;
}

int relay_feed(struct relay *r, const char *data, size_t length)
{
	size_t seen = r->held.length;

	if (seen == 0 && r->is_open) { /* nothing is copied but the beginning of an event */
		size_t n = length_of_events(data, length, 0);
		buf_bytes(&r->held, data + n, length - n);
		return pass_on(r, data, n);
	}
	buf_bytes(&r->held, data, length);
	if (!r->is_open)
		return 0;
	size_t n = length_of_events(r->held.data, r->held.length, seen);
	int rc = pass_on(r, r->held.data, n);
	r->held.length -= n;
	memmove(r->held.data, r->held.data + n, r->held.length);
	return rc;
}

int relay_end(struct relay *r)
{
	size_t length = r->held.length;

	r->held.length = 0;
	return pass_on(r, r->held.data, length);
}
