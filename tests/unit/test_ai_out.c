/* What clients get: chunks, bodies, usage and errors (gateway.md 2.2, 2.3, 2.5), byte for byte. */
#include "ai_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/http/json.h"

#include <cmocka.h>

static const struct client_usage some = {
	.tokens = {.input = 60, .cached = 50, .cache_write = 10, .output = 340, .reasoning = 300},
	.credits_hundredths = 546};
static const struct client_usage few = {
	.tokens = {.input = 3, .output = 2}, .credits_hundredths = 100};

#define SOME_USAGE                                                                 \
	"'usage':{'prompt_tokens':120,'completion_tokens':340,'total_tokens':460," \
	"'prompt_tokens_details':{'cached_tokens':50,'cache_write_tokens':10},"    \
	"'completion_tokens_details':{'reasoning_tokens':300},'inputTokens':120,"  \
	"'outputTokens':340,'creditsUsed':5.46}"
#define FEW_USAGE                                                                  \
	"'usage':{'prompt_tokens':3,'completion_tokens':2,'total_tokens':5,"       \
	"'prompt_tokens_details':{'cached_tokens':0},'completion_tokens_details':" \
	"{'reasoning_tokens':0},'inputTokens':3,'outputTokens':2,'creditsUsed':1}"

#define TEXT(t)                                                        \
	{                                                              \
		.kind = EVENT_TEXT, .text = t, .length = sizeof(t) - 1 \
	}
#define REASONING(t)                                                        \
	{                                                                   \
		.kind = EVENT_REASONING, .text = t, .length = sizeof(t) - 1 \
	}
#define REFUSAL(t)                                                        \
	{                                                                 \
		.kind = EVENT_REFUSAL, .text = t, .length = sizeof(t) - 1 \
	}
#define TOOL(k, i, n)                                                    \
	{                                                                \
		.kind = EVENT_TOOL_START, .index = k, .id = i, .name = n \
	}
#define INPUT(k, t)                                                                      \
	{                                                                                \
		.kind = EVENT_TOOL_INPUT, .index = k, .text = t, .length = sizeof(t) - 1 \
	}
#define FINISH(f)                                 \
	{                                         \
		.kind = EVENT_FINISH, .finish = f \
	}
#define OTHER(k)          \
	{                 \
		.kind = k \
	}

#define HEAD                                                                              \
	"data: {'id':'chatcmpl-1','object':'chat.completion.chunk','created':1714000000," \
	"'model':'m\\\"1','choices':["
#define DELTA(delta) HEAD "{'index':0,'delta':" delta ",'finish_reason':null,'logprobs':null}]}\n\n"
#define ROLE DELTA("{'role':'assistant','content':''}")
#define LAST(reason) HEAD "{'index':0,'delta':{},'finish_reason':'" reason "','logprobs':null}]"
#define DONE "data: [DONE]\n\n"
#define COMPLETION                                                                  \
	"data: {'id':'chatcmpl-1','object':'text_completion','created':1714000000," \
	"'model':'m\\\"1','choices':["

