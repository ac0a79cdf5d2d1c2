/* The dialogue of turnpike-smtp-sink, byte by byte. */
#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fcgi/core/buf.h"
#include "fcgi/core/clock.h"
#include "fcgi/core/str.h"
#include "fcgi/net/mailbox.h"
#include "tests/unit/sink_process.h"

#include <cmocka.h>

#define ENVELOPE "MAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\n"

struct peer {
	int fd;
	SSL *ssl;
	char in[4096];
	size_t at, length;
};

static void peer_open(struct peer *p, const struct sink_process *sink)
{
	struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)sink->port)};
	const struct timeval limit = {.tv_sec = 10};

	*p = (struct peer){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	assert_int_equal(connect(p->fd, (struct sockaddr *)&name, sizeof(name)), 0);
}

static void peer_close(struct peer *p)
{
	SSL_free(p->ssl);
	close(p->fd);
}

static void peer_send(struct peer *p, const char *data, size_t n)
{
	while (n > 0) {
		ssize_t done = p->ssl != NULL ? SSL_write(p->ssl, data, (int)n)
					      : send(p->fd, data, n, MSG_NOSIGNAL);
		assert_true(done > 0);
		data += done;
		n -= (size_t)done;
	}
}

static int peer_byte(struct peer *p)
{
	if (p->at == p->length) {
		ssize_t n = p->ssl != NULL ? SSL_read(p->ssl, p->in, sizeof(p->in))
					   : recv(p->fd, p->in, sizeof(p->in), 0);
		if (n <= 0)
			return -1;
		p->at = 0;
		p->length = (size_t)n;
	}
	return (unsigned char)p->in[p->at++];
}

/* The code of the next reply, 0 when the connection ended. */
static int peer_reply(struct peer *p)
{
	char line[600];
	size_t n;

	do {
		n = 0;
		for (int c; (c = peer_byte(p)) != '\n';) {
			if (c < 0)
				return 0;
			assert_true(n < sizeof(line) - 1);
			line[n++] = (char)c;
		}
		line[n] = '\0';
		assert_true(n >= 5 && line[n - 1] == '\r');
	} while (line[3] == '-');
	return atoi(line);
}

/* "250 354": the codes of the next replies; "0": hung up. */
static void expect(struct peer *p, const char *codes)
{
	for (char *end; *codes != '\0'; codes = end) {
		long want = strtol(codes, &end, 10);
		assert_int_equal(peer_reply(p), want);
	}
}

static void say(struct peer *p, const char *text, const char *codes)
{
	peer_send(p, text, strlen(text));
	expect(p, codes);
}

static size_t n_stored(const struct sink_process *sink)
{
	struct mailbox_mail *mails;
	struct arena a;
	size_t n;

	arena_init(&a, 64 << 20);
	assert_int_equal(mailbox_list(&a, sink->dir, 100, &mails, &n), 0);
	arena_free(&a);
	return n;
}

/* Each script is sent after EHLO, in one piece: what is pipelined is answered in order. */
static const struct {
	const char *name, *script, *codes;
	size_t n_stored;
} cases[] = {
	{"a mail", ENVELOPE "DATA\r\nx\r\n.\r\nQUIT\r\n", "250 250 354 250 221 0", 1},
	{"two mails", ENVELOPE "DATA\r\n.\r\n" ENVELOPE "DATA\r\n.\r\n",
		"250 250 354 250 250 250 354 250", 2},
	{"lower case", "mail from:<a@b.c>\r\nrcpt to:<d@e.f>\r\ndata\r\n.\r\n", "250 250 354 250",
		1},
	{"parameters", "MAIL FROM:<a@b.c> SIZE=10 BODY=8BITMIME\r\n", "250", 0},
	{"null sender", "MAIL FROM:<>\r\n", "250", 0},
	{"too large by SIZE", "MAIL FROM:<a@b.c> SIZE=10485761\r\n", "552", 0},
	{"unknown parameter", "MAIL FROM:<a@b.c> X=1\r\n", "555", 0},
	{"no brackets", "MAIL FROM:a@b.c\r\n", "501", 0},
	{"space in an address", "MAIL FROM:<a b@c.d>\r\n", "501", 0},
	{"RCPT first", "RCPT TO:<a@b.c>\r\n", "503", 0},
	{"DATA first", "DATA\r\n", "503", 0},
	{"DATA without recipient", "MAIL FROM:<a@b.c>\r\nDATA\r\n", "250 503", 0},
	{"MAIL twice", "MAIL FROM:<a@b.c>\r\nMAIL FROM:<a@b.c>\r\n", "250 503", 0},
	{"RSET", ENVELOPE "RSET\r\nDATA\r\n", "250 250 250 503", 0},
	{"AUTH that nobody wants", "AUTH PLAIN AGEAYg==\r\n", "502", 0},
	{"NOOP, VRFY, unknown", "NOOP\r\nVRFY x\r\nEXPN x\r\n\r\n", "250 252 500 500", 0},
	{"one of two recipients", ENVELOPE "RCPT TO:<fail-perm@e.f>\r\nDATA\r\n.\r\n",
		"250 250 550 354 250", 1},
	{"bare LF in a command", "NOOP\nNOOP\r\n", "500", 0},
	{"bare LF in the mail", ENVELOPE "DATA\r\na\nb\r\n.\r\nNOOP\r\n", "250 250 354 554 250", 0},
	{"dot between LFs ends nothing", ENVELOPE "DATA\r\na\n.\nQUIT\r\n.\r\nNOOP\r\n",
		"250 250 354 554 250", 0},
	{"LF dot CRLF ends nothing", ENVELOPE "DATA\r\na\n.\r\nRSET\r\n.\r\nNOOP\r\n",
		"250 250 354 554 250", 0},
	{"bare CR in the mail", ENVELOPE "DATA\r\na\rb\r\n.\r\nNOOP\r\n", "250 250 354 554 250", 0},
	{"hang-up on request", "MAIL FROM:<a@b.c>\r\nRCPT TO:<drop@e.f>\r\nDATA\r\nx\r\n.\r\n",
		"250 250 354 0", 0},
};

