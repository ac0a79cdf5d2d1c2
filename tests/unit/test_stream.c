/* net_stream() against upstreams of every kind: what arrives, how it ends, what is kept. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/core/clock.h"
#include "tests/unit/stream_world.h"

#include <cmocka.h>

/* Bounds that no good call comes near. */
/* May be sent twice, as many of the answers leave a dead connection behind. */
static const char *const with_key[] = {"Idempotency-Key: k", NULL};
#define PATIENT .header = with_key, .first_byte_ms = 5000, .idle_ms = 5000, .total_ms = 20000

static const struct {
	const char *path;
	enum net_end end;
	int status;
	const char *data; /* NULL: not compared */
} answers[] = {
	{"/frames", NET_DONE, 200, "data: xdata: xdata: xdata: xdata: x"},
	{"/whole", NET_DONE, 200, "whol"},
	{"/later", NET_DONE, 200, "whol"},
	{"/ok", NET_DONE, 200, "ok"},
	{"/gzip", NET_DONE, 200, "hello, hello, hello"},
	{"/limited", NET_DONE, 429, ""},
	{"/missing", NET_DONE, 404, ""},
	{"/large-error", NET_DONE, 500, ""},
	{"/early", NET_BROKEN, 200, "only"},
	{"/early-chunk", NET_BROKEN, 200, "data: x"},
	{"/close", NET_BROKEN, 0, ""},
	{"/garbage", NET_BROKEN, 0, ""},
	{"/reset-at-once", NET_BROKEN, 0, ""},
	{"/reset-in-head", NET_BROKEN, 0, ""},
	{"/reset-after-head", NET_BROKEN, 200, ""},
	{"/reset-in-chunk", NET_BROKEN, 200, "dat"},
	{"/bad-encoding", NET_BROKEN, 200, ""},
	{"/bad-gzip", NET_BROKEN, 200, ""},
	{"/bomb", NET_TOO_LARGE, 200, NULL},
};

static void test_answers(void **state)
{
	struct stream_world w;

	(void)state;
	assert_true(world_open(&w));
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		print_message("  %s\n", answers[i].path);
		enum net_end end = stream(&w, answers[i].path, (struct net_stream){PATIENT});
		assert_int_equal(end, answers[i].end);
		assert_int_equal(w.result.end, end);
		assert_int_equal(w.result.head.status, answers[i].status);
		assert_int_equal(w.n_heads, answers[i].status != 0);
		if (answers[i].data != NULL)
			assert_string_equal(w.data, answers[i].data);
		if (answers[i].status >= 400)
			assert_int_equal(w.result.received, w.result.body_length);
		else
			assert_int_equal(w.result.received, w.length);
		assert_int_equal(w.result.cause[0] == '\0', end == NET_DONE);
	}
	world_close(&w);
}

static void test_head_and_times(void **state)
{
	struct stream_world w;

	(void)state;
	assert_true(world_open(&w));
	assert_int_equal(stream(&w, "/frames", (struct net_stream){PATIENT}), NET_DONE);
	assert_string_equal(w.result.head.content_type, "text/event-stream");
	assert_string_equal(w.result.head.request_id, "req_1");
	assert_int_equal(w.result.head.retry_after_s, 0);
	assert_true(w.n_data >= 4); /* piece by piece */
	assert_true(w.result.connect_us > 0);
	assert_true(w.result.first_byte_us >= w.result.connect_us);
	assert_true(w.result.total_us - w.result.first_byte_us >= 4 * 10 * US_PER_MS);
	assert_int_equal(stream(&w, "/limited", (struct net_stream){PATIENT}), NET_DONE);
	assert_string_equal(w.result.head.content_type, "");
	assert_string_equal(w.result.head.request_id, "req_2");
	assert_int_equal(w.result.head.retry_after_s, 7);
	assert_string_equal(w.result.body, "slow");
	assert_int_equal(stream(&w, "/later", (struct net_stream){PATIENT}), NET_DONE);
	assert_string_equal(w.result.head.request_id, ""); /* that of the hints is not its own */
	world_close(&w);
}

