/* The path of a request: which stage answers when several could, and that whatever a handler does,
 * the client gets an answer. This program has a family of its own in the place of the product's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi/core/clock.h"
#include "fcgi/core/str.h"
#include "fcgi/http/dialect.h"
#include "fcgi/http/response.h"
#include "fcgi/http/serve.h"
#include "fcgi/limit/window.h"
#include "req_world.h"

#include <cmocka.h>
#undef fail /* cmocka's; ours has arguments */

static struct world world;
static char folder[64], file[96];
static int n_runs;

struct in {
	i64 n;
};
SCHEMA(in, I64(in, n, REQUIRED, .min = 1, .max = 9));

struct out {
	i64 n;
	const char *who;
};
SCHEMA(out, I64(out, n), STR(out, who));

static int echo(struct req *r, const void *in_, void *out_)
{
	const struct in *in = in_;
	struct out *out = out_;

	n_runs++;
	out->n = in != NULL ? in->n : 0;
	out->who = r->caller.kind == AUTH_SESSION ? "ada" : NULL;
	return 0;
}

static int writes_itself(struct req *r, const void *in, void *out)
{
	(void)in, (void)out;
	return resp_text(r, 200, "text/plain", "mine", 4);
}

static int refuses(struct req *r, const void *in, void *out)
{
	(void)in, (void)out;
	resp_text(r, 200, "text/plain", "half", 4);
	return fail(r->fail, E_CONFLICT, "Not twice.");
}

/* Forgets that a statement's outcome is no error of the client. */
static int leaks_an_outcome(struct req *r, const void *in, void *out)
{
	(void)r, (void)in, (void)out;
	return SQL_NONE;
}

/* Returns a code without having recorded it. */
static int says_little(struct req *r, const void *in, void *out)
{
	(void)r, (void)in, (void)out;
	return E_FORBIDDEN;
}

/* As what waits for somebody else does, when nobody waits for the answer any more. */
static int is_left(struct req *r, const void *in, void *out)
{
	(void)in, (void)out;
	return fail_cause(r->fail, E_CLIENT_LEFT, "client left");
}

static int authenticate(struct req *r)
{
	const char *token = auth_bearer(r);

	if (token == NULL || !str_equal(token, "good"))
		return fail(r->fail, E_UNAUTHORIZED, NULL);
	r->caller.user_id = 7;
	return 0;
}

static const struct route routes[] = {
	ROUTE(POST, "/a/open", NONE, NONE, 0, echo, IN(in), OUT(out), 201, "Open"),
	ROUTE(POST, "/a/closed", SESSION, NONE, 0, echo, IN(in), OUT(out), 200, "Closed"),
	ROUTE(POST, "/a/by-address", SESSION, AUTH, 0, echo, IN(in), OUT(out), 200, "By address"),
	ROUTE(POST, "/a/by-caller", SESSION, BILLING, 0, echo, IN(in), OUT(out), 200, "By caller"),
	ROUTE(GET, "/a/itself", NONE, NONE, 0, writes_itself, NO_IN, OUT(out), 200, "Itself"),
	ROUTE(GET, "/a/refuses", NONE, NONE, 0, refuses, NO_IN, OUT(out), 200, "Refuses"),
	ROUTE(GET, "/a/outcome", NONE, NONE, 0, leaks_an_outcome, NO_IN, OUT(out), 200, "Leaks"),
	ROUTE(GET, "/a/little", NONE, NONE, 0, says_little, NO_IN, OUT(out), 200, "Little"),
	ROUTE(GET, "/a/left", NONE, NONE, 0, is_left, NO_IN, OUT(out), 200, "Left"),
};
static const char *const prefixes[] = {"/a/", NULL};
static const struct family family = {.name = "test",
	.prefix = prefixes,
	.dialect = &dialect_product,
	.route = routes,
	.n_routes = ARRAY_LEN(routes),
	.authenticate = authenticate};

const struct family *const families[] = {&family, NULL};

#define GOOD "HTTP_AUTHORIZATION=Bearer good"
#define BAD "HTTP_AUTHORIZATION=Bearer bad"