static void test_dialogues(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sink_process sink;
		struct peer p;
		print_message("  %s\n", cases[i].name);
		assert_true(sink_start(&sink, NULL, NULL));
		peer_open(&p, &sink);
		expect(&p, "220");
		say(&p, "EHLO x\r\n", "250");
		say(&p, cases[i].script, cases[i].codes);
		assert_int_equal(n_stored(&sink), cases[i].n_stored);
		peer_close(&p);
		assert_int_equal(sink_stop(&sink), 0);
		sink_remove(&sink);
	}
}

static void test_before_ehlo(void **state)
{
	struct sink_process sink;
	struct peer p;

	(void)state;
	assert_true(sink_start(&sink, NULL, "ada:secret"));
	peer_open(&p, &sink);
	expect(&p, "220");
	say(&p, "MAIL FROM:<a@b.c>\r\nAUTH PLAIN AGFkYQBzZWNyZXQ=\r\n", "503 503");
	say(&p, "EHLO\r\nHELO x\r\nMAIL FROM:<a@b.c>\r\n", "501 250 530");
	say(&p, "AUTH PLAIN AGFkYQB3cm9uZw==\r\n", "535");
	say(&p, "AUTH PLAIN !!!\r\nAUTH PLAIN =\r\nAUTH CRAM-MD5\r\n", "501 501 504");
	say(&p, "AUTH LOGIN\r\nYWRh\r\nc2VjcmV0\r\n", "334 334 235");
	say(&p, "AUTH PLAIN AGFkYQBzZWNyZXQ=\r\nMAIL FROM:<a@b.c>\r\n", "503 250");
	say(&p, "HELO x\r\n", "250");
	peer_close(&p);
	assert_int_equal(sink_stop(&sink), 0);
	sink_remove(&sink);
}

/* Commands behind STARTTLS in the same segment came in clear: they are dropped, and what was said
 * before is forgotten. */
static void test_injection_before_tls(void **state)
{
	struct sink_process sink;
	struct peer p;

	(void)state;
	assert_true(sink_start(&sink, NULL, NULL));
	peer_open(&p, &sink);
	expect(&p, "220");
	say(&p, "EHLO x\r\nMAIL FROM:<a@b.c>\r\n", "250 250");
	say(&p, "STARTTLS\r\nRCPT TO:<eve@e.f>\r\nDATA\r\n", "220");
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
	assert_int_equal(SSL_CTX_load_verify_file(tls, sink.ca_file), 1);
	p.ssl = SSL_new(tls);
	SSL_set_fd(p.ssl, p.fd);
	assert_int_equal(SSL_connect(p.ssl), 1);
	say(&p, "NOOP\r\nRCPT TO:<d@e.f>\r\nMAIL FROM:<a@b.c>\r\n", "250 503 503");
	say(&p, "EHLO x\r\nSTARTTLS\r\n", "250 503");
	say(&p, ENVELOPE "DATA\r\nx\r\n.\r\n", "250 250 354 250");
	assert_int_equal(n_stored(&sink), 1);
	peer_close(&p);
	SSL_CTX_free(tls);
	assert_int_equal(sink_stop(&sink), 0);
	sink_remove(&sink);
}

