/* The Anthropic dialect of upstreams, both ways: upstreams.md 11.1 to 11.4, line by line. */
#include "ai_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct dialect_upstream *dialect;

/* --- what is asked -------------------------------------------------------------------------------
 */

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

#define USER(text) "{'role':'user','content':'" text "'}"
#define ASSISTANT(text) "{'role':'assistant','content':'" text "'}"
#define HI USER("Hi")
#define TEXT(text) "{'type':'text','text':'" text "'}"
#define USER_TURN(blocks) "{'role':'user','content':[" blocks "]}"
#define ASSISTANT_TURN(blocks) "{'role':'assistant','content':[" blocks "]}"
#define HI_TURN USER_TURN(TEXT("Hi"))
#define HEAD "{'model':'claude-x','max_tokens':1024"
#define CALL(id, name, arguments)                                                                \
	"{'id':'" id "','type':'function','function':{'name':'" name "','arguments':'" arguments \
	"'}}"
#define CALLS(calls) "{'role':'assistant','content':null,'tool_calls':[" calls "]}"
#define RESULT(id, text) "{'role':'tool','tool_call_id':'" id "','content':'" text "'}"
#define TOOL_F "'tools':[{'type':'function','function':{'name':'f'}}]"
#define TOOL_F_OUT "'tools':[{'name':'f','input_schema':{'type':'object'}}]"
#define USE(id, name, input) "{'type':'tool_use','id':'" id "','name':'" name "','input':" input "}"
#define RESULT_BLOCK(id, text) \
	"{'type':'tool_result','tool_use_id':'" id "','content':[" TEXT(text) "]}"
#define NO_RESULT(id)                                                                    \
	"{'type':'tool_result','tool_use_id':'" id "','content':'There is no result of " \
	"this call.','is_error':true}"

