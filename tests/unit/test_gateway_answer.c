/* How the gateway family answers: its errors in both forms, its limits, what it tells scripts of
 * other origins, and that a route goes away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "fcgi/core/str.h"
#include "fcgi/http/dialect.h"
#include "fcgi/http/json.h"
#include "fcgi/http/response.h"
#include "req_world.h"

#include <cmocka.h>
#undef fail /* cmocka's; ours has arguments */

static struct world world;

static const struct family family = {.name = "gateway",
	.dialect = &dialect_gateway,
	.untyped_json = true,
	.cors_allow = "X-Request-Id",
	.cors_expose = "RateLimit, Retry-After"};
static const struct deprecation leaving = {1714000000, 1798761600, "/v2/models"},
				dying = {7, 0, NULL};

static struct req *request(const struct route *route)
{
	struct req *r = world_request(&world, "GET", "/v1/x");

	r->route = route;
	r->family = &family;
	r->request_id = "req_1";
	r->allow = NULL;
	world.options.public_url = "https://turnpike.example";
	world.options.cors_origins = "https://app.example  https://ide.example";
	return r;
}

static const struct route plain = {.method = GET, .status = 200},
			  going = {.method = GET, .status = 200, .deprecated = &leaving},
			  gone = {.method = GET, .status = 200, .deprecated = &dying};

/* The value of a header in what was sent, or NULL. */
static const char *header(const char *sent, const char *name)
{
	const char *end = strstr(sent, "\r\n\r\n");

	for (const char *p = sent; p < end; p = strstr(p, "\r\n") + 2) {
		size_t n = strlen(name);
		if (strncasecmp(p, name, n) == 0 && p[n] == ':')
			return arena_strndup(&world.arena, p + n + 2, strcspn(p + n + 2, "\r"));
	}
	return NULL;
}

static void assert_header(const char *sent, const char *name, const char *value)
{
	const char *got = header(sent, name);

	if (value == NULL) {
		assert_null(got);
		return;
	}
	if (got == NULL)
		print_message("    no header %s\n", name);
	assert_non_null(got);
	assert_string_equal(got, value);
}

static const char *body(const char *sent)
{
	return strstr(sent, "\r\n\r\n") + 4;
}

static void make_plain(struct fail *f)
{
	fail(f, E_NOT_FOUND, NULL);
}

static void make_unauthorized(struct fail *f)
{
	fail(f, E_UNAUTHORIZED, NULL);
}

static void make_credits(struct fail *f)
{
	fail_decimal(f, "required", 546, 2);
	fail_decimal(f, "available", 100, 2);
	fail(f, E_INSUFFICIENT_BALANCE, NULL);
}

static void make_faults(struct fail *f)
{
	fail_fault(f, "model", "required");
	fail_fault_limit(f, "messages", "max", 2000);
	fail_fault(f, "temperature", "number");
	fail(f, E_INVALID_FIELD, NULL);
}

static void make_detail(struct fail *f)
{
	fail(f, E_MODEL_NOT_FOUND, "There is no model \"x\"");
}

static void make_charged(struct fail *f)
{
	f->no_retry = true;
	fail(f, E_TIMEOUT, NULL);
}

static void make_overloaded(struct fail *f)
{
	fail_cause(f, E_UPSTREAM_OVERLOADED, "529 of anthropic");
}

static void make_later(struct fail *f)
{
	fail_later(f, E_RATE_LIMITED, 42);
}

