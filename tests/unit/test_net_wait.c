/* How net_call() stops waiting: deadlines, clients that leave, the circuit breaker. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "fcgi/core/clock.h"
#include "fcgi/core/str.h"
#include "tests/unit/net_world.h"

#include <cmocka.h>

/* In place of the C library's: one name takes its time. */
int getaddrinfo(
	const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
	static int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	if (name == NULL || strcmp(name, "slow.test") != 0)
		return real(name, service, hints, ret);
	clock_sleep_us(S_TO_US(3));
	return EAI_NONAME;
}

/* The deadline holds while a name is looked up. */
static void test_slow_lookup(void **state)
{
	struct world w;
	const struct net_request request = {
		.method = "GET", .url = "http://slow.test/", .timeout_ms = 300};

	(void)state;
	assert_true(world_open(&w));
	i64 start_us = clock_mono_us();
	assert_int_equal(call(&w, &request), E_UPSTREAM_TIMEOUT);
	assert_true(clock_mono_us() - start_us < S_TO_US(1));
	world_close(&w);
	clock_sleep_us(S_TO_US(3)); /* the lookup's thread ends by itself */
}

struct leaver {
	int fd, after_ms;
	bool halfway;
};

static void *leave(void *arg)
{
	struct leaver *l = arg;

	clock_sleep_us(l->after_ms * US_PER_MS);
	if (l->halfway)
		shutdown(l->fd, SHUT_WR);
	else
		close(l->fd);
	return NULL;
}

static void tcp_pair(int pair[2])
{
	struct sockaddr_in name = {.sin_family = AF_INET};
	socklen_t length = sizeof(name);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(listener, (struct sockaddr *)&name, length), 0);
	assert_int_equal(listen(listener, 1), 0);
	getsockname(listener, (struct sockaddr *)&name, &length);
	pair[1] = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(pair[1], (struct sockaddr *)&name, length), 0);
	pair[0] = accept(listener, NULL, NULL);
	close(listener);
}

static void test_client_leaves(void **state)
{
	static const struct {
		const char *name;
		bool is_tcp, halfway;
		int after_ms;
	} cases[] = {
		{"unix socket closed", false, false, 300},
		{"unix socket closed before", false, false, 0},
		{"TCP closed", true, false, 300},
		{"TCP half closed", true, true, 300},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct leaver leaver = {.after_ms = cases[i].after_ms, .halfway = cases[i].halfway};
		struct world w;
		pthread_t thread;
		int pair[2];
		assert_true(world_open(&w));
		if (cases[i].is_tcp)
			tcp_pair(pair);
		else
			assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		assert_int_equal(send(pair[1], "unread", 6, 0), 6);
		leaver.fd = pair[1];
		print_message("  %s\n", cases[i].name);
		assert_int_equal(pthread_create(&thread, NULL, leave, &leaver), 0);
		i64 start_us = clock_mono_us();
		const struct net_request request = {
			.method = "GET",
			.url = arena_printf(&w.arena, "%s/hang", w.server.url),
			.abort_fd = pair[0],
		};
		assert_int_equal(call(&w, &request), E_CLIENT_LEFT);
		assert_true(
			clock_mono_us() - start_us < (cases[i].after_ms + 300) * (i64)US_PER_MS);
		assert_non_null(strstr(w.fail.cause, "client left"));
		pthread_join(thread, NULL);
		close(pair[0]);
		if (cases[i].halfway)
			close(pair[1]);
		world_close(&w);
	}
}

static void test_client_stays(void **state)
{
	struct world w;
	int pair[2];

	(void)state;
	assert_true(world_open(&w));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(send(pair[1], "unread", 6, 0), 6);
	struct net_request request = {.method = "GET", .abort_fd = pair[0], .timeout_ms = 1000};
	request.url = arena_printf(&w.arena, "%s/ok", w.server.url);
	assert_int_equal(call(&w, &request), 0);
	request.url = arena_printf(&w.arena, "%s/hang", w.server.url);
	clock_t start = clock();
	assert_int_equal(call(&w, &request), E_UPSTREAM_TIMEOUT);
	assert_true(clock() - start < CLOCKS_PER_SEC / 5); /* waits without turning in circles */
	close(pair[0]);
	close(pair[1]);
	world_close(&w);
}

static void test_breaker(void **state)
{
	struct world w;
	i64 opened = counted[METRIC_NET_BREAKER_OPENED];

	(void)state;
	assert_true(world_open(&w));
	for (int i = 0; i < 5; i++)
		assert_int_equal(get(&w, "/broken"), 0);
	assert_int_equal(counted[METRIC_NET_BREAKER_OPENED], opened + 1);
	struct net *other_thread = net_new();
	struct net *mine = w.net;
	w.net = other_thread;
	assert_int_equal(get(&w, "/ok"), E_UPSTREAM_ERROR);
	assert_non_null(strstr(w.fail.cause, "breaker open"));
	assert_int_equal(http_server_requests(&w.server), 5);
	clock_sleep_us(S_TO_US(5) + 100 * US_PER_MS);
	assert_int_equal(get(&w, "/ok"), 0);
	w.net = mine;
	assert_int_equal(get(&w, "/ok"), 0);
	net_free(other_thread);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slow_lookup),
		cmocka_unit_test(test_client_leaves),
		cmocka_unit_test(test_client_stays),
		cmocka_unit_test(test_breaker),
	};

	signal(SIGPIPE, SIG_IGN);
	net_global_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
