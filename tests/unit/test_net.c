/* net_call() against servers on loopback: what is sent, what comes back, what is refused. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/core/clock.h"
#include "fcgi/core/str.h"
#include "tests/unit/net_world.h"
#include "tools/smtp_sink.h"

#include <cmocka.h>

static const struct {
	const char *path;
	int result, status;
	const char *body, *cause; /* the cause holds this */
} answers[] = {
	{"/ok", 0, 200, "{\"a\":1}", NULL},
	{"/ok?a=b%20c", 0, 200, "{\"a\":1}", NULL},
	{"/empty", 0, 204, "", NULL},
	{"/missing", 0, 404, "no", NULL},
	{"/broken", 0, 500, "no", NULL},
	{"/later", 0, 503, "", NULL},
	{"/redirect", 0, 302, "", NULL},
	{"/mebibyte", 0, 200, NULL, NULL},
	{"/hang", E_UPSTREAM_TIMEOUT, 0, "", "timed out"},
	{"/drip", E_UPSTREAM_TIMEOUT, 0, "", "timed out"},
	{"/huge", E_UPSTREAM_ERROR, 0, "", "too large"},
	{"/huge-length", E_UPSTREAM_ERROR, 0, "", "too large"},
	{"/many-headers", E_UPSTREAM_ERROR, 0, "", "too large"},
	{"/many-continues", E_UPSTREAM_ERROR, 0, "", "too large"},
	{"/early", E_UPSTREAM_ERROR, 0, "", NULL},
	{"/close", E_UPSTREAM_ERROR, 0, "", NULL},
	{"/garbage", E_UPSTREAM_ERROR, 0, "", NULL},
};

static void test_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		struct http_server elsewhere;
		struct world w;
		assert_true(world_open(&w));
		assert_true(http_server_start(&elsewhere, "127.0.0.1", 0, NULL));
		w.server.redirect_to = elsewhere.url;
		i64 start_us = clock_mono_us();
		print_message("  %s\n", answers[i].path);
		assert_int_equal(get(&w, answers[i].path), answers[i].result);
		assert_true(clock_mono_us() - start_us < 2500 * US_PER_MS);
		assert_int_equal(w.response.status, answers[i].status);
		if (answers[i].body != NULL)
			assert_string_equal(w.response.body, answers[i].body);
		else
			assert_int_equal(w.response.body_length, 1 << 20);
		if (answers[i].cause != NULL)
			assert_non_null(strstr(w.fail.cause, answers[i].cause));
		assert_int_equal(http_server_connections(&elsewhere), 0);
		http_server_stop(&elsewhere);
		world_close(&w);
	}
}

static void test_answer_fields(void **state)
{
	struct world w;

	(void)state;
	assert_true(world_open(&w));
	assert_int_equal(get(&w, "/ok"), 0);
	assert_string_equal(w.response.content_type, "application/json");
	assert_int_equal(w.response.retry_after_s, 0);
	assert_int_equal(get(&w, "/later"), 0);
	assert_string_equal(w.response.content_type, "");
	assert_int_equal(w.response.retry_after_s, 7);
	assert_int_equal(get(&w, "/zero"), 0);
	assert_int_equal(w.response.body_length, 3);
	assert_memory_equal(w.response.body, "a\0b", 4);
	world_close(&w);
}

static void test_response_max(void **state)
{
	struct world w;
	struct net_request request = {.method = "GET"};

	(void)state;
	assert_true(world_open(&w));
	request.url = arena_printf(&w.arena, "%s/mebibyte", w.server.url);
	request.response_max = (1 << 20) - 1;
	assert_int_equal(call(&w, &request), E_UPSTREAM_ERROR);
	request.response_max = 1 << 20;
	assert_int_equal(call(&w, &request), 0);
	world_close(&w);
}

