/* What mail_send() writes and refuses to write, as turnpike-smtp-sink got it. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fcgi/core/clock.h"
#include "tests/unit/mail_world.h"

#include <cmocka.h> /* last: it has a macro called fail */

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_contents),
		cmocka_unit_test(test_large_body),
		cmocka_unit_test(test_header_values),
	};

	signal(SIGPIPE, SIG_IGN);
	net_global_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
