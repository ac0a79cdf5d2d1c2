/* How mail_send() deals with servers: TLS, sign-in, faults, a connection that stays open. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi/core/clock.h"
#include "fcgi/core/str.h"
#include "fcgi/net/lane.h"
#include "tests/unit/mail_world.h"

#include <cmocka.h> /* last: it has a macro called fail */

static void test_connection_is_kept(void **state)
{
	struct world w;
	long n_connects = -1;

	(void)state;
	world_open(&w, NULL);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(send_mail(&w, &plain_mail), 0);
		curl_easy_getinfo(w.net->mail_lane.easy, CURLINFO_NUM_CONNECTS, &n_connects);
		assert_int_equal(n_connects, i == 0 ? 1 : 0);
	}
	/* The sink comes back with the same certificate and another port: nothing old is used. */
	assert_int_equal(sink_stop(&w.sink), 0);
	assert_true(sink_start(&w.sink, arena_strdup(&w.arena, w.sink.dir), NULL));
	assert_int_equal(send_mail(&w, &plain_mail), 0);
	assert_int_equal(n_stored(&w), 4);
	world_close(&w);
}

static void test_wrong_ca(void **state)
{
	struct world w, other;

	(void)state;
	world_open(&w, "ada:secret");
	world_open(&other, NULL);
	w.options.smtp_user = "ada";
	w.options.smtp_password = "secret";
	w.options.smtp_ca_file = other.sink.ca_file;
	assert_int_equal(send_mail(&w, &plain_mail), E_UPSTREAM_ERROR);
	assert_false(w.is_permanent);
	w.options.smtp_ca_file = ""; /* the system's: knows the sink as little */
	assert_int_equal(send_mail(&w, &plain_mail), E_UPSTREAM_ERROR);
	w.options.smtp_ca_file = "/nonexistent.pem";
	assert_int_equal(send_mail(&w, &plain_mail), E_UPSTREAM_ERROR);
	assert_int_equal(n_stored(&w), 0);
	w.options.smtp_ca_file = w.sink.ca_file;
	assert_int_equal(send_mail(&w, &plain_mail), 0);
	assert_int_equal(n_stored(&w), 1);
	world_close(&other);
	world_close(&w);
}

static void test_sign_in(void **state)
{
	static const struct {
		const char *name, *user, *password, *starttls;
		int result;
	} cases[] = {
		{"right, TLS", "ada", "sec:ret", "required", 0},
		{"right, plain on loopback", "ada", "sec:ret", "off", 0},
		{"wrong password", "ada", "secret", "required", E_UPSTREAM_ERROR},
		{"none", "", "", "required", E_UPSTREAM_ERROR},
	};
	struct world w;
	size_t n_ok = 0;

	(void)state;
	world_open(&w, "ada:sec:ret");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		print_message("  %s\n", cases[i].name);
		w.options.smtp_user = cases[i].user;
		w.options.smtp_password = cases[i].password;
		w.options.smtp_starttls = cases[i].starttls;
		assert_int_equal(send_mail(&w, &plain_mail), cases[i].result);
		assert_false(w.is_permanent); /* the operator can repair it */
		n_ok += cases[i].result == 0;
		assert_int_equal(n_stored(&w), n_ok);
	}
	world_close(&w);
}

