/* The proxy's view of Anthropic's own clients (product.md 5.6): what is found in a request, what is
 * changed in it and what not, and errors that those clients understand. */
#include "ai_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/ai/anthropic_client.h"

#include <cmocka.h>

static const struct {
	const char *name, *body;
	int rc;
	const char *faults;
} readings[] = {
	{"good", "{'model':'m','max_tokens':5,'messages':[]}", 0, ""},
	{"nothing", "{}", E_INVALID_FIELD, "model: required; max_tokens: required"},
	{"nulls", "{'model':null,'max_tokens':null,'stream':null}", E_INVALID_FIELD,
		"model: required; max_tokens: required"},
	{"types", "{'model':1,'max_tokens':'5','stream':1}", E_INVALID_FIELD,
		"model: string; max_tokens: integer; stream: boolean"},
	{"fraction", "{'model':'m','max_tokens':5.0}", E_INVALID_FIELD, "max_tokens: integer"},
	{"too small", "{'model':'m','max_tokens':0}", E_INVALID_FIELD, "max_tokens: min 1"},
	{"no object", "[1]", E_INVALID_FIELD, ": object; model: required; max_tokens: required"},
	{"garbage", "{'model':", E_INVALID_JSON, ""},
	{"model twice", "{'model':'cheap','max_tokens':5,'model':'dear'}", E_INVALID_JSON, ""},
	{"model twice, in disguise", "{'model':'cheap','max_tokens':5,'m\\u006fdel':'dear'}",
		E_INVALID_JSON, ""},
	{"deep elsewhere", "{'model':'m','max_tokens':5,'x':{'model':'y','max_tokens':7}}", 0, ""},
};

static void test_readings(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(readings); i++) {
		struct anthropic_request q;
		const char *body;
		print_message("  %s\n", readings[i].name);
		world_reset();
		body = quoted(readings[i].body);
		assert_int_equal(anthropic_request_read(
					 &world_arena, body, strlen(body), true, &q, &world_fail),
			readings[i].rc);
		assert_string_equal(faults(), readings[i].faults);
	}
}

static void test_values(void **state)
{
	static const char content[] =
		"[ "
		"{'role':'user','content':[{'type':'image','source':{'type':'base64','media_type':"
		"'image/png','data':'AAAAAAAA'}},{'type':'document','source':{'type':'base64',"
		"'media_type':'application/"
		"pdf','data':'BBBB'}},{'type':'document','source':{'type':"
		"'text','media_type':'text/plain','data':'CCCC'}},{'type':'image','source':{'type':"
		"'url','url':'https://"
		"x'}},{'type':'tool_result','tool_use_id':'t','content':[{'type':"
		"'image','source':{'data':'DD','type':'base64','media_type':'image/gif'}}]}]},"
		"{'role':'user','content':'x'}]";
	struct anthropic_request q;
	const char *body;

	(void)state;
	world_reset();
	body = quoted(arena_printf(&world_arena,
		"{'system':'Sy','model':'m\\u002d1','stream':true,'messages':%s,'max_tokens':1024,"
		"'tools':[{'a':1}],'thinking':{'type':'enabled'}}",
		content));
	assert_int_equal(
		anthropic_request_read(&world_arena, body, strlen(body), true, &q, &world_fail), 0);
	assert_string_equal(q.model, "m-1");
	assert_int_equal(q.max_tokens, 1024);
	assert_true(q.is_stream);
	assert_int_equal(q.n_images, 3);
	assert_int_equal(q.file_bytes, 4);
	assert_int_equal(q.input_bytes, strlen(content) - 14 + strlen("'Sy'[{'a':1}]"));
	assert_int_equal(anthropic_request_read(
				 &world_arena, "{\"model\":\"m\"}", 13, false, &q, &world_fail),
		0);
	assert_int_equal(q.max_tokens, 0);
	assert_false(q.is_stream);
}

static const struct {
	const char *name, *body;
	i64 max_tokens;
	const char *written;
} writings[] = {
	{"model", "{ 'model' : 'm' ,\\n'max_tokens':5, 'x':[1.50,{}] } ", 0,
		"{ 'model' : 'new\\\"' ,\\n'max_tokens':5, 'x':[1.50,{}] } "},
	{"capped", "{'model':'m','max_tokens': 5000 }", 100,
		"{'model':'new\\\"','max_tokens': 100 }"},
	{"capped, before the model", "{'max_tokens':5000,'a':'b','model':'m'}", 99999,
		"{'max_tokens':5000,'a':'b','model':'new\\\"'}"},
	{"capped, other order", "{'max_tokens':5000,'a':'b','model':'m'}", 4999,
		"{'max_tokens':4999,'a':'b','model':'new\\\"'}"},
	{"below the cap", "{'model':'m','max_tokens':5}", 100,
		"{'model':'new\\\"','max_tokens':5}"},
	{"none to cap", "{'model':'m'}", 100, "{'model':'new\\\"'}"},
};

