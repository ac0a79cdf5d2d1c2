/* Reading requests: which environments are taken, which are refused, and what is read from them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi/auth/auth.h"
#include "fcgi/core/str.h"
#include "fcgi/net/client.h"
#include "req_world.h"

#include <cmocka.h>

static struct world world;

#define PATH_1024 P256 P256 P256 P256
#define P256 P64 P64 P64 P64
#define P64 "/aaaaaaaaaaaaaaa/aaaaaaaaaaaaaaa/aaaaaaaaaaaaaaa/aaaaaaaaaaaaaaa"

static const struct {
	const char *name, *method, *path;
	const char *env[4];
	int rc;
	const char *parsed_path;
} cases[] = {
	{"plain", "GET", "/a/b", {NULL}, 0, "/a/b"},
	{"root", "GET", "/", {NULL}, 0, "/"},
	{"trailing slash", "GET", "/a/b/", {NULL}, 0, "/a/b"},
	{"two slashes at the end lose one", "GET", "/a//", {NULL}, 0, "/a/"},
	{"UTF-8", "GET", "/é", {NULL}, 0, "/é"},
	{"no method", NULL, "/a", {NULL}, E_BAD_REQUEST, NULL},
	{"no path", "GET", NULL, {NULL}, E_BAD_REQUEST, NULL},
	{"empty path", "GET", "", {NULL}, E_BAD_REQUEST, NULL},
	{"relative path", "GET", "a", {NULL}, E_BAD_REQUEST, NULL},
	{"asterisk", "OPTIONS", "*", {NULL}, E_BAD_REQUEST, NULL},
	{"not UTF-8", "GET", "/\xff", {NULL}, E_BAD_REQUEST, NULL},
	{"overlong slash", "GET", "/a\xc0\xaf", {NULL}, E_BAD_REQUEST, NULL},
	{"longest path", "GET", PATH_1024, {NULL}, 0, PATH_1024},
	{"too long", "GET", PATH_1024 "a", {NULL}, E_BAD_REQUEST, NULL},

	{"an encoded slash is for the router", "GET", "/a/b", {"REQUEST_URI=/a%2Fb"}, 0, "/a/b"},
	{"encoded backslash", "GET", "/a\\b", {"REQUEST_URI=/a%5cb"}, E_BAD_REQUEST, NULL},
	{"encoded NUL", "GET", "/a", {"REQUEST_URI=/a%00"}, E_BAD_REQUEST, NULL},
	{"doubly encoded slash", "GET", "/a%2Fb", {"REQUEST_URI=/a%252Fb"}, 0, "/a%2Fb"},
	{"encoded letter", "GET", "/aA", {"REQUEST_URI=/a%41"}, 0, "/aA"},
	{"encoded slash in the query", "GET", "/a", {"REQUEST_URI=/a?x=%2F%00"}, 0, "/a"},
	{"percent at the end", "GET", "/a%", {"REQUEST_URI=/a%"}, 0, "/a%"},
	{"half an escape at the end", "GET", "/a%2", {"REQUEST_URI=/a%2"}, 0, "/a%2"},

	{"Authorization twice", "GET", "/a",
		{"HTTP_AUTHORIZATION=Bearer a", "HTTP_AUTHORIZATION=Bearer b"}, E_BAD_REQUEST,
		NULL},
	{"the same Authorization twice", "GET", "/a",
		{"HTTP_AUTHORIZATION=Bearer a", "HTTP_AUTHORIZATION=Bearer a"}, E_BAD_REQUEST,
		NULL},
	{"Idempotency-Key twice", "POST", "/a",
		{"HTTP_IDEMPOTENCY_KEY=1", "HTTP_IDEMPOTENCY_KEY=2"}, E_BAD_REQUEST, NULL},
	{"Content-Type twice", "POST", "/a", {"CONTENT_TYPE=a", "CONTENT_TYPE=b"}, E_BAD_REQUEST,
		NULL},
	{"an unknown header twice", "GET", "/a", {"HTTP_X=1", "HTTP_X=2"}, 0, "/a"},
	{"method twice", "GET", "/a", {"REQUEST_METHOD=POST"}, E_BAD_REQUEST, NULL},

	{"length", "POST", "/a", {"CONTENT_LENGTH=12"}, 0, "/a"},
	{"no length", "POST", "/a", {"CONTENT_LENGTH="}, 0, "/a"},
	{"negative length", "POST", "/a", {"CONTENT_LENGTH=-1"}, E_BAD_REQUEST, NULL},
	{"length with a sign", "POST", "/a", {"CONTENT_LENGTH=+1"}, E_BAD_REQUEST, NULL},
	{"length in hex", "POST", "/a", {"CONTENT_LENGTH=0x10"}, E_BAD_REQUEST, NULL},
	{"lengths in a list", "POST", "/a", {"CONTENT_LENGTH=1, 1"}, E_BAD_REQUEST, NULL},
	{"enormous length", "POST", "/a", {"CONTENT_LENGTH=99999999999999999999"}, E_BAD_REQUEST,
		NULL},

	{"no equals sign", "GET", "/a", {"HTTP_COOKIE", "NONSENSE"}, 0, "/a"},
	{"empty name", "GET", "/a", {"=x"}, 0, "/a"},
	{"start of a name", "GET", "/a", {"HTTP_COOKI=x", "HTTP_COOKIES=y"}, 0, "/a"},
};

static void test_environments(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct req *r = world_request(&world, cases[i].method, cases[i].path);
		print_message("  %s\n", cases[i].name);
		for (size_t j = 0; j < ARRAY_LEN(cases[i].env) && cases[i].env[j] != NULL; j++)
			world_env(&world, cases[i].env[j]);
		assert_int_equal(req_parse(r), cases[i].rc);
		if (cases[i].rc == 0)
			assert_string_equal(r->path, cases[i].parsed_path);
		else
			assert_int_equal(world.fail.code, cases[i].rc);
	}
}

static void test_too_many_headers(void **state)
{
	static const struct {
		int n;
		int rc;
	} counts[] = {{250, 0}, {254, 0}, {255, E_HEADERS_TOO_LARGE}, {390, E_HEADERS_TOO_LARGE}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		struct req *r = world_request(&world, "GET", "/a");
		print_message("  %d more than method and path\n", counts[i].n);
		for (int n = 0; n < counts[i].n; n++)
			world_env(&world, "HTTP_X=1");
		assert_int_equal(req_parse(r), counts[i].rc);
	}
}

static void test_members(void **state)
{
	static const char *const env[] = {"REQUEST_URI=/a?b=c", "QUERY_STRING=b=c",
		"CONTENT_TYPE=text/plain", "CONTENT_LENGTH=5", "REMOTE_ADDR=192.0.2.1",
		"REQUEST_ID=id", "LIMIT_STATUS=PASSED", "HTTP_AUTHORIZATION=Bearer x",
		"HTTP_ORIGIN=https://o", "HTTP_COOKIE=a=b", "HTTP_IDEMPOTENCY_KEY=k=1",
		"HTTP_IF_NONE_MATCH=*", "HTTP_USER_AGENT=ua", "HTTP_ACCEPT=*/*"};
	struct req *r = world_request(&world, "PATCH", "/a");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(env); i++)
		world_env(&world, env[i]);
	assert_int_equal(req_parse(r), 0);
	assert_int_equal(r->method, PATCH);
	assert_string_equal(r->raw_uri, "/a?b=c");
	assert_string_equal(r->query, "b=c");
	assert_string_equal(r->content_type, "text/plain");
	assert_int_equal(r->content_length, 5);
	assert_string_equal(r->remote_addr, "192.0.2.1");
	assert_string_equal(r->request_id, "id");
	assert_string_equal(r->limit_status, "PASSED");
	assert_string_equal(r->authorization, "Bearer x");
	assert_string_equal(r->origin, "https://o");
	assert_string_equal(r->cookie, "a=b");
	assert_string_equal(r->idempotency_key, "k=1");
	assert_string_equal(r->if_none_match, "*");
	assert_string_equal(r->user_agent, "ua");
	assert_string_equal(req_header(r, "HTTP_ACCEPT"), "*/*");
	assert_null(req_header(r, "HTTP_ACC"));
	assert_null(req_header(r, "HTTP_ACCEPTS"));
}

