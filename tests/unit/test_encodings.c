/* Hex, base64url, forms, percent-encoding and HTML: what is written, and that nothing but the one
 * canonical spelling is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/core/str.h"

#include <cmocka.h>

static struct arena arena = {.ceiling_bytes = 64 * 1024 * 1024};

/* RFC 4648 section 10, without padding. */
static const struct {
	const char *data, *text;
} base64_vectors[] = {
	{"", ""},
	{"f", "Zg"},
	{"fo", "Zm8"},
	{"foo", "Zm9v"},
	{"foob", "Zm9vYg"},
	{"fooba", "Zm9vYmE"},
	{"foobar", "Zm9vYmFy"},
	{"\xfb\xff\xfe", "-__-"},
};

static const char *const base64_refused[] = {
	"A",	 /* no byte has six bits */
	"AAAAA", /* nor has a group of five letters */
	"Zh",	 /* bits behind the last byte */
	"Zm9",	 /* the same with two bytes */
	"Zg==",	 /* padding */
	"Zm8=",
	"Zm9v\n",
	" Zm9v",
	"Zm+v",
	"Zm/v",
	"Zm.v",
	"Zm\xc3v",
};

static void test_base64url(void **state)
{
	size_t n;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(base64_vectors); i++) {
		const char *data = base64_vectors[i].data, *text = base64_vectors[i].text;
		print_message("  '%s'\n", text);
		assert_string_equal(base64url_encode(&arena, data, strlen(data)), text);
		const unsigned char *back = base64url_decode(&arena, text, strlen(text), &n);
		assert_non_null(back);
		assert_int_equal(n, strlen(data));
		assert_memory_equal(back, data, n);
	}
	for (size_t i = 0; i < ARRAY_LEN(base64_refused); i++) {
		const char *text = base64_refused[i];
		print_message("  refused: '%s'\n", text);
		assert_null(base64url_decode(&arena, text, strlen(text), &n));
	}
	assert_null(base64url_decode(&arena, "Zm\0v", 4, &n));
	arena_reset(&arena);
}

/* Whatever is accepted is the only spelling of its bytes: two tokens are never one value. */
static void test_base64url_is_canonical(void **state)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t accepted[5] = {0};

	(void)state;
	for (size_t length = 0; length <= 3; length++) {
		size_t n_texts = (size_t)1 << 6 * length;
		for (size_t number = 0; number < n_texts; number++) {
			char text[4] = {0};
			size_t n;
			for (size_t i = 0; i < length; i++)
				text[i] = letters[number >> 6 * i & 63];
			const unsigned char *data = base64url_decode(&arena, text, length, &n);
			if (data == NULL)
				continue;
			accepted[length]++;
			assert_string_equal(base64url_encode(&arena, data, n), text);
			arena_reset(&arena);
		}
	}
	assert_int_equal(accepted[0], 1);
	assert_int_equal(accepted[1], 0);
	assert_int_equal(accepted[2], 256);
	assert_int_equal(accepted[3], 65536);
}

static void test_hex(void **state)
{
	static const char *const refused[] = {
		"00ff", "00ff7", "00ff7f0", "00ff7f00", "00fg7f", "0x00ff", " 0ff7f", "00-f7f"};
	unsigned char data[3];

	(void)state;
	assert_string_equal(hex_encode(&arena, "\x00\xff\x7f", 3), "00ff7f");
	assert_string_equal(hex_encode(&arena, "", 0), "");
	assert_true(hex_decode("00fF7F", data, 3));
	assert_memory_equal(data, "\x00\xff\x7f", 3);
	assert_true(hex_decode("", data, 0));
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		print_message("  refused: '%s'\n", refused[i]);
		assert_false(hex_decode(refused[i], data, 3));
	}
	arena_reset(&arena);
}

static const struct {
	const char *name, *text, *decoded; /* NULL: refused */
} forms[] = {
	{"empty", "", ""},
	{"plain", "abc", "abc"},
	{"plus", "a+b", "a b"},
	{"escaped plus", "a%2Bb", "a+b"},
	{"both cases", "%c3%A9", "é"},
	{"escaped percent is decoded once", "%2541", "%41"},
	{"ampersand and equals", "%26%3d", "&="},
	{"four bytes", "%F0%9F%98%80", "😀"},
	{"raw UTF-8", "é", "é"},
	{"NUL", "a%00b", NULL},
	{"lone percent", "%", NULL},
	{"one digit", "a%4", NULL},
	{"no digits", "%zz", NULL},
	{"one good digit", "%4z", NULL},
	{"sign as digit", "%+1", NULL},
	{"overlong", "%c0%af", NULL},
	{"surrogate", "%ed%a0%80", NULL},
	{"Latin-1", "%e9", NULL},
	{"cut short", "%e2%82", NULL},
};

static void test_forms(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		const char *got = form_decode(&arena, forms[i].text, strlen(forms[i].text));
		print_message("  %s\n", forms[i].name);
		if (forms[i].decoded == NULL)
			assert_null(got);
		else
			assert_string_equal(got, forms[i].decoded);
	}
	assert_null(form_decode(&arena, "a\0b", 3));
	/* What is behind the piece does not belong to it. */
	assert_null(form_decode(&arena, "%41", 2));
	assert_string_equal(form_decode(&arena, "a&b", 1), "a");
	arena_reset(&arena);
}

static void test_url_encode(void **state)
{
	char every[256], *encoded;

	(void)state;
	for (int c = 1; c < 256; c++)
		every[c - 1] = (char)c;
	every[255] = '\0';
	encoded = url_encode(&arena, every);
	assert_int_equal(strspn(encoded, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					 "0123456789-._~%"),
		strlen(encoded));
	assert_int_equal(strlen(encoded), 66 + 3 * (255 - 66));
	assert_string_equal(url_encode(&arena, "a b/é?~"), "a%20b%2F%C3%A9%3F~");
	assert_string_equal(url_encode(&arena, ""), "");
	for (unsigned c = 1; c < 0x80; c++) {
		char text[2] = {(char)c, '\0'};
		const char *once = url_encode(&arena, text);
		assert_string_equal(form_decode(&arena, once, strlen(once)), text);
	}
	arena_reset(&arena);
}

static void test_html(void **state)
{
	static const struct {
		const char *text, *html;
	} cases[] = {
		{"", ""},
		{"plain é", "plain é"},
		{"<b a=\"c\" d='e'>&amp;</b>",
			"&lt;b a=&quot;c&quot; d=&#39;e&#39;&gt;&amp;amp;&lt;/b&gt;"},
		{"\"\"\"\"", "&quot;&quot;&quot;&quot;"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		print_message("  %s\n", cases[i].text);
		assert_string_equal(html_escape(&arena, cases[i].text), cases[i].html);
	}
	arena_reset(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base64url),
		cmocka_unit_test(test_base64url_is_canonical),
		cmocka_unit_test(test_hex),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_url_encode),
		cmocka_unit_test(test_html),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	arena_free(&arena);
	return failed;
}