static void test_writings(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(writings); i++) {
		struct anthropic_request q;
		struct buf b;
		print_message("  %s\n", writings[i].name);
		world_reset();
		char *body = quoted(writings[i].body);
		for (char *p = strstr(body, "\\n"); p != NULL; p = strstr(p, "\\n"))
			memcpy(p, " \n", 2); /* a line end as white space */
		assert_int_equal(anthropic_request_read(
					 &world_arena, body, strlen(body), false, &q, &world_fail),
			0);
		buf_init(&b, &world_arena, 0);
		anthropic_request_write(
			&q, body, strlen(body), "new\"", writings[i].max_tokens, &b);
		char *written = quoted(writings[i].written);
		for (char *p = strstr(written, "\\n"); p != NULL; p = strstr(p, "\\n"))
			memcpy(p, " \n", 2);
		assert_string_equal(b.data, written);
	}
}

static const struct {
	const char *name, *version, *beta, *below, *key, *api_version;
	const char *body;
	const char *header[UPSTREAM_HEADERS_MAX];
} calls[] = {
	{"plain", NULL, NULL, NULL, "k", NULL, "{'model':'m'}",
		{"Content-Type: application/json", "Accept: application/json",
			"anthropic-version: 2023-06-01", "x-api-key: k"}},
	{"the provider's version", NULL, NULL, "/count_tokens", "", "2026-10-21",
		"{'stream':true,'model':'m'}",
		{"Content-Type: application/json", "Accept: text/event-stream",
			"anthropic-version: 2026-10-21"}},
	{"the client's", "2024-01-01", "a-1,b-2", "?beta=true", "k", "2026-10-21", "{'model':'m'}",
		{"Content-Type: application/json", "Accept: application/json",
			"anthropic-version: 2024-01-01", "x-api-key: k",
			"anthropic-beta: a-1,b-2"}},
};

static void test_calls(void **state)
{
	const struct dialect_upstream *dialect = dialect_upstream_find("anthropic");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		struct anthropic_request q;
		struct upstream_call call;
		print_message("  %s\n", calls[i].name);
		world_reset();
		char *body = quoted(calls[i].body);
		assert_int_equal(anthropic_request_read(
					 &world_arena, body, strlen(body), false, &q, &world_fail),
			0);
		struct raw_call raw = {.request = &q,
			.body = body,
			.length = strlen(body),
			.below = calls[i].below,
			.version = calls[i].version,
			.beta = calls[i].beta};
		/* Also for one upstream after the other. */
		for (const char *name = "first"; name != NULL;
			name = name[0] == 'f' ? "second" : NULL) {
			struct upstream_model m = {.name = name,
				.api_version = calls[i].api_version,
				.max_tokens = 10};
			dialect->write_raw(&world_arena, &raw, &m, calls[i].key, &call);
			assert_int_equal(call.body_length, strlen(call.body));
			assert_non_null(strstr(call.body, name));
		}
		assert_null(strstr(call.body, "first"));
		assert_string_equal(call.path, "/v1/messages");
		assert_ptr_equal(call.below, calls[i].below);
		for (size_t k = 0; k < UPSTREAM_HEADERS_MAX; k++) {
			if (calls[i].header[k] == NULL) {
				assert_null(call.header[k]);
				break;
			}
			assert_string_equal(call.header[k], calls[i].header[k]);
		}
	}
}

static const struct {
	int status;
	const char *type;
} types[] = {{400, "invalid_request_error"}, {401, "authentication_error"}, {402, "billing_error"},
	{403, "permission_error"}, {404, "not_found_error"}, {405, "invalid_request_error"},
	{409, "conflict_error"}, {413, "request_too_large"}, {415, "invalid_request_error"},
	{429, "rate_limit_error"}, {500, "api_error"}, {502, "api_error"},
	{503, "overloaded_error"}, {504, "timeout_error"}, {529, "overloaded_error"}};

static void test_errors(void **state)
{
	struct buf b;

	(void)state;
	world_reset();
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		assert_string_equal(anthropic_error_type(types[i].status), types[i].type);
	/* Every error of ours has one. */
	for (int i = 1; i < E_MAX; i++)
		assert_non_null(strchr(anthropic_error_type(error_table[i].status), '_'));
	buf_init(&b, &world_arena, 0);
	anthropic_error(&b, error_table[E_INSUFFICIENT_BALANCE].status, "Too \"low\".", "req_1");
	assert_string_equal(
		b.data, quoted("{'type':'error','error':{'type':'billing_error','message':"
			       "'Too \\\"low\\\".'},'request_id':'req_1'}"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_readings),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_writings),
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_errors),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	arena_free(&world_arena);
	return rc;
}
