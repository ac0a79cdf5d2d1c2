/* Which addresses are accepted, and that no two accounts ever share one by accident (F-44, F-57).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "fcgi/core/email.h"

#include <cmocka.h>

#define L63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define L64 L63 "a"

static const struct {
	const char *name, *input, *normal; /* NULL: refused */
} cases[] = {
	{"plain", "ada@example.com", "ada@example.com"},
	{"case", "Ada.Lovelace@EXAMPLE.Com", "ada.lovelace@example.com"},
	{"spaces around", " \tada@example.com \t", "ada@example.com"},
	{"all of atext", "!#$%&'*+-/=?^_`{|}~@example.com", "!#$%&'*+-/=?^_`{|}~@example.com"},
	{"plus is kept", "ada+x@example.com", "ada+x@example.com"},
	{"dots are kept", "a.d.a@example.com", "a.d.a@example.com"},
	{"localhost", "ada@localhost", "ada@localhost"},
	{"LOCALHOST", "ada@LOCALHOST", "ada@localhost"},
	{"digits in the host", "ada@163.com", "ada@163.com"},
	{"two hyphens in the host", "ada@r3---sn.example.com", "ada@r3---sn.example.com"},
	{"one-letter labels", "a@b.c", "a@b.c"},
	{"local part of 64", L64 "@example.com", L64 "@example.com"},
	{"label of 63", "ada@" L63 ".com", "ada@" L63 ".com"},

	{"IDN", "ada@bücher.example", "ada@xn--bcher-kva.example"},
	{"IDN, capital", "ada@BÜCHER.example", "ada@xn--bcher-kva.example"},
	{"IDN as A-label", "ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"},
	{"IDN as A-label, capital", "ada@XN--BCHER-KVA.example", "ada@xn--bcher-kva.example"},
	{"sharp s is not ss", "ada@straße.example", "ada@xn--strae-oqa.example"},
	{"final sigma", "ada@βόλος.example", "ada@xn--nxasmm1c.example"},
	{"Chinese", "ada@例子.测试", "ada@xn--fsqu00a.xn--0zwm56d"},

	{"empty", "", NULL},
	{"only spaces", "  ", NULL},
	{"no at", "ada.example.com", NULL},
	{"no local part", "@example.com", NULL},
	{"no host", "ada@", NULL},
	{"two ats", "ada@eve@example.com", NULL},
	{"two ats in a row", "ada@@example.com", NULL},
	{"local part of 65", L64 "a@example.com", NULL},
	{"label of 64", "ada@" L64 ".com", NULL},
	{"255 bytes", L64 "@" L63 "." L63 "." L63, NULL},
	{"dot first", ".ada@example.com", NULL},
	{"dot last", "ada.@example.com", NULL},
	{"two dots", "a..da@example.com", NULL},
	{"quoted", "\"ada\"@example.com", NULL},
	{"quoted space", "\"a b\"@example.com", NULL},
	{"comment", "ada(x)@example.com", NULL},
	{"name and brackets", "Ada <ada@example.com>", NULL},
	{"two addresses", "ada@example.com,eve@example.com", NULL},
	{"semicolon", "ada@example.com;eve@example.com", NULL},
	{"space inside", "ad a@example.com", NULL},
	{"space in the host", "ada@exam ple.com", NULL},
	{"percent hack keeps its at", "ada%eve@x@example.com", NULL},
	{"bang", "a!b@example.com", "a!b@example.com"},
	{"host without dot", "ada@example", NULL},
	{"trailing dot", "ada@example.com.", NULL},
	{"trailing dot of localhost", "ada@localhost.", NULL},
	{"leading dot", "ada@.example.com", NULL},
	{"empty label", "ada@example..com", NULL},
	{"hyphen first", "ada@-example.com", NULL},
	{"hyphen last", "ada@example-.com", NULL},
	{"underscore", "ada@ex_ample.com", NULL},
	{"IPv4", "ada@127.0.0.1", NULL},
	{"IPv4, short", "ada@127.1", NULL},
	{"IPv4, hex end", "ada@127.0.0.0x1", NULL},
	{"IPv4 literal", "ada@[127.0.0.1]", NULL},
	{"IPv6 literal", "ada@[IPv6:::1]", NULL},
	{"port", "ada@example.com:25", NULL},
	{"source route", "@a.example:ada@example.com", NULL},
	{"broken A-label", "ada@xn--a.example", NULL},
	{"A-label of plain ASCII", "ada@xn--abc-.example", NULL},
	{"A-label of a zero-width space", "ada@xn--paypal-df0c.com", NULL},
	{"A-label of a full-width letter", "ada@xn--xample-hy68a.com", NULL},
	{"A-label of KELVIN SIGN", "ada@xn--iwi-xk1a.com", NULL},

	{"KELVIN SIGN in the local part", "\u212Aim@example.com", NULL},
	{"KELVIN SIGN in the host", "ada@\u212Aiwi.com", NULL},
	{"dotless i in the local part", "m\u0131ke@example.com", NULL},
	{"dotless i in the host", "ada@g\u0131thub.com", "ada@xn--gthub-n4a.com"},
	{"capital I with dot in the host", "ada@G\u0130THUB.com", NULL},
	{"long s in the host", "ada@te\u017Ft.com", NULL},
	{"zero-width space in the local part", "a\u200Bda@example.com", NULL},
	{"zero-width space in the host", "ada@exam\u200Bple.com", NULL},
	{"zero-width joiner in the host", "ada@exam\u200Dple.com", NULL},
	{"soft hyphen in the host", "ada@exam\u00ADple.com", NULL},
	{"word joiner at the end", "ada@example.com\u2060", NULL},
	{"BOM in front", "\uFEFFada@example.com", NULL},
	{"NBSP around", "\u00A0ada@example.com\u00A0", NULL},
	{"NBSP in the host", "ada@exam\u00A0ple.com", NULL},
	{"full-width local part", "\uFF41da@example.com", NULL},
	{"full-width host", "ada@\uFF45xample.com", NULL},
	{"full-width at", "ada\uFF20example.com", NULL},
	{"full-width at in the host", "ada@example\uFF20x.com", NULL},
	{"full-width dot", "ada@example\uFF0Ecom", NULL},
	{"ideographic full stop", "ada@example\u3002com", NULL},
	{"one dot leader", "ada@example\u2024com", NULL},
	{"circled letter", "ada@\u24D4xample.com", NULL},
	{"care of", "ada@\u2105.com", NULL},
	{"ligature", "ada@\uFB01sh.com", NULL},
	{"combining accent on an ASCII letter", "ada@bu\u0308cher.example", NULL},
	{"Cyrillic a is another host", "ada@ex\u0430mple.com", "ada@xn--exmple-4nf.com"},
	{"Cyrillic a in the local part", "\u0430da@example.com", NULL},
	{"right-to-left override", "ada\u202E@example.com", NULL},
	{"emoji local part", "🎉@example.com", NULL},

	{"CRLF and a header", "ada@example.com\r\nBcc: eve@example.com", NULL},
	{"CRLF at the end", "ada@example.com\r\n", NULL},
	{"LF at the end", "ada@example.com\n", NULL},
	{"LF in front", "\nada@example.com", NULL},
	{"CR in the local part", "a\rda@example.com", NULL},
	{"tab inside", "a\tda@example.com", NULL},
	{"DEL",
		"a\x7f"
		"da@example.com",
		NULL},
	{"escape",
		"a\x1b"
		"da@example.com",
		NULL},
	{"SMTP parameter", "ada@example.com> SIZE=1", NULL},
	{"invalid UTF-8",
		"ada@ex\xff"
		"ample.com",
		NULL},
	{"overlong at",
		"ada\xc1\x80"
		"example.com",
		NULL},
};

