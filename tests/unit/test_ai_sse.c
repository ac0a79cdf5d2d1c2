/* The reader of server-sent events: the rules of the format, at every cut, and its bounds. */
#include "fcgi/ai/sse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct arena arena = {.ceiling_bytes = 256 * 1024 * 1024};
static struct fail failure = {.arena = &arena};

/* Events as "name|data;" */
static const struct {
	const char *name, *bytes, *events;
} cases[] = {
	{"one", "data: a\n\n", "|a;"},
	{"two", "data: a\n\ndata: b\n\n", "|a;|b;"},
	{"carriage returns", "data: a\r\rdata: b\r\r", "|a;|b;"},
	{"both", "data: a\r\n\r\ndata: b\r\n\r\n", "|a;|b;"},
	{"mixed", "data: a\r\ndata: b\rdata: c\n\r\n", "|a\nb\nc;"},
	{"no space", "data:a\n\n", "|a;"},
	{"one space only", "data:  a\n\n", "| a;"},
	{"no colon", "data\n\n", "|;"},
	{"empty data", "data:\n\n", "|;"},
	{"two lines", "data: a\ndata: b\n\n", "|a\nb;"},
	{"two empty lines of data", "data\ndata\n\n", "|\n;"},
	{"three lines", "data: a\ndata:\ndata: b\n\n", "|a\n\nb;"},
	{"named", "event: ping\ndata: a\n\n", "ping|a;"},
	{"name behind", "data: a\nevent: ping\n\n", "ping|a;"},
	{"last name", "event: a\nevent: b\ndata: c\n\n", "b|c;"},
	{"name is of one event", "event: x\ndata: a\n\ndata: b\n\n", "x|a;|b;"},
	{"name without data", "event: x\n\ndata: b\n\n", "|b;"},
	{"comments", ": keep-alive\n\n:\ndata: a\n: b\n\n", "|a;"},
	{"other fields", "id: 1\nretry: 5\ndata: a\ndatax: b\nDATA: c\n\n", "|a;"},
	{"mark",
		"\xef\xbb\xbf"
		"data: a\n\n",
		"|a;"},
	{"mark inside",
		"data: a\n\n\xef\xbb\xbf"
		"data: b\n\n",
		"|a;"},
	{"many empty lines", "\n\n\ndata: a\n\n\n\n", "|a;"},
	{"UTF-8", "data: \xe2\x82\xac\xf0\x9f\x98\x80\n\n", "|\xe2\x82\xac\xf0\x9f\x98\x80;"},
	{"not UTF-8", "data: \xff\xe2\x82\n\n", "|\xff\xe2\x82;"},
	{"no empty line at the end", "data: a\n\ndata: b\n", "|a;|b;"},
	{"no line end at the end", "data: a\n\ndata: b", "|a;|b;"},
	{"colons in data", "data: a: b:c\n\n", "|a: b:c;"},
	{"nothing", "", ""},
	{"only comments", ":\n:\n", ""},
};

static int note(void *arg, const char *name, size_t name_length, const char *data, size_t length,
	struct fail *fail)
{
	(void)fail;
	buf_bytes(arg, name, name_length);
	buf_char(arg, '|');
	buf_bytes(arg, data, length);
	buf_char(arg, ';');
	return 0;
}

static void feed(struct sse *s, const char *bytes, size_t length)
{
	char *exact = malloc(length > 0 ? length : 1);

	assert_non_null(exact);
	memcpy(exact, bytes, length);
	assert_int_equal(sse_feed(s, exact, length, &failure), 0);
	memset(exact, '?', length); /* whoever still looks here is seen */
	free(exact);
}

static const char *events(const char *bytes, size_t length, size_t piece, size_t first)
{
	struct sse s;
	struct buf b;

	buf_init(&b, &arena, 0);
	sse_init(&s, &arena, note, &b);
	feed(&s, bytes, first);
	for (size_t i = first; i < length; i += piece)
		feed(&s, bytes + i, piece < length - i ? piece : length - i);
	assert_int_equal(sse_end(&s, &failure), 0);
	return b.data;
}

static void test_events(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t length = strlen(cases[i].bytes);
		print_message("  %s\n", cases[i].name);
		for (size_t cut = 0; cut <= length; cut++)
			assert_string_equal(
				events(cases[i].bytes, length, length + 1, cut), cases[i].events);
		assert_string_equal(events(cases[i].bytes, length, 1, 0), cases[i].events);
		assert_string_equal(events(cases[i].bytes, length, 2, 1), cases[i].events);
		arena_reset(&arena);
	}
}