static const struct stream {
	const char *name;
	enum client_shape shape;
	bool include_usage;
	const struct client_usage *usage;
	struct chat_event event[8];
	const char *bytes;
} streams[] = {
	{"text", SHAPE_CHAT, false, &some,
		{OTHER(EVENT_START), TEXT("Hel"), TEXT("lo\n\"\xe2\x82\xac"), OTHER(EVENT_USAGE),
			FINISH(FINISH_LENGTH), OTHER(EVENT_USAGE), OTHER(EVENT_END)},
		ROLE DELTA("{'content':'Hel'}") DELTA("{'content':'lo\\n\\\"\xe2\x82\xac'}")
			LAST("length") "," SOME_USAGE "}\n\n" DONE},
	{"usage in a chunk of its own", SHAPE_CHAT, true, &few, {TEXT("a"), FINISH(FINISH_STOP)},
		ROLE DELTA("{'content':'a'}") LAST("stop") "}\n\n" HEAD "]," FEW_USAGE
							   "}\n\n" DONE},
	{"nothing is known", SHAPE_CHAT, true, NULL, {FINISH(FINISH_CONTENT_FILTER)},
		ROLE LAST("content_filter") "}\n\n" DONE},
	{"reasoning and refusal", SHAPE_CHAT, false, NULL, {REASONING("hm"), REFUSAL("No")},
		ROLE DELTA("{'reasoning_content':'hm'}") DELTA("{'refusal':'No'}")
			LAST("stop") "}\n\n" DONE},
	{"tools", SHAPE_CHAT, false, NULL,
		{OTHER(EVENT_START), TOOL(0, "c1", "f"), INPUT(0, "{\"a\":"), INPUT(0, "1}"),
			TOOL(1, "c2", "g"), INPUT(1, "{}"), FINISH(FINISH_TOOL_CALLS)},
		ROLE DELTA("{'tool_calls':[{'index':0,'id':'c1','type':'function','function':"
			   "{'name':'f','arguments':''}}]}")
			DELTA("{'tool_calls':[{'index':0,'function':{'arguments':'{\\\"a\\\":'}}]}")
				DELTA("{'tool_calls':[{'index':0,'function':{'arguments':'1}'}}]}")
					DELTA("{'tool_calls':[{'index':1,'id':'c2','type':'"
					      "function',"
					      "'function':{'name':'g','arguments':''}}]}")
						DELTA("{'tool_calls':[{'index':1,'function':"
						      "{'arguments':'{}'}}]}")
							LAST("tool_calls") "}\n\n" DONE},
	{"completion", SHAPE_COMPLETION, false, &few,
		{OTHER(EVENT_START), REASONING("hm"), TEXT("a + b"), FINISH(FINISH_STOP)},
		COMPLETION
		"{'text':'a + b','index':0,'logprobs':null,'finish_reason':null}]}\n\n" COMPLETION
		"{'text':'','index':0,'logprobs':null,'finish_reason':'stop'}]," FEW_USAGE
		"}\n\n" DONE},
	{"completion, usage apart", SHAPE_COMPLETION, true, &few, {TEXT("a")},
		COMPLETION
		"{'text':'a','index':0,'logprobs':null,'finish_reason':null}]}\n\n" COMPLETION
		"{'text':'','index':0,'logprobs':null,'finish_reason':'stop'}]}\n\n" COMPLETION
		"]," FEW_USAGE "}\n\n" DONE},
};

static void writer_init(struct client_writer *w, enum client_shape shape, bool include_usage)
{
	client_writer_init(w, &world_arena, shape, "chatcmpl-1", "m\"1", 1714000000, include_usage);
}

/* Each frame is one line of JSON, an empty line behind it. */
static void check_frames(const char *bytes)
{
	for (const char *p = bytes; *p != '\0';) {
		const char *end = strstr(p, "\n\n");
		assert_non_null(end);
		assert_memory_equal(p, "data: ", 6);
		assert_null(memchr(p, '\n', (size_t)(end - p)));
		if (strncmp(p + 6, "[DONE]", 6) != 0)
			assert_null(json_check(&world_arena, p + 6, (size_t)(end - p) - 6));
		p = end + 2;
	}
}

static void test_streams(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
		const struct stream *s = &streams[i];
		struct client_writer w;
		print_message("  %s\n", s->name);
		world_reset();
		writer_init(&w, s->shape, s->include_usage);
		for (size_t j = 0; j < ARRAY_LEN(s->event); j++)
			if (s->event[j].kind != EVENT_START || j == 0)
				client_stream_event(&w, &s->event[j]);
		client_stream_end(&w, s->usage);
		/* Nothing comes after the end. */
		client_stream_end(&w, s->usage);
		client_stream_event(&w, &(struct chat_event)TEXT("late"));
		client_stream_error(&w, "late", "late", "late");
		assert_string_equal(w.out.data, quoted(s->bytes));
		check_frames(w.out.data);
	}
}

