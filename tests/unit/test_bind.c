/* Path, query and body into the input struct. What was bound is shown by encoding it again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "req_world.h"

#include <cmocka.h>

static struct world world;

struct thing {
	const char *id, *q, *text, *units;
	struct opt_i64 page, n;
};
SCHEMA(thing, STR(thing, id, PATH, REQUIRED, .max = 8, .error = E_NOT_FOUND),
	STR(thing, q, QUERY, .max = 6), OPT_I64(thing, page, QUERY, .min = 1, .max = 9),
	STR(thing, text, .max = 10), STR(thing, units, UTF16, .min = 3, .max = 4),
	OPT_I64(thing, n));

struct needy {
	const char *q, *form;
};
SCHEMA(needy, STR(needy, q, QUERY, REQUIRED), STR(needy, form, REQUIRED, .error = E_INVALID_CODE));

struct query_only {
	const char *q;
};
SCHEMA(query_only, STR(query_only, q, QUERY));

static const struct route routes[] = {
	ROUTE(POST, "/x/{id}", NONE, NONE, 0, NULL, IN(thing), OUT(thing), 200, "JSON"),
	ROUTE(POST, "/form", NONE, NONE, FORM, NULL, IN(needy), NO_OUT, 200, "Form"),
	ROUTE(GET, "/query", NONE, NONE, 0, NULL, IN(query_only), NO_OUT, 200, "Query"),
	ROUTE(POST, "/none", NONE, NONE, 0, NULL, NO_IN, NO_OUT, 200, "Nothing"),
};
enum { JSON_ROUTE, FORM_ROUTE, QUERY_ROUTE, NO_INPUT };

#define JSON_TYPE "application/json"
#define FORM_TYPE "application/x-www-form-urlencoded"

static const struct {
	const char *name;
	size_t route;
	const char *id, *query, *type, *body;
	int rc;
	const char *result; /* what was bound, or the faults */
} cases[] = {
	{"path alone", JSON_ROUTE, "a", NULL, NULL, "", 0, "{\"id\":\"a\"}"},
	{"everything", JSON_ROUTE, "a", "q=b&page=2", JSON_TYPE, "{\"text\":\"c\",\"n\":4}", 0,
		"{\"id\":\"a\",\"q\":\"b\",\"page\":2,\"text\":\"c\",\"n\":4}"},
	{"body with charset", JSON_ROUTE, "a", "", JSON_TYPE "; charset=utf-8", "{}", 0,
		"{\"id\":\"a\"}"},
	{"type in capitals", JSON_ROUTE, "a", "", "APPLICATION/JSON", "{}", 0, "{\"id\":\"a\"}"},
	{"other type", JSON_ROUTE, "a", "", "text/json", "{}", E_UNSUPPORTED_MEDIA_TYPE, ""},
	{"longer type", JSON_ROUTE, "a", "", "application/json5", "{}", E_UNSUPPORTED_MEDIA_TYPE,
		""},
	{"no type", JSON_ROUTE, "a", "", NULL, "{}", E_UNSUPPORTED_MEDIA_TYPE, ""},
	{"an empty body needs none", JSON_ROUTE, "a", "", "text/plain", "", 0, "{\"id\":\"a\"}"},
	{"no JSON", JSON_ROUTE, "a", "", JSON_TYPE, "{", E_INVALID_JSON, ""},
	{"two texts", JSON_ROUTE, "a", "", JSON_TYPE, "{}{}", E_INVALID_JSON, ""},
	{"null", JSON_ROUTE, "a", "", JSON_TYPE, "null", E_INVALID_FIELD, ":object"},
	{"same key twice", JSON_ROUTE, "a", "", JSON_TYPE, "{\"n\":1,\"n\":2}", E_INVALID_JSON, ""},

	{"encoded query", JSON_ROUTE, "a", "q=%C3%A9+%26", NULL, "", 0,
		"{\"id\":\"a\",\"q\":\"é &\"}"},
	{"empty value", JSON_ROUTE, "a", "q=", NULL, "", 0, "{\"id\":\"a\",\"q\":\"\"}"},
	{"no value", JSON_ROUTE, "a", "q", NULL, "", 0, "{\"id\":\"a\",\"q\":\"\"}"},
	{"others are ignored", JSON_ROUTE, "a", "&&zz=1&q=b&=7&qq=c&", NULL, "", 0,
		"{\"id\":\"a\",\"q\":\"b\"}"},
	{"the last one counts", JSON_ROUTE, "a", "q=a&q=b", NULL, "", 0,
		"{\"id\":\"a\",\"q\":\"b\"}"},
	{"equals in the value", JSON_ROUTE, "a", "q=a=b", NULL, "", 0,
		"{\"id\":\"a\",\"q\":\"a=b\"}"},
	{"a body's field is none of the query", JSON_ROUTE, "a", "text=x", NULL, "", 0,
		"{\"id\":\"a\"}"},
	{"a path's field is none of the query", JSON_ROUTE, "a", "id=x", NULL, "", 0,
		"{\"id\":\"a\"}"},
	{"a query's field is none of the body", JSON_ROUTE, "a", "", JSON_TYPE, "{\"q\":\"x\"}", 0,
		"{\"id\":\"a\"}"},
	{"broken escape", JSON_ROUTE, "a", "q=%4", NULL, "", E_INVALID_FIELD, "q:encoding"},
	{"NUL in the query", JSON_ROUTE, "a", "q=%00", NULL, "", E_INVALID_FIELD, "q:encoding"},
	{"query too long", JSON_ROUTE, "a", "q=1234567", NULL, "", E_INVALID_FIELD, "q:max=6"},
	{"no number", JSON_ROUTE, "a", "page=two", NULL, "", E_INVALID_FIELD, "page:integer"},
	{"number out of bounds", JSON_ROUTE, "a", "page=0", NULL, "", E_INVALID_FIELD,
		"page:min=1"},
	{"3 units of UTF-16", JSON_ROUTE, "a", "", JSON_TYPE, "{\"units\":\"😀x\"}", 0,
		"{\"id\":\"a\",\"units\":\"😀x\"}"},
	{"2 units, 1 character", JSON_ROUTE, "a", "", JSON_TYPE, "{\"units\":\"😀\"}",
		E_INVALID_FIELD, "units:min=3"},
	{"5 units, 3 characters", JSON_ROUTE, "a", "", JSON_TYPE, "{\"units\":\"😀x😀\"}",
		E_INVALID_FIELD, "units:max=4"},
	{"path too long", JSON_ROUTE, "123456789", NULL, NULL, "", E_NOT_FOUND, "id:max=8"},
	{"all places at once", JSON_ROUTE, "123456789", "q=1234567&page=x", JSON_TYPE,
		"{\"text\":7,\"n\":\"\"}", E_NOT_FOUND,
		"id:max=8 q:max=6 page:integer text:string n:integer"},

	{"form", FORM_ROUTE, NULL, "q=1", FORM_TYPE, "form=a+b&x=y", 0,
		"{\"q\":\"1\",\"form\":\"a b\"}"},
	{"form with charset", FORM_ROUTE, NULL, "q=1", FORM_TYPE ";charset=UTF-8", "form=a", 0,
		"{\"q\":\"1\",\"form\":\"a\"}"},
	{"form as JSON", FORM_ROUTE, NULL, "q=1", JSON_TYPE, "{}", E_UNSUPPORTED_MEDIA_TYPE, ""},
	{"form lacks all", FORM_ROUTE, NULL, NULL, FORM_TYPE, "", E_INVALID_FIELD,
		"q:required form:required"},
	{"form lacks its field", FORM_ROUTE, NULL, "q=1", FORM_TYPE, "x=y", E_INVALID_CODE,
		"form:required"},
	{"bytes that are no UTF-8", FORM_ROUTE, NULL, "q=1", FORM_TYPE, "form=\xff",
		E_INVALID_FIELD, "form:encoding form:required"},

	{"a body that nobody asked for is not read", QUERY_ROUTE, NULL, "q=1", "text/x", "{{{", 0,
		"{\"q\":\"1\"}"},
	{"no input at all", NO_INPUT, NULL, "q=1", NULL, "zzz", 0, NULL},
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct req *r = world_request(&world, "POST", "/");
		print_message("  %s\n", cases[i].name);
		r->route = &routes[cases[i].route];
		if (cases[i].id != NULL)
			r->param[r->n_params++] = (struct param){"id", cases[i].id};
		r->query = cases[i].query;
		r->content_type = cases[i].type;
		r->content_length = strlen(cases[i].body);
		world_body(&world, cases[i].body, r->content_length);
		assert_int_equal(req_bind(r), cases[i].rc);
		if (cases[i].rc != 0) {
			assert_int_equal(world.fail.code, cases[i].rc);
			assert_string_equal(world_faults(&world), cases[i].result);
		} else if (cases[i].result != NULL) {
			struct buf b;
			buf_init(&b, &world.arena, 0);
			schema_encode(r->route->in, r->in, &b);
			assert_string_equal(b.data, cases[i].result);
		}
		assert_int_equal(r->out != NULL, r->route->out != NULL);
	}
}