static const struct {
	const char *name;
	void (*make)(struct fail *f);
	const char *status, *text, *openai, *retry_after;
	bool no_retry;
} errors[] = {
	{"plain", make_plain, "404 Not Found",
		"{\"error\":\"There is nothing at this address\",\"code\":\"not_found\"",
		"{\"error\":{\"message\":\"There is nothing at this "
		"address\",\"type\":\"not_found_error\",\"code\":\"not_found\",\"param\":null",
		NULL, false},
	{"nobody", make_unauthorized, "401 Unauthorized",
		"{\"error\":\"Missing or invalid token\",\"code\":\"unauthorized\"",
		"{\"error\":{\"message\":\"Missing or invalid "
		"token\",\"type\":\"authentication_error\",\"code\":\"unauthorized\",\"param\":"
		"null",
		NULL, false},
	{"credits", make_credits, "402 Payment Required",
		"{\"error\":\"Insufficient "
		"credits\",\"code\":\"insufficient_credits\",\"required\":5.46,\"available\":1",
		"{\"error\":{\"message\":\"Insufficient "
		"credits\",\"type\":\"insufficient_quota\",\"code\":\"insufficient_credits\","
		"\"param\":null,\"required\":5.46,\"available\":1",
		NULL, false},
	{"faults", make_faults, "400 Bad Request",
		"{\"error\":\"A field is missing or "
		"invalid\",\"code\":\"validation_failed\",\"details\":[{\"path\":\"model\","
		"\"message\":\"is required\"},{\"path\":\"messages\",\"message\":\"must be at most "
		"2000\"},{\"path\":\"temperature\",\"message\":\"must be of the kind: number\"}]",
		"{\"error\":{\"message\":\"A field is missing or "
		"invalid\",\"type\":\"invalid_request_error\",\"code\":\"validation_failed\","
		"\"param\":null,\"details\":[{\"path\":\"model\",\"message\":\"is "
		"required\"},{\"path\":\"messages\",\"message\":\"must be at most "
		"2000\"},{\"path\":\"temperature\",\"message\":\"must be of the kind: number\"}]",
		NULL, false},
	{"detail", make_detail, "404 Not Found",
		"{\"error\":\"There is no model \\\"x\\\"\",\"code\":\"model_not_found\"",
		"{\"error\":{\"message\":\"There is no model "
		"\\\"x\\\"\",\"type\":\"not_found_error\",\"code\":\"model_not_found\",\"param\":"
		"null",
		NULL, false},
	{"charged already", make_charged, "408 Request Timeout",
		"{\"error\":\"The answer did not come in time\",\"code\":\"timeout\"",
		"{\"error\":{\"message\":\"The answer did not come in "
		"time\",\"type\":\"server_error\",\"code\":\"timeout\",\"param\":null",
		NULL, true},
	{"overloaded", make_overloaded, "503 Service Unavailable",
		"{\"error\":\"The model's provider is "
		"overloaded\",\"code\":\"upstream_overloaded\"",
		"{\"error\":{\"message\":\"The model's provider is "
		"overloaded\",\"type\":\"server_error\",\"code\":\"upstream_overloaded\","
		"\"param\":null",
		"1", false},
	{"later", make_later, "429 Too Many Requests",
		"{\"error\":\"Too many requests, please try again "
		"later\",\"code\":\"rate_limited\"",
		"{\"error\":{\"message\":\"Too many requests, please try again "
		"later\",\"type\":\"rate_limit_error\",\"code\":\"rate_limited\",\"param\":null",
		"42", false},
};

static void test_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(errors); i++) {
		bool openai = i % 2 == 1;
		struct req *r = request(&plain);
		print_message(
			"  %s%s\n", errors[i / 2].name, openai ? ", for OpenAI's clients" : "");
		if (openai)
			world_env(&world, "HTTP_X_ERROR_FORMAT=OpenAI");
		errors[i / 2].make(r->fail);
		resp_error(r);
		const char *sent = world_send(&world);
		assert_header(sent, "Status", errors[i / 2].status);
		assert_header(sent, "Retry-After", errors[i / 2].retry_after);
		assert_header(sent, "x-should-retry", errors[i / 2].no_retry ? "false" : NULL);
		assert_header(sent, "WWW-Authenticate",
			str_starts(errors[i / 2].status, "401") ? "Bearer" : NULL);
		assert_header(sent, "Cache-Control", "no-store");
		const char *due = arena_printf(&world.arena, "%s,\"request_id\":\"req_1\"}%s\n",
			openai ? errors[i / 2].openai : errors[i / 2].text, openai ? "}" : "");
		assert_string_equal(body(sent), due);
		assert_null(json_check(&world.arena, due, strlen(due)));
	}
}

/* Every error of the table can be said, and the family's own words leave out no row's code. */
static void test_every_error(void **state)
{
	(void)state;
	for (size_t i = 1; i < E_MAX; i++) {
		const struct error_info *e = &error_table[i];
		struct req *r = request(&plain);
		assert_int_equal(e->gateway_code == NULL, e->gateway_text == NULL);
		fail(r->fail, (enum error)i, NULL);
		resp_error(r);
		const char *sent = world_send(&world);
		assert_null(json_check(&world.arena, body(sent), strlen(body(sent))));
		assert_non_null(
			strstr(body(sent), e->gateway_code != NULL ? e->gateway_code : e->code));
	}
	assert_null(
		json_check(&world.arena, dialect_gateway.openapi, strlen(dialect_gateway.openapi)));
}

static void test_rate(void **state)
{
	static const struct limit_row row = {.name = "ai", .count = 30, .window_s = 60};
	struct req *r = request(&plain);

	(void)state;
	resp_empty(r, 204);
	assert_header(world_send(&world), "RateLimit", NULL);
	for (int failed = 0; failed < 2; failed++) {
		r = request(&plain);
		r->rate = (struct rate){&row, 29, 42};
		resp_empty(r, 204);
		if (failed) {
			fail(r->fail, E_INTERNAL, NULL);
			resp_error(r);
		}
		const char *sent = world_send(&world);
		assert_header(sent, "RateLimit-Policy", "30;w=60");
		assert_header(sent, "RateLimit-Limit", "30");
		assert_header(sent, "RateLimit-Remaining", "29");
		assert_header(sent, "RateLimit-Reset", "42");
		assert_header(sent, "RateLimit", "limit=30, remaining=29, reset=42");
	}
}