static void test_errors(void **state)
{
	struct client_writer w;

	(void)state;
	world_reset();
	writer_init(&w, SHAPE_CHAT, true);
	client_stream_event(&w, &(struct chat_event)TEXT("a"));
	w.out.length = 0;
	client_stream_error(&w, "It\n\"broke\".", "upstream_error", "req_1");
	client_stream_end(&w, NULL);
	assert_string_equal(w.out.data, quoted("data: {'error':'It\\n\\\"broke\\\".','code':"
					       "'upstream_error','request_id':'req_1'}\n\n" DONE));
	check_frames(w.out.data);
	writer_init(&w, SHAPE_CHAT, true);
	w.error_object = true;
	client_stream_error(&w, "Broken.", "upstream_error", "req_1");
	assert_string_equal(w.out.data,
		quoted("data: {'error':{'message':'Broken.','type':'upstream_error','code':"
		       "'upstream_error','param':null},'request_id':'req_1'}\n\n" DONE));
	check_frames(w.out.data);
}

#define BODY                                                                                   \
	"{'id':'chatcmpl-1','object':'chat.completion','created':1714000000,'model':'m\\\"1'," \
	"'choices':[{'index':0,'message':"

static const struct stream bodies[] = {
	{"text", SHAPE_CHAT, false, &some,
		{OTHER(EVENT_START), TEXT("Hel"), TEXT("lo"), FINISH(FINISH_STOP)},
		BODY "{'role':'assistant','content':'Hello','refusal':null},'finish_reason':'stop',"
		     "'logprobs':null}]," SOME_USAGE "}"},
	{"nothing", SHAPE_CHAT, false, NULL, {OTHER(EVENT_START)},
		BODY "{'role':'assistant','content':'','refusal':null},'finish_reason':'stop',"
		     "'logprobs':null}]}"},
	{"tools", SHAPE_CHAT, false, &few,
		{REASONING("hm"), TOOL(0, "c1", "f"), INPUT(0, "{\"a\""), TOOL(1, "c2", "g"),
			INPUT(0, ":1}"), FINISH(FINISH_TOOL_CALLS)},
		BODY "{'role':'assistant','content':null,'refusal':null,'reasoning_content':'hm',"
		     "'tool_calls':[{'id':'c1','type':'function','function':{'name':'f',"
		     "'arguments':'{\\\"a\\\":1}'}},{'id':'c2','type':'function','function':"
		     "{'name':'g','arguments':''}}]},'finish_reason':'tool_calls','logprobs':null}]"
		     "," FEW_USAGE "}"},
	{"refusal", SHAPE_CHAT, false, NULL, {REFUSAL("N"), REFUSAL("o")},
		BODY "{'role':'assistant','content':null,'refusal':'No'},'finish_reason':'stop',"
		     "'logprobs':null}]}"},
	{"completion", SHAPE_COMPLETION, false, &few, {TEXT("a + b"), FINISH(FINISH_LENGTH)},
		"{'id':'chatcmpl-1','object':'text_completion','created':1714000000,'model':'"
		"m\\\"1',"
		"'choices':[{'text':'a + "
		"b','index':0,'logprobs':null,'finish_reason':'length'}]," FEW_USAGE "}"},
	{"completion of nothing", SHAPE_COMPLETION, false, NULL, {FINISH(FINISH_STOP)},
		"{'id':'chatcmpl-1','object':'text_completion','created':1714000000,'model':'"
		"m\\\"1',"
		"'choices':[{'text':'','index':0,'logprobs':null,'finish_reason':'stop'}]}"},
};

