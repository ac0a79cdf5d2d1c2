/* What goes out: status, headers, caching, CORS, validators; and what never does: a line break in a
 * header. The order of headers is not looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi/core/str.h"
#include "fcgi/http/dialect.h"
#include "fcgi/http/response.h"
#include "req_world.h"

#include <cmocka.h>
#undef fail /* cmocka's; ours has arguments */

static struct world world;

struct item {
	i64 n;
};
SCHEMA(item, I64(item, n));

static const struct route plain = {.method = GET, .out = &item_schema, .status = 200},
			  created = {.method = POST, .out = &item_schema, .status = 201},
			  cached = {.method = GET, .status = 200, .cache_s = 30},
			  page = {.method = GET, .status = 302, .flags = PAGE},
			  shared = {.method = GET, .status = 200, .flags = PUBLIC_CORS};

static const struct family family = {.name = "product", .dialect = &dialect_product};

static struct req *request(const struct route *route)
{
	struct req *r = world_request(&world, "GET", "/");

	r->route = route;
	r->family = route != NULL ? &family : NULL;
	world.options.public_url = "https://turnpike.example";
	return r;
}

/* The value of a header in what was sent, or NULL; fails when it is there twice. */
static const char *header(const char *sent, const char *name)
{
	const char *end = strstr(sent, "\r\n\r\n"), *found = NULL;

	for (const char *p = sent; p < end; p = strstr(p, "\r\n") + 2) {
		size_t n = strlen(name);
		if (strncasecmp(p, name, n) != 0 || p[n] != ':')
			continue;
		assert_null(found);
		found = arena_strndup(&world.arena, p + n + 2, strcspn(p + n + 2, "\r"));
	}
	return found;
}

static void assert_header(const char *sent, const char *name, const char *value)
{
	const char *got = header(sent, name);

	if (value == NULL) {
		assert_null(got);
	} else {
		assert_non_null(got);
		assert_string_equal(got, value);
	}
}

static const char *body(const char *sent)
{
	return strstr(sent, "\r\n\r\n") + 4;
}

static void test_json(void **state)
{
	struct item item = {7};
	struct req *r = request(&created);

	(void)state;
	assert_int_equal(resp_json(r, &item_schema, &item), 0);
	const char *sent = world_send(&world);
	assert_header(sent, "Status", "201 Created");
	assert_header(sent, "Content-Type", "application/json; charset=utf-8");
	assert_header(sent, "Content-Length", "8");
	assert_header(sent, "Cache-Control", "no-store");
	assert_string_equal(body(sent), "{\"n\":7}\n");

	r = request(&plain);
	r->is_head = true;
	resp_json(r, &item_schema, &item);
	sent = world_send(&world);
	assert_header(sent, "Content-Length", "8");
	assert_string_equal(body(sent), "");
}

