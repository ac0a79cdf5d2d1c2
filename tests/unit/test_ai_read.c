/* Clients' bodies: every rule of gateway.md 2.1 and 2.5 with the path of its fault, and what is
 * understood of good ones. */
#include "ai_world.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/http/json.h"

#include <cmocka.h>

#define HI "'messages':[{'role':'user','content':'Hi'}]"
#define ONE(message) "{'model':'m','messages':[" message "]}"
#define PART(part) ONE("{'role':'user','content':[" part "]}")
#define URL(url) PART("{'type':'image_url','image_url':{'url':'" url "'}}")
#define WITH(members) "{'model':'m'," HI "," members "}"
#define TOOLS(tools) WITH("'tools':[" tools "]")
#define F "{'type':'function','function':{'name':'f'}}"
#define CALLS(calls) ONE("{'role':'assistant','tool_calls':[" calls "]}")

static const struct {
	const char *name, *body, *faults;
} chats[] = {
	{"good", WITH("'x':1"), ""},
	{"everything is null",
		WITH("'stream':null,'stream_options':null,'max_tokens':null,'n':null,'stop':null,"
		     "'temperature':null,'top_p':null,'seed':null,'tools':null,'tool_choice':null,"
		     "'response_format':null,'mode':null,'user':null,'metadata':null,"
		     "'reasoning_effort':null,'parallel_tool_calls':null"),
		""},
	{"no object", "[]", ": object"},
	{"nothing", "{}", "model: required; messages: required"},
	{"model", "{'model':5," HI "}", "model: string"},
	{"empty model", "{'model':''," HI "}", "model: required"},
	{"messages", "{'model':'m','messages':{}}", "messages: array"},
	{"no message", ONE(""), "messages: min 1"},
	{"message", ONE("1,null"), "messages[0]: object; messages[1]: object"},
	{"no role", ONE("{'content':'a'}"), "messages[0].role: required"},
	{"role", ONE("{'role':'function','content':'a'}"), "messages[0].role: values"},
	{"role's type", ONE("{'role':1,'content':'a'}"), "messages[0].role: string"},
	{"no content", ONE("{'role':'user'},{'role':'user','content':null}"),
		"messages[0].content: required; messages[1].content: required"},
	{"content", ONE("{'role':'user','content':{}}"), "messages[0].content: string"},
	{"assistant without anything", ONE("{'role':'assistant','content':null}"),
		"messages[0].content: required"},
	{"assistant with a refusal",
		ONE("{'role':'assistant','content':null,'refusal':'No'},{'role':'assistant','"
		    "content':["
		    "{'type':'refusal','refusal':'No'}]}"),
		""},
	{"assistant with calls",
		ONE("{'role':'assistant','content':[],'tool_calls':[{'id':'c','function':{'name':'"
		    "f',"
		    "'arguments':''}}]}"),
		""},
	{"tool", ONE("{'role':'tool','content':'a'}"), "messages[0].tool_call_id: required"},
	{"no parts", PART(""), "messages[0].content: min 1"},
	{"part", PART("'a',{},{'type':'audio'},{'type':'text'},{'type':'text','text':1}"),
		"messages[0].content[0]: object; messages[0].content[1].type: required; "
		"messages[0].content[2].type: values; messages[0].content[3].text: required; "
		"messages[0].content[4].text: string"},
	{"image of a system",
		ONE("{'role':'system','content':[{'type':'image_url','image_url':{'url':'https://"
		    "x'}}]}"),
		"messages[0].content[0].type: values"},
	{"image",
		PART("{'type':'image_url'},{'type':'image_url','image_url':'https://x'},"
		     "{'type':'image_url','image_url':{}},"
		     "{'type':'image_url','image_url':{'url':'https://x','detail':1}}"),
		"messages[0].content[0].image_url: required; "
		"messages[0].content[1].image_url: object; "
		"messages[0].content[2].image_url.url: required; "
		"messages[0].content[3].image_url.detail: string"},
	{"http", URL("http://x/y"), "messages[0].content[0].image_url.url: url"},
	{"file", URL("file:///etc/passwd"), "messages[0].content[0].image_url.url: url"},
	{"empty https", URL("https://"), "messages[0].content[0].image_url.url: url"},
	{"https", URL("HTTPS://x"), ""},
	{"data", URL("data:image/png;base64,AAAA"), ""},
	{"data, jpg", URL("DATA:image/JPG;Base64,AA=="), ""},
	{"data with a parameter", URL("data:image/webp;charset=x;base64,AAA="), ""},
	{"data without data", URL("data:image/png;base64,"),
		"messages[0].content[0].image_url.url: base64"},
	{"data of another type", URL("data:image/svg+xml;base64,AAAA"),
		"messages[0].content[0].image_url.url: media_type"},
	{"data in clear", URL("data:image/png,AAAA"),
		"messages[0].content[0].image_url.url: base64"},
	{"no comma", URL("data:image/png;base64"), "messages[0].content[0].image_url.url: base64"},
	{"not base64", URL("data:image/png;base64,AA-_"),
		"messages[0].content[0].image_url.url: base64"},
	{"base64 cut", URL("data:image/png;base64,AAA"),
		"messages[0].content[0].image_url.url: base64"},
	{"too much padding", URL("data:image/png;base64,A==="),
		"messages[0].content[0].image_url.url: base64"},
	{"calls", CALLS("1,{},{'id':'c','type':'x','function':{'name':'a b','arguments':{}}}"),
		"messages[0].tool_calls[0]: object; messages[0].tool_calls[1].function: required; "
		"messages[0].tool_calls[2].type: values; "
		"messages[0].tool_calls[2].function.name: pattern; "
		"messages[0].tool_calls[2].function.arguments: string"},
	{"call without id", CALLS("{'function':{'name':'f','arguments':'{}'}}"),
		"messages[0].tool_calls[0].id: required"},
	{"tools", WITH("'tools':{}"), "tools: array"},
	{"tool's parts",
		TOOLS("1,{},{'type':'x','function':{}},{'function':{'name':'',"
		      "'description':1,'parameters':[],'strict':1}}"),
		"tools[0]: object; tools[1].function: required; tools[2].type: values; "
		"tools[2].function.name: required; tools[3].function.name: pattern; "
		"tools[3].function.description: string; tools[3].function.strict: boolean; "
		"tools[3].function.parameters: object"},
	{"longest name",
		TOOLS("{'function':{'name':'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa_'}}"),
		""},
	{"name too long",
		TOOLS("{'function':{'name':'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'}}"),
		"tools[0].function.name: pattern"},
	{"twice", TOOLS(F "," F), "tools[1]: unique"},
	{"choice", WITH("'tools':[" F "],'tool_choice':'any'"), "tool_choice: values"},
	{"choice's type", WITH("'tool_choice':1"), "tool_choice: string"},
	{"choice of nothing", WITH("'tool_choice':'required'"), "tool_choice: values"},
	{"auto of nothing", WITH("'tool_choice':'auto'"), ""},
	{"choice of an unknown one",
		WITH("'tools':[" F "],'tool_choice':{'type':'function','function':{'name':'g'}}"),
		"tool_choice.function.name: values"},
	{"choice without function", WITH("'tools':[" F "],'tool_choice':{'type':'allowed_tools'}"),
		"tool_choice.type: values; tool_choice.function: required"},
	{"parallel", WITH("'parallel_tool_calls':'x'"), "parallel_tool_calls: boolean"},
	{"numbers",
		WITH("'max_tokens':0,'max_completion_tokens':1.5,'temperature':2.0000001,"
		     "'top_p':1.01,'seed':'x','n':2"),
		"max_tokens: min 1; max_completion_tokens: integer; seed: integer; temperature: "
		"max 2; "
		"top_p: max 1; n: values"},
	{"below zero", WITH("'max_tokens':-1,'temperature':-0.1,'top_p':-1e-9,'n':0"),
		"max_tokens: min 1; temperature: min 0; top_p: min 0; n: values"},
	{"largest numbers", WITH("'temperature':2,'top_p':1.0,'n':1,'max_tokens':1"), ""},
	{"numbers as text", WITH("'temperature':'1','top_p':true,'max_tokens':'5'"),
		"max_tokens: integer; temperature: number; top_p: number"},
	{"huge", WITH("'temperature':1e300"), "temperature: max 2"},
	{"stop", WITH("'stop':['a','b','c','d','e']"), "stop: max 4"},
	{"stop's items", WITH("'stop':['a',1,null]"), "stop[1]: string; stop[2]: string"},
	{"stop's type", WITH("'stop':1"), "stop: array"},
	{"stream", WITH("'stream':1,'stream_options':[]"),
		"stream_options: object; stream: boolean"},
	{"usage", WITH("'stream_options':{'include_usage':1}"),
		"stream_options.include_usage: boolean"},
	{"mode", WITH("'mode':'tab'"), "mode: values"},
	{"format", WITH("'response_format':'json'"), "response_format: object"},
	{"format without type", WITH("'response_format':{}"), "response_format.type: required"},
	{"format of another type", WITH("'response_format':{'type':'xml'}"),
		"response_format.type: values"},
	{"schema is missing", WITH("'response_format':{'type':'json_schema'}"),
		"response_format.json_schema: required"},
	{"schema", WITH("'response_format':{'type':'json_schema','json_schema':{'schema':1}}"),
		"response_format.json_schema.schema: object"},
	{"effort", WITH("'reasoning_effort':'huge'"), "reasoning_effort: values"},
	{"user and metadata", WITH("'user':1,'metadata':1"), "user: string; metadata: object"},
};

