/* mail_send() against the real turnpike-smtp-sink, read back with mailbox_list(). */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fcgi/core/buf.h"
#include "fcgi/core/clock.h"
#include "fcgi/core/metrics.h"
#include "fcgi/core/str.h"
#include "fcgi/net/lane.h"
#include "fcgi/net/mailbox.h"
#include "fcgi/net/net.h"
#include "tests/unit/sink_process.h"

#include <cmocka.h> /* last: it has a macro called fail */

static i64 counted[METRIC_MAX];

void metrics_add(enum metric m, i64 n)
{
	counted[m] += n;
}

struct world {
	struct sink_process sink;
	struct arena arena;
	struct net *net;
	struct options options;
	struct fail fail;
	bool is_permanent;
};

static void world_open(struct world *w, const char *auth)
{
	*w = (struct world){.is_permanent = false};
	assert_true(sink_start(&w->sink, NULL, auth));
	arena_init(&w->arena, 64 << 20);
	w->fail.arena = &w->arena;
	w->net = net_new();
	w->options = (struct options){
		.smtp_url = w->sink.url,
		.smtp_from = "turnpike@example.com",
		.smtp_from_name = "Turnpike",
		.smtp_user = "",
		.smtp_password = "",
		.smtp_starttls = "required",
		.smtp_ca_file = w->sink.ca_file,
	};
}

static void world_close(struct world *w)
{
	net_free(w->net);
	arena_free(&w->arena);
	assert_int_equal(sink_stop(&w->sink), 0);
	sink_remove(&w->sink);
}

static const struct mail plain_mail = {
	.to = "ada@example.org",
	.subject = "Your code",
	.text = "Hello\n",
	.message_id = "<id-1@example.com>",
};

static int send_mail(struct world *w, const struct mail *mail)
{
	fail_clear(&w->fail);
	w->fail.arena = &w->arena;
	return mail_send(w->net, &w->options, mail, &w->is_permanent, &w->arena, &w->fail);
}

static size_t stored(struct world *w, struct mailbox_mail **ret)
{
	size_t n;

	assert_int_equal(mailbox_list(&w->arena, w->sink.dir, 100, ret, &n), 0);
	return n;
}

static size_t n_stored(struct world *w)
{
	struct mailbox_mail *mails;

	return stored(w, &mails);
}

/* A stored file as it is; CRLF kept. */
static char *stored_file(struct world *w, const char *id, size_t *ret_n)
{
	scoped_fd int fd =
		open(arena_printf(&w->arena, "%s/%s.eml", w->sink.dir, id), O_RDONLY | O_CLOEXEC);
	struct stat info;

	assert_int_equal(fstat(fd, &info), 0);
	*ret_n = (size_t)info.st_size;
	char *text = arena_alloc(&w->arena, *ret_n + 1);
	assert_int_equal(read(fd, text, *ret_n), info.st_size);
	return text;
}

static const struct {
	const char *name, *subject, *text, *html;
} contents[] = {
	{"ASCII", "Your code", "Hello\nthere\n", NULL},
	{"text and HTML", "Your code", "Hello\n", "<p>Hello</p>\n<p>=3D</p>\n"},
	{"non-ASCII subject", "Grüße, 您的验证码是 123456 🎉", "Grüße\n", "<p>Grüße</p>\n"},
	{"long non-ASCII subject",
		"ßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßß",
		"x\n", NULL},
	{"long ASCII subject",
		"0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 012",
		"x\n", NULL},
	{"subject like an encoded word", "=?UTF-8?B?eA==?=", "x\n", NULL},
	{"empty subject", "", "x\n", NULL},
	{"dots at line starts", "dots", ".\n..\n.dot\n...\n\n.\n", ".\n.\n"},
	{"white space at line ends", "spaces", "a \nb\t\n \n", NULL},
	{"lines like headers and delimiters", "x", "Subject: y\n\n--=_\nFrom x\n=20\n", NULL},
	{"a line of 300 characters", "x",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"a"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"a"
		"öööööööööööööööööööööööööööööööööööööööööööööööööööööööööööööööööööööööööööööööööö"
		"\n",
		NULL},
};

static void check_lines(const char *name, const char *file, size_t n)
{
	size_t line = 0;

	for (size_t i = 0; i < n; i++) {
		if (file[i] == '\r' || file[i] == '\n') {
			assert_true(file[i] == '\n' ? i > 0 && file[i - 1] == '\r'
						    : file[i + 1] == '\n');
			line = 0;
		} else if (++line > 76 || (unsigned char)file[i] >= 0x80) {
			fail_msg("%s: line over 76 bytes or not ASCII", name);
		}
	}
}

/* A part loses its last line end to the delimiter behind it. */
static bool same_but_last_newline(const char *sent, const char *got)
{
	size_t n = strlen(sent), m = strlen(got);

	return strncmp(sent, got, m) == 0 && (n == m || (n == m + 1 && sent[m] == '\n'));
}