static void test_empty(void **state)
{
	static const struct {
		int status;
		const char *line;
	} cases[] = {{204, "204 No Content"}, {304, "304 Not Modified"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct req *r = request(&plain);
		print_message("  %s\n", cases[i].line);
		resp_empty(r, cases[i].status);
		const char *sent = world_send(&world);
		assert_header(sent, "Status", cases[i].line);
		assert_header(sent, "Content-Type", NULL);
		assert_header(sent, "Content-Length", NULL);
		assert_string_equal(body(sent), "");
	}
}

/* Every error's status has its own words. */
static void test_status_lines(void **state)
{
	(void)state;
	for (size_t i = 1; i < E_MAX; i++) {
		struct req *r = request(&plain);
		fail(r->fail, (enum error)i, NULL);
		resp_error(r);
		const char *line = header(world_send(&world), "Status");
		print_message("  %s\n", line);
		assert_int_equal(atoi(line), error_table[i].status);
		assert_true(strlen(line) > 5);
	}
}

static void test_header_lines(void **state)
{
	static const struct {
		const char *value, *sent;
	} cases[] = {
		{"plain", "plain"},
		{"", ""},
		{"a\r\nSet-Cookie: x=y", NULL},
		{"a\nb", NULL},
		{"a\rb", NULL},
		{"\n", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct req *r = request(&plain);
		resp_header(r, "X-Before", "1");
		resp_header(r, "X-Test", cases[i].value);
		resp_header(r, "X-After", "2");
		resp_empty(r, 204);
		const char *sent = world_send(&world);
		assert_header(sent, "X-Test", cases[i].sent);
		assert_header(sent, "Set-Cookie", NULL);
		assert_header(sent, "X-Before", "1");
		assert_header(sent, "X-After", "2");
	}
}

static void test_redirects(void **state)
{
	static const struct {
		const char *location;
		int rc;
	} cases[] = {
		{"/account.html#x", 0},
		{"https://turnpike.example/?a=b&c=%20", 0},
		{"vscode://auth?code=1", 0},
		{"/a\r\nSet-Cookie: x=y", E_INTERNAL},
		{"/a b", E_INTERNAL},
		{"/a\tb", E_INTERNAL},
		{"/\x7f", E_INTERNAL},
		{"/\x01", E_INTERNAL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct req *r = request(&plain);
		assert_int_equal(resp_redirect(r, cases[i].location), cases[i].rc);
		if (cases[i].rc != 0) {
			assert_false(r->response.is_ready);
			continue;
		}
		const char *sent = world_send(&world);
		assert_header(sent, "Status", "302 Found");
		assert_header(sent, "Location", cases[i].location);
	}
}

static void test_errors(void **state)
{
	struct req *r = request(&plain);

	(void)state;
	resp_header(r, "Set-Cookie", "session=x"); /* is not sent with a failure */
	resp_text(r, 200, "text/html", "half", 4);
	fail(r->fail, E_UNAUTHORIZED, NULL);
	resp_error(r);
	const char *sent = world_send(&world);
	assert_header(sent, "Status", "401 Unauthorized");
	assert_header(sent, "WWW-Authenticate", "Bearer");
	assert_header(sent, "Cache-Control", "no-store");
	assert_header(sent, "Set-Cookie", NULL);
	assert_header(sent, "Retry-After", NULL);
	assert_true(str_starts(body(sent), "{\"error\":\"unauthorized\""));
	assert_header(
		sent, "Content-Length", arena_printf(&world.arena, "%zu", strlen(body(sent))));

	r = request(&cached); /* a failure is never cached */
	fail_later(r->fail, E_RATE_LIMITED, 12);
	resp_error(r);
	sent = world_send(&world);
	assert_header(sent, "Status", "429 Too Many Requests");
	assert_header(sent, "Retry-After", "12");
	assert_header(sent, "Cache-Control", "no-store");

	r = request(&plain);
	fail_cause(r->fail, E_UNAVAILABLE, "errno 2002");
	resp_error(r);
	sent = world_send(&world);
	assert_header(sent, "Retry-After", "1");
	assert_null(strstr(sent, "2002"));

	r = request(NULL); /* before a route was found */
	r->allow = "GET, HEAD, OPTIONS";
	fail(r->fail, E_METHOD_NOT_ALLOWED, NULL);
	resp_error(r);
	sent = world_send(&world);
	assert_header(sent, "Allow", "GET, HEAD, OPTIONS");
	assert_header(sent, "Access-Control-Allow-Origin", NULL);
}

/* Browsers get failures as pages, and nothing in them is markup that we did not write. */
static void test_error_pages(void **state)
{
	struct req *r = request(&page);

	(void)state;
	fail(r->fail, E_NOT_FOUND, "No <script>alert('1')</script> & \"more\".");
	resp_error(r);
	const char *sent = world_send(&world);
	assert_header(sent, "Status", "404 Not Found");
	assert_header(sent, "Content-Type", "text/html; charset=utf-8");
	assert_header(sent, "Cache-Control", "no-store");
	assert_true(str_starts(header(sent, "Content-Security-Policy"), "default-src 'none'"));
	assert_null(strstr(body(sent), "<script"));
	assert_non_null(strstr(body(sent), "No &lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; "
					   "&amp; &quot;more&quot;."));
	assert_header(
		sent, "Content-Length", arena_printf(&world.arena, "%zu", strlen(body(sent))));
}

/* RFC 9110 section 8.8.3: quoted; the same body has the same one. */
static void test_etag(void **state)
{
	struct req *r = request(&cached);
	static char tag[64], list[128];

	(void)state;
	resp_text(r, 200, "text/plain", "body", 4);
	assert_int_equal(resp_etag(r), 0);
	const char *sent = world_send(&world);
	assert_header(sent, "Cache-Control", "public, max-age=30");
	assert_string_equal(body(sent), "body");
	snprintf(tag, sizeof(tag), "%s", header(sent, "ETag"));
	assert_int_equal(strlen(tag), 34);
	assert_true(tag[0] == '"' && tag[33] == '"');
	snprintf(list, sizeof(list), "\"x\", W/%s", tag);

	const struct {
		const char *if_none_match;
		bool modified;
	} cases[] = {{NULL, true}, {"\"x\"", true}, {"", true}, {tag, false}, {list, false},
		{"*", false}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		r = request(&cached);
		print_message(
			"  %s\n", cases[i].if_none_match != NULL ? cases[i].if_none_match : "-");
		r->if_none_match = cases[i].if_none_match;
		resp_text(r, 200, "text/plain", "body", 4);
		resp_etag(r);
		sent = world_send(&world);
		assert_header(sent, "Status", cases[i].modified ? NULL : "304 Not Modified");
		assert_header(sent, "ETag", tag);
		assert_string_equal(body(sent), cases[i].modified ? "body" : "");
	}
}

static const struct {
	const char *name;
	const struct route *route;
	const char *origin;
	bool is_options;
	const char *allowed;
} cors[] = {
	{"no origin", &plain, NULL, false, NULL},
	{"own pages", &plain, "https://turnpike.example", false, "https://turnpike.example"},
	{"preflight of own pages", &plain, "https://turnpike.example", true,
		"https://turnpike.example"},
	{"another origin", &plain, "https://evil.example", false, NULL},
	{"preflight of another origin", &plain, "https://evil.example", true, NULL},
	{"own name with more", &plain, "https://turnpike.example.evil", false, NULL},
	{"own name by http", &plain, "http://turnpike.example", false, NULL},
	{"null", &plain, "null", false, NULL},
	{"public", &shared, "https://any.example", false, "*"},
	{"preflight of what is public", &shared, "https://any.example", true, "*"},
	{"public, no origin", &shared, NULL, false, "*"},
};

static void test_cors(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cors); i++) {
		struct req *r = request(cors[i].route);
		bool granted = cors[i].is_options && cors[i].allowed != NULL;
		print_message("  %s\n", cors[i].name);
		r->origin = cors[i].origin;
		r->is_options = cors[i].is_options;
		r->allow = "GET, HEAD, OPTIONS";
		resp_empty(r, 204);
		const char *sent = world_send(&world);
		assert_header(sent, "Access-Control-Allow-Origin", cors[i].allowed);
		assert_header(sent, "Access-Control-Allow-Methods",
			granted ? "GET, HEAD, OPTIONS" : NULL);
		assert_int_equal(header(sent, "Access-Control-Allow-Headers") != NULL, granted);
		assert_header(sent, "Access-Control-Allow-Credentials", NULL);
		if (cors[i].allowed != NULL && cors[i].allowed[0] != '*')
			assert_header(sent, "Vary", "Origin");
	}
}

static void test_large_bodies_and_lost_clients(void **state)
{
	static const size_t sizes[] = {0, 1, 8191, 8192, 8193, 100000};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct req *r = request(&plain);
		char *text = arena_alloc(&world.arena, sizes[i] + 1);
		print_message("  %zu bytes\n", sizes[i]);
		memset(text, 'x', sizes[i]);
		resp_text(r, 200, "text/plain", text, sizes[i]);
		const char *sent = world_send(&world);
		assert_int_equal(strlen(body(sent)), sizes[i]);
		assert_int_equal(strspn(body(sent), "x"), sizes[i]);
		world.client_is_gone = true;
		assert_null(world_send(&world));
	}
}

