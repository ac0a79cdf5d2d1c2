/* The OpenAI dialect of upstreams: what is asked, byte for byte, and what is understood of answers,
 * whole, streamed at every cut, and broken. The shapes are those of upstreams.md 10. */
#include "ai_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/ai/answer.h"

#include <cmocka.h>

static const struct dialect_upstream *dialect;

/* --- what is asked --- */

static const struct upstream_model plain = {.name = "gpt-x", .max_tokens = 4096};
static const struct upstream_model able = {.name = "gpt-x",
	.max_tokens = 100,
	.pass_sampling = true,
	.has_reasoning = true,
	.max_completion_tokens = true};
static const struct upstream_model old = {
	.name = "gpt-x", .max_tokens = 4096, .no_stream_usage = true};

#define HI "'messages':[{'role':'user','content':'Hi'}]"

static const struct {
	const char *name, *client;
	const struct upstream_model *model;
	const char *upstream;
} requests[] = {
#define REQUEST(name, model, client, upstream) {name, client, &(model), upstream},
#define STREAM(name, bytes, events)
#define WHOLE(name, body, events)
#include "ai_openai.def"
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
	assert_int_equal(read_chat_text("{'model':'m'," HI ",'stream':true}", &chat), 0);
	dialect->write_chat(&world_arena, &chat, &plain, "sk-1", &call, &world_fail);
	assert_string_equal(call.path, "/chat/completions");
	assert_string_equal(call.header[0], "Content-Type: application/json");
	assert_string_equal(call.header[1], "Accept: text/event-stream");
	assert_string_equal(call.header[2], "Authorization: Bearer sk-1");
	assert_null(call.header[3]);
	dialect->write_chat(&world_arena, &chat, &plain, NULL, &call, &world_fail);
	assert_null(call.header[2]);
	struct upstream_model model = plain;
	model.key_header = KEY_X_API_KEY;
	dialect->write_chat(&world_arena, &chat, &model, "sk-1", &call, &world_fail);
	assert_string_equal(call.header[2], "x-api-key: sk-1");
	assert_null(call.header[3]);
}

/* --- what is understood --- */

static const struct answer {
	const char *name, *bytes, *events;
} streams[] = {
#define REQUEST(name, model, client, upstream)
#define STREAM(name, bytes, events) {name, bytes, events},
#include "ai_openai.def"
#undef STREAM
#undef WHOLE
};

static void check_stream(const struct answer *c)
{
	const char *expected;
	int length = (int)strlen(c->bytes);

	print_message("  %s\n", c->name);
	world_reset();
	if (c->events == NULL) /* has made ids: only that it is read */
		return (void)events_of_stream(dialect, c->bytes, CUT_EVERY);
	for (int cut = CUT_EVERY; cut <= length; cut++) {
		world_reset();
		expected = quoted(c->events);
		assert_string_equal(events_of_stream(dialect, c->bytes, cut), expected);
	}
}

static void test_streams(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(streams); i++)
		check_stream(&streams[i]);
}

static const struct answer wholes[] = {
#define STREAM(name, bytes, events)
#define WHOLE(name, body, events) {name, body, events},
#include "ai_openai.def"
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

#define REPLACED "\xef\xbf\xbd"

static const struct {
	const char *name, *body, *message, *type;
} errors[] = {
	{"OpenAI",
		"{'error':{'message':'Bad','type':'invalid_request_error','param':'x','code':null}"
		"}",
		"Bad", "invalid_request_error"},
	{"text", "{'error':'Bad'}", "Bad", ""},
	{"message", "{'object':'error','message':'Bad','type':'x'}", "Bad", ""},
	{"FastAPI", "{'detail':'Not Found'}", "Not Found", ""},
	{"FastAPI's list", "{'detail':[{'msg':'x'}]}", "[{'msg':'x'}]", ""},
	{"a page", "<html>Bad</html>", "<html>Bad</html>", ""},
	{"nothing", "", "", ""},
	{"not UTF-8", "{'error':{'message':'a\xff'}}", "a" REPLACED, ""},
	{"cut", "{'error':{'message':'Bad'", "{'error':{'message':'Bad'", ""},
};

static void test_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
		const char *body, *message = NULL, *type = NULL;
		print_message("  %s\n", errors[i].name);
		world_reset();
		body = quoted(errors[i].body);
		dialect->read_error(&world_arena, body, strlen(body), &message, &type);
		assert_string_equal(message, quoted(errors[i].message));
		assert_string_equal(type, errors[i].type);
	}
}

#define CHUNK(delta) "data: {'choices':[{'index':0,'delta':" delta ",'finish_reason':null}]}\n\n"

/* An id is made for a call that came without one. */
static void test_made_ids(void **state)
{
	const char *events;

	(void)state;
	world_reset();
	events = events_of_stream(dialect,
		CHUNK("{'tool_calls':[{'index':0,'function':{'name':'f','arguments':'{}'}}]"
		      "}") "data: [DONE]\n\n",
		0);
	assert_memory_equal(events, "start\ntool 0 call_", 18);
	assert_string_equal(events + 18 + 24, quoted(" f\n0 input '{}'\nfinish tool_calls\nend\n"));
}

static int refuse_second(void *arg, const struct chat_event *event)
{
	(void)event;
	return ++*(int *)arg == 2 ? E_CONFLICT : 0;
}

static void test_sink_ends_the_reading(void **state)
{
	const char *bytes;
	int n_events = 0;

	(void)state;
	world_reset();
	struct answer_reader *r = dialect->reader(&world_arena, refuse_second, &n_events);
	bytes = quoted(CHUNK("{'content':'a'}") CHUNK("{'content':'b'}"));
	assert_int_equal(answer_feed(r, bytes, strlen(bytes), &world_fail), E_CONFLICT);
	assert_int_equal(n_events, 2);
}

static int count_event(void *arg, const struct chat_event *event)
{
	*(size_t *)arg += event->length;
	return 0;
}

/* A long stream needs no more memory than a short one. */
static void test_memory(void **state)
{
	const char *frame;
	size_t n_text = 0;

	(void)state;
	world_reset();
	frame = quoted(CHUNK("{'content':'some words \\n and \xe2\x82\xac'}"));
	struct answer_reader *r = dialect->reader(&world_arena, count_event, &n_text);
	size_t length = strlen(frame);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(answer_feed(r, frame, length, &world_fail), 0);
	size_t used = world_arena.used_bytes;
	for (int i = 0; i < 99000; i++) {
		/* in one piece, and cut somewhere */
		size_t cut = (size_t)i % length;
		assert_int_equal(answer_feed(r, frame, cut, &world_fail), 0);
		assert_int_equal(answer_feed(r, frame + cut, length - cut, &world_fail), 0);
	}
	assert_int_equal(world_arena.used_bytes, used);
	assert_true(r->frame.used_bytes < 1024);
	assert_true(used < 16 * 1024);
	assert_int_equal(n_text, 100000 * strlen("some words \n and \xe2\x82\xac"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_wholes),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_made_ids),
		cmocka_unit_test(test_sink_ends_the_reading),
		cmocka_unit_test(test_memory),
	};

	dialect = dialect_upstream_find("openai");
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	arena_free(&world_arena);
	return rc;
}
