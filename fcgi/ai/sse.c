/* The reader of server-sent events. A line that lies within the fed bytes is not copied. */
#include "sse.h"

#include <string.h>

enum { FIRST_BYTES = 256 };

void sse_init(struct sse *s, struct arena *a, sse_sink *sink, void *arg)
{
	*s = (struct sse){.sink = sink, .arg = arg};
	buf_init(&s->line, a, FIRST_BYTES);
	buf_init(&s->joined, a, FIRST_BYTES);
	buf_init(&s->name, a, 0);
}

static int too_long(struct fail *fail)
{
	return fail_cause(fail, E_UPSTREAM_ERROR, "an event of more than %d bytes", SSE_LINE_MAX);
}

/* Copies the data of the event that is being read: where it lies will be used for other bytes. */
static void keep_data(struct sse *s)
{
	if (s->data == NULL || s->data == s->joined.data)
		return;
	s->joined.length = 0;
	buf_bytes(&s->joined, s->data, s->data_length);
	s->data = s->joined.data;
}

static int add_data(struct sse *s, const char *value, size_t length, struct fail *fail)
{
	if (s->data == NULL) {
		s->data = value;
		s->data_length = length;
		return 0;
	}
	if (s->data_length + length >= SSE_LINE_MAX)
		return too_long(fail);
	keep_data(s);
	buf_char(&s->joined, '\n');
	buf_bytes(&s->joined, value, length);
	s->data = s->joined.data;
	s->data_length = s->joined.length;
	return 0;
}

static int dispatch(struct sse *s, struct fail *fail)
{
	const char *data = s->data;
	size_t name_length = s->name.length;

	s->data = NULL;
	s->name.length = 0;
	if (data == NULL)
		return 0;
	return s->sink(s->arg, s->name.data, name_length, data, s->data_length, fail);
}

static bool field_is(const char *line, size_t name_length, const char *name)
{
	return name_length == strlen(name) && memcmp(line, name, name_length) == 0;
}

static int take_line(struct sse *s, const char *line, size_t length, struct fail *fail)
{
	if (length > SSE_LINE_MAX)
		return too_long(fail);
	if (!s->has_started && length >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
		line += 3;
		length -= 3;
	}
	s->has_started = true;
	if (length == 0)
		return dispatch(s, fail);

	const char *colon = memchr(line, ':', length), *end = line + length;
	size_t name_length = colon != NULL ? (size_t)(colon - line) : length;
	const char *value = colon != NULL ? colon + 1 : end;
	if (value < end && *value == ' ')
		value++;
	if (field_is(line, name_length, "data"))
		return add_data(s, value, (size_t)(end - value), fail);
	if (field_is(line, name_length, "event")) {
		s->name.length = 0;
		buf_bytes(&s->name, value, (size_t)(end - value));
	}
	return 0;
}

/* The end of a line whose beginning came earlier. */
static int complete_line(struct sse *s, const char *rest, size_t length, struct fail *fail)
{
	if (s->line.length + length > SSE_LINE_MAX)
		return too_long(fail);
	buf_bytes(&s->line, rest, length);
	size_t whole = s->line.length;
	s->line.length = 0;
	return take_line(s, s->line.data, whole, fail);
}

/* What is left without a line end. */
static int keep_rest(struct sse *s, const char *rest, size_t length, struct fail *fail)
{
	if (s->line.length + length > SSE_LINE_MAX)
		return too_long(fail);
	keep_data(s);
	if (length > 0)
		buf_bytes(&s->line, rest, length);
	return 0;
}

int sse_feed(struct sse *s, const char *bytes, size_t length, struct fail *fail)
{
	const char *p = bytes, *end = bytes + length, *newline = NULL;

	while (p < end) {
		if (s->after_cr && *p == '\n')
			p++;
		s->after_cr = false;
		if (newline != end && (newline == NULL || newline < p)) {
			newline = memchr(p, '\n', (size_t)(end - p));
			newline = newline != NULL ? newline : end;
		}
		const char *cr = memchr(p, '\r', (size_t)(newline - p));
		const char *eol = cr != NULL ? cr : newline;
		size_t n = (size_t)(eol - p);
		if (eol == end)
			return keep_rest(s, p, n, fail);
		s->after_cr = *eol == '\r';
		if (s->line.length > 0)
			TRY(complete_line(s, p, n, fail));
		else
			TRY(take_line(s, p, n, fail));
		p = eol + 1;
	}
	return keep_rest(s, p, 0, fail);
}

int sse_end(struct sse *s, struct fail *fail)
{
	if (s->line.length > 0)
		TRY(complete_line(s, "", 0, fail));
	return dispatch(s, fail);
}
