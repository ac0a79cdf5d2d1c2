/* net_call() against servers on loopback. Addresses that a user gives are tried in a network of our
 * own (namespaces), where every port is free and 93.184.216.34 is this machine. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fcgi/core/clock.h"
#include "fcgi/core/metrics.h"
#include "fcgi/core/str.h"
#include "fcgi/net/lane.h"
#include "fcgi/net/net.h"
#include "tests/unit/http_server.h"
#include "tools/smtp_sink.h"

#include <cmocka.h>

static i64 counted[METRIC_MAX];
static bool has_own_network;

void metrics_add(enum metric m, i64 n)
{
	__atomic_fetch_add(&counted[m], n, __ATOMIC_RELAXED);
}

/* In place of the C library's: names that a test can bend. */
int getaddrinfo(
	const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
	static int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
	static const struct {
		const char *name, *first, *second;
	} names[] = {
		{"private.test", "127.0.0.1", NULL},
		{"public.test", "93.184.216.34", NULL},
		{"public-private.test", "93.184.216.34", "127.0.0.1"},
		{"unreachable-private.test", "93.184.216.35", "127.0.0.1"},
		{"private-public.test", "127.0.0.1", "93.184.216.34"},
	};

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	if (name != NULL && strcmp(name, "slow.test") == 0) {
		clock_sleep_us(S_TO_US(3));
		return EAI_NONAME;
	}
	for (size_t i = 0; name != NULL && i < ARRAY_LEN(names); i++) {
		if (strcmp(name, names[i].name) != 0)
			continue;
		int rc = real(names[i].first, service, hints, ret);
		if (rc != 0 || names[i].second == NULL)
			return rc;
		return real(names[i].second, service, hints, &(*ret)->ai_next);
	}
	return real(name, service, hints, ret);
}

struct world {
	struct http_server server;
	struct arena arena;
	struct net *net;
	struct fail fail;
	struct net_response response;
};

static void world_open(struct world *w)
{
	*w = (struct world){.net = net_new()};
	assert_true(http_server_start(&w->server, "127.0.0.1", 0, NULL));
	arena_init(&w->arena, 16 << 20);
	w->fail.arena = &w->arena;
}

static void world_close(struct world *w)
{
	net_free(w->net);
	arena_free(&w->arena);
	http_server_stop(&w->server);
}

static int call(struct world *w, const struct net_request *request)
{
	fail_clear(&w->fail);
	return net_call(w->net, &w->arena, request, &w->response, &w->fail);
}

static int get(struct world *w, const char *path)
{
	const struct net_request request = {
		.method = "GET",
		.url = arena_printf(&w->arena, "%s%s", w->server.url, path),
		.timeout_ms = 1500,
	};

	return call(w, &request);
}

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
	{"/huge-length", E_UPSTREAM_ERROR, 0, "", "file size"},
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
		world_open(&w);
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
	world_open(&w);
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
	world_open(&w);
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
	{"no encodings", "GET", "X-A: b", NULL, "\r\nAccept: */*\r\n", "Accept-Encoding", false},
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
	world_open(&w);
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
	world_open(&w);
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
	world_open(&w);
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
	world_open(&w);
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
	world_open(&w);
	struct http_server gone;
	assert_true(http_server_start(&gone, "127.0.0.1", 0, NULL));
	http_server_stop(&gone);
	const struct net_request request = {.method = "GET", .url = gone.url};
	assert_int_equal(call(&w, &request), E_UPSTREAM_ERROR);
	assert_non_null(strstr(w.fail.cause, gone.url));
	world_close(&w);
}

/* The deadline holds while a name is looked up. */
static void test_slow_lookup(void **state)
{
	struct world w;
	const struct net_request request = {
		.method = "GET", .url = "http://slow.test/", .timeout_ms = 300};

	(void)state;
	world_open(&w);
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
		world_open(&w);
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
		assert_int_equal(call(&w, &request), E_UPSTREAM_ERROR);
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
	world_open(&w);
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
	world_open(&w);
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

static void test_certificate_is_verified(void **state)
{
	char dir[] = "/tmp/turnpike-net-XXXXXX", command[64];
	struct http_server server;
	struct world w;

	(void)state;
	assert_non_null(mkdtemp(dir));
	const struct sink certificate = {.dir = dir};
	world_open(&w);
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
	world_open(&w);
	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		const struct net_request request = {.method = "GET", .url = urls[i]};
		print_message("  '%s'\n", urls[i]);
		assert_int_equal(call(&w, &request), E_UPSTREAM_ERROR);
	}
	world_close(&w);
}

