/* Passing events on: unchanged, whole, however they were cut on their way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "fcgi/ai/relay.h"

#include <cmocka.h>

static struct arena arena = {.ceiling_bytes = 4 * 1024 * 1024};

/* What was passed on, a '|' behind each call. */
static struct buf sent;
static int refuse;

static int sink(void *arg, const char *data, size_t length)
{
	(void)arg;
	assert_true(length > 0);
	buf_bytes(&sent, data, length);
	buf_char(&sent, '|');
	return refuse;
}

static void begin(struct relay *r)
{
	arena_reset(&arena);
	buf_init(&sent, &arena, 0);
	relay_init(r, &arena, sink, NULL);
	refuse = 0;
}

static const struct {
	const char *name;
	const char *piece[6];
	const char *sent; /* before the end */
	const char *rest; /* at the end */
} cases[] = {
	{"whole", {"a\n\n"}, "a\n\n|", ""},
	{"several at once", {"a\n\nb\nc\n\n"}, "a\n\nb\nc\n\n|", ""},
	{"the beginning of the next waits", {"a\n\nb"}, "a\n\n|", "b|"},
	{"and comes with its end", {"a\n\nb", "c\n", "\nd"}, "a\n\n|bc\n\n|", "d|"},
	{"cut within the empty line", {"a\n", "\n"}, "a\n\n|", ""},
	{"CRLF", {"a\r\n\r\nb\r\n", "\r", "\n"}, "a\r\n\r\n|b\r\n\r\n|", ""},
	{"CRLF cut early", {"a\r\n", "\r\nb"}, "a\r\n\r\n|", "b|"},
	{"mixed ends", {"a\n\r\nb\r\n\n"}, "a\n\r\nb\r\n\n|", ""},
	{"one line end is none", {"a\n", "b\n", "c\n"}, "", "a\nb\nc\n|"},
	{"a carriage return is none", {"a\r", "\r\n"}, "", "a\r\r\n|"},
	{"empty lines only", {"\n", "\n", "\n"}, "\n\n|", "\n|"},
	{"nothing", {""}, "", ""},
};

static void test_pieces(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct relay r;
		print_message("  %s\n", cases[i].name);
		begin(&r);
		r.is_open = true;
		for (size_t j = 0; j < 6 && cases[i].piece[j] != NULL; j++)
			assert_int_equal(
				relay_feed(&r, cases[i].piece[j], strlen(cases[i].piece[j])), 0);
		assert_string_equal(sent.data, cases[i].sent);
		buf_init(&sent, &arena, 0);
		assert_int_equal(relay_end(&r), 0);
		assert_string_equal(sent.data, cases[i].rest);
	}
}

/* However it is cut: what goes out ends with an event, and is all of it in the end. */
static void test_every_cut(void **state)
{
	static const char text[] = ": c\n\nevent: a\ndata: 1\n\ndata: 2\r\n\r\n\ndata: 3\n\n";
	size_t length = sizeof(text) - 1;

	(void)state;
	for (size_t first = 0; first <= length; first++)
		for (size_t second = first; second <= length; second++) {
			struct relay r;
			struct buf all;
			begin(&r);
			r.is_open = true;
			buf_init(&all, &arena, 0);
			relay_feed(&r, text, first);
			relay_feed(&r, text + first, second - first);
			relay_feed(&r, text + second, length - second);
			for (char *p = sent.data; *p != '\0'; p++) {
				if (*p == '|')
					assert_true(
						p[-1] == '\n' && (p[-2] == '\n' || p[-3] == '\n'));
				else
					buf_char(&all, *p);
			}
			assert_string_equal(all.data, text);
			assert_int_equal(r.held.length, 0);
		}
}

static void test_held_back(void **state)
{
	struct relay r;

	(void)state;
	begin(&r);
	relay_feed(&r, "a\n\nb\n\nc", 7);
	assert_string_equal(sent.data, "");
	r.is_open = true;
	relay_feed(&r, "\n\nd", 3);
	assert_string_equal(sent.data, "a\n\nb\n\nc\n\n|");
}

static void test_a_refusal_is_told(void **state)
{
	struct relay r;

	(void)state;
	begin(&r);
	r.is_open = true;
	refuse = -1;
	assert_int_equal(relay_feed(&r, "a", 1), 0);
	assert_int_equal(relay_feed(&r, "\n\n", 2), -1);
	assert_int_equal(relay_feed(&r, "b\n\n", 3), -1);
	relay_feed(&r, "c", 1);
	assert_int_equal(relay_end(&r), -1);
}

static const struct {
	const char *held, *data;
	size_t next;
} nexts[] = {
	{"", "a\n\nb\n\n", 3},
	{"", "a\r\n\r\nb", 5},
	{"", "a\nb", 3},
	{"a\n", "\nb\n\n", 1},
	{"a", "\nb\n\n", 4},
	{"a", "\n\nb", 2},
	{"", "", 0},
	{"", "\n\n\n", 2},
};

static void test_next(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(nexts); i++) {
		struct relay r;
		print_message("  %zu\n", i);
		begin(&r);
		relay_feed(&r, nexts[i].held, strlen(nexts[i].held));
		assert_int_equal(
			relay_next(&r, nexts[i].data, strlen(nexts[i].data)), nexts[i].next);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_held_back),
		cmocka_unit_test(test_a_refusal_is_told),
		cmocka_unit_test(test_next),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	arena_free(&arena);
	return rc;
}