static void test_deprecation(void **state)
{
	(void)state;
	resp_empty(request(&plain), 204);
	assert_header(world_send(&world), "Deprecation", NULL);
	resp_empty(request(&going), 204);
	const char *sent = world_send(&world);
	assert_header(sent, "Deprecation", "@1714000000");
	assert_header(sent, "Sunset", "Fri, 01 Jan 2027 00:00:00 GMT");
	assert_header(sent, "Link", "</v2/models>; rel=\"successor-version\"");
	struct req *r = request(&gone);
	fail(r->fail, E_UNAUTHORIZED, NULL);
	resp_error(r);
	sent = world_send(&world);
	assert_header(sent, "Deprecation", "@7");
	assert_header(sent, "Sunset", NULL);
	assert_header(sent, "Link", NULL);
}

static const struct {
	const char *origin;
	bool is_allowed;
} origins[] = {
	{"https://turnpike.example", true},
	{"https://app.example", true},
	{"https://ide.example", true},
	{"https://app.example.evil", false},
	{"https://app.exampl", false},
	{"", false},
	{" ", false},
	{"null", false},
};

static void test_origins(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(origins); i++) {
		struct req *r = request(&plain);
		print_message("  '%s'\n", origins[i].origin);
		r->origin = origins[i].origin;
		resp_empty(r, 204);
		const char *sent = world_send(&world);
		assert_header(sent, "Access-Control-Allow-Origin",
			origins[i].is_allowed ? origins[i].origin : NULL);
		assert_header(sent, "Access-Control-Expose-Headers",
			origins[i].is_allowed ? "RateLimit, Retry-After" : NULL);
		assert_header(sent, "Vary", origins[i].is_allowed ? "Origin" : NULL);
	}
}

static const struct {
	const char *asked, *more;
} preflights[] = {
	{"", ""},
	{"authorization", ""},
	{"x-stainless-os,x-stainless-lang", ", x-stainless-os, x-stainless-lang"},
	{"authorization, X-Stainless-Retry-Count , x-evil", ", X-Stainless-Retry-Count"},
	{"x-stainless-a b: c", ", x-stainless-a"},
	{",,,x-stainless-", ", x-stainless-"},
};

static void test_preflights(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(preflights); i++) {
		struct req *r = request(&plain);
		print_message("  '%s'\n", preflights[i].asked);
		world_env(
			&world, arena_printf(&world.arena, "HTTP_ACCESS_CONTROL_REQUEST_HEADERS=%s",
					preflights[i].asked));
		r->origin = "https://app.example";
		r->is_options = true;
		r->allow = "POST, OPTIONS";
		resp_empty(r, 204);
		const char *sent = world_send(&world);
		assert_header(sent, "Access-Control-Allow-Methods", "POST, OPTIONS");
		assert_header(sent, "Access-Control-Allow-Headers",
			arena_printf(&world.arena,
				"Authorization, Content-Type, Idempotency-Key, X-Request-Id%s",
				preflights[i].more));
	}
}

struct thing {
	const char *name;
	const char *props;
};
SCHEMA(thing, STR(thing, name, REQUIRED), JSON(thing, props, .max = 20));

/* The type of a body, and what it comes to. */
static const struct {
	const char *type, *body;
	int rc;
} bodies[] = {
	{NULL, "{\"name\":\"x\"}", 0},
	{"", "{\"name\":\"x\"}", 0},
	{"application/json; charset=utf-8", "{\"name\":\"x\"}", 0},
	{"text/plain", "{\"name\":\"x\"}", E_UNSUPPORTED_MEDIA_TYPE},
	{"application/jsonx", "{\"name\":\"x\"}", E_UNSUPPORTED_MEDIA_TYPE},
	{NULL, "name=x", E_INVALID_JSON},
	{NULL, "{\"name\":\"x\",\"props\":{\"a\":1.50}}", 0},
	{NULL, "{\"name\":\"x\",\"props\":[1]}", E_INVALID_FIELD},
	{NULL, "{\"name\":\"x\",\"props\":{\"a\":\"01234567890123456789\"}}", E_INVALID_FIELD},
};

static void test_types_of_bodies(void **state)
{
	static const struct route route = {
		.method = POST, .in = &thing_schema, .status = 204, .body_bytes = 1000};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		struct req *r = request(&route);
		print_message(
			"  %s %s\n", bodies[i].type != NULL ? bodies[i].type : "-", bodies[i].body);
		r->content_type = bodies[i].type;
		r->content_length = strlen(bodies[i].body);
		world_body(&world, bodies[i].body, r->content_length);
		assert_int_equal(req_bind(r), bodies[i].rc);
		const struct thing *thing = r->in;
		if (bodies[i].rc == 0 && thing->props != NULL)
			assert_string_equal(thing->props, "{\"a\":1.50}");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_every_error),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_deprecation),
		cmocka_unit_test(test_origins),
		cmocka_unit_test(test_preflights),
		cmocka_unit_test(test_types_of_bodies),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	world_close(&world);
	return failed;
}