static int pieces_written;

static int more_pieces(struct req *r)
{
	for (pieces_written = 0; pieces_written < 3; pieces_written++)
		TRY(resp_stream_write(r, "piece ", 6));
	return 0;
}

static int more_then_fail(struct req *r)
{
	TRY(resp_stream_write(r, "piece", 5));
	return fail_cause(r->fail, E_UNAVAILABLE, "the server has gone away");
}

static int more_than_there_is(struct req *r)
{
	TRY(resp_stream_write(r, "piece", 5));
	arena_alloc(r->arena, r->arena->ceiling_bytes);
	return 0;
}

/* An answer in pieces that cannot go on is cut off by a record that makes nginx give up. */
static void test_pieces(void **state)
{
	static const struct {
		const char *name;
		int (*more)(struct req *r);
		bool is_head, is_gone, is_cut;
		const char *body;
	} cases[] = {
		{"all of it", more_pieces, false, false, false, "begin piece piece piece "},
		{"HEAD", more_pieces, true, false, false, ""},
		{"nobody listens", more_pieces, false, true, false, NULL},
		{"a failure", more_then_fail, false, false, true, "begin piece"},
		{"a full arena", more_than_there_is, false, false, true, "begin piece"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct req *r = request(&plain);
		unsigned char record[16];
		int pair[2];
		print_message("  %s\n", cases[i].name);
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		r->client_fd = pair[0];
		r->is_head = cases[i].is_head;
		resp_stream_begin(r, "begin ", 6, cases[i].more);
		world.client_is_gone = cases[i].is_gone;
		const char *sent = world_send(&world);
		close(pair[0]);
		assert_int_equal(read(pair[1], record, sizeof(record)), cases[i].is_cut ? 8 : 0);
		close(pair[1]);
		if (cases[i].is_cut) { /* the flush before it leaves the world's stream closed */
			assert_memory_equal(record, "\1\2\0\1\0\0\0\0", 8);
			*world.out.wrNext = '\0';
			sent = world.sent;
		}
		if (cases[i].body == NULL) {
			assert_null(sent);
			continue;
		}
		assert_header(sent, "Content-Type", "application/json; charset=utf-8");
		assert_header(sent, "Content-Length", NULL);
		assert_string_equal(body(sent), cases[i].body);
	}
}

/* A stream for which there is no memory any more: its last words, or the record as above. */
static void test_given_up(void **state)
{
	static const char *const words[] = {"data: sorry\n\n", NULL};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		struct req *r = request(&plain);
		unsigned char record[16];
		int pair[2];
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		r->client_fd = pair[0];
		world_open(&world);
		if (words[i] != NULL) {
			buf_init(&r->response.last_words, r->arena, 0);
			buf_str(&r->response.last_words, words[i]);
		}
		assert_int_equal(resp_open(r, "text/event-stream"), 0);
		assert_int_equal(resp_stream_write(r, "data: a\n\n", 9), 0);
		const size_t ceiling_bytes = r->arena->ceiling_bytes;
		r->arena->ceiling_bytes = r->arena->used_bytes;
		resp_give_up(r);
		r->arena->ceiling_bytes = ceiling_bytes;
		*world.out.wrNext = '\0';
		close(pair[0]);
		assert_int_equal(read(pair[1], record, sizeof(record)), words[i] == NULL ? 8 : 0);
		close(pair[1]);
		assert_string_equal(body(world.sent),
			words[i] != NULL ? "data: a\n\ndata: sorry\n\n" : "data: a\n\n");
		assert_int_equal(r->fail->code, E_UNAVAILABLE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_status_lines),
		cmocka_unit_test(test_header_lines),
		cmocka_unit_test(test_redirects),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_error_pages),
		cmocka_unit_test(test_etag),
		cmocka_unit_test(test_cors),
		cmocka_unit_test(test_large_bodies_and_lost_clients),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_given_up),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	world_close(&world);
	return failed;
}