static void test_faults(void **state)
{
	static const struct {
		const char *to;
		int result;
		bool is_permanent;
		int seconds;
	} cases[] = {
		{"fail-temp@example.org", E_UPSTREAM_ERROR, false, 0},
		{"fail-perm@example.org", E_UPSTREAM_ERROR, true, 0},
		{"fail-perm+x@example.org", E_UPSTREAM_ERROR, true, 0},
		{"drop@example.org", E_UPSTREAM_ERROR, false, 0},
		{"slow@example.org", 0, false, 3},
		{"slowly@example.org", 0, false, 0},
	};
	struct world w;
	size_t n_ok = 0;

	(void)state;
	world_open(&w, NULL);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct mail mail = plain_mail;
		i64 start_us = clock_mono_us();
		mail.to = cases[i].to;
		print_message("  %s\n", cases[i].to);
		assert_int_equal(send_mail(&w, &mail), cases[i].result);
		assert_int_equal(w.is_permanent, cases[i].is_permanent);
		assert_int_equal((clock_mono_us() - start_us) / S_TO_US(1), cases[i].seconds);
		n_ok += cases[i].result == 0;
		assert_int_equal(n_stored(&w), n_ok);
		if (cases[i].result != 0)
			assert_null(strstr(w.fail.cause, "example.org")); /* no address in a log */
	}
	world_close(&w);
}

/* A server without STARTTLS, which notes every line that it gets. */
struct bare_server {
	int listener;
	unsigned port;
	char got[4096];
};

static void *bare_serve(void *arg)
{
	struct bare_server *server = arg;
	static const char greeting[] = "220 hi\r\n", hello[] = "250-hi\r\n250 AUTH PLAIN\r\n";
	scoped_fd int fd = accept(server->listener, NULL, NULL);
	size_t n = 0;

	if (fd < 0 || send(fd, greeting, sizeof(greeting) - 1, MSG_NOSIGNAL) < 0)
		return NULL;
	for (ssize_t got; n < sizeof(server->got) - 1; n += (size_t)got) {
		got = recv(fd, server->got + n, sizeof(server->got) - 1 - n, 0);
		if (got <= 0)
			break;
		send(fd, hello, sizeof(hello) - 1, MSG_NOSIGNAL);
	}
	return NULL;
}

static void test_no_starttls(void **state)
{
	struct bare_server server = {.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t length = sizeof(address);
	struct world w;
	pthread_t thread;
	char url[64];

	(void)state;
	world_open(&w, NULL);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(server.listener, (struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(server.listener, 4), 0);
	getsockname(server.listener, (struct sockaddr *)&address, &length);
	snprintf(url, sizeof(url), "smtp://127.0.0.1:%u", ntohs(address.sin_port));
	assert_int_equal(pthread_create(&thread, NULL, bare_serve, &server), 0);
	w.options.smtp_url = url;
	w.options.smtp_user = "ada";
	w.options.smtp_password = "secret";
	assert_int_equal(send_mail(&w, &plain_mail), E_UPSTREAM_ERROR);
	net_free(w.net);
	w.net = NULL;
	pthread_join(thread, NULL);
	close(server.listener);
	assert_true(str_starts(server.got, "EHLO "));
	assert_null(strstr(server.got, "AUTH"));
	assert_null(strstr(server.got, "MAIL"));
	world_close(&w);
}

static void test_plain_only_on_loopback(void **state)
{
	static const char *const urls[] = {"smtp://192.0.2.1:25", "smtp://0.0.0.0:25",
		"smtp://[2001:db8::1]:25", "smtp://3221225985:25"};
	struct world w;

	(void)state;
	world_open(&w, NULL);
	w.options.smtp_starttls = "off";
	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		i64 start_us = clock_mono_us();
		print_message("  %s\n", urls[i]);
		w.options.smtp_url = urls[i];
		assert_int_equal(send_mail(&w, &plain_mail), E_UPSTREAM_ERROR);
		assert_non_null(strstr(w.fail.cause, "only for a server on this machine"));
		assert_true(clock_mono_us() - start_us < S_TO_US(1));
	}
	w.options.smtp_url = "file:///etc/passwd";
	assert_int_equal(send_mail(&w, &plain_mail), E_UPSTREAM_ERROR);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connection_is_kept),
		cmocka_unit_test(test_wrong_ca),
		cmocka_unit_test(test_sign_in),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_no_starttls),
		cmocka_unit_test(test_plain_only_on_loopback),
	};

	signal(SIGPIPE, SIG_IGN);
	net_global_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
