/* What mailbox_list() makes of mails that others wrote; those of mail_send() are in test_mail.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/net/mailbox.h"
#include "tests/unit/sink_process.h"

#include <cmocka.h>

static void test_mails(void **state)
{
	static const struct {
		const char *name, *mail, *subject, *text, *html;
	} mails[] = {
		{"no header", "\nhello\n", "", "hello\n", ""},
		{"no body", "Subject: x\n", "x", "", ""},
		{"empty", "", "", "", ""},
		{"folded subject", "Subject: a\n  b\n\n", "a  b", "", ""},
		{"Q word", "Subject: =?utf-8?q?a_=C3=A9?= b\n\n", "a \u00e9 b", "", ""},
		{"two words", "Subject: =?utf-8?q?a?=\n =?utf-8?B?Yg==?=\n\n", "ab", "", ""},
		{"broken word", "Subject: =?utf-8?q?a\n\n", "=?utf-8?q?a", "", ""},
		{"base64 body", "Content-Transfer-Encoding: base64\n\naGVs\nbG8=\n", "", "hello",
			""},
		{"HTML alone", "Content-Type: text/html\n\n<p>\n", "", "", "<p>\n"},
		{"parts",
			"Content-Type: multipart/alternative; "
			"boundary=b\n\npreamble\n--b\n\nt\n--b\n"
			"Content-Type: text/html\n\n<p>\n--b--\n",
			"", "t", "<p>"},
		{"parts without an end",
			"Content-Type: multipart/mixed; boundary=\"b\"\n\n--b\n\nt\n--b", "", "t",
			""},
		{"parts without a boundary", "Content-Type: multipart/mixed\n\n--b\n\nt\n", "", "",
			""},
		{"truncated escape", "Content-Transfer-Encoding: quoted-printable\n\na=\nb=4", "",
			"ab=4", ""},
	};
	char dir[] = "/tmp/turnpike-mail-XXXXXX";
	struct sink_process folder;
	struct mailbox_mail *got;
	struct arena a;
	size_t n;

	(void)state;
	arena_init(&a, 1 << 20);
	snprintf(folder.dir, sizeof(folder.dir), "%s", mkdtemp(dir));
	const char *path = arena_printf(&a, "%s/00000001-1.eml", dir);
	for (size_t i = 0; i < ARRAY_LEN(mails); i++) {
		print_message("  %s\n", mails[i].name);
		FILE *file = fopen(path, "w");
		fputs(mails[i].mail, file);
		fclose(file);
		assert_int_equal(mailbox_list(&a, dir, 10, &got, &n), 0);
		assert_int_equal(n, 1);
		assert_string_equal(got[0].subject, mails[i].subject);
		assert_string_equal(got[0].text, mails[i].text);
		assert_string_equal(got[0].html, mails[i].html);
	}
	sink_remove(&folder);
	assert_int_equal(mailbox_list(&a, dir, 10, &got, &n), 0); /* no folder, no mail */
	assert_int_equal(n, 0);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