static const char *const user_urls[] = {
	"http://127.0.0.1/ok",
	"http://127.0.0.1:80/ok",
	"http://127.0.0.1:443/ok",
	"https://127.0.0.1/ok",
	"https://127.0.0.1:80/ok",
	"http://127.1/ok",
	"http://127.0.1/ok",
	"http://127.8.9.10/ok",
	"http://2130706433/ok",
	"http://0x7f000001/ok",
	"http://0x7f.1/ok",
	"http://0x7f.0x0.0x0.0x1/ok",
	"http://017700000001/ok",
	"http://0177.0.0.1/ok",
	"http://0000000177.0.0.1/ok",
	"http://0/ok",
	"http://0.0.0.0/ok",
	"http://127.0.0.1./ok",
	"http://\uFF11\uFF12\uFF17.0.0.1/ok",
	"http://127\u30020\u30020\u30021/ok",
	"http://%31%32%37.0.0.1/ok",
	"http://[::1]/ok",
	"http://[0:0:0:0:0:0:0:1]/ok",
	"http://[::]/ok",
	"http://[::ffff:127.0.0.1]/ok",
	"http://[::ffff:7f00:1]/ok",
	"http://[::127.0.0.1]/ok",
	"http://[64:ff9b::7f00:1]/ok",
	"http://[2002:7f00:1::1]/ok",
	"http://[fe80::1%25lo]/ok",
	"http://localhost/ok",
	"http://LOCALHOST/ok",
	"http://localhost./ok",
	"http://private.test/ok",
	"http://private-public.test/ok",
	"http://unreachable-private.test/ok",
	"http://10.0.0.1/ok",
	"http://169.254.169.254/latest/meta-data/",
	"http://192.168.0.1/ok",
	"http://user@93.184.216.34/ok",
	"http://user:password@93.184.216.34/ok",
	"http://@93.184.216.34/ok",
	"http://93.184.216.34@127.0.0.1/ok",
	"http://127.0.0.1#@93.184.216.34/ok",
	"http://127.0.0.1\\@93.184.216.34/ok",
	"http://93.184.216.34:8080/ok",
	"http://93.184.216.34:22/ok",
	"http://93.184.216.34:0/ok",
	"http://93.184.216.34./ok",
	"http:///127.0.0.1/ok",
	"http:/127.0.0.1/ok",
	"//127.0.0.1/ok",
	"127.0.0.1/ok",
	"http://",
	"",
	"ftp://93.184.216.34/ok",
	"file:///etc/passwd",
	"gopher://93.184.216.34:80/_x",
	"dict://93.184.216.34:80/x",
	"javascript:alert(1)",
};

static void test_user_addresses(void **state)
{
	static const struct {
		const char *address;
		unsigned port;
	} listeners[] = {{"0.0.0.0", 80}, {"0.0.0.0", 443}, {"::1", 80}, {"::1", 443},
		{"93.184.216.34", 22}, {"93.184.216.34", 8080}};
	struct http_server server[ARRAY_LEN(listeners)];
	struct world w;

	(void)state;
	if (!has_own_network)
		skip();
	world_open(&w);
	for (size_t i = 0; i < ARRAY_LEN(listeners); i++)
		assert_true(http_server_start(
			&server[i], listeners[i].address, listeners[i].port, NULL));
	for (size_t i = 0; i < ARRAY_LEN(user_urls); i++) {
		const struct net_request request = {.method = "GET",
			.url = user_urls[i],
			.trust = NET_USER,
			.timeout_ms = 2000};
		i64 refused = counted[METRIC_NET_ADDRESS_REFUSED];
		print_message("  '%s'\n", user_urls[i]);
		assert_int_equal(call(&w, &request), E_UPSTREAM_ERROR);
		assert_int_equal(counted[METRIC_NET_ADDRESS_REFUSED], refused + 1);
	}
	for (size_t i = 0; i < ARRAY_LEN(listeners); i++) {
		assert_int_equal(http_server_connections(&server[i]), 0);
		http_server_stop(&server[i]);
	}
	world_close(&w);
}