static void test_bounds(void **state)
{
	struct sink_process sink;
	struct peer p;
	char block[4000];

	(void)state;
	assert_true(sink_start(&sink, NULL, NULL));
	peer_open(&p, &sink);
	expect(&p, "220");
	say(&p, "EHLO x\r\n", "250");
	memset(block, 'x', sizeof(block));
	peer_send(&p, block, sizeof(block)); /* a line too long */
	say(&p, "\r\nNOOP\r\n", "500 250");
	say(&p, "MAIL FROM:<a@b.c>\r\n", "250");
	for (int i = 0; i < 100; i++)
		say(&p, "RCPT TO:<d@e.f>\r\n", "250");
	say(&p, "RCPT TO:<d@e.f>\r\n", "452");
	say(&p, "DATA\r\n", "354");
	peer_send(&p, block, sizeof(block));
	say(&p, "\r\n.\r\n", "500");
	say(&p, ENVELOPE "DATA\r\n", "250 250 354");
	memcpy(block + 998, "\r\n", 2);
	for (int i = 0; i < 10486; i++) /* 10 MiB and a little */
		peer_send(&p, block, 1000);
	say(&p, ".\r\nNOOP\r\n", "552 250");
	assert_int_equal(n_stored(&sink), 0);
	peer_close(&p);
	assert_int_equal(sink_stop(&sink), 0);
	sink_remove(&sink);
}

static size_t n_files(const struct sink_process *sink)
{
	DIR *d = opendir(sink->dir);
	size_t n = 0;

	for (struct dirent *e; (e = readdir(d)) != NULL;)
		n += e->d_name[0] != '.' || str_starts(e->d_name, ".incoming");
	closedir(d);
	return n;
}

/* 64 at a time; a mail cut off leaves nothing; SIGTERM ends it while others are connected. */
static void test_connections(void **state)
{
	struct sink_process sink;
	struct peer p[65];

	(void)state;
	assert_true(sink_start(&sink, NULL, NULL));
	for (int i = 0; i < 64; i++) {
		peer_open(&p[i], &sink);
		expect(&p[i], "220");
	}
	peer_open(&p[64], &sink);
	expect(&p[64], "421 0");
	peer_close(&p[64]);
	say(&p[0], "QUIT\r\n", "221 0");
	peer_close(&p[0]);
	clock_sleep_us(100 * US_PER_MS);
	peer_open(&p[0], &sink);
	expect(&p[0], "220");

	say(&p[1], "EHLO x\r\n" ENVELOPE "DATA\r\nhalf a mail\r\n", "250 250 250 354");
	say(&p[2], "EHLO x\r\n" ENVELOPE "DATA\r\nhalf a mail\r\n", "250 250 250 354");
	assert_int_equal(n_files(&sink), 4); /* ca.pem, key.pem, two on their way */
	peer_close(&p[1]);
	i64 start_us = clock_mono_us();
	assert_int_equal(sink_stop(&sink), 0);
	assert_true(clock_mono_us() - start_us < S_TO_US(2));
	assert_int_equal(n_files(&sink), 2);
	for (int i = 0; i < 64; i++)
		if (i != 1)
			peer_close(&p[i]);
	sink_remove(&sink);
}

static void test_numbers_go_on(void **state)
{
	struct sink_process sink;
	struct mailbox_mail *mails;
	struct arena a;
	struct peer p;
	size_t n;

	(void)state;
	arena_init(&a, 1 << 20);
	assert_true(sink_start(&sink, NULL, NULL));
	for (int run = 0; run < 3; run++) {
		peer_open(&p, &sink);
		expect(&p, "220");
		say(&p,
			"EHLO x\r\n" ENVELOPE
			"RCPT TO:<g@e.f>\r\nDATA\r\nSubject: s\r\n\r\nx\r\n.\r\n",
			"250 250 250 250 354 250");
		peer_close(&p);
		assert_int_equal(sink_stop(&sink), 0);
		assert_true(sink_start(&sink, arena_strdup(&a, sink.dir), NULL));
	}
	assert_int_equal(mailbox_list(&a, sink.dir, 2, &mails, &n), 0);
	assert_int_equal(n, 2);
	assert_true(str_starts(mails[0].id, "00000003-"));
	assert_true(str_starts(mails[1].id, "00000002-"));
	assert_string_equal(mails[0].to, "d@e.f, g@e.f");
	assert_string_equal(mails[0].subject, "s");
	assert_string_equal(mails[0].text, "x\n");
	assert_int_equal(sink_stop(&sink), 0);
	sink_remove(&sink);
	arena_free(&a);
}

static void test_only_on_loopback(void **state)
{
	static const char *const addresses[] = {"0.0.0.0:0", "192.0.2.1:0", "126.0.0.1:0",
		"localhost:0", "127.0.0.1", "127.0.0.1:x", ":0"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
		char command[256];
		print_message("  %s\n", addresses[i]);
		snprintf(command, sizeof(command),
			"./turnpike-smtp-sink --listen %s --dir /tmp 2>/dev/null", addresses[i]);
		int status = system(command);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dialogues),
		cmocka_unit_test(test_before_ehlo),
		cmocka_unit_test(test_injection_before_tls),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_connections),
		cmocka_unit_test(test_numbers_go_on),
		cmocka_unit_test(test_only_on_loopback),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
