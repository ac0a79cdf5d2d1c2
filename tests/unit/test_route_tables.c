/* Inconsistent route tables, each refused with a sentence that names the row. This program has
 * families of its own in the place of the product's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "fcgi/core/str.h"
#include "fcgi/http/dialect.h"
#include "req_world.h"

#include <cmocka.h>

enum { ROWS_MAX = 4 };

static const char *const prefixes[] = {"/a", "/b/", NULL}, *const other_prefixes[] = {"/a", NULL};
static struct route rows[ROWS_MAX], other_rows[1];
static struct family family = {.name = "first", .prefix = prefixes, .route = rows},
		     other = {.name = "second", .prefix = other_prefixes, .route = other_rows};

const struct family *const families[] = {&family, &other, NULL};

static int run(struct req *r, const void *in, void *out)
{
	(void)r, (void)in, (void)out;
	return 0;
}

static int nobody(struct req *r)
{
	(void)r;
	return 0;
}

struct ids {
	const char *id, *x, *in_query;
};
SCHEMA(ids, STR(ids, id, PATH), STR(ids, in_query, QUERY));

struct two_ids {
	const char *id, *x;
};
SCHEMA(two_ids, STR(two_ids, id, PATH), STR(two_ids, x, PATH));

struct five_ids {
	const char *a, *b, *c, *d, *e;
};
SCHEMA(five_ids, STR(five_ids, a, PATH), STR(five_ids, b, PATH), STR(five_ids, c, PATH),
	STR(five_ids, d, PATH), STR(five_ids, e, PATH));

/* Handler, summary and answer of a row come from families_set(), unless the case lacks them. */
#define ROW(m, p, ...)                                    \
	{                                                 \
		.method = (m), .path = (p), ##__VA_ARGS__ \
	}
#define FIRST "family first, row 1, GET "

enum lack { NOTHING, HANDLER, SUMMARY, SUMMARY_TEXT, ANSWER, AUTHENTICATION };