static void test_user_may_call_public_addresses(void **state)
{
	static const struct {
		const char *url;
		int status;
	} cases[] = {
		{"http://93.184.216.34/ok", 200},
		{"http://93.184.216.34:80/ok", 200},
		{"http://public.test/ok", 200},
		{"http://public-private.test/ok", 200}, /* goes to the public one */
		{"http://1572395042/ok", 200},		/* any spelling of a public address */
		{"http://93.184.216.34/redirect", 302},
	};
	struct http_server server, target;
	struct world w;

	(void)state;
	if (!has_own_network)
		skip();
	world_open(&w);
	assert_true(http_server_start(&server, "93.184.216.34", 80, NULL));
	assert_true(http_server_start(&target, "127.0.0.1", 80, NULL));
	server.redirect_to = target.url;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct net_request request = {
			.method = "GET", .url = cases[i].url, .trust = NET_USER};
		print_message("  '%s'\n", cases[i].url);
		assert_int_equal(call(&w, &request), 0);
		assert_int_equal(w.response.status, cases[i].status);
	}
	assert_int_equal(http_server_connections(&target), 0);
	http_server_stop(&target);
	http_server_stop(&server);
	world_close(&w);
}

/* A connection that the operator's calls keep open is none for a user's. */
static void test_connections_are_not_shared(void **state)
{
	struct http_server server;
	struct world w;
	struct net_request request = {.method = "GET", .url = "http://127.0.0.1/ok"};

	(void)state;
	if (!has_own_network)
		skip();
	world_open(&w);
	assert_true(http_server_start(&server, "127.0.0.1", 80, NULL));
	assert_int_equal(call(&w, &request), 0);
	request.trust = NET_USER;
	assert_int_equal(call(&w, &request), E_UPSTREAM_ERROR);
	assert_non_null(strstr(w.fail.cause, "address not allowed"));
	/* Even where libcurl would reuse a connection, the peer is looked at. */
	request.trust = NET_OPERATOR;
	assert_int_equal(call(&w, &request), 0);
	assert_true(lane_begin(&w.net->operator_lane, LANE_PUBLIC, 1000, 1000));
	curl_easy_setopt(w.net->operator_lane.easy, CURLOPT_URL, "http://127.0.0.1/ok");
	assert_int_equal(lane_run(&w.net->operator_lane, 0), CURLE_ABORTED_BY_CALLBACK);
	assert_true(w.net->operator_lane.is_refused);
	assert_int_equal(http_server_connections(&server), 1);
	assert_int_equal(http_server_requests(&server), 2);
	http_server_stop(&server);
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
	world_open(&w);
	char *url = arena_printf(&w.arena, "%s/ok", w.server.url);
	for (size_t i = 0; i < ARRAY_LEN(thread); i++)
		assert_int_equal(pthread_create(&thread[i], NULL, many_calls, url), 0);
	for (size_t i = 0; i < ARRAY_LEN(thread); i++) {
		pthread_join(thread[i], &failed);
		assert_null(failed);
	}
	assert_int_equal(http_server_connections(&w.server), ARRAY_LEN(thread));
	assert_int_equal(http_server_requests(&w.server), 100);
	world_close(&w);
}

/* A full arena leaves net_call() by longjmp; the next call works as if nothing had been. */
static void test_full_arena(void **state)
{
	struct world w;
	jmp_buf on_full;
	volatile bool was_full = false;

	(void)state;
	world_open(&w);
	struct arena small;
	arena_init(&small, 64 * 1024);
	small.on_full = &on_full;
	const struct net_request request = {
		.method = "GET", .url = arena_printf(&w.arena, "%s/mebibyte", w.server.url)};
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

/* A network of our own: loopback only, with one public address on it. */
static bool own_network(void)
{
	struct ifreq link = {.ifr_name = "lo"}, extra = {.ifr_name = "lo:1"};
	struct sockaddr_in address = {.sin_family = AF_INET};

	if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
		return false;
	scoped_fd int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	link.ifr_flags = IFF_UP | IFF_RUNNING;
	inet_pton(AF_INET, "93.184.216.34", &address.sin_addr);
	memcpy(&extra.ifr_addr, &address, sizeof(address));
	if (ioctl(fd, SIOCSIFFLAGS, &link) != 0 || ioctl(fd, SIOCSIFADDR, &extra) != 0)
		return false;
	address.sin_addr.s_addr = INADDR_NONE; /* all ones: this address and no other */
	memcpy(&extra.ifr_netmask, &address, sizeof(address));
	return ioctl(fd, SIOCSIFNETMASK, &extra) == 0;
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
		cmocka_unit_test(test_slow_lookup),
		cmocka_unit_test(test_client_leaves),
		cmocka_unit_test(test_client_stays),
		cmocka_unit_test(test_breaker),
		cmocka_unit_test(test_certificate_is_verified),
		cmocka_unit_test(test_operator_addresses),
		cmocka_unit_test(test_user_addresses),
		cmocka_unit_test(test_user_may_call_public_addresses),
		cmocka_unit_test(test_connections_are_not_shared),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_full_arena),
	};

	signal(SIGPIPE, SIG_IGN);
	has_own_network = own_network();
	net_global_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
