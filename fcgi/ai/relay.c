/* Events in and out, unchanged. */
#include "relay.h"

#include <string.h>

void relay_init(struct relay *r, struct arena *a, relay_sink *sink, void *arg)
{
	*r = (struct relay){.sink = sink, .arg = arg};
	buf_init(&r->held, a, 0);
}

/* Whether an empty line ends with the newline at `at`; the byte before data is `before`. */
static bool ends_event(const char *data, size_t at, char before)
{
	if (at == 0)
		return before == '\n';
	return data[at - 1] == '\n' || (at > 1 && data[at - 1] == '\r' && data[at - 2] == '\n');
}

size_t relay_next(const struct relay *r, const char *data, size_t length)
{
	char before = r->held.length > 0 ? r->held.data[r->held.length - 1] : '\0';
	const char *newline = memchr(data, '\n', length);

	while (newline != NULL && !ends_event(data, (size_t)(newline - data), before))
		newline = memchr(newline + 1, '\n', (size_t)(data + length - newline) - 1);
	return newline != NULL ? (size_t)(newline - data) + 1 : length;
}

/* The length up to the last empty line that ends behind `from`: an event's end. 0: there is none.
 */
static size_t length_of_events(const char *data, size_t length, size_t from)
{
	for (size_t i = length; i > from; i--)
		if (data[i - 1] == '\n' && ends_event(data, i - 1, '\0'))
			return i;
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