static void test_bounds(void **state)
{
	static const struct {
		const char *name, *path;
		bool is_streamed;
		size_t response_max, error_max;
		enum net_end end;
		size_t received;
	} cases[] = {
		{"a line of 10 MB, streamed", "/line", true, 0, 0, NET_DONE, 10000000},
		{"a line of 10 MB, collected", "/line", false, 0, 0, NET_DONE, 10000000},
		{"in chunks, streamed", "/chunked-line", true, 0, 0, NET_DONE, 10000000},
		{"in chunks, collected", "/chunked-line", false, 0, 0, NET_DONE, 10000000},
		{"streamed up to the bound", "/ok", true, 2, 0, NET_DONE, 2},
		{"streamed beyond the bound", "/frames", true, 10, 0, NET_TOO_LARGE, 10},
		{"collected up to the bound", "/frames", false, 35, 0, NET_DONE, 35},
		{"collected beyond the bound", "/frames", false, 34, 0, NET_TOO_LARGE, 34},
		{"announced beyond the bound", "/line", false, 1000, 0, NET_TOO_LARGE, 1000},
		{"a large error", "/large-error", true, 0, 0, NET_DONE, 65536},
		{"a large error within its bound", "/large-error", false, 0, 100000, NET_DONE,
			100000},
		{"a large error within the answer's bound", "/large-error", false, 5000, 0,
			NET_DONE, 5000},
	};
	struct stream_world w;

	(void)state;
	assert_true(world_open(&w));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct net_stream call = {PATIENT, .response_max = cases[i].response_max,
			.error_max = cases[i].error_max};
		print_message("  %s\n", cases[i].name);
		assert_int_equal(cases[i].is_streamed ? stream(&w, cases[i].path, call)
						      : collect(&w, cases[i].path, call),
			cases[i].end);
		assert_int_equal(w.result.received, cases[i].received);
		assert_true(w.largest <= 32 * 1024); /* never more than a few reads at once */
		if (w.result.body_length > 0) {
			assert_int_equal(w.result.body_length, cases[i].received);
			assert_int_equal(strlen(w.result.body), cases[i].received);
		}
	}
	world_close(&w);
}

static void test_callbacks_stop(void **state)
{
	struct stream_world w;

	(void)state;
	assert_true(world_open(&w));
	w.stop_head = true;
	assert_int_equal(stream(&w, "/frames", (struct net_stream){PATIENT}), NET_STOPPED);
	assert_int_equal(w.n_data, 0);
	w.stop_head = false;
	w.stop_data = true;
	assert_int_equal(stream(&w, "/drip", (struct net_stream){PATIENT}), NET_STOPPED);
	assert_int_equal(w.n_data, 1);
	w.stop_data = false;
	w.stop_quiet = true;
	assert_int_equal(
		stream(&w, "/hang", (struct net_stream){PATIENT, .quiet_ms = 20}), NET_STOPPED);
	assert_int_equal(w.n_quiet, 1);
	w.stop_quiet = false;
	assert_int_equal(stream(&w, "/frames", (struct net_stream){PATIENT}), NET_DONE);
	world_close(&w);
}

static void test_large_request(void **state)
{
	static char body[300 * 1024];
	struct stream_world w;

	(void)state;
	memset(body, 'x', sizeof(body));
	assert_true(world_open(&w));
	const struct net_stream call = {PATIENT, .body = body, .body_length = sizeof(body)};
	for (int i = 0; i < 3; i++) {
		assert_int_equal(stream(&w, "/ok", call), NET_DONE);
		assert_string_equal(w.data, "ok");
	}
	assert_int_equal(http_server_connections(&w.server), 1);
	world_close(&w);
}

static void test_keep_alive(void **state)
{
	struct stream_world w;

	(void)state;
	assert_true(world_open(&w));
	for (int i = 0; i < 5; i++)
		assert_int_equal(stream(&w, "/frames", (struct net_stream){PATIENT}), NET_DONE);
	assert_int_equal(http_server_connections(&w.server), 1);
	/* net_call() is the same kind of call: it takes the same connection. */
	struct fail fail = {.arena = &w.arena};
	struct net_response response;
	const struct net_request request = {
		.method = "GET", .url = arena_printf(&w.arena, "%s/ok", w.server.url)};
	assert_int_equal(net_call(w.net, &w.arena, &request, &response, &fail), 0);
	assert_int_equal(http_server_connections(&w.server), 1);
	net_sweep(S_TO_US(10)); /* closes only what was not used for so long */
	assert_int_equal(stream(&w, "/ok", (struct net_stream){PATIENT}), NET_DONE);
	assert_int_equal(http_server_connections(&w.server), 1);
	net_sweep(0);
	assert_int_equal(stream(&w, "/ok", (struct net_stream){PATIENT}), NET_DONE);
	assert_int_equal(http_server_connections(&w.server), 2);
	/* What was given up half-way is not used again. */
	assert_int_equal(
		stream(&w, "/hang", (struct net_stream){.first_byte_ms = 50}), NET_TIMEOUT_FIRST);
	assert_int_equal(stream(&w, "/ok", (struct net_stream){PATIENT}), NET_DONE);
	assert_string_equal(w.data, "ok");
	assert_int_equal(http_server_connections(&w.server), 3);
	world_close(&w);
}

/* A kept connection that is closed by the time it is wanted costs nothing but another one. One that
 * dies when it has the request: what may be done twice is sent again, anything else is not. */