static const struct {
	const char *name;
	struct route row[ROWS_MAX], other;
	enum lack lacks;
	const char *why; /* NULL: consistent */
} cases[] = {
	{"consistent", {ROW(GET, "/a"), ROW(POST, "/a"), ROW(GET, "/b/{id}", .in = IN(ids))}, {0},
		NOTHING, NULL},
	{"outside", {ROW(GET, "/c")}, {0}, NOTHING,
		FIRST "/c: its path is outside the family's prefixes"},
	{"outside, by a slash", {ROW(GET, "/b")}, {0}, NOTHING,
		FIRST "/b: its path is outside the family's prefixes"},
	{"relative", {ROW(GET, "a")}, {0}, NOTHING,
		FIRST "a: its path is outside the family's prefixes"},
	{"no handler", {ROW(GET, "/a")}, {0}, HANDLER, FIRST "/a: it has no handler"},
	{"no summary", {ROW(GET, "/a")}, {0}, SUMMARY, FIRST "/a: it has no summary"},
	{"empty summary", {ROW(GET, "/a")}, {0}, SUMMARY_TEXT, FIRST "/a: it has no summary"},
	{"no answer", {ROW(GET, "/a")}, {0}, ANSWER,
		FIRST "/a: it answers 200 but has neither an output schema nor a content type"},
	{"a redirect needs none", {ROW(GET, "/a", .status = 302)}, {0}, ANSWER, NULL},
	{"cached POST", {ROW(GET, "/a"), ROW(POST, "/a", .cache_s = 5)}, {0}, NOTHING,
		"family first, row 2, POST /a: only GET can be cached"},
	{"idempotent GET", {ROW(GET, "/a", .flags = IDEMPOTENT, .auth = AUTH_SESSION)}, {0},
		NOTHING, FIRST "/a: only POST takes an Idempotency-Key"},
	{"nobody's key", {ROW(POST, "/a", .flags = IDEMPOTENT)}, {0}, NOTHING,
		"family first, row 1, POST /a: an Idempotency-Key belongs to an account, but it "
		"asks for no authentication"},
	{"nobody to ask", {ROW(GET, "/a", .auth = AUTH_SESSION)}, {0}, AUTHENTICATION,
		FIRST "/a: it asks for authentication, but its family has none"},

	{"part of a segment", {ROW(GET, "/a/x{id}", .in = IN(ids))}, {0}, NOTHING,
		FIRST "/a/x{id}: a parameter must fill a whole segment"},
	{"text behind it", {ROW(GET, "/a/{id}.json", .in = IN(ids))}, {0}, NOTHING,
		FIRST "/a/{id}.json: a parameter must fill a whole segment"},
	{"not closed", {ROW(GET, "/a/{id", .in = IN(ids))}, {0}, NOTHING,
		FIRST "/a/{id: a parameter must fill a whole segment"},
	{"closed in the next segment", {ROW(GET, "/a/{i/d}", .in = IN(ids))}, {0}, NOTHING,
		FIRST "/a/{i/d}: a parameter must fill a whole segment"},
	{"unknown parameter", {ROW(GET, "/a/{x}", .in = IN(ids))}, {0}, NOTHING,
		FIRST "/a/{x}: a parameter of its path is no PATH field of its input schema"},
	{"a query's field", {ROW(GET, "/a/{in_query}", .in = IN(ids))}, {0}, NOTHING,
		FIRST "/a/{in_query}: a parameter of its path is no PATH field of its input "
		      "schema"},
	{"no input", {ROW(GET, "/a/{id}")}, {0}, NOTHING,
		FIRST "/a/{id}: a parameter of its path is no PATH field of its input schema"},
	{"field without parameter", {ROW(GET, "/a/{id}", .in = IN(two_ids))}, {0}, NOTHING,
		FIRST "/a/{id}: its input schema has a PATH field that is not in its path"},
	{"one parameter twice", {ROW(GET, "/a/{id}/{id}", .in = IN(two_ids))}, {0}, NOTHING,
		FIRST "/a/{id}/{id}: a parameter is twice in its path"},
	{"five parameters", {ROW(GET, "/a/{a}/{b}/{c}/{d}/{e}", .in = IN(five_ids))}, {0}, NOTHING,
		FIRST "/a/{a}/{b}/{c}/{d}/{e}: its path has too many parameters"},

	{"the rest, and a row within it",
		{ROW(GET, "/a/{id}", .in = IN(ids), .flags = REST),
			ROW(GET, "/a/b/{id}", .in = IN(ids)), ROW(GET, "/a/b/c")},
		{0}, NOTHING, NULL},
	{"the rest does not end with a parameter",
		{ROW(GET, "/a/{id}/b", .in = IN(ids), .flags = REST)}, {0}, NOTHING,
		FIRST
		"/a/{id}/b: it takes the rest of the path, but does not end with a parameter"},
	{"the rest of one path within another",
		{ROW(GET, "/a/{id}", .in = IN(ids), .flags = REST),
			ROW(GET, "/a/b/{id}", .in = IN(ids), .flags = REST)},
		{0}, NOTHING,
		"family first, row 2, GET /a/b/{id}: matches some of the paths of GET /a/{id}"},
	{"the rest with one method only",
		{ROW(GET, "/a/{id}", .in = IN(ids), .flags = REST),
			ROW(POST, "/a/{id}", .in = IN(ids))},
		{0}, NOTHING,
		"family first, row 2, POST /a/{id}: takes the rest of its path, unlike GET "
		"/a/{id}"},

	{"same method, same path", {ROW(GET, "/a"), ROW(POST, "/a"), ROW(GET, "/a")}, {0}, NOTHING,
		"family first, row 3, GET /a: has the same method and shape as GET /a"},
	{"same method, same shape",
		{ROW(GET, "/a/{id}", .in = IN(ids)), ROW(GET, "/a/{x}", .in = IN(ids))}, {0},
		NOTHING,
		"family first, row 2, GET /a/{x}: a parameter of its path is no PATH field of its "
		"input schema"},
	{"parameters named otherwise",
		{ROW(GET, "/a/{id}/{x}", .in = IN(two_ids)),
			ROW(POST, "/a/{x}/{id}", .in = IN(two_ids))},
		{0}, NOTHING,
		"family first, row 2, POST /a/{x}/{id}: names its parameters otherwise than GET "
		"/a/{id}/{x}"},
	{"overlapping",
		{ROW(GET, "/a/{id}/x", .in = IN(ids)), ROW(GET, "/a/y/{id}", .in = IN(ids))}, {0},
		NOTHING,
		"family first, row 2, GET /a/y/{id}: matches some of the paths of GET /a/{id}/x"},
	{"a literal beside a parameter", {ROW(GET, "/a/{id}", .in = IN(ids)), ROW(GET, "/a/me")},
		{0}, NOTHING, NULL},
	{"another pool", {ROW(GET, "/a"), ROW(POST, "/a", .pool = POOL_AUTH)}, {0}, NOTHING,
		"family first, row 2, POST /a: is in another pool than GET /a"},
	{"limited otherwise by nginx",
		{ROW(GET, "/a", .limit = LIMIT_GENERAL), ROW(POST, "/a", .limit = LIMIT_AUTH)}, {0},
		NOTHING, "family first, row 2, POST /a: is limited by nginx otherwise than GET /a"},
	{"limited otherwise by the worker",
		{ROW(GET, "/a", .limit = LIMIT_BILLING), ROW(POST, "/a", .limit = LIMIT_DISCORD)},
		{0}, NOTHING, NULL},
	{"two families, one path", {ROW(GET, "/a")}, ROW(POST, "/a"), NOTHING,
		"family second, row 1, POST /a: shares its path with another family: GET /a"},
	{"two families, one row", {ROW(GET, "/a")}, ROW(GET, "/a"), NOTHING,
		"family second, row 1, GET /a: shares its path with another family: GET /a"},
	{"two families", {ROW(GET, "/a")}, ROW(GET, "/a/b"), NOTHING, NULL},
};