static void test_normal(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *got = mail_address_normal(&a, cases[i].input);
		const char *want = cases[i].normal;
		if ((got == NULL) != (want == NULL) || (want != NULL && strcmp(got, want) != 0))
			fail_msg("%s: '%s' became '%s', not '%s'", cases[i].name, cases[i].input,
				got != NULL ? got : "(refused)", want != NULL ? want : "(refused)");
		if (got == NULL)
			continue;
		/* What came out is valid and stays as it is. */
		assert_true(mail_address_valid(got));
		assert_string_equal(mail_address_normal(&a, got), got);
	}
	arena_free(&a);
}

/* Valid for an envelope: ASCII, as it stands. */
static void test_valid(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool is_ascii = true, has_edge = strchr(" \t", cases[i].input[0]) != NULL;
		bool is_broken_alabel = strstr(cases[i].input, "xn--") != NULL;
		for (const char *p = cases[i].input; *p != '\0'; p++)
			is_ascii &= (unsigned char)*p < 0x80;
		bool want = is_ascii && !has_edge && cases[i].normal != NULL;
		if (!is_broken_alabel && mail_address_valid(cases[i].input) != want)
			fail_msg("%s: valid is not %d", cases[i].name, want);
	}
	arena_free(&a);
}

static void test_long_input(void **state)
{
	char input[5000];
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	memset(input, ' ', sizeof(input));
	strcpy(input + sizeof(input) - 8, "a@b.c");
	assert_null(mail_address_normal(&a, input));
	memset(input, 'a', sizeof(input));
	memcpy(input, "a@", 2);
	input[sizeof(input) - 1] = '\0';
	assert_null(mail_address_normal(&a, input));
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_normal),
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_long_input),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