/* Lines that come whole are handed on where they lie. */
static int inside(void *arg, const char *name, size_t name_length, const char *data, size_t length,
	struct fail *fail)
{
	const char *const *bytes = arg;

	(void)name;
	(void)name_length;
	(void)length;
	(void)fail;
	assert_true(data == bytes[0] + 6);
	return 0;
}

static void test_no_copy(void **state)
{
	const char *bytes = "data: some text\n\n";
	struct sse s;

	(void)state;
	sse_init(&s, &arena, inside, &bytes);
	assert_int_equal(sse_feed(&s, bytes, strlen(bytes), &failure), 0);
	arena_reset(&arena);
}

/* A line of n bytes "data: xxx" in pieces, then its end. */
static int feed_line(struct sse *s, size_t n, size_t piece)
{
	char *line = malloc(n);
	int rc = 0;

	assert_non_null(line);
	memset(line, 'x', n);
	memcpy(line, "data: ", 6);
	for (size_t i = 0; i < n && rc == 0; i += piece)
		rc = sse_feed(s, line + i, piece < n - i ? piece : n - i, &failure);
	free(line);
	return rc != 0 ? rc : sse_feed(s, "\n\n", 2, &failure);
}

static int count(void *arg, const char *name, size_t name_length, const char *data, size_t length,
	struct fail *fail)
{
	(void)name;
	(void)name_length;
	(void)data;
	(void)fail;
	*(size_t *)arg += length;
	return 0;
}

static void test_bounds(void **state)
{
	static const size_t pieces[] = {1000, 65536, 4 * SSE_LINE_MAX};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		size_t n_data = 0;
		struct sse s;
		print_message("  pieces of %zu\n", pieces[i]);
		sse_init(&s, &arena, count, &n_data);
		assert_int_equal(feed_line(&s, SSE_LINE_MAX, pieces[i]), 0);
		assert_int_equal(n_data, SSE_LINE_MAX - 6);
		assert_int_equal(feed_line(&s, SSE_LINE_MAX + 1, pieces[i]), E_UPSTREAM_ERROR);
		assert_non_null(failure.cause);
		/* A line of 10 MB is refused when it has had its part, not at its end. */
		sse_init(&s, &arena, count, &n_data);
		fail_clear(&failure);
		assert_int_equal(feed_line(&s, 10 * 1024 * 1024, pieces[i]), E_UPSTREAM_ERROR);
		assert_true(arena.used_bytes < 16 * SSE_LINE_MAX);
		fail_clear(&failure);
		arena_reset(&arena);
	}
}

/* Many lines of one event are bounded like one line; many events are not bounded. */
static void test_many_lines(void **state)
{
	size_t n_data = 0;
	char line[1006];
	struct sse s;
	int rc = 0;

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, "data: ", 6);
	line[sizeof(line) - 1] = '\n';
	sse_init(&s, &arena, count, &n_data);
	for (int i = 0; i < 5000; i++) {
		assert_int_equal(sse_feed(&s, line, sizeof(line), &failure), 0);
		assert_int_equal(sse_feed(&s, "\n", 1, &failure), 0);
	}
	assert_int_equal(n_data, 5000 * 999);
	assert_true(arena.used_bytes < 16384);
	for (int i = 0; i < 5000 && rc == 0; i++)
		rc = sse_feed(&s, line, sizeof(line), &failure);
	assert_int_equal(rc, E_UPSTREAM_ERROR);
	assert_true(arena.used_bytes < 8 * SSE_LINE_MAX);
	fail_clear(&failure);
	arena_reset(&arena);
}

static int refuse(void *arg, const char *name, size_t name_length, const char *data, size_t length,
	struct fail *fail)
{
	(void)name;
	(void)name_length;
	(void)data;
	(void)length;
	(void)fail;
	++*(int *)arg;
	return E_CONFLICT;
}

static void test_refusal_is_handed_through(void **state)
{
	int n_calls = 0;
	struct sse s;

	(void)state;
	sse_init(&s, &arena, refuse, &n_calls);
	assert_int_equal(sse_feed(&s, "data: a\n\ndata: b\n\n", 18, &failure), E_CONFLICT);
	assert_int_equal(n_calls, 1);
	arena_reset(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_no_copy),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_many_lines),
		cmocka_unit_test(test_refusal_is_handed_through),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	arena_free(&arena);
	return rc;
}