static const struct {
	const char *name, *client;
	const struct upstream_model *model;
	const char *upstream;
} requests[] = {
	{"least", "{'model':'m','messages':[" HI "]}", &plain, HEAD ",'messages':[" HI_TURN "]}"},
	{"stream, asked less",
		"{'model':'m','messages':[" HI "],'max_completion_tokens':5,'stream':true}", &plain,
		"{'model':'claude-x','max_tokens':5,'messages':[" HI_TURN "],'stream':true}"},
	{"system from anywhere",
		"{'model':'m','messages':[{'role':'system','content':'A'}," HI
		",{'role':'developer','content':[{'type':'text','text':'B'},{'type':'text','text':"
		"' '},{'type':'text','text':'C'}]}]}",
		&plain, HEAD ",'system':'A\\n\\nB\\n\\nC','messages':[" HI_TURN "]}"},
	{"turns of one side are merged",
		"{'model':'m','messages':[" USER("a") "," USER("b") "," ASSISTANT(
			"c") ",{'role':'system','content':'S'}," ASSISTANT("d") "," USER("e") "]}",
		&plain,
		HEAD
		",'system':'S','messages':[" USER_TURN(TEXT("a") "," TEXT("b")) "," ASSISTANT_TURN(
			TEXT("c") "," TEXT("d")) "," USER_TURN(TEXT("e")) "]}"},
	{"the first is the user's", "{'model':'m','messages':[" ASSISTANT("a") "," USER("b") "]}",
		&plain,
		HEAD ",'messages':[" USER_TURN(TEXT(".")) "," ASSISTANT_TURN(
			TEXT("a")) "," USER_TURN(TEXT("b")) "]}"},
	{"empty text is dropped, and turns meet",
		"{'model':'m','messages':[" USER("a") "," ASSISTANT("") "," ASSISTANT(
			" \\n") "," USER("b") "," USER("\\t") "]}",
		&plain, HEAD ",'messages':[" USER_TURN(TEXT("a") "," TEXT("b")) "]}"},
	{"nothing but a system", "{'model':'m','messages':[{'role':'system','content':'S'}]}",
		&plain, HEAD ",'system':'S','messages':[" USER_TURN(TEXT(".")) "]}"},
	{"prefill, without space at its end",
		"{'model':'m','messages':[" HI "," ASSISTANT("The answer: \\n") "]}", &plain,
		HEAD ",'messages':[" HI_TURN "," ASSISTANT_TURN(TEXT("The answer:")) "]}"},
	{"no prefill", "{'model':'m','messages':[" HI "," ASSISTANT("The") "]}", &newest,
		HEAD ",'messages':[" HI_TURN
		     "," ASSISTANT_TURN(TEXT("The")) "," USER_TURN(TEXT("Continue.")) "]}"},
	{"images",
		"{'model':'m','messages':[{'role':'user','content':[{'type':'image_url','image_url'"
		":"
		"{'url':'data:image/jpeg;base64,AAA='}},{'type':'image_url','image_url':{'url':"
		"'https://x/y.png'}},{'type':'text','text':'what'}]}]}",
		&plain,
		HEAD ",'messages':[" USER_TURN("{'type':'image','source':{'type':'base64','media_"
					       "type':'image/jpeg','data':"
					       "'AAA='}},{'type':'image','source':{'type':'url','"
					       "url':'https://x/y.png'}}," TEXT("what")) "]}"},
	{"tools, there and back",
		"{'model':'m','messages':[" HI
		",{'role':'assistant','content':'Look','tool_calls':[" CALL(
			"c1", "f", "{\\\"a\\\": 1}") "," CALL("c2", "g", "") "]}," RESULT("c2",
			"two") "," RESULT("c1",
			"one") "," USER("And?") "],'tools':[{'type':'function','function':"
						"{'name':'f','description':'F','parameters':{'type'"
						":'object','properties':{'a':{}}},"
						"'strict':true}},{'type':'function','function':{'"
						"name':'g','description':'',"
						"'parameters':{'properties':{}}}},{'type':'"
						"function','function':{'name':'h',"
						"'parameters':{}}}]}",
		&able,
		HEAD ",'messages':[" HI_TURN "," ASSISTANT_TURN(TEXT("Look") "," USE(
			"c1", "f", "{'a': 1}") "," USE("c2", "g",
			"{}")) "," USER_TURN(RESULT_BLOCK("c1", "one") "," RESULT_BLOCK("c2",
			"two") "," TEXT("And?")) "],'tools':[{'name':'f',"
						 "'description':'F','input_schema':{'type':'object'"
						 ",'properties':{'a':{}}},"
						 "'strict':true},{'name':'g','input_schema':{'type'"
						 ":'object','properties':{}}},"
						 "{'name':'h','input_schema':{'type':'object'}}]}"},
	{"results are first, whatever the order",
		"{'model':'m','messages':[" HI "," CALLS(CALL("c1", "f", "{}")) "," USER(
			"wait") "," RESULT("c1", "one") "]," TOOL_F "}",
		&plain,
		HEAD ",'messages':[" HI_TURN "," ASSISTANT_TURN(USE("c1", "f", "{}")) "," USER_TURN(
			RESULT_BLOCK("c1", "one") "," TEXT("wait")) "]," TOOL_F_OUT "}"},
	{"missing results",
		"{'model':'m','messages':[" HI "," CALLS(CALL("c1", "f", "{}") "," CALL(
			"c2", "f", "{}")) "," RESULT("c2", "two") "," CALLS(CALL("c3", "f",
			"{}")) "," USER("never mind") "," CALLS(CALL("c4", "f", "{}")) "]," TOOL_F
										       "}",
		&plain,
		HEAD ",'messages':[" HI_TURN "," ASSISTANT_TURN(USE("c1", "f", "{}") "," USE(
			"c2", "f", "{}")) "," USER_TURN(NO_RESULT("c1") "," RESULT_BLOCK("c2",
			"two")) "," ASSISTANT_TURN(USE("c3", "f",
			"{}")) "," USER_TURN(NO_RESULT("c3") "," TEXT("never mind")) "," ASSISTANT_TURN(USE("c4",
			"f", "{}")) "," USER_TURN(NO_RESULT("c4")) "]," TOOL_F_OUT "}"},
	{"results without text, and two of one call",
		"{'model':'m','messages':[" HI
		"," CALLS(CALL("c1", "f", "{}") "," CALL("c2", "f", "{}")) "," RESULT(
			"c1", "") "," RESULT("c2", "a") "," RESULT("c2", "b") "]," TOOL_F "}",
		&plain,
		HEAD
		",'messages':[" HI_TURN
		"," ASSISTANT_TURN(USE("c1", "f", "{}") "," USE("c2", "f", "{}")) "," USER_TURN(
			"{'type':'tool_result','tool_use_id':'c1'},"
			"{'type':'tool_result','tool_use_id':'c2','content':[" TEXT("a") "," TEXT(
				"b") "]}") "]," TOOL_F_OUT "}"},
	{"text of a merged turn is before its calls",
		"{'model':'m','messages':[" HI "," CALLS(CALL("c1", "f", "{}")) "," ASSISTANT(
			"a") "," RESULT("c1", "one") "]," TOOL_F "}",
		&plain,
		HEAD ",'messages':[" HI_TURN "," ASSISTANT_TURN(TEXT("a") "," USE("c1", "f",
			"{}")) "," USER_TURN(RESULT_BLOCK("c1", "one")) "]," TOOL_F_OUT "}"},
	{"arguments that are no object",
		"{'model':'m','messages':[" HI "," CALLS(CALL("c1", "f", "{\\\"a\\\":") "," CALL(
			"c2", "f", "[1]") "," CALL("c3", "f", " {\\\"a\\\":[]}")) "," RESULT("c1",
			"1") "," RESULT("c2", "2") "," RESULT("c3", "3") "]," TOOL_F "}",
		&plain,
		HEAD ",'messages':[" HI_TURN "," ASSISTANT_TURN(USE("c1", "f", "{}") "," USE(
			"c2", "f", "{}") "," USE("c3", "f",
			"{'a':[]}")) "," USER_TURN(RESULT_BLOCK("c1", "1") "," RESULT_BLOCK("c2",
			"2") "," RESULT_BLOCK("c3", "3")) "]," TOOL_F_OUT "}"},
	{"ids that Anthropic refuses",
		"{'model':'m','messages':[" HI "," CALLS(CALL("functions.f:0", "f",
			"{}")) "," RESULT("functions.f:0", "1") "]," TOOL_F "}",
		&plain,
		HEAD ",'messages':[" HI_TURN "," ASSISTANT_TURN(USE(
			"call_d6bdd4de328a22edd610f9548b4f419f", "f",
			"{}")) "," USER_TURN(RESULT_BLOCK("call_d6bdd4de328a22edd610f9548b4f419f",
			"1")) "]," TOOL_F_OUT "}"},
	{"calls of tools that are offered no more",
		"{'model':'m','messages':[" HI "," CALLS(CALL("c1", "f", "{}") "," CALL(
			"c2", "f", "{}") "," CALL("c3", "g", "{}")) "," USER("x") "]}",
		&plain,
		HEAD
		",'messages':[" HI_TURN
		"," ASSISTANT_TURN(USE("c1", "f", "{}") "," USE("c2", "f", "{}") "," USE("c3", "g", "{}")) "," USER_TURN(
			NO_RESULT("c1") "," NO_RESULT("c2") "," NO_RESULT("c3") "," TEXT(
				"x")) "],'tools':[{'name':'f',"
				      "'input_schema':{'type':'object'}},{'name':'g','input_schema'"
				      ":{'type':'object'}}],"
				      "'tool_choice':{'type':'none'}}"},
#define CHOICE(name, asked, written)                                                    \
	{                                                                               \
		name, "{'model':'m','messages':[" HI "]," TOOL_F "," asked "}", &plain, \
			HEAD ",'messages':[" HI_TURN "]," TOOL_F_OUT written "}"        \
	}
	CHOICE("choice auto", "'tool_choice':'auto'", ",'tool_choice':{'type':'auto'}"),
	CHOICE("choice required", "'tool_choice':'required'", ",'tool_choice':{'type':'any'}"),
	CHOICE("choice none", "'tool_choice':'none','parallel_tool_calls':false",
		",'tool_choice':{'type':'none'}"),
	CHOICE("choice named",
		"'tool_choice':{'type':'function','function':{'name':'f'}},"
		"'parallel_tool_calls':false",
		",'tool_choice':{'type':'tool','name':'f','disable_parallel_tool_use':true}"),
	CHOICE("one by one", "'parallel_tool_calls':false",
		",'tool_choice':{'type':'auto','disable_parallel_tool_use':true}"),
	CHOICE("all at once", "'parallel_tool_calls':true", ""),
#undef CHOICE
#define ALSO(name, model, asked, written)                                   \
	{                                                                   \
		name, "{'model':'m','messages':[" HI "]," asked "}", model, \
			HEAD ",'messages':[" HI_TURN "]" written "}"        \
	}
	ALSO("stop", &plain, "'stop':['a',' ','\\n','b']", ",'stop_sequences':['a','b']"),
	ALSO("stop of white space", &plain, "'stop':'\\n\\n'", ""),
	ALSO("sampling dropped", &plain, "'temperature':0.5,'top_p':0.5", ""),
	ALSO("temperature", &able, "'temperature':0.5", ",'temperature':0.5"),
	ALSO("temperature 1", &able, "'temperature':1.0", ",'temperature':1.0"),
	ALSO("temperature above 1", &able, "'temperature':1.5", ",'temperature':1"),
	ALSO("never both", &able, "'temperature':0,'top_p':0.5", ",'temperature':0"),
	ALSO("top_p", &able, "'top_p':0.5", ",'top_p':0.5"),
	ALSO("no sampling in newer versions", &newest, "'temperature':1,'top_p':1", ""),
	ALSO("no seed", &able, "'seed':1,'n':1,'presence_penalty':1,'logprobs':true", ""),
	ALSO("effort", &able, "'reasoning_effort':'high'", ",'output_config':{'effort':'high'}"),
	ALSO("least effort", &able, "'reasoning_effort':'minimal'",
		",'output_config':{'effort':'low'}"),
	ALSO("no effort", &able, "'reasoning_effort':'none'", ",'thinking':{'type':'disabled'}"),
	ALSO("effort not understood", &plain, "'reasoning_effort':'none'", ""),
	ALSO("schema", &able,
		"'response_format':{'type':'json_schema','json_schema':{'name':'x','strict':true,"
		"'schema':{'type':'object'}}}",
		",'output_config':{'format':{'type':'json_schema','schema':{'type':'object'}}}"),
	ALSO("schema and effort", &able,
		"'reasoning_effort':'low','response_format':{'type':'json_schema','json_schema':"
		"{'schema':{}}}",
		",'output_config':{'effort':'low','format':{'type':'json_schema','schema':{}}}"),
	ALSO("plain format", &plain, "'response_format':{'type':'text'}", ""),
	ALSO("user", &plain, "'user':'alex'",
		",'metadata':{'user_id':"
		"'4135aa9dc1b842a653dea846903ddb95bfb8c5a10c504a7fa16e10bc31d1fdf0'}"),
#undef ALSO
	{"schema as an instruction",
		"{'model':'m','messages':[{'role':'system','content':'S'}," HI
		"],'response_format':{'type':'json_schema','json_schema':{'schema':{'type':'object'"
		"}}}}",
		&plain,
		HEAD
		",'system':'S\\n\\nAnswer with one JSON value that is valid under this JSON "
		"Schema, and nothing else:\\n{\\\"type\\\":\\\"object\\\"}','messages':[" HI_TURN
		"]}"},
	{"object as an instruction",
		"{'model':'m','messages':[" HI "],'response_format':{'type':'json_object'}}", &able,
		HEAD
		",'system':'Answer with one JSON object and nothing else.','messages':[" HI_TURN
		"]}"},
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
}