static void test_methods(void **state)
{
	static const struct {
		const char *text;
		enum method method;
		bool is_head, is_options;
	} methods[] = {
		{"GET", GET, false, false},
		{"POST", POST, false, false},
		{"PUT", PUT, false, false},
		{"PATCH", PATCH, false, false},
		{"DELETE", DELETE, false, false},
		{"HEAD", GET, true, false},
		{"OPTIONS", GET, false, true},
		{"get", METHOD_MAX, false, false},
		{"TRACE", METHOD_MAX, false, false},
		{"", METHOD_MAX, false, false},
		{"GETX", METHOD_MAX, false, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		struct req *r = world_request(&world, methods[i].text, "/a");
		print_message("  %s\n", methods[i].text);
		assert_int_equal(req_parse(r), 0);
		assert_int_equal(r->method, methods[i].method);
		assert_int_equal(r->is_head, methods[i].is_head);
		assert_int_equal(r->is_options, methods[i].is_options);
	}
}

static void test_cookies(void **state)
{
	static const struct {
		const char *cookie, *value; /* of the cookie "s" */
	} cookies[] = {
		{NULL, NULL},
		{"", NULL},
		{"s=1", "1"},
		{"s=", ""},
		{"s", NULL},
		{"s=1; t=2", "1"},
		{"t=2; s=1", "1"},
		{"t=2;s=1;", "1"},
		{" ;; s=1", "1"},
		{"ts=3; s=1", "1"},
		{"st=3", NULL},
		{"S=3", NULL},
		{"s=a=b", "a=b"},
		{"s=1; s=2", NULL},
		{"s=1; s=1", NULL},
		{"s=1; s=2; s=3", NULL},
		{"t=s=1", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cookies); i++) {
		struct req *r = world_request(&world, "GET", "/");
		print_message("  %s\n", cookies[i].cookie != NULL ? cookies[i].cookie : "none");
		r->cookie = cookies[i].cookie;
		const char *value = req_cookie(r, "s");
		if (cookies[i].value == NULL)
			assert_null(value);
		else
			assert_string_equal(value, cookies[i].value);
	}
}

static void test_bearer(void **state)
{
	static const struct {
		const char *header, *token;
	} headers[] = {
		{NULL, NULL},
		{"", NULL},
		{"Bearer", NULL},
		{"Bearer ", NULL},
		{"Bearer   ", NULL},
		{"Bearer x", "x"},
		{"bearer x", "x"},
		{"BEARER   x y", "x y"},
		{"Basic x", NULL},
		{"Bearerx", NULL},
		{" Bearer x", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		struct req *r = world_request(&world, "GET", "/");
		print_message("  %s\n", headers[i].header != NULL ? headers[i].header : "none");
		r->authorization = headers[i].header;
		const char *token = auth_bearer(r);
		if (headers[i].token == NULL)
			assert_null(token);
		else
			assert_string_equal(token, headers[i].token);
	}
}

static void test_client_gone(void **state)
{
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_false(client_gone(pair[0]));
	assert_int_equal(write(pair[1], "x", 1), 1);
	assert_false(client_gone(pair[0]));
	close(pair[1]);
	assert_true(client_gone(pair[0]));
	close(pair[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_environments),
		cmocka_unit_test(test_too_many_headers),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_methods),
		cmocka_unit_test(test_cookies),
		cmocka_unit_test(test_bearer),
		cmocka_unit_test(test_client_gone),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	world_close(&world);
	return failed;
}
