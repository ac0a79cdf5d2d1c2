/* How net_stream() stops waiting: deadlines of each kind, silence, clients that leave. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fcgi/core/clock.h"
#include "tests/unit/stream_world.h"

#include <cmocka.h>

enum { LATE_MS = 200 }; /* at most, on a busy machine */

/* Paths of "" are an address on which connecting hangs. */
static const struct {
	const char *name, *path;
	i64 connect_ms, first_byte_ms, idle_ms, total_ms;
	enum net_end end;
	i64 after_ms;
	size_t length;
} deadlines[] = {
	{"connecting", "", 150, 50, 50, 5000, NET_TIMEOUT_CONNECT, 150, 0},
	{"connecting, in all", "", 5000, 50, 50, 150, NET_TIMEOUT_TOTAL, 150, 0},
	{"before the head", "/hang", 5000, 150, 50, 5000, NET_TIMEOUT_FIRST, 150, 0},
	{"in the head", "/hang-in-head", 5000, 150, 50, 5000, NET_TIMEOUT_FIRST, 150, 0},
	{"after the head", "/hang-after-head", 5000, 150, 50, 5000, NET_TIMEOUT_FIRST, 150, 0},
	{"after data", "/hang-after-data", 5000, 5000, 150, 5000, NET_TIMEOUT_IDLE, 150, 7},
	{"in a chunk", "/hang-in-chunk", 5000, 5000, 150, 5000, NET_TIMEOUT_IDLE, 150, 3},
	{"before the head, in all", "/hang", 5000, 5000, 5000, 150, NET_TIMEOUT_TOTAL, 150, 0},
	{"after data, in all", "/hang-after-data", 0, 0, 0, 150, NET_TIMEOUT_TOTAL, 150, 7},
	{"drop by drop", "/drip", 5000, 5000, 500, 280, NET_TIMEOUT_TOTAL, 280, 0},
};

static void test_deadlines(void **state)
{
	struct stream_world w;
	struct deaf crowded;

	(void)state;
	assert_true(world_open(&w));
	assert_true(deaf_open(&crowded, true));
	for (size_t i = 0; i < ARRAY_LEN(deadlines); i++) {
		const struct net_stream call = {.connect_ms = deadlines[i].connect_ms,
			.first_byte_ms = deadlines[i].first_byte_ms,
			.idle_ms = deadlines[i].idle_ms,
			.total_ms = deadlines[i].total_ms};
		const char *path = deadlines[i].path[0] == '\0' ? crowded.url : deadlines[i].path;
		print_message("  %s\n", deadlines[i].name);
		assert_int_equal(stream(&w, path, call), deadlines[i].end);
		assert_true(w.result.total_us >= deadlines[i].after_ms * US_PER_MS);
		assert_true(w.result.total_us < (deadlines[i].after_ms + LATE_MS) * US_PER_MS);
		if (deadlines[i].length > 0)
			assert_int_equal(w.length, deadlines[i].length);
		assert_int_equal(w.result.received, w.length);
	}
	deaf_close(&crowded);
	world_close(&w);
}

static void test_quiet(void **state)
{
	static const struct {
		const char *path;
		i64 total_ms;
		size_t n_min, n_max;
	} cases[] = {
		{"/hang", 270, 1, 2}, {"/hang-after-head", 270, 1, 2},
		{"/hang-after-data", 270, 1, 2},
		{"/drip", 500, 0,
			1}, /* 50 ms between bytes: never silent, but for a busy machine */
	};
	struct stream_world w;

	(void)state;
	assert_true(world_open(&w));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct net_stream call = {.total_ms = cases[i].total_ms, .quiet_ms = 100};
		print_message("  %s\n", cases[i].path);
		assert_int_equal(stream(&w, cases[i].path, call), NET_TIMEOUT_TOTAL);
		/* On a busy machine some come late, or the end does: then there is time for more.
		 */
		i64 room = w.result.total_us / (100 * US_PER_MS) - cases[i].total_ms / 100;
		assert_in_range(w.n_quiet, cases[i].n_min, cases[i].n_max + (size_t)room);
	}
	world_close(&w);
}

/* Who takes the data slowly is not the upstream's fault. */
static void test_slow_consumer(void **state)
{
	struct stream_world w;

	(void)state;
	assert_true(world_open(&w));
	w.taking_ms = 150;
	const struct net_stream call = {.idle_ms = 100, .quiet_ms = 100};
	assert_int_equal(stream(&w, "/frames", call), NET_DONE);
	assert_int_equal(w.length, 35);
	assert_int_equal(w.n_quiet, 0);
	world_close(&w);
}