static void row_complete(struct route *row, enum lack lacks)
{
	static const char *const summaries[] = {[SUMMARY] = NULL, [SUMMARY_TEXT] = ""};

	row->run = lacks == HANDLER ? NULL : run;
	row->summary =
		lacks == SUMMARY || lacks == SUMMARY_TEXT ? summaries[lacks] : "What it does";
	row->produces = lacks == ANSWER ? NULL : "text/plain";
	if (row->status == 0)
		row->status = 200;
}

static void families_set(size_t i)
{
	memcpy(rows, cases[i].row, sizeof(rows));
	other_rows[0] = cases[i].other;
	for (family.n_routes = 0; family.n_routes < ROWS_MAX; family.n_routes++) {
		if (rows[family.n_routes].path == NULL)
			break;
		row_complete(&rows[family.n_routes], cases[i].lacks);
	}
	other.n_routes = other_rows[0].path != NULL ? 1 : 0;
	row_complete(&other_rows[0], cases[i].lacks);
	family.authenticate = cases[i].lacks == AUTHENTICATION ? NULL : nobody;
}

static void test_tables(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char why[300] = "";
		print_message("  %s\n", cases[i].name);
		families_set(i);
		struct router *router = router_new(POOL_MAX, why, sizeof(why));
		assert_string_equal(why, cases[i].why != NULL ? cases[i].why : "");
		assert_int_equal(router != NULL, cases[i].why == NULL);
		if (router != NULL)
			router_free(router);
	}
}

/* A sentence that does not fit is cut, not written past its end. */
static void test_short_why(void **state)
{
	char why[20];

	(void)state;
	families_set(1);
	memset(why, 'x', sizeof(why));
	assert_null(router_new(POOL_MAX, why, 10));
	assert_string_equal(why, "family fi");
	assert_int_equal(why[10], 'x');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_short_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
