/* The Anthropic dialect of upstreams, both ways: upstreams.md 11.1 to 11.4, line by line. */
#include "ai_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct dialect_upstream *dialect;

/* --- what is asked --- */

static const struct upstream_model plain = {.name = "claude-x", .max_tokens = 1024};
static const struct upstream_model able = {.name = "claude-x",
	.max_tokens = 1024,
	.pass_sampling = true,
	.has_reasoning = true,
	.has_json_schema = true};
static const struct upstream_model newest = {.name = "claude-x",
	.max_tokens = 1024,
	.api_version = "2026-10-21",
	.pass_sampling = true,
	.no_prefill = true};

#define HI "{'role':'user','content':'Hi'}"

static const struct {
	const char *name, *client;
	const struct upstream_model *model;
	const char *upstream;
} requests[] = {
#define REQUEST(name, model, client, upstream) {name, client, &(model), upstream},
#define STREAM(name, bytes, events)
#define WHOLE(name, body, events)
#include "ai_anthropic.def"
#undef REQUEST
#undef STREAM
};

static void test_requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		struct upstream_call call;
		struct chat chat;
		print_message("  %s\n", requests[i].name);
		world_reset();
		assert_int_equal(read_chat_text(requests[i].client, &chat), 0);
		assert_int_equal(dialect->write_chat(&world_arena, &chat, requests[i].model, "k",
					 &call, &world_fail),
			0);
		/* Only what was JSON inside a string has escaped quotes. */
		assert_string_equal(call.body, quoted(requests[i].upstream));
		assert_int_equal(call.body_length, strlen(call.body));
	}
}

static void test_headers(void **state)
{
	struct upstream_call call;
	struct chat chat;

	(void)state;
	world_reset();
	assert_int_equal(read_chat_text("{'model':'m','messages':[" HI "]}", &chat), 0);
	dialect->write_chat(&world_arena, &chat, &plain, "sk-1", &call, &world_fail);
	assert_string_equal(call.path, "/v1/messages");
	assert_string_equal(call.header[0], "Content-Type: application/json");
	assert_string_equal(call.header[1], "Accept: application/json");
	assert_string_equal(call.header[2], "anthropic-version: 2023-06-01");
	assert_string_equal(call.header[3], "x-api-key: sk-1");
	assert_null(call.header[4]);
	dialect->write_chat(&world_arena, &chat, &newest, "", &call, &world_fail);
	assert_string_equal(call.header[2], "anthropic-version: 2026-10-21");
	assert_null(call.header[3]);
	struct upstream_model model = plain;
	model.key_header = KEY_BEARER;
	dialect->write_chat(&world_arena, &chat, &model, "sk-1", &call, &world_fail);
	assert_string_equal(call.header[3], "Authorization: Bearer sk-1");
	assert_null(call.header[4]);
}

static const struct {
	const char *name, *messages, *detail;
} refusals[] = {
	{"a result of nothing", HI ",{'role':'tool','tool_call_id':'c1','content':'x'}",
		"messages[1].tool_call_id names no call of the message before."},
	{"a result of an older call",
		HI ",{'role':'assistant','tool_calls':[{'id':'c1','function':{'name':'f',"
		   "'arguments':''}}]},"
		   "{'role':'tool','tool_call_id':'c1','content':'x'},"
		   "{'role':'assistant','content':'a'},"
		   "{'role':'tool','tool_call_id':'c1','content':'x'}",
		"messages[4].tool_call_id names no call of the message before."},
	{"a result at the beginning", "{'role':'tool','tool_call_id':'c1','content':'x'}",
		"messages[0].tool_call_id names no call of the message before."},
};

static void test_refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		struct upstream_call call;
		struct chat chat;
		print_message("  %s\n", refusals[i].name);
		world_reset();
		const char *body = arena_printf(
			&world_arena, "{'model':'m','messages':[%s]}", refusals[i].messages);
		assert_int_equal(read_chat_text(body, &chat), 0);
		assert_int_equal(
			dialect->write_chat(&world_arena, &chat, &plain, "k", &call, &world_fail),
			E_BAD_REQUEST);
		assert_string_equal(world_fail.detail, refusals[i].detail);
	}
}

/* --- what is understood --- */

static const struct answer {
	const char *name, *bytes, *events;
} streams[] = {
#define REQUEST(name, model, client, upstream)
#define STREAM(name, bytes, events) {name, bytes, events},
#include "ai_anthropic.def"
#undef STREAM
#undef WHOLE
};

static void test_streams(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
		int length = (int)strlen(streams[i].bytes);
		print_message("  %s\n", streams[i].name);
		for (int cut = CUT_EVERY; cut <= length; cut++) {
			world_reset();
			assert_string_equal(events_of_stream(dialect, streams[i].bytes, cut),
				quoted(streams[i].events));
		}
	}
}

static const struct answer wholes[] = {
#define STREAM(name, bytes, events)
#define WHOLE(name, body, events) {name, body, events},
#include "ai_anthropic.def"
};

static void test_wholes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wholes); i++) {
		print_message("  %s\n", wholes[i].name);
		world_reset();
		assert_string_equal(
			events_of_whole(dialect, wholes[i].bytes), quoted(wholes[i].events));
	}
}

/* Nesting is no way to the end of our stack. */
static void test_deep_messages(void **state)
{
	struct buf b;

	(void)state;
	world_reset();
	buf_init(&b, &world_arena, 0);
	buf_str(&b, "data: ");
	for (int i = 0; i < 90000; i++)
		buf_str(&b, "{\"message\":");
	buf_str(&b, "\n\n");
	assert_string_equal(events_of_bytes(dialect, b.data, b.length, 0),
		"UPSTREAM_ERROR: an answer that is not JSON as it should be: nested too deeply\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_wholes),
		cmocka_unit_test(test_deep_messages),
	};

	dialect = dialect_upstream_find("anthropic");
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	arena_free(&world_arena);
	return rc;
}
