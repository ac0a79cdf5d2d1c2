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

/* --- what is asked -------------------------------------------------------------------------------
 */

static const struct upstream_model plain = {.name = "gpt-x", .max_tokens = 4096};
static const struct upstream_model able = {.name = "gpt-x",
	.max_tokens = 100,
	.pass_sampling = true,
	.has_reasoning = true,
	.max_completion_tokens = true};

#define HI "'messages':[{'role':'user','content':'Hi'}]"

static const struct {
	const char *name, *client;
	const struct upstream_model *model;
	const char *upstream;
} requests[] = {
	{"least", "{'model':'m'," HI "}", &plain, "{'model':'gpt-x'," HI ",'max_tokens':4096}"},
	{"stream asks for usage", "{'model':'m'," HI ",'stream':true}", &plain,
		"{'model':'gpt-x'," HI
		",'max_tokens':4096,'stream':true,'stream_options':{'include_usage':true}}"},
	{"never more than reserved", "{'model':'m'," HI ",'max_tokens':5000}", &plain,
		"{'model':'gpt-x'," HI ",'max_tokens':4096}"},
	{"less when asked", "{'model':'m'," HI ",'max_tokens':5}", &plain,
		"{'model':'gpt-x'," HI ",'max_tokens':5}"},
	{"the newer name", "{'model':'m'," HI ",'max_completion_tokens':7}", &able,
		"{'model':'gpt-x'," HI ",'max_completion_tokens':7}"},
	{"what the model does not take is dropped",
		"{'model':'m'," HI ",'temperature':0.5,'top_p':0.9,'reasoning_effort':'low',"
		"'frequency_penalty':1,'logit_bias':{},'metadata':{'a':'b'}}",
		&plain, "{'model':'gpt-x'," HI ",'max_tokens':4096}"},
	{"everything",
		"{'model':'m'," HI ",'temperature':0.50,'top_p':1,'seed':42,'stop':['a','b'],"
		"'response_format':{'type':'json_object'},'reasoning_effort':'high','user':'u1'}",
		&able,
		"{'model':'gpt-x'," HI
		",'max_completion_tokens':100,'temperature':0.50,'top_p':1,'stop':['a','b'],"
		"'seed':42,'response_format':{'type':'json_object'},'reasoning_effort':'high',"
		"'user':'u1'}"},
	{"roles",
		"{'model':'m','messages':[{'role':'developer','content':'D'},"
		"{'role':'system','content':[{'type':'text','text':'S'}]},"
		"{'role':'assistant','content':'A'},{'role':'user','content':''}]}",
		&plain,
		"{'model':'gpt-x','messages':[{'role':'system','content':'D'},"
		"{'role':'system','content':'S'},{'role':'assistant','content':'A'},"
		"{'role':'user','content':''}],'max_tokens':4096}"},
	{"images",
		"{'model':'m','messages':[{'role':'user','content':[{'type':'text','text':'a'},"
		"{'type':'image_url','image_url':{'url':'data:image/PNG;base64,AAAA'}},"
		"{'type':'image_url','image_url':{'url':'https://x/y?a=\\\"','detail':'low'}}]}]}",
		&plain,
		"{'model':'gpt-x','messages':[{'role':'user','content':[{'type':'text','text':'a'},"
		"{'type':'image_url','image_url':{'url':'data:image/png;base64,AAAA'}},"
		"{'type':'image_url','image_url':{'url':'https://x/y?a=\\\"','detail':'low'}}]}],"
		"'max_tokens':4096}"},
	{"tools",
		"{'model':'m','messages':[{'role':'user','content':'Hi'},"
		"{'role':'assistant','content':null,'tool_calls':[{'id':'c1','type':'function',"
		"'function':{'name':'f','arguments':'{\\\"a\\\":1}'}}]},"
		"{'role':'tool','tool_call_id':'c1','content':'ok'}],"
		"'tools':[{'type':'function','function':{'name':'f','description':'d',"
		"'parameters':{'type':'object','properties':{'a':{'type':'number'}}},'strict':true}"
		"},"
		"{'type':'function','function':{'name':'g'}}],"
		"'tool_choice':{'type':'function','function':{'name':'g'}},"
		"'parallel_tool_calls':false}",
		&plain,
		"{'model':'gpt-x','messages':[{'role':'user','content':'Hi'},"
		"{'role':'assistant','content':null,'tool_calls':[{'id':'c1','type':'function',"
		"'function':{'name':'f','arguments':'{\\\"a\\\":1}'}}]},"
		"{'role':'tool','tool_call_id':'c1','content':'ok'}],'max_tokens':4096,"
		"'tools':[{'type':'function','function':{'name':'f','description':'d',"
		"'parameters':{'type':'object','properties':{'a':{'type':'number'}}},'strict':true}"
		"},"
		"{'type':'function','function':{'name':'g'}}],"
		"'tool_choice':{'type':'function','function':{'name':'g'}},"
		"'parallel_tool_calls':false}"},
	{"choice by word",
		"{'model':'m'," HI ",'tools':[{'type':'function','function':{'name':'f'}}],"
		"'tool_choice':'required'}",
		&plain,
		"{'model':'gpt-x'," HI
		",'max_tokens':4096,'tools':[{'type':'function','function':{'name':'f'}}],"
		"'tool_choice':'required'}"},
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
}