static const char *const leavings[LEAVING_MAX] = {
	"closed", "TCP closed", "TCP half closed", "abort record"};

static void assert_left(const struct stream_world *w, const struct leaver *l)
{
	i64 late_us = clock_mono_us() - l->left_at_us;

	assert_int_equal(w->result.end, NET_CLIENT_LEFT);
	assert_true(late_us < LATE_MS * US_PER_MS);
	assert_non_null(strstr(w->result.cause, "client left"));
}

static void test_client_leaves(void **state)
{
	struct stream_world w;
	struct deaf crowded;

	(void)state;
	assert_true(world_open(&w));
	assert_true(deaf_open(&crowded, true));
	const char *const paths[] = {crowded.url, "/hang", "/hang-after-head", "/hang-after-data",
		"/hang-in-chunk", "/drip"};
	for (size_t i = 0; i < LEAVING_MAX * ARRAY_LEN(paths); i++) {
		struct leaver l;
		leaver_open(&l, (enum leaving)(i / ARRAY_LEN(paths)));
		print_message("  %s: %s\n", leavings[l.how], paths[i % ARRAY_LEN(paths)]);
		leaver_start(&l, 70);
		stream(&w, paths[i % ARRAY_LEN(paths)], (struct net_stream){.client_fd = l.fd[0]});
		pthread_join(l.thread, NULL);
		assert_left(&w, &l);
		leaver_close(&l);
	}
	for (enum leaving how = 0; how < LEAVING_MAX; how++) {
		struct leaver l;
		print_message("  %s: before, and while data is taken\n", leavings[how]);
		leaver_open(&l, how);
		leaver_leave(&l);
		unsigned n_requests = http_server_requests(&w.server);
		stream(&w, "/hang", (struct net_stream){.client_fd = l.fd[0]});
		assert_left(&w, &l);
		assert_int_equal(http_server_requests(&w.server), n_requests);
		leaver_close(&l);
		leaver_open(&l, how);
		w.leaver = &l;
		stream(&w, "/hang-after-data", (struct net_stream){.client_fd = l.fd[0]});
		w.leaver = NULL;
		assert_left(&w, &l);
		leaver_close(&l);
	}
	deaf_close(&crowded);
	world_close(&w);
}

/* The request is more than sockets hold, and nobody reads it. */
static void test_stuck_request(void **state)
{
	static char body[16 << 20];
	struct net_stream call = {.body = body, .body_length = sizeof(body), .first_byte_ms = 150};
	struct stream_world w;
	struct deaf deaf;
	struct leaver l;

	(void)state;
	assert_true(world_open(&w));
	assert_true(deaf_open(&deaf, false));
	assert_int_equal(stream(&w, deaf.url, call), NET_TIMEOUT_FIRST);
	leaver_open(&l, LEAVE_CLOSE);
	leaver_start(&l, 70);
	call.client_fd = l.fd[0];
	call.first_byte_ms = 5000;
	stream(&w, deaf.url, call);
	pthread_join(l.thread, NULL);
	assert_left(&w, &l);
	assert_true(w.result.connect_us > 0);
	leaver_close(&l);
	deaf_close(&deaf);
	world_close(&w);
}

/* The one of net_set_client() counts when the call names none, and bytes that it left unread do not
 * keep the thread turning. */
static void test_client_stays(void **state)
{
	struct stream_world w;
	struct leaver l;

	(void)state;
	assert_true(world_open(&w));
	leaver_open(&l, LEAVE_CLOSE);
	net_set_client(w.net, l.fd[0]);
	for (int i = 0; i < 3; i++)
		assert_int_equal(
			stream(&w, "/frames", (struct net_stream){.idle_ms = 5000}), NET_DONE);
	clock_t start = clock();
	assert_int_equal(
		stream(&w, "/hang", (struct net_stream){.first_byte_ms = 700}), NET_TIMEOUT_FIRST);
	assert_true(clock() - start < CLOCKS_PER_SEC / 20);
	leaver_start(&l, 50);
	stream(&w, "/hang", (struct net_stream){.first_byte_ms = 5000});
	pthread_join(l.thread, NULL);
	assert_left(&w, &l);
	leaver_close(&l);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deadlines),
		cmocka_unit_test(test_quiet),
		cmocka_unit_test(test_slow_consumer),
		cmocka_unit_test(test_client_leaves),
		cmocka_unit_test(test_stuck_request),
		cmocka_unit_test(test_client_stays),
	};

	signal(SIGPIPE, SIG_IGN);
	net_global_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
