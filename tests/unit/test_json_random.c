/* Random JSON documents must come back from the reader as they went in; and how fast it reads. */
#include "fcgi/http/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fcgi/core/buf.h"
#include "fcgi/core/clock.h"
#include "fcgi/core/crypto.h"

static struct arena arena;

/* One random document, written twice: as a sender might, and as json-c writes it. */
struct pair {
	struct buf sent, plain;
	unsigned depth;
};

static void both(struct pair *p, const char *text)
{
	buf_str(&p->sent, text);
	buf_str(&p->plain, text);
}

static void random_space(struct pair *p)
{
	static const char *const spaces[] = {"", "", "", " ", "\n", "\t", "\r\n", "  "};

	buf_str(&p->sent, spaces[(unsigned)random() % ARRAY_LEN(spaces)]);
}

static void random_character(struct pair *p)
{
	/* plain, as json-c writes it, as an escape */
	static const char *const characters[][3] = {
		{"a", "a", "\\u0061"},
		{"\\\"", "\\\"", "\\u0022"},
		{"\\\\", "\\\\", "\\u005C"},
		{"/", "/", "\\/"},
		{"\\n", "\\n", "\\u000a"},
		{"\\b", "\\b", "\\u0008"},
		{"\\u001f", "\\u001f", "\\u001F"},
		{"\x7f", "\x7f", "\\u007f"},
		{"\xc3\xa9", "\xc3\xa9", "\\u00E9"},
		{"\xe2\x82\xac", "\xe2\x82\xac", "\\u20ac"},
		{"\xef\xbf\xbf", "\xef\xbf\xbf", "\\uffff"},
		{"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", "\\uD83D\\uDe00"},
		{"plain words", "plain words", "\\u0070lain words"},
	};
	const char *const *c = characters[(unsigned)random() % ARRAY_LEN(characters)];

	buf_str(&p->sent, random() % 3 == 0 ? c[2] : c[0]);
	buf_str(&p->plain, c[1]);
}

/* unique >= 0: a key, unlike its neighbours. */
static void random_string(struct pair *p, int unique)
{
	both(p, "\"");
	for (unsigned n = (unsigned)random() % 12; n > 0; n--)
		random_character(p);
	if (unique >= 0) {
		buf_printf(&p->sent, "#%d", unique);
		buf_printf(&p->plain, "#%d", unique);
	}
	both(p, "\"");
}

static void random_scalar(struct pair *p)
{
	static const char *const scalars[] = {"true", "false", "null", "0", "1", "-1",
		"9223372036854775807", "-9223372036854775808", "18446744073709551615", "1.5",
		"-0.25e-3", "1E5", "1e-400", "0.1", "-2.50", "1.7976931348623157e308"};
	char number[32];

	if (random() % 3 == 0) {
		random_string(p, -1);
	} else if (random() % 2 == 0) {
		snprintf(number, sizeof(number), "%ld", random() - (1L << 30));
		both(p, number);
	} else {
		both(p, scalars[(unsigned)random() % ARRAY_LEN(scalars)]);
	}
}

static void random_value(struct pair *p)
{
	unsigned kind = (unsigned)random() % 4, n = (unsigned)random() % 7;
	bool is_object = kind == 0;

	random_space(p);
	if (kind >= 2 || p->depth == 8) {
		random_scalar(p);
		random_space(p);
		return;
	}
	p->depth++;
	if (random() % 50 == 0)
		n = 40; /* enough keys for the table of json_keys.c */
	both(p, is_object ? "{" : "[");
	random_space(p);
	for (unsigned i = 0; i < n; i++) {
		random_space(p);
		if (is_object) {
			random_string(p, (int)i);
			random_space(p);
			both(p, ":");
		}
		random_value(p);
		if (i + 1 < n)
			both(p, ",");
	}
	both(p, is_object ? "}" : "]");
	random_space(p);
	p->depth--;
}

static void test_random_documents(void **state)
{
	const char *given = getenv("TEST_SEED"), *why;
	unsigned seed = given != NULL ? (unsigned)atoi(given) : random_below(1000000);

	(void)state;
	print_message("seed: TEST_SEED=%u\n", seed);
	srandom(seed);
	for (int i = 0; i < 10000; i++) {
		struct pair p = {.depth = 0};
		buf_init(&p.sent, &arena, 0);
		buf_init(&p.plain, &arena, 0);
		random_value(&p);
		assert_null(json_check(&arena, p.sent.data, p.sent.length));
		struct json_object *doc = json_read(&arena, p.sent.data, p.sent.length, &why);
		assert_null(why);
		const char *back = json_object_to_json_string_ext(
			doc, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
		assert_string_equal(doc != NULL ? back : "null", p.plain.data);
		json_object_put(doc);
		/* Cut anywhere before its last byte it is unfinished or wrong, unless a number. */
		if (p.plain.data[0] == '{' || p.plain.data[0] == '[') {
			size_t cut = (size_t)random() % p.plain.length;
			assert_non_null(json_check(&arena, p.plain.data, cut));
		}
		arena_reset(&arena);
	}
}

/* A call list as an AI tool sends it: text, numbers, small objects. */
static void typical_document(struct buf *text, size_t length)
{
	buf_init(text, &arena, length + 512);
	buf_str(text, "{\"operations\":[");
	for (int i = 0; text->length < length; i++)
		buf_printf(text,
			"%s{\"id\":\"op_%08d\",\"kind\":\"put\",\"version\":%d,\"ratio\":0.%d,"
			"\"path\":\"src/main/module_%d.ts\",\"content\":\"export const value = %d;"
			"\\nfunction f(x: number) {\\n\\treturn x * value; // caf\xc3\xa9\\n}\"}",
			i > 0 ? "," : "", i, i * 7, i % 1000, i, i);
	buf_str(text, "]}");
}

/* {"k0":0,...}: one object with many keys. */
static void large_object(struct buf *text, size_t n)
{
	buf_init(text, &arena, 0);
	buf_str(text, "{\"first\":0");
	for (size_t i = 0; i < n; i++)
		buf_printf(text, ",\"k%zu\":%zu", i, i);
	buf_str(text, "}");
}

static void speed(const char *name, const char *text, size_t length)
{
	i64 start_us = clock_mono_us(), us;
	int n = 0;

	do {
		assert_null(json_check(&arena, text, length));
		n++;
		us = clock_mono_us() - start_us;
	} while (us < 50000);
	print_message("json_check, %s, %zu bytes: %.0f MB/s\n", name, length,
		(double)length * n / (double)us);
}

/* Only prints: a limit would fail on a busy machine. */
static void test_speed(void **state)
{
	struct buf text;

	(void)state;
	typical_document(&text, 64 * 1024);
	speed("typical", text.data, text.length);
	typical_document(&text, 4 * 1024 * 1024);
	speed("typical", text.data, text.length);
	large_object(&text, 5000);
	speed("one object", text.data, text.length);
	large_object(&text, 250000);
	speed("one object", text.data, text.length);
	arena_reset(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_documents),
		cmocka_unit_test(test_speed),
	};

	arena_init(&arena, 256 * 1024 * 1024);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_free(&arena);
	return failed;
}