/* --- what is understood
 * ---------------------------------------------------------------------------- */

#define CHUNK(choice)                                                                        \
	"data: {'id':'chatcmpl-1','object':'chat.completion.chunk','created':1,'model':'m'," \
	"'choices':[" choice "]}\n\n"
#define DELTA(delta) CHUNK("{'index':0,'delta':" delta ",'logprobs':null,'finish_reason':null}")
#define FINISH(reason) CHUNK("{'index':0,'delta':{},'finish_reason':'" reason "'}")
#define USAGE(usage) "data: {'choices':[],'usage':" usage "}\n\n"
#define DONE "data: [DONE]\n\n"

static const struct answer {
	const char *name, *bytes, *events;
} streams[] = {
	{"text",
		DELTA("{'role':'assistant','content':'','refusal':null}") DELTA("{'content':'Hel'}")
			DELTA("{'content':'lo \\\"x\\\"'}") FINISH("stop")
				USAGE("{'prompt_tokens':10,'completion_tokens':3}") DONE,
		"start\ntext 'Hel'\ntext 'lo \\\"x\\\"'\nfinish stop\n"
		"usage in 10, cached 0, write 0 (1h 0), out 3 (0)\nend\n"},
	{"comments and names",
		": keep-alive\n\nevent: x\n" DELTA("{'content':'a'}") ":\n\n" FINISH("length") DONE,
		"start\ntext 'a'\nfinish length\nend\n"},
	{"tools",
		DELTA("{'role':'assistant','content':null,'tool_calls':[{'index':0,'id':'c1',"
		      "'type':'function','function':{'name':'f','arguments':''}}]}")
			DELTA("{'tool_calls':[{'index':0,'function':{'arguments':'{\\\"a\\\"'}}]}")
				DELTA("{'tool_calls':[{'index':0,'function':{'arguments':':1}'}}]}")
					DELTA("{'tool_calls':[{'index':1,'id':'c2','type':'"
					      "function',"
					      "'function':{'name':'g','arguments':'{}'}}]}")
						FINISH("tool_calls") DONE,
		"start\ntool 0 c1 f\n0 input '{\\\"a\\\"'\n0 input ':1}'\n"
		"tool 1 c2 g\n1 input '{}'\nfinish tool_calls\nend\n"},
	{"tools, two in a chunk and without numbers",
		DELTA("{'tool_calls':[{'id':'c1','function':{'name':'f','arguments':'{}'}},"
		      "{'id':'c2','function':{'name':'g','arguments':'{'}}]}")
			DELTA("{'tool_calls':[{'function':{'arguments':'}'}}]}") FINISH("stop")
				DONE,
		"start\ntool 0 c1 f\n0 input '{}'\ntool 1 c2 g\n1 input '{'\n1 input '}'\n"
		"finish tool_calls\nend\n"},
	{"tools, all with number 0",
		DELTA("{'tool_calls':[{'index':0,'id':'c1','function':{'name':'f','arguments':''}}]"
		      "}") DELTA("{'tool_calls':[{'index':0,'id':'c1','function':{'arguments':'{}'}"
				 "}]}")
			DELTA("{'tool_calls':[{'index':0,'id':'c2','function':{'name':'g'}}]}")
				FINISH("tool_calls") DONE,
		"start\ntool 0 c1 f\n0 input '{}'\ntool 1 c2 g\nfinish tool_calls\nend\n"},
	{"numbers that begin at 1, arguments as an object",
		DELTA("{'tool_calls':[{'index':1,'id':'c1','function':{'name':'f',"
		      "'arguments':{'a':[1]}}}]}") FINISH("function_call") DONE,
		"start\ntool 0 c1 f\n0 input '{\\\"a\\\":[1]}'\nfinish tool_calls\nend\n"},
	{"reasoning, by both names",
		DELTA("{'reasoning_content':'a','content':null}") DELTA("{'reasoning':'b'}")
			DELTA("{'reasoning':'c','reasoning_content':'c'}") DELTA("{'content':'d'}")
				FINISH("stop") DONE,
		"start\nreasoning 'a'\nreasoning 'b'\nreasoning 'c'\ntext 'd'\nfinish stop\nend\n"},
	{"reasoning in parts",
		DELTA("{'content':[{'type':'thinking','thinking':[{'type':'text','text':'a'}]}]}")
			DELTA("{'content':[{'type':'text','text':'b'}]}") FINISH("stop") DONE,
		"start\nreasoning 'a'\ntext 'b'\nfinish stop\nend\n"},
	{"refusal", DELTA("{'refusal':'No'}") DELTA("{'refusal':'.'}") FINISH("stop") DONE,
		"start\nrefusal 'No'\nrefusal '.'\nfinish stop\nend\n"},
	{"content filter", DELTA("{'content':'a'}") FINISH("content_filter") DONE,
		"start\ntext 'a'\nfinish content_filter\nend\n"},
	{"only the first choice",
		CHUNK("{'index':1,'delta':{'content':'b'}},{'index':0,'delta':{'content':'a'}}")
			FINISH("stop") DONE,
		"start\ntext 'a'\nfinish stop\nend\n"},
	{"usage in full",
		FINISH("stop")
			USAGE("{'prompt_tokens':100,'completion_tokens':50,'total_tokens':150,"
			      "'prompt_tokens_details':{'cached_tokens':60,"
			      "'cache_write_tokens':30,'audio_tokens':0},"
			      "'completion_tokens_details':{'reasoning_tokens':40}}") DONE,
		"start\nfinish stop\nusage in 10, cached 60, write 30 (1h 0), out 50 (40)\nend\n"},
	{"usage of DeepSeek",
		FINISH("stop") USAGE("{'prompt_tokens':100,'completion_tokens':5,"
				     "'prompt_cache_hit_tokens':60,'prompt_cache_miss_tokens':40}")
			DONE,
		"start\nfinish stop\nusage in 40, cached 60, write 0 (1h 0), out 5 (0)\nend\n"},
	{"usage of xAI",
		FINISH("stop") USAGE("{'prompt_tokens':10,'completion_tokens':5,'total_tokens':35,"
				     "'completion_tokens_details':{'reasoning_tokens':20}}") DONE,
		"start\nfinish stop\nusage in 10, cached 0, write 0 (1h 0), out 25 (20)\nend\n"},
	{"usage of Groq",
		"data: "
		"{'choices':[{'index':0,'delta':{},'finish_reason':'stop'}],'x_groq':{'id':'r',"
		"'usage':{'prompt_tokens':1,'completion_tokens':2}}}\n\n" DONE,
		"start\nusage in 1, cached 0, write 0 (1h 0), out 2 (0)\nfinish stop\nend\n"},
	{"usage that makes no sense",
		FINISH("stop") USAGE("{'prompt_tokens':-5,'completion_tokens':1e99}") USAGE("null")
			USAGE("{'prompt_tokens':5,'completion_tokens':'x',"
			      "'prompt_tokens_details':{'cached_tokens':9}}") DONE,
		"start\nfinish stop\nusage in 0, cached 5, write 0 (1h 0), out 0 (0)\nend\n"},
	{"error",
		DELTA("{'content':'a'}") "data: {'error':{'message':'Gone','type':'server_error',"
					 "'code':null}}\n\n" DONE,
		"start\ntext 'a'\n500 error 'Gone'\n"},
	{"error at once, as text", "data: {'error':'No'}\n\n", "0 error 'No'\n"},
	{"error with a number", "event: error\ndata: {'error':{'code':429,'message':'Slow'}}\n\n",
		"429 error 'Slow'\n"},
	{"error that is nothing else", "event: error\ndata: {'what':1}\n\n",
		"0 error 'The model`s provider gave up.'\n"},
	{"error as a reason", DELTA("{'content':'a'}") FINISH("insufficient_system_resource") DONE,
		"start\ntext 'a'\n0 error 'The model`s provider gave up.'\n"},
	{"no error at all", "data: {'error':null,'choices':[{'delta':{'content':'a'}}]}\n\n" DONE,
		"start\ntext 'a'\nfinish stop\nend\n"},
	{"least", "data: {'choices':[{'delta':{'content':'Hello'}}]}\n\n" DONE,
		"start\ntext 'Hello'\nfinish stop\nend\n"},
	{"finish, but no [DONE]", DELTA("{'content':'a'}") FINISH("stop"),
		"start\ntext 'a'\nfinish stop\nend\n"},
	{"nothing after [DONE]", FINISH("stop") DONE DELTA("{'content':'a'}") "garbage",
		"start\nfinish stop\nend\n"},
	{"cut", DELTA("{'content':'a'}"),
		"start\ntext 'a'\nUPSTREAM_ERROR: the answer was cut before its end\n"},
	{"cut inside a frame", DELTA("{'content':'a'}") "data: {'choices':[{'delta':{'content':'b",
		"start\ntext 'a'\nUPSTREAM_ERROR: an answer that is not JSON as it should be: "
		"text without end\n"},
	{"nothing", "", "UPSTREAM_ERROR: the answer was cut before its end\n"},
	{"a page", "<html><body>\n\nBad gateway</body></html>\n\n",
		"UPSTREAM_ERROR: the answer was cut before its end\n"},
	{"garbage", "data: garbage\n\n",
		"UPSTREAM_ERROR: an answer that is not JSON as it should be: value expected\n"},
	{"no object", "data: [1]\n\n",
		"UPSTREAM_ERROR: an answer that is not JSON as it should be: no object\n"},
	{"text behind", "data: {'choices':[{'delta':{'content':'a'}}]} x\n\n",
		"UPSTREAM_ERROR: an answer that is not JSON as it should be: text after the end\n"},
	{"other types",
		"data: {'choices':{},'usage':[1],'x_groq':7}\n\n"
		"data: {'choices':[1,null,{'index':'x','delta':[]}]}\n\n"
		"data: {'choices':[{'delta':{'content':5,'tool_calls':{},'refusal':[]}}]}\n\n"
		"data: {'choices':[{'delta':{'tool_calls':[1,{'function':3},null]}}]}\n\n" DONE,
		NULL},
	{"completion",
		"data: {'choices':[{'text':'a','index':0,'finish_reason':null}]}\n\n"
		"data: {'choices':[{'text':'','index':0,'finish_reason':'length'}],"
		"'usage':{'prompt_tokens':1,'completion_tokens':1}}\n\n" DONE,
		"start\ntext 'a'\nusage in 1, cached 0, write 0 (1h 0), out 1 (0)\nfinish length\n"
		"end\n"},
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

#define REPLACED "\xef\xbf\xbd"

/* Characters that come in pieces: in the bytes of one frame, or of several. */
static const struct answer broken[] = {
	{"halves over two frames",
		DELTA("{'content':'a\\ud83d'}") DELTA("{'content':'\\ude00b'}") DONE,
		"start\ntext 'a'\ntext '\xf0\x9f\x98\x80"
		"b'\nfinish stop\nend\n"},
	{"bytes over two frames", DELTA("{'content':'\xe2\x82'}") DELTA("{'content':'\xac'}") DONE,
		"start\ntext '\xe2\x82\xac'\nfinish stop\nend\n"},
	{"an empty one between",
		DELTA("{'content':'\xe2'}") DELTA("{'content':''}") DELTA("{'content':'\x82\xac'}")
			DONE,
		"start\ntext '\xe2\x82\xac'\nfinish stop\nend\n"},
	{"bytes that are none",
		DELTA("{'content':'a\xff"
		      "b'}") DONE,
		"start\ntext 'a" REPLACED "b'\nfinish stop\nend\n"},
	{"the rest never came", DELTA("{'content':'a\xe2\x82'}") FINISH("stop") DONE,
		"start\ntext 'a'\ntext '" REPLACED "'\nfinish stop\nend\n"},
	{"something else came", DELTA("{'reasoning':'\xe2\x82'}") DELTA("{'content':'a'}") DONE,
		"start\nreasoning '" REPLACED "'\ntext 'a'\nfinish stop\nend\n"},
	{"arguments",
		DELTA("{'tool_calls':[{'index':0,'id':'c','function':{'name':'f','arguments':'\xe2'"
		      "}}]}")
			DELTA("{'tool_calls':[{'index':0,'function':{'arguments':'\x82\xac'}}]}")
				DONE,
		"start\ntool 0 c f\n0 input '\xe2\x82\xac'\nfinish tool_calls\nend\n"},
};

static void test_broken_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(broken); i++)
		check_stream(&broken[i]);
}