static void test_chats(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(chats); i++) {
		struct chat chat;
		print_message("  %s\n", chats[i].name);
		world_reset();
		int rc = read_chat_text(chats[i].body, &chat);
		assert_string_equal(faults(), chats[i].faults);
		assert_int_equal(rc, chats[i].faults[0] != '\0' ? E_INVALID_FIELD : 0);
		assert_int_equal(world_fail.code, rc);
	}
}

/* A body with n items in a list. */
static const char *many(const char *before, const char *item, size_t n, const char *behind)
{
	struct buf b;

	buf_init(&b, &world_arena, 0);
	buf_str(&b, before);
	for (size_t i = 0; i < n; i++)
		buf_printf(&b, item, i == 0 ? "" : ",", i);
	buf_str(&b, behind);
	return b.data;
}

static void test_bounds(void **state)
{
	static const struct {
		const char *before, *item, *behind;
		size_t most;
		const char *faults;
	} lists[] = {
		{"{'model':'m','messages':[", "%s{'role':'user','content':'%zu'}", "]}", 2000,
			"messages: max 2000"},
		{"{'model':'m'," HI ",'tools':[", "%s{'function':{'name':'f%zu'}}", "]}", 128,
			"tools: max 128"},
		{"{'model':'m','messages':[{'role':'user','content':[",
			"%s{'type':'text','text':'%zu'}", "]}]}", 2000,
			"messages[0].content: max 2000"},
		{"{'model':'m','messages':[{'role':'assistant','tool_calls':[",
			"%s{'id':'c%zu','function':{'name':'f','arguments':''}}", "]}]}", 256,
			"messages[0].tool_calls: max 256"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		struct chat chat;
		print_message("  %s\n", lists[i].faults);
		world_reset();
		assert_int_equal(read_chat_text(many(lists[i].before, lists[i].item, lists[i].most,
							lists[i].behind),
					 &chat),
			0);
		world_reset();
		read_chat_text(
			many(lists[i].before, lists[i].item, lists[i].most + 1, lists[i].behind),
			&chat);
		assert_memory_equal(faults(), lists[i].faults, strlen(lists[i].faults));
	}
}

/* More faults than the record holds are no trouble. */
static void test_many_faults(void **state)
{
	struct chat chat;

	(void)state;
	world_reset();
	assert_int_equal(
		read_chat_text(many("{'model':'m','messages':[", "%s%zu", 100, "]}"), &chat),
		E_INVALID_FIELD);
	assert_int_equal(world_fail.n_fault, FAULTS_MAX);
}

static void test_values(void **state)
{
	struct chat c;

	(void)state;
	world_reset();
	assert_int_equal(
		read_chat_text(
			"{'model':'m','mode':'agent','stream':true,'stream_options':{'include_"
			"usage':true},"
			"'max_tokens':5,'max_completion_tokens':7,'temperature':0.10,'seed':"
			"18446744073709551615,"
			"'stop':'x','tool_choice':{'type':'function','function':{'name':'f'}},"
			"'tools':[{'type':'function','function':{'name':'f','parameters':{'a':'/'},"
			"'strict':false}}],'user':'u','reasoning_effort':'low',"
			"'response_format':{'type':'json_schema','json_schema':{'schema':{'b':1}}},"
			"'messages':[{'role':'developer','content':'S'},{'role':'user','content':["
			"{'type':'text','text':'abc'},{'type':'image_url','image_url':"
			"{'url':'data:image/"
			"gif;base64,AAAA','detail':'low'}}]},{'role':'assistant',"
			"'tool_calls':[{'id':'c','function':{'name':'f','arguments':'{}'}}]},"
			"{'role':'tool','tool_call_id':'c','content':'r'}]}",
			&c),
		0);
	assert_string_equal(c.model, "m");
	assert_true(c.mode == MODE_AGENT && c.is_stream && c.include_usage);
	assert_int_equal(c.sampling.max_tokens, 7);
	assert_string_equal(c.sampling.temperature, "0.10");
	assert_string_equal(c.sampling.seed, "18446744073709551615");
	assert_int_equal(c.sampling.n_stop, 1);
	assert_string_equal(c.sampling.stop[0], "x");
	assert_true(c.tool_choice == CHOICE_NAMED && c.n_tools == 1);
	assert_string_equal(c.tool_choice_name, "f");
	assert_string_equal(c.tool[0].parameters, "{\"a\":\"/\"}");
	assert_true(c.tool[0].strict.has && !c.tool[0].strict.value);
	assert_false(c.parallel_tool_calls.has);
	assert_true(c.format == FORMAT_JSON_SCHEMA);
	assert_string_equal(c.response_schema, "{\"b\":1}");
	assert_string_equal(c.reasoning_effort, "low");
	assert_int_equal(c.n_messages, 4);
	assert_true(c.message[0].role == ROLE_SYSTEM && c.message[3].role == ROLE_TOOL);
	assert_int_equal(c.message[1].n_parts, 2);
	assert_true(c.message[1].part[1].kind == PART_IMAGE_DATA);
	assert_string_equal(c.message[1].part[1].text, "AAAA");
	assert_int_equal(c.message[1].part[1].length, 4);
	assert_string_equal(c.message[1].part[1].media_type, "image/gif");
	assert_string_equal(c.message[1].part[1].detail, "low");
	assert_string_equal(c.message[2].call[0].arguments, "{}");
	assert_string_equal(c.message[3].tool_call_id, "c");
	assert_int_equal(c.n_images, 1);
	/* S, abc, r; f{}; the tool; six frames; the format */
	assert_int_equal(
		c.input_bytes, 5 + 3 + (1 + 9) + 6 * MESSAGE_BYTES +
				       (i64)strlen("{\"type\":\"json_schema\",\"json_schema\":"
						   "{\"schema\":{\"b\":1}}}"));
}

/* What is large is not copied. */
static void test_large_texts_stay(void **state)
{
	enum { LARGE = 1024 * 1024 };
	struct json_object *text, *message = json_object_new_object(),
				  *messages = json_object_new_array(),
				  *body = json_object_new_object();
	char *large = malloc(LARGE);
	struct chat c;

	(void)state;
	world_reset();
	assert_non_null(large);
	memset(large, 'A', LARGE);
	text = json_object_new_string_len(large, LARGE);
	free(large);
	json_object_object_add(message, "role", json_object_new_string("user"));
	json_object_object_add(message, "content", text);
	json_object_array_add(messages, message);
	json_object_object_add(body, "messages", messages);
	json_object_object_add(body, "model", json_object_new_string("m"));
	assert_int_equal(chat_read(&world_arena, body, &c, &world_fail), 0);
	assert_ptr_equal(c.message[0].part[0].text, json_object_get_string(text));
	assert_int_equal(c.message[0].part[0].length, LARGE);
	assert_true(world_arena.used_bytes < 2048);
	json_object_put(body);
}

static const struct {
	const char *name, *body, *faults;
} fims[] = {
	{"good", "{'model':'m','prefix':'a','suffix':'b'}", ""},
	{"prompt", "{'model':'m','prompt':'a'}", ""},
	{"only a suffix", "{'model':'m','prefix':'','suffix':'b'}", ""},
	{"nothing", "{}", "model: required; prefix: required"},
	{"no object", "[]", ": object"},
	{"no prefix", "{'model':'m','suffix':'b'}", "prefix: required"},
	{"both empty", "{'model':'m','prefix':'','suffix':''}", "prefix: min 1"},
	{"empty prompt", "{'model':'m','prompt':''}", "prompt: min 1"},
	{"prompt is a list", "{'model':'m','prompt':['a']}", "prompt: string"},
	{"types", "{'model':1,'prefix':1,'suffix':1,'language':1,'path':1,'context':1,'stream':1}",
		"model: string; prefix: string; suffix: string; language: string; path: string; "
		"context: array; stream: boolean"},
	{"max_tokens", "{'model':'m','prefix':'a','max_tokens':513}", "max_tokens: max 512"},
	{"most tokens", "{'model':'m','prefix':'a','max_tokens':512}", ""},
	{"no tokens", "{'model':'m','prefix':'a','max_tokens':0}", "max_tokens: min 1"},
	{"n", "{'model':'m','prefix':'a','n':3}", "n: values"},
	{"context", "{'model':'m','prefix':'a','context':[1,{},{'path':'x','content':2}]}",
		"context[0]: object; context[1].path: required; context[1].content: required; "
		"context[2].content: string"},
};

static void test_fims(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fims); i++) {
		struct fim fim;
		print_message("  %s\n", fims[i].name);
		world_reset();
		int rc = read_fim_text(fims[i].body, &fim);
		assert_string_equal(faults(), fims[i].faults);
		assert_int_equal(rc, fims[i].faults[0] != '\0' ? E_INVALID_FIELD : 0);
	}
}