/* After five broken answers the sixth call would not be made: those are the breaker's matter. */
static const struct {
	const char *name, *method, *header, *body, *expect, *absent;
	bool is_refused;
} requests[] = {
	{"GET", "GET", "X-A: b", NULL, "GET /echo HTTP/1.1\r\n", "Content-", false},
	{"agent", "GET", "X-A: b", NULL, "\r\nUser-Agent: turnpike/" PACKAGE_VERSION "\r\n", "curl",
		false},
	{"header", "GET", "X-A: b", NULL, "\r\nX-A: b\r\n", "Expect", false},
	{"DELETE", "DELETE", "X-A: b", NULL, "DELETE /echo ", "Content-", false},
	{"POST", "POST", "Content-Type: application/json", "{}",
		"\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", "urlencoded",
		false},
	{"POST without a type", "POST", "X-A: b", "{}", "\r\nContent-Length: 2\r\n", "Content-Type",
		false},
	{"POST without a body", "POST", "X-A: b", NULL, "\r\nContent-Length: 0\r\n", "Content-Type",
		false},
	{"PATCH", "PATCH", "X-A: b", "{}", "PATCH /echo ", "Expect", false},
	{"no encodings", "GET", "X-A: b", NULL, "\r\nAccept: */*\r\nAccept-Encoding: identity\r\n",
		"gzip", false},
	{"CRLF in a header", "GET", "X-A: b\r\nX-B: c", NULL, NULL, NULL, true},
	{"LF in a header", "GET", "X-A: b\nX-B: c", NULL, NULL, NULL, true},
	{"CRLF in the method", "GET / HTTP/1.1\r\nX: y", "X-A: b", NULL, NULL, NULL, true},
	{"space in the method", "GET /x", "X-A: b", NULL, NULL, NULL, true},
	{"empty method", "", "X-A: b", NULL, NULL, NULL, true},
};

static void test_requests(void **state)
{
	struct world w;

	(void)state;
	assert_true(world_open(&w));
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		const char *const header[] = {requests[i].header, NULL};
		const struct net_request request = {
			.method = requests[i].method,
			.url = arena_printf(&w.arena, "%s/echo", w.server.url),
			.header = header,
			.body = requests[i].body,
			.body_length = requests[i].body != NULL ? strlen(requests[i].body) : 0,
		};
		print_message("  %s\n", requests[i].name);
		assert_int_equal(call(&w, &request), requests[i].is_refused ? E_UPSTREAM_ERROR : 0);
		if (requests[i].is_refused)
			continue;
		assert_non_null(strstr(w.response.body, requests[i].expect));
		assert_null(strstr(w.response.body, requests[i].absent));
	}
	assert_int_equal(http_server_connections(&w.server), 1); /* all over one connection */
	world_close(&w);
}

static void test_large_request(void **state)
{
	struct world w;
	char body[3000];
	const struct net_request request = {.method = "POST", .body = body, .body_length = 3000};

	(void)state;
	assert_true(world_open(&w));
	memset(body, 'x', sizeof(body));
	struct net_request r = request;
	r.url = arena_printf(&w.arena, "%s/ok", w.server.url);
	assert_int_equal(call(&w, &r), 0);
	assert_null(strstr(w.server.last_request, "Expect"));
	world_close(&w);
}

static void test_keep_alive(void **state)
{
	struct world w;

	(void)state;
	assert_true(world_open(&w));
	for (int i = 0; i < 5; i++)
		assert_int_equal(get(&w, "/ok"), 0);
	assert_int_equal(http_server_connections(&w.server), 1);
	/* A call given up does not spoil the next one. */
	assert_int_equal(get(&w, "/hang"), E_UPSTREAM_TIMEOUT);
	assert_int_equal(get(&w, "/ok"), 0);
	assert_string_equal(w.response.body, "{\"a\":1}");
	assert_int_equal(http_server_connections(&w.server), 2);
	world_close(&w);
}