static const struct answer wholes[] = {
	{"text",
		"{'id':'x','object':'chat.completion','created':1,'model':'m','choices':[{'index':"
		"0,"
		"'message':{'role':'assistant','content':'Hello','refusal':null},"
		"'finish_reason':'stop','logprobs':null}],'usage':{'prompt_tokens':3,"
		"'completion_tokens':2,'total_tokens':5}}",
		"start\nusage in 3, cached 0, write 0 (1h 0), out 2 (0)\ntext 'Hello'\nfinish "
		"stop\n"
		"end\n"},
	{"tools and reasoning",
		"{'choices':[{'message':{'content':null,'reasoning_content':'hm','tool_calls':["
		"{'id':'c1','type':'function','function':{'name':'f','arguments':'{}'}},"
		"{'id':'c2','type':'function','function':{'name':'g','arguments':'{\\\"b\\\":2}'}}]"
		"},"
		"'finish_reason':'tool_calls'}]}",
		"start\nreasoning 'hm'\ntool 0 c1 f\n0 input '{}'\ntool 1 c2 g\n"
		"1 input '{\\\"b\\\":2}'\nfinish tool_calls\nend\n"},
	{"completion",
		"{'choices':[{'text':'a + b','index':0,'logprobs':null,'finish_reason':'stop'}]}",
		"start\ntext 'a + b'\nfinish stop\nend\n"},
	{"error in a good answer", "{'error':{'message':'Overloaded','code':503}}",
		"503 error 'Overloaded'\n"},
	{"no choices", "{'id':'x'}", "UPSTREAM_ERROR: an answer without choices\n"},
	{"empty", "",
		"UPSTREAM_ERROR: an answer that is not JSON as it should be: value expected\n"},
	{"a page", "<html>",
		"UPSTREAM_ERROR: an answer that is not JSON as it should be: value expected\n"},
	{"cut", "{'choices':[{'message':{'content':'a'}}]",
		"UPSTREAM_ERROR: an answer that is not JSON as it should be: unfinished\n"},
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

/* An id is made for a call that came without one. */
static void test_made_ids(void **state)
{
	const char *events;

	(void)state;
	world_reset();
	events = events_of_stream(dialect,
		DELTA("{'tool_calls':[{'index':0,'function':{'name':'f','arguments':'{}'}}]}") DONE,
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
	const char *bytes = quoted(DELTA("{'content':'a'}") DELTA("{'content':'b'}"));
	int n_events = 0;

	(void)state;
	world_reset();
	struct answer_reader *r = dialect->reader(&world_arena, refuse_second, &n_events);
	bytes = quoted(DELTA("{'content':'a'}") DELTA("{'content':'b'}"));
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
	frame = quoted(DELTA("{'content':'some words \\n and \xe2\x82\xac'}"));
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
		cmocka_unit_test(test_broken_text),
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