static void test_dead_connection(void **state)
{
	struct stream_world w;

	(void)state;
	assert_true(world_open(&w));
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(
			stream(&w, "/ok-then-close", (struct net_stream){PATIENT}), NET_DONE);
		assert_int_equal(http_server_connections(&w.server), i + 1);
	}
	static const struct {
		const char *method;
		const char *const *header;
		bool is_sent_again;
	} cases[] = {
		{NULL, NULL, false},
		{"PATCH", NULL, false},
		{NULL, with_key, true},
		{"GET", NULL, true},
		{"PUT", NULL, true},
		{"DELETE", NULL, true},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct net_stream call = {
			.method = cases[i].method, .header = cases[i].header, .total_ms = 5000};
		net_sweep(0);
		print_message("  %s\n", cases[i].method != NULL ? cases[i].method : "POST");
		assert_int_equal(stream(&w, "/once", call), NET_DONE);
		assert_string_equal(w.data, "ok");
		/* The server counts the first request of each connection. */
		unsigned n = http_server_requests(&w.server);
		enum net_end end = stream(&w, "/once", call);
		assert_int_equal(end, cases[i].is_sent_again ? NET_DONE : NET_BROKEN);
		if (!cases[i].is_sent_again)
			assert_non_null(strstr(w.result.cause, "a kept connection died"));
		assert_int_equal(
			http_server_requests(&w.server), n + (cases[i].is_sent_again ? 1 : 0));
	}
	world_close(&w);
}

static void test_refused_and_breaker(void **state)
{
	struct stream_world w;
	struct http_server gone;

	(void)state;
	assert_true(world_open(&w));
	assert_true(http_server_start(&gone, "127.0.0.1", 0, NULL));
	http_server_stop(&gone);
	for (int i = 0; i < 7; i++) {
		enum net_end end = stream(&w, gone.url, (struct net_stream){PATIENT});
		assert_int_equal(end, i < 5 ? NET_CONNECT : NET_BREAKER_OPEN);
		assert_non_null(strstr(w.result.cause, gone.url));
		assert_int_equal(w.result.connect_us, 0);
		assert_int_equal(w.n_heads, 0);
	}
	/* Bad answers are no matter of the origin's breaker, unless the call says so. */
	for (int i = 0; i < 7; i++)
		assert_int_equal(
			stream(&w, "/large-error", (struct net_stream){PATIENT}), NET_DONE);
	for (int i = 0; i < 6; i++) {
		const struct net_stream call = {PATIENT, .judges_answers = true};
		assert_int_equal(
			stream(&w, "/large-error", call), i < 5 ? NET_DONE : NET_BREAKER_OPEN);
	}
	world_close(&w);
}

/* A callback may leave by longjmp, as a full arena does. */
static void test_longjmp(void **state)
{
	static struct stream_world w;
	static const char *const paths[] = {"/drip", "/frames", "/gzip"};
	jmp_buf left;

	(void)state;
	assert_true(world_open(&w));
	for (volatile size_t i = 0; i < ARRAY_LEN(paths); i++) {
		w.leave_by = &left;
		if (setjmp(left) == 0) {
			stream(&w, paths[i], (struct net_stream){PATIENT});
			fail_msg("%s: it came back", paths[i]);
		}
		w.leave_by = NULL;
		if (i == 0)
			net_forget(w.net);
		assert_int_equal(stream(&w, "/ok", (struct net_stream){PATIENT}), NET_DONE);
		assert_string_equal(w.data, "ok");
	}
	world_close(&w);
}

static void *many_streams(void *arg)
{
	static const char *const paths[] = {
		"/frames", "/ok", "/early", "/once", "/limited", "/line"};
	struct stream_world *shared = arg, w = {.net = net_new()};

	arena_init(&w.arena, 1 << 20);
	memcpy(w.server.url, shared->server.url, sizeof(w.server.url));
	for (size_t i = 0; i < 24; i++) {
		enum net_end end = stream(&w, paths[i % 6], (struct net_stream){PATIENT});
		if (end != (i % 6 == 2 ? NET_BROKEN : NET_DONE))
			return arg;
		arena_reset(&w.arena);
	}
	net_free(w.net);
	arena_free(&w.arena);
	return NULL;
}

static void test_threads(void **state)
{
	struct stream_world w;
	pthread_t thread[6];
	void *failed;

	(void)state;
	assert_true(world_open(&w));
	for (size_t i = 0; i < ARRAY_LEN(thread); i++)
		assert_int_equal(pthread_create(&thread[i], NULL, many_streams, &w), 0);
	for (size_t i = 0; i < ARRAY_LEN(thread); i++) {
		pthread_join(thread[i], &failed);
		assert_null(failed);
	}
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_head_and_times),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_callbacks_stop),
		cmocka_unit_test(test_large_request),
		cmocka_unit_test(test_keep_alive),
		cmocka_unit_test(test_dead_connection),
		cmocka_unit_test(test_refused_and_breaker),
		cmocka_unit_test(test_longjmp),
		cmocka_unit_test(test_threads),
	};

	signal(SIGPIPE, SIG_IGN);
	net_global_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