static void test_bodies(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		const struct stream *s = &bodies[i];
		struct client_writer w;
		print_message("  %s\n", s->name);
		world_reset();
		writer_init(&w, s->shape, s->include_usage);
		for (size_t j = 0; j < ARRAY_LEN(s->event); j++)
			if (s->event[j].kind != EVENT_START || j == 0)
				client_body_event(&w, &s->event[j]);
		client_body_end(&w, s->usage);
		assert_string_equal(w.out.data, quoted(s->bytes));
		assert_null(json_check(&world_arena, w.out.data, w.out.length));
	}
}

/* Of two upstreams that answer after each other, as the first broke off, the second counts. */
static void test_begun_again(void **state)
{
	static const struct chat_event broken[] = {OTHER(EVENT_START), REASONING("hm"), TEXT("Bye"),
		REFUSAL("No"), TOOL(0, "c1", "f"), INPUT(0, "{"), FINISH(FINISH_LENGTH)};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		const struct stream *s = &bodies[i];
		struct client_writer w;
		print_message("  %s\n", s->name);
		world_reset();
		writer_init(&w, s->shape, s->include_usage);
		for (size_t j = 0; j < ARRAY_LEN(broken); j++)
			client_body_event(&w, &broken[j]);
		client_body_event(&w, &(struct chat_event)OTHER(EVENT_START));
		for (size_t j = 0; j < ARRAY_LEN(s->event); j++)
			if (s->event[j].kind != EVENT_START)
				client_body_event(&w, &s->event[j]);
		client_body_end(&w, s->usage);
		assert_string_equal(w.out.data, quoted(s->bytes));
	}
}

static const struct {
	i64 hundredths;
	const char *written;
} credits[] = {{0, "0}}"}, {1, "0.01}}"}, {10, "0.1}}"}, {99, "0.99}}"}, {100, "1}}"},
	{105, "1.05}}"}, {150, "1.5}}"}, {123456789012, "1234567890.12}}"}};

static void test_credits(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(credits); i++) {
		const struct client_usage usage = {.credits_hundredths = credits[i].hundredths};
		struct client_writer w;
		world_reset();
		writer_init(&w, SHAPE_CHAT, false);
		client_body_end(&w, &usage);
		assert_string_equal(strstr(w.out.data, "creditsUsed") + strlen("creditsUsed\":"),
			credits[i].written);
	}
}

/* Relays an answer, as the gateway does. */
static int relay(void *arg, const struct chat_event *event)
{
	client_stream_event(arg, event);
	return 0;
}

/* What is written is read again as the same events: our own stream is an upstream's. */
static void test_there_and_back(void **state)
{
	const struct dialect_upstream *d = dialect_upstream_find("openai");
	const char *first, *second;
	struct client_writer w;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
		if (streams[i].shape != SHAPE_CHAT)
			continue;
		print_message("  %s\n", streams[i].name);
		world_reset();
		first = events_of_stream(d, streams[i].bytes, 0);
		writer_init(&w, SHAPE_CHAT, streams[i].include_usage);
		struct answer_reader *r = d->reader(&world_arena, relay, &w);
		char *bytes = quoted(streams[i].bytes);
		assert_int_equal(answer_feed(r, bytes, strlen(bytes), &world_fail), 0);
		client_stream_end(&w, streams[i].usage);
		assert_string_equal(w.out.data, bytes);
		second = events_of_bytes(d, w.out.data, w.out.length, 0);
		assert_string_equal(first, second);
	}
}

/* Whoever empties the buffer needs no more memory for a long stream than for a short one. */
static void test_memory(void **state)
{
	struct client_writer w;
	size_t used = 0;

	(void)state;
	world_reset();
	writer_init(&w, SHAPE_CHAT, false);
	for (int i = 0; i < 100000; i++) {
		client_stream_event(&w, &(struct chat_event)TEXT("some words\n"));
		w.out.length = 0;
		if (i == 10)
			used = world_arena.used_bytes;
	}
	assert_int_equal(world_arena.used_bytes, used);
	assert_true(used < 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_begun_again),
		cmocka_unit_test(test_credits),
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_memory),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	arena_free(&world_arena);
	return rc;
}
