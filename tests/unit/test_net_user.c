/* Addresses that a user gives: only public ones are called. Tried in a network of our own
 * (namespaces), where every port is free and 93.184.216.34 is this machine. */
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
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "fcgi/core/clock.h"
#include "fcgi/net/lane.h"
#include "tests/unit/net_world.h"

#include <cmocka.h>

static bool has_own_network;

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
	assert_true(world_open(&w));
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
	assert_true(world_open(&w));
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
	assert_true(world_open(&w));
	assert_true(http_server_start(&server, "127.0.0.1", 80, NULL));
	assert_int_equal(call(&w, &request), 0);
	request.trust = NET_USER;
	assert_int_equal(call(&w, &request), E_UPSTREAM_ERROR);
	assert_non_null(strstr(w.fail.cause, "address not allowed"));
	/* Even where libcurl would reuse a connection, the peer is looked at. */
	request.trust = NET_OPERATOR;
	assert_int_equal(call(&w, &request), 0);
	struct lane *lane = lane_borrow(LANE_ANY, "http://127.0.0.1:80");
	assert_true(lane_begin(lane, LANE_PUBLIC, 1000, 1000));
	curl_easy_setopt(lane->easy, CURLOPT_URL, "http://127.0.0.1/ok");
	assert_int_equal(lane_run(lane, &(struct lane_wait){.total_ms = 1000}), NET_CONNECT);
	assert_int_equal(lane->code, CURLE_ABORTED_BY_CALLBACK);
	assert_true(lane->is_refused);
	lane_discard(lane);
	assert_int_equal(http_server_connections(&server), 1);
	assert_int_equal(http_server_requests(&server), 2);
	http_server_stop(&server);
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
		cmocka_unit_test(test_user_addresses),
		cmocka_unit_test(test_user_may_call_public_addresses),
		cmocka_unit_test(test_connections_are_not_shared),
	};

	signal(SIGPIPE, SIG_IGN);
	has_own_network = own_network();
	net_global_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
