/* What people type as the code of a device, and where an IDE may have a browser sent back to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain/device_login.h"
#include "domain/ide_login.h"

#include <cmocka.h>

static void test_user_codes(void **state)
{
	static const struct {
		const char *typed, *code;
	} cases[] = {
		{"ABCDEFGH", "ABCDEFGH"},
		{"ABCD-EFGH", "ABCDEFGH"},
		{" abcd efgh\n", "ABCDEFGH"},
		{"a.b.c.d/e1f2g3h4", "ABCDEFGH"},
		{"\u00e9ABCD\u2013EFGH", "ABCDEFGH"}, /* other letters than ours are none */
		{"ZZZZ-ZZZZ", "ZZZZZZZZ"},
		{"", NULL},
		{"1234-5678", NULL},
		{"ABCD-EFG", NULL},
		{"ABCD-EFGHJ", NULL},
		{"ABCD-EFGI", NULL}, /* not in the alphabet */
		{"OBCD-EFGH", NULL},
	};
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *code = user_code_read(&a, cases[i].typed);
		if (cases[i].code == NULL ? code != NULL
					  : code == NULL || strcmp(code, cases[i].code) != 0)
			fail_msg("'%s' is %s", cases[i].typed, code != NULL ? code : "none");
	}
	arena_free(&a);
}

static const struct {
	const char *uri;
	bool allowed;
} redirects[] = {
	{"http://127.0.0.1", true},
	{"http://127.0.0.1:1/", true},
	{"http://127.0.0.1:65535/cb?state=x", true},
	{"HTTP://LocalHost:3000/cb", true},
	{"http://[::1]:3000/cb", true},
	{"http://localhost?x=1", true},
	{"https://ide.example.org/cb", true},
	{"https://IDE.example.org", true},
	{"https://dev.example.org:8443/cb", true},
	{"hypex://auth", true},
	{"VSCodium://auth/cb?x=1", true},
	{"", false},
	{"/cb", false},
	{"//127.0.0.1/cb", false},
	{"http:/127.0.0.1", false},
	{"http://127.0.0.1:0/", false},
	{"http://127.0.0.1:65536/", false},
	{"http://127.0.0.1:/", false},
	{"http://127.0.0.1:1x/", false},
	{"http://127.0.0.1.example.com/", false},
	{"http://127.0.0.1@example.com/", false},
	{"http://localhost:80@example.com/", false},
	{"http://localhost.example.com/", false},
	{"http://example.com/", false},
	{"http://127.0.0.2/", false},
	{"http://2130706433/", false},
	{"http://[::1", false},
	{"http://[::2]/", false},
	{"http://ide.example.org/cb", false}, /* not encrypted */
	{"https://127.0.0.1/cb", false},
	{"https://ide.example.org:8443/", false},
	{"https://dev.example.org/", false},
	{"https://x.ide.example.org/", false},
	{"https://ide.example.org.evil.com/", false},
	{"https://ide.example.org@evil.com/", false},
	{"https://u@ide.example.org/", false},
	{"https://ide.example.org\\@evil.com/", false},
	{"https://ide.example.org#@evil.com/", false},
	{"https:///ide.example.org/", false},
	{"https://", false},
	{"http://127.0.0.1/a b", false},
	{"http://127.0.0.1/\r\nX: y", false},
	{"http://127.0.0.1/#x", false},
	{"http://127.0.0.1/\xc3\xa9", false},
	{"hypex:auth", false},
	{"hypexx://auth", false},
	{"hype://auth", false},
	{"://x", false},
	{"javascript://127.0.0.1/%0aalert(1)", false},
	{"data://127.0.0.1/", false},
	{"file:///etc/passwd", false},
};

static void test_redirects(void **state)
{
	static const struct options options = {
		.gateway_redirect_hosts = "ide.example.org  dev.example.org:8443",
		.gateway_ide_schemes = "hypex vscodium",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(redirects); i++)
		if (ide_redirect_allowed(&options, redirects[i].uri) != redirects[i].allowed)
			fail_msg("%s is%s allowed", redirects[i].uri,
				redirects[i].allowed ? " not" : "");
}

static void test_nothing_listed(void **state)
{
	static const struct options options = {
		.gateway_redirect_hosts = "", .gateway_ide_schemes = ""};

	(void)state;
	assert_true(ide_redirect_allowed(&options, "http://localhost:1/"));
	assert_false(ide_redirect_allowed(&options, "https://ide.example.org/"));
	assert_false(ide_redirect_allowed(&options, "hypex://auth"));
	char text[REDIRECT_MAX + 2];
	memset(text, 'x', sizeof(text));
	memcpy(text, "http://localhost/", 17);
	text[REDIRECT_MAX] = '\0';
	assert_true(ide_redirect_allowed(&options, text));
	text[REDIRECT_MAX] = 'x';
	text[REDIRECT_MAX + 1] = '\0';
	assert_false(ide_redirect_allowed(&options, text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_user_codes),
		cmocka_unit_test(test_redirects),
		cmocka_unit_test(test_nothing_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