static void test_form_with_nul(void **state)
{
	struct req *r = world_request(&world, "POST", "/");

	(void)state;
	r->route = &routes[FORM_ROUTE];
	r->query = "q=1";
	r->content_type = FORM_TYPE;
	world_body(&world, "form=a\0b", 8);
	assert_int_equal(req_bind(r), E_BAD_REQUEST);
}

enum { NO_LENGTH = -1 };

static const struct {
	const char *name;
	size_t limit;
	i64 announced; /* NO_LENGTH: a chunked body */
	size_t sent;
	int rc;
} bodies[] = {
	{"as announced", 100, 60, 60, 0},
	{"at the limit", 100, 100, 100, 0},
	{"above the limit, announced", 100, 101, 101, E_PAYLOAD_TOO_LARGE},
	{"above the limit, not announced", 100, NO_LENGTH, 101, E_PAYLOAD_TOO_LARGE},
	{"at the limit, not announced", 100, NO_LENGTH, 100, 0},
	{"nothing, not announced", 100, NO_LENGTH, 0, 0},
	{"more than announced", 100, 60, 61, E_PAYLOAD_TOO_LARGE},
	{"less than announced", 100, 60, 59, E_BAD_REQUEST},
	{"an enormous announcement takes no memory", 100, INT64_MAX, 5, E_PAYLOAD_TOO_LARGE},
	{"default limit", 0, BODY_DEFAULT_BYTES, BODY_DEFAULT_BYTES, 0},
	{"above the default limit", 0, BODY_DEFAULT_BYTES + 1, BODY_DEFAULT_BYTES + 1,
		E_PAYLOAD_TOO_LARGE},
};