static void test_proxy_variables(void **state)
{
	static const char *const names[] = {
		"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
	struct http_server proxy;
	struct world w;

	(void)state;
	assert_true(world_open(&w));
	assert_true(http_server_start(&proxy, "127.0.0.1", 0, NULL));
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		setenv(names[i], proxy.url, 1);
	assert_int_equal(get(&w, "/ok"), 0);
	assert_int_equal(http_server_connections(&w.server), 1);
	assert_int_equal(http_server_connections(&proxy), 0);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		unsetenv(names[i]);
	http_server_stop(&proxy);
	world_close(&w);
}

static void test_refused_connection(void **state)
{
	struct world w;

	(void)state;
	assert_true(world_open(&w));
	struct http_server gone;
	assert_true(http_server_start(&gone, "127.0.0.1", 0, NULL));
	http_server_stop(&gone);
	const struct net_request request = {.method = "GET", .url = gone.url};
	assert_int_equal(call(&w, &request), E_UPSTREAM_ERROR);
	assert_non_null(strstr(w.fail.cause, gone.url));
	world_close(&w);
}

static void test_certificate_is_verified(void **state)
{
	char dir[] = "/tmp/turnpike-net-XXXXXX", command[64];
	struct http_server server;
	struct world w;

	(void)state;
	assert_non_null(mkdtemp(dir));
	const struct sink certificate = {.dir = dir};
	assert_true(world_open(&w));
	assert_true(http_server_start(&server, "127.0.0.1", 0, tls_context(&certificate)));
	const struct net_request request = {
		.method = "GET", .url = arena_printf(&w.arena, "%s/ok", server.url)};
	assert_int_equal(call(&w, &request), E_UPSTREAM_ERROR);
	assert_int_equal(http_server_requests(&server), 0);
	http_server_stop(&server);
	world_close(&w);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	assert_int_equal(system(command), 0);
}

static void test_operator_addresses(void **state)
{
	static const char *const urls[] = {"file:///etc/passwd", "ftp://127.0.0.1/",
		"gopher://127.0.0.1/", "javascript:alert(1)", "unix:/run/x", "", "http://",
		"127.0.0.1", "http://a b/", "http://127.0.0.1:99999/", "http://127.0.0.1/\r\nX: y"};
	struct world w;

	(void)state;
	assert_true(world_open(&w));
	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		const struct net_request request = {.method = "GET", .url = urls[i]};
		print_message("  '%s'\n", urls[i]);
		assert_int_equal(call(&w, &request), E_UPSTREAM_ERROR);
	}
	world_close(&w);
}

static void *many_calls(void *arg)
{
	struct world w = {.net = net_new()};
	const struct net_request request = {.method = "GET", .url = arg};

	arena_init(&w.arena, 16 << 20);
	w.fail.arena = &w.arena;
	for (int i = 0; i < 25; i++) {
		if (call(&w, &request) != 0)
			return arg;
		arena_reset(&w.arena);
	}
	net_free(w.net);
	arena_free(&w.arena);
	return NULL;
}

static void test_threads(void **state)
{
	struct world w;
	pthread_t thread[4];
	void *failed;

	(void)state;
	assert_true(world_open(&w));
	char *url = arena_printf(&w.arena, "%s/ok", w.server.url);
	for (size_t i = 0; i < ARRAY_LEN(thread); i++)
		assert_int_equal(pthread_create(&thread[i], NULL, many_calls, url), 0);
	for (size_t i = 0; i < ARRAY_LEN(thread); i++) {
		pthread_join(thread[i], &failed);
		assert_null(failed);
	}
	/* As many as calls ran at once, at most. */
	assert_in_range(http_server_connections(&w.server), 1, ARRAY_LEN(thread));
	assert_int_equal(http_server_requests(&w.server), 100);
	world_close(&w);
}

/* A full arena leaves net_call() by longjmp; the next call works as if nothing had been. */
static void test_full_arena(void **state)
{
	struct world w;
	jmp_buf on_full;
	volatile bool was_full = false;
	char body[2048];

	(void)state;
	assert_true(world_open(&w));
	struct arena small;
	arena_init(&small, 64 * 1024);
	small.on_full = &on_full;
	const struct net_request request = {.method = "POST",
		.url = arena_printf(&w.arena, "%s/echo", w.server.url),
		.body = body,
		.body_length = sizeof(body)};
	memset(body, 'x', sizeof(body));
	arena_alloc(&small, 62 * 1024);
	if (setjmp(on_full) == 0)
		net_call(w.net, &small, &request, &w.response, &w.fail);
	else
		was_full = true;
	assert_true(was_full);
	arena_free(&small);
	assert_int_equal(get(&w, "/ok"), 0);
	assert_string_equal(w.response.body, "{\"a\":1}");
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_answer_fields),
		cmocka_unit_test(test_response_max),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_large_request),
		cmocka_unit_test(test_keep_alive),
		cmocka_unit_test(test_proxy_variables),
		cmocka_unit_test(test_refused_connection),
		cmocka_unit_test(test_certificate_is_verified),
		cmocka_unit_test(test_operator_addresses),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_full_arena),
	};

	signal(SIGPIPE, SIG_IGN);
	net_global_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