static void test_fim_values(void **state)
{
	struct fim f;

	(void)state;
	world_reset();
	assert_int_equal(read_fim_text("{'model':'m','prompt':'p','language':'c','path':'x',"
				       "'max_tokens':9,'stop':['',';'],'stream':true,'context':["
				       "{'path':'y','content':'zz'}]}",
				 &f),
		0);
	assert_string_equal(f.prefix, "p");
	assert_string_equal(f.suffix, "");
	assert_int_equal(f.sampling.max_tokens, 9);
	assert_int_equal(f.sampling.n_stop, 1);
	assert_true(f.is_stream && !f.include_usage);
	assert_int_equal(f.n_context, 1);
	assert_string_equal(f.context[0].content, "zz");
	assert_int_equal(f.input_bytes, 640 + 6 + MESSAGE_BYTES);
	world_reset();
	assert_int_equal(read_fim_text(many("{'model':'m','prefix':'p','context':[",
					       "%s{'path':'x','content':'%zu'}", 65, "]}"),
				 &f),
		E_INVALID_FIELD);
	assert_string_equal(faults(), "context: max 64");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chats),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_many_faults),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_large_texts_stay),
		cmocka_unit_test(test_fims),
		cmocka_unit_test(test_fim_values),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	world_reset();
	arena_free(&world_arena);
	return rc;
}