static void test_contents(void **state)
{
	struct world w;
	struct mailbox_mail *mails;
	size_t length;

	(void)state;
	world_open(&w, NULL);
	for (size_t i = 0; i < ARRAY_LEN(contents); i++) {
		struct mail mail = plain_mail;
		mail.subject = contents[i].subject;
		mail.text = contents[i].text;
		mail.html = contents[i].html;
		print_message("  %s\n", contents[i].name);
		assert_int_equal(send_mail(&w, &mail), 0);
		assert_int_equal(stored(&w, &mails), i + 1);
		assert_string_equal(mails[0].from, "turnpike@example.com");
		assert_string_equal(mails[0].to, "ada@example.org");
		assert_string_equal(mails[0].subject, contents[i].subject);
		assert_true(same_but_last_newline(contents[i].text, mails[0].text));
		if (contents[i].html != NULL)
			assert_true(same_but_last_newline(contents[i].html, mails[0].html));
		assert_true(mails[0].received_at_us > clock_now_us() - S_TO_US(10));
		const char *file = stored_file(&w, mails[0].id, &length);
		check_lines(contents[i].name, file, length);
		assert_non_null(strstr(file, "\r\nMessage-ID: <id-1@example.com>\r\n"));
		assert_non_null(strstr(file, "\r\nAuto-Submitted: auto-generated\r\n"));
		assert_non_null(
			strstr(file, "\r\nFrom: \"Turnpike\"\r\n <turnpike@example.com>\r\n"));
	}
	assert_int_equal(counted[METRIC_MAIL_SENT], ARRAY_LEN(contents));
	world_close(&w);
}

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

/* The quoted-printable of one part, undone. */
static size_t undo(const char *from, size_t n, char *to)
{
	size_t length = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned byte;
		if (from[i] == '=' && from[i + 1] == '\r')
			i += 2;
		else if (from[i] == '=' && sscanf(from + i + 1, "%2X", &byte) == 1)
			to[length++] = (char)byte, i += 2;
		else if (from[i] != '\r')
			to[length++] = from[i];
	}
	return length;
}

static void test_large_body(void **state)
{
	enum { BODY = 1 << 20 };
	struct world w;
	struct mailbox_mail *mails;
	size_t length;

	(void)state;
	world_open(&w, NULL);
	char *text = arena_alloc(&w.arena, BODY + 1);
	for (size_t i = 0; i < BODY; i++) /* many lines that begin with a dot */
		text[i] = ".a.\n.=\t b\xc3\xa9.\n.."[i % 15];
	text[BODY - 1] = '\n';
	struct mail mail = plain_mail;
	mail.text = text;
	assert_int_equal(send_mail(&w, &mail), 0);
	assert_int_equal(stored(&w, &mails), 1);
	const char *file = stored_file(&w, mails[0].id, &length);
	check_lines("1 MiB", file, length);
	const char *body = strstr(file, "\r\n\r\n") + 4;
	char *back = arena_alloc(&w.arena, length);
	assert_int_equal(undo(body, length - (size_t)(body - file), back), BODY);
	assert_memory_equal(back, text, BODY);
	assert_int_equal(strlen(mails[0].text) > 30000, 1);
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

static void test_header_values(void **state)
{
	static const struct {
		const char *name, *to, *subject, *message_id, *from_name;
	} cases[] = {
		{"CRLF in the subject", "a@b.cd", "x\r\nBcc: eve@b.cd", "<a@b>", "T"},
		{"LF in the subject", "a@b.cd", "x\nBcc: eve@b.cd", "<a@b>", "T"},
		{"CR in the subject", "a@b.cd", "x\rBcc: eve@b.cd", "<a@b>", "T"},
		{"invalid UTF-8 in the subject", "a@b.cd", "x\xff", "<a@b>", "T"},
		{"CRLF in the recipient", "a@b.cd\r\nRCPT TO:<eve@b.cd>", "x", "<a@b>", "T"},
		{"SIZE in the recipient", "a@b.cd> SIZE=1", "x", "<a@b>", "T"},
		{"two recipients", "a@b.cd,eve@b.cd", "x", "<a@b>", "T"},
		{"name in the recipient", "A <a@b.cd>", "x", "<a@b>", "T"},
		{"no recipient", "", "x", "<a@b>", "T"},
		{"CRLF in the id", "a@b.cd", "x", "<a\r\n@b>", "T"},
		{"id without brackets", "a@b.cd", "x", "a@b", "T"},
		{"no id", "a@b.cd", "x", NULL, "T"},
		{"CRLF in the sender's name", "a@b.cd", "x", "<a@b>", "T\r\nBcc: eve@b.cd"},
	};
	struct world w;

	(void)state;
	world_open(&w, NULL);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct mail mail = {cases[i].to, cases[i].subject, "x", NULL, cases[i].message_id};
		print_message("  %s\n", cases[i].name);
		w.options.smtp_from_name = cases[i].from_name;
		assert_int_equal(send_mail(&w, &mail), E_BAD_REQUEST);
		assert_int_equal(n_stored(&w), 0);
	}
	w.options.smtp_from_name = "\"Grüße\" \\ AG, Köln";
	assert_int_equal(send_mail(&w, &plain_mail), 0);
	w.options.smtp_from_name = "A \"quoted\" \\ name";
	assert_int_equal(send_mail(&w, &plain_mail), 0);
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
		cmocka_unit_test(test_contents),
		cmocka_unit_test(test_connection_is_kept),
		cmocka_unit_test(test_large_body),
		cmocka_unit_test(test_wrong_ca),
		cmocka_unit_test(test_sign_in),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_header_values),
		cmocka_unit_test(test_no_starttls),
		cmocka_unit_test(test_plain_only_on_loopback),
	};

	signal(SIGPIPE, SIG_IGN);
	net_global_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