static void test_bodies(void **state)
{
	static const size_t pieces[] = {1, 7, 64, 100000};
	static char text[BODY_DEFAULT_BYTES + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 26);
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		print_message("  %s\n", bodies[i].name);
		for (size_t p = bodies[i].sent > 1000 ? 2 : 0; p < ARRAY_LEN(pieces); p++) {
			struct route route = {.body_bytes = bodies[i].limit};
			struct req *r = world_request(&world, "POST", "/");
			r->route = &route;
			r->content_length =
				bodies[i].announced == NO_LENGTH ? 0 : (size_t)bodies[i].announced;
			world.piece_bytes = pieces[p];
			world_body(&world, text, bodies[i].sent);
			assert_int_equal(req_body(r), bodies[i].rc);
			if (bodies[i].rc != 0)
				continue;
			assert_int_equal(r->body_length, bodies[i].sent);
			assert_memory_equal(r->body, text, bodies[i].sent);
			assert_int_equal(r->body[r->body_length], '\0');
			const char *body = r->body;
			assert_int_equal(req_body(r), 0); /* once is enough */
			assert_ptr_equal(r->body, body);
		}
	}
	world.piece_bytes = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_form_with_nul),
		cmocka_unit_test(test_bodies),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	world_close(&world);
	return failed;
}