static const struct {
	const char *name, *messages, *detail;
} refusals[] = {
	{"a result of nothing", HI "," RESULT("c1", "x"),
		"messages[1].tool_call_id names no call of the message before."},
	{"a result of an older call",
		HI "," CALLS(CALL("c1", "f", "{}")) "," RESULT("c1", "x") "," ASSISTANT(
			"a") "," RESULT("c1", "x"),
		"messages[4].tool_call_id names no call of the message before."},
	{"a result at the beginning", RESULT("c1", "x"),
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

/* --- what is understood
 * ---------------------------------------------------------------------------- */

#define EVENT(type, members) "event: " type "\ndata: {'type':'" type "'" members "}\n\n"
#define START(usage)                                                                               \
	EVENT("message_start",                                                                     \
		",'message':{'id':'msg_1','type':'message','role':'assistant','model':'claude-x'," \
		"'content':[],'stop_reason':null,'stop_sequence':null,'usage':" usage "}")
#define BLOCK(i, block) EVENT("content_block_start", ",'index':" i ",'content_block':" block)
#define DELTA(i, delta) EVENT("content_block_delta", ",'index':" i ",'delta':" delta)
#define TEXT_DELTA(i, text) DELTA(i, "{'type':'text_delta','text':'" text "'}")
#define JSON_DELTA(i, json) DELTA(i, "{'type':'input_json_delta','partial_json':'" json "'}")
#define STOP(i) EVENT("content_block_stop", ",'index':" i)
#define END(reason, usage)                                                                   \
	EVENT("message_delta",                                                               \
		",'delta':{'stop_reason':'" reason "','stop_sequence':null},'usage':" usage) \
	EVENT("message_stop", "")
#define FEW "{'input_tokens':10,'output_tokens':1}"
#define FEW_LINE "usage in 10, cached 0, write 0 (1h 0), out 1 (0)\n"

static const struct answer {
	const char *name, *bytes, *events;
} streams[] = {
	{"text",
		START("{'input_tokens':10,'cache_creation_input_tokens':20,"
		      "'cache_read_input_tokens':30,'output_tokens':1}") BLOCK("0",
			"{'type':'text','text':''}") EVENT("ping", "") TEXT_DELTA("0", "Hel")
			TEXT_DELTA("0", "lo") STOP("0") END("end_turn", "{'output_tokens':15}"),
		"start\nusage in 10, cached 30, write 20 (1h 0), out 1 (0)\ntext 'Hel'\ntext 'lo'\n"
		"usage in 10, cached 30, write 20 (1h 0), out 15 (0)\nfinish stop\nend\n"},
	{"tools are counted, not blocks",
		START(FEW) BLOCK("0", "{'type':'thinking','thinking':'','signature':''}") DELTA(
			"0", "{'type':'thinking_delta','thinking':'hm'}") DELTA("0",
			"{'type':'signature_delta','signature':'xyz'}") STOP("0") BLOCK("1",
			"{'type':'text','text':''}") TEXT_DELTA("1", "I look") STOP("1") BLOCK("2",
			"{'type':'tool_use','id':'toolu_1','name':'f','input':{}}") JSON_DELTA("2",
			"") JSON_DELTA("2", "{\\\"a\\\":") JSON_DELTA("2", " 1}") STOP("2")
			BLOCK("3", "{'type':'tool_use','id':'toolu_2','name':'g','input':{}}")
				STOP("3") END("tool_use", "{'output_tokens':9}"),
		"start\n" FEW_LINE "reasoning 'hm'\ntext 'I look'\ntool 0 toolu_1 f\n"
		"0 input '{\\\"a\\\":'\n0 input ' 1}'\ntool 1 toolu_2 g\n1 input '{}'\n"
		"usage in 10, cached 0, write 0 (1h 0), out 9 (0)\nfinish tool_calls\nend\n"},
	{"input at once",
		START(FEW)
			BLOCK("0", "{'type':'tool_use','id':'t','name':'f','input':{'a':[1, 2]}}")
				JSON_DELTA("0", "ignored") STOP("0") END("tool_use", "{}"),
		"start\n" FEW_LINE "tool 0 t f\n0 input '{\\\"a\\\":[1, 2]}'\n" FEW_LINE
		"finish tool_calls\nend\n"},
	{"usage overwrites, absent stays",
		START("{'input_tokens':5,'output_tokens':3,'cache_creation':"
		      "{'ephemeral_5m_input_tokens':1,'ephemeral_1h_input_tokens':6},"
		      "'cache_creation_input_tokens':7}")
			EVENT("message_delta", ",'delta':{},'usage':{'output_tokens':4}")
				END("max_tokens", "{'input_tokens':6,'output_tokens':5,"
						  "'cache_read_input_tokens':null}"),
		"start\nusage in 5, cached 0, write 7 (1h 6), out 3 (0)\n"
		"usage in 5, cached 0, write 7 (1h 6), out 4 (0)\n"
		"usage in 6, cached 0, write 7 (1h 6), out 5 (0)\nfinish length\nend\n"},
	{"error in the middle",
		START(FEW) BLOCK("0", "{'type':'text','text':''}") TEXT_DELTA("0", "a") EVENT(
			"error", ",'error':{'type':'overloaded_error','message':'Overloaded'}")
			TEXT_DELTA("0", "never"),
		"start\n" FEW_LINE "text 'a'\n529 error 'Overloaded'\n"},
	{"error at once", EVENT("error", ",'error':{'type':'rate_limit_error','message':'Slow'}"),
		"429 error 'Slow'\n"},
	{"what is not known",
		START(FEW) BLOCK("0", "{'type':'server_tool_use','id':'s','name':'w',"
				      "'input':{}}") JSON_DELTA("0", "{}") STOP("0")
			EVENT("new_thing", ",'x':[]") DELTA("0",
				"{'type':'citations_delta','citation':{}}") END("new_reason", "{}"),
		"start\n" FEW_LINE FEW_LINE "finish stop\nend\n"},
	{"only the name of the event",
		"event: ping\ndata: {}\n\n" START(FEW) "event: message_stop\n"
						       "data: {}\n\n",
		"start\n" FEW_LINE "finish stop\nend\n"},
	{"messages in messages",
		START(FEW) "data: {'type':'message_start','message':{'message':"
			   "{'message':{}},'usage':{'output_tokens':2}}}\n\n" END("end_turn", "{}"),
		"start\n" FEW_LINE "usage in 10, cached 0, write 0 (1h 0), out 2 (0)\n"
		"usage in 10, cached 0, write 0 (1h 0), out 2 (0)\nfinish stop\nend\n"},
	{"no message_stop", START(FEW) EVENT("message_delta", ",'delta':{'stop_reason':'refusal'}"),
		"start\n" FEW_LINE "finish content_filter\nend\n"},
	{"cut", START(FEW) TEXT_DELTA("0", "a"),
		"start\n" FEW_LINE "text 'a'\nUPSTREAM_ERROR: the answer was cut before its end\n"},
	{"garbage", START(FEW) "data: <html>\n\n",
		"start\n" FEW_LINE "UPSTREAM_ERROR: an answer that is not JSON as it should be: "
		"value expected\n"},
	{"text in halves",
		START(FEW) TEXT_DELTA("0", "a\\ud83d") TEXT_DELTA("0", "\\ude00b")
			TEXT_DELTA("0", "\xe2\x82") STOP("0") END("end_turn", "{}"),
		"start\n" FEW_LINE "text 'a'\ntext '\xf0\x9f\x98\x80"
		"b'\n" FEW_LINE "text '\xef\xbf\xbd'\nfinish stop\nend\n"},
#define REASON(reason, finish)                                                 \
	{                                                                      \
		reason, START(FEW) END(reason, "{}"),                          \
			"start\n" FEW_LINE FEW_LINE "finish " finish "\nend\n" \
	}
	REASON("end_turn", "stop"),
	REASON("stop_sequence", "stop"),
	REASON("pause_turn", "stop"),
	REASON("max_tokens", "length"),
	REASON("model_context_window_exceeded", "length"),
	REASON("tool_use", "tool_calls"),
	REASON("refusal", "content_filter"),
#undef REASON
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
	{"text",
		"{'id':'msg_1','type':'message','role':'assistant','model':'claude-x','content':["
		"{'type':'text','text':'Hel'},{'type':'text','text':'lo'}],'stop_reason':'end_turn'"
		","
		"'stop_sequence':null,'usage':{'input_tokens':10,'output_tokens':1}}",
		"start\n" FEW_LINE "text 'Hel'\ntext 'lo'\nfinish stop\nend\n"},
	{"thinking and tools",
		"{'type':'message','content':[{'type':'thinking','thinking':'hm','signature':'x'},"
		"{'type':'redacted_thinking','data':'x'},{'type':'text','text':'a'},"
		"{'type':'tool_use','id':'t1','name':'f','input':{'a': {'b':[1,'x']}}},"
		"{'type':'tool_use','id':'t2','name':'g','input':{}},"
		"{'type':'tool_use','id':'t3','name':'h'}],'stop_reason':'tool_use'}",
		"start\nreasoning 'hm'\ntext 'a'\ntool 0 t1 f\n"
		"0 input '{\\\"a\\\": {\\\"b\\\":[1,\\\"x\\\"]}}'\ntool 1 t2 g\n1 input '{}'\n"
		"tool 2 t3 h\n2 input '{}'\nfinish tool_calls\nend\n"},
	{"empty", "{'type':'message','content':[],'stop_reason':'end_turn'}",
		"start\nfinish stop\nend\n"},
	{"error", "{'type':'error','error':{'type':'api_error','message':'Oh'}}",
		"500 error 'Oh'\n"},
	{"something else", "{'hello':1}", "UPSTREAM_ERROR: an answer without content\n"},
	{"garbage", "Bad gateway",
		"UPSTREAM_ERROR: an answer that is not JSON as it should be: value expected\n"},
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