static const struct {
	const char *name, *method, *path, *token, *body;
	int times; /* the same request before this one */
	int status;
	const char *text; /* the start of the body */
	int n_runs;
} cases[] = {
	{"fine", "POST", "/a/open", NULL, "{\"n\":3}", 0, 201, "{\"n\":3}\n", 1},
	{"the caller is known", "POST", "/a/closed", GOOD, "{\"n\":3}", 0, 200,
		"{\"n\":3,\"who\":\"ada\"}\n", 1},
	{"a handler's own answer", "GET", "/a/itself", NULL, "", 0, 200, "mine", 0},
	{"malformed before unknown", "GET", "a", NULL, "", 0, 400, "{\"error\":\"bad_request\"", 0},
	{"unknown", "GET", "/b", NULL, "", 0, 404, "{\"error\":\"not_found\"", 0},
	{"method before token", "GET", "/a/closed", NULL, "", 0, 405,
		"{\"error\":\"method_not_allowed\"", 0},
	{"preflight needs no token", "OPTIONS", "/a/closed", NULL, "", 0, 204, "", 0},
	{"token before body", "POST", "/a/closed", NULL, "{", 0, 401, "{\"error\":\"unauthorized\"",
		0},
	{"wrong token", "POST", "/a/closed", BAD, "{\"n\":3}", 0, 401,
		"{\"error\":\"unauthorized\"", 0},
	{"body", "POST", "/a/closed", GOOD, "{", 0, 400, "{\"error\":\"invalid_json\"", 0},
	{"field", "POST", "/a/closed", GOOD, "{\"n\":0}", 0, 400, "{\"error\":\"bad_request\"", 0},
	{"address before token", "POST", "/a/by-address", BAD, "{\"n\":3}", 5, 429,
		"{\"error\":\"rate_limited\"", 0},
	{"token before the caller's limit", "POST", "/a/by-caller", BAD, "{\"n\":3}", 30, 401,
		"{\"error\":\"unauthorized\"", 0},
	{"the caller's limit before the body", "POST", "/a/by-caller", GOOD, "{", 10, 429,
		"{\"error\":\"rate_limited\"", 0},
	{"a refusal replaces what was written", "GET", "/a/refuses", NULL, "", 0, 409,
		"{\"error\":\"conflict\",\"message\":\"Not twice.\"}", 0},
	{"no error code is a fault of ours", "GET", "/a/outcome", NULL, "", 0, 500,
		"{\"error\":\"internal\"", 0},
	{"a code alone is enough", "GET", "/a/little", NULL, "", 0, 403, "{\"error\":\"forbidden\"",
		0},
	{"who leaves has not met an error of ours", "GET", "/a/left", NULL, "", 0, 499,
		"{\"error\":\"client_left\"", 0},
};

static void serve_case(size_t i)
{
	struct req *r = world_request(&world, cases[i].method, cases[i].path);

	world_env(&world, "REMOTE_ADDR=192.0.2.1");
	world_env(&world, "CONTENT_TYPE=application/json");
	if (cases[i].token != NULL)
		world_env(&world, cases[i].token);
	world_body(&world, cases[i].body, strlen(cases[i].body));
	serve_request(r);
}

static void test_stages(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct response *a = &world.req.response;
		print_message("  %s\n", cases[i].name);
		unlink(file);
		world.worker.windows = window_open(file, 100);
		assert_non_null(world.worker.windows);
		for (int n = 0; n < cases[i].times; n++)
			serve_case(i);
		n_runs = 0;
		serve_case(i);
		assert_true(a->is_ready);
		assert_int_equal(a->status, cases[i].status);
		assert_true(str_starts(a->body, cases[i].text));
		assert_int_equal(a->body_length, strlen(a->body));
		assert_int_equal(n_runs, cases[i].n_runs);
		window_close(world.worker.windows);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_stages)};
	char why[300];

	snprintf(folder, sizeof(folder), "/tmp/test_serve.XXXXXX");
	if (mkdtemp(folder) == NULL)
		return 1;
	snprintf(file, sizeof(file), "%s/windows", folder);
	world.worker.router = router_new(POOL_MAX, why, sizeof(why));
	if (world.worker.router == NULL)
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	router_free(world.worker.router);
	unlink(file);
	rmdir(folder);
	world_close(&world);
	return failed;
}
