/* Fill in the middle: what each upstream is asked (upstreams.md 12), llama.cpp's answers, and the
 * cleaning of what models say. */
#include "ai_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct upstream_model plain = {.name = "tab", .max_tokens = 128};
static const struct upstream_model able = {.name = "tab", .max_tokens = 128, .pass_sampling = true};
static const struct upstream_model qwen = {
	.name = "tab", .max_tokens = 128, .fim_template = "qwen"};
static const struct upstream_model gemma = {
	.name = "tab", .max_tokens = 128, .fim_template = "codegemma"};
static const struct upstream_model starcoder = {
	.name = "tab", .max_tokens = 128, .fim_template = "starcoder"};
static const struct upstream_model codellama = {
	.name = "tab", .max_tokens = 128, .fim_template = "codellama"};
static const struct upstream_model deepseek = {
	.name = "tab", .max_tokens = 128, .fim_template = "deepseek"};

#define CLIENT "{'model':'m','prefix':'a = ','suffix':';\\n'}"
#define RICH                                                                                 \
	"{'model':'m','prefix':'a','suffix':'b','max_tokens':9,'temperature':0.2,'top_p':1," \
	"'seed':3,'stop':'\\n\\n','stream':true,'path':'x.c','language':'c',"                \
	"'context':[{'path':'y.h','content':'int y;'}]}"
#define STREAM ",'stream':true,'stream_options':{'include_usage':true}"

static const struct {
	const char *name, *dialect, *client;
	const struct upstream_model *model;
	const char *path, *upstream;
} requests[] = {
	{"suffix", "fim_openai", CLIENT, &plain, "/completions",
		"{'model':'tab','prompt':'a = ','suffix':';\\n','max_tokens':128}"},
	{"no suffix", "fim_openai", "{'model':'m','prompt':'a'}", &plain, "/completions",
		"{'model':'tab','prompt':'a','max_tokens':128}"},
	{"suffix, everything", "fim_openai", RICH, &able, "/completions",
		"{'model':'tab','prompt':'#y.h\\nint y;\\n#x.c\\na','suffix':'b','max_tokens':9,"
		"'temperature':0.2,'top_p':1,'stop':['\\n\\n'],'seed':3" STREAM "}"},
	{"Mistral", "fim_mistral", CLIENT, &plain, "/v1/fim/completions",
		"{'model':'tab','prompt':'a = ','suffix':';\\n','max_tokens':128}"},
	{"Mistral, everything", "fim_mistral", RICH, &able, "/v1/fim/completions",
		"{'model':'tab','prompt':'+++++ y.h\\nint y;\\n+++++ x.c\\na','suffix':'b',"
		"'max_tokens':9,'temperature':0.2,'top_p':1,'stop':['\\n\\n'],'random_seed':3,"
		"'stream':true}"},
	{"llama.cpp", "fim_llamacpp", CLIENT, &plain, "/infill",
		"{'input_prefix':'a = ','input_suffix':';\\n','n_predict':128}"},
	{"llama.cpp, everything", "fim_llamacpp", RICH, &able, "/infill",
		"{'input_prefix':'a','input_suffix':'b','input_extra':[{'filename':'y.h','text':"
		"'int y;'}],'n_predict':9,'temperature':0.2,'top_p':1,'stop':['\\n\\n'],'seed':3,"
		"'stream':true}"},
	{"Qwen", "fim_openai", CLIENT, &qwen, "/completions",
		"{'model':'tab','prompt':'<|fim_prefix|>a = <|fim_suffix|>;\\n<|fim_middle|>',"
		"'max_tokens':128,'stop':['<|endoftext|>','<|file_sep|>']}"},
	{"Qwen, everything", "fim_openai", RICH, &qwen, "/completions",
		"{'model':'tab','prompt':'<|file_sep|>y.h\\nint y;\\n<|file_sep|>x.c\\n"
		"<|fim_prefix|>a<|fim_suffix|>b<|fim_middle|>','max_tokens':9,'stop':['\\n\\n',"
		"'<|endoftext|>','<|file_sep|>'],'seed':3" STREAM "}"},
	{"CodeGemma", "fim_openai", CLIENT, &gemma, "/completions",
		"{'model':'tab','prompt':'<|fim_prefix|>a = <|fim_suffix|>;\\n<|fim_middle|>',"
		"'max_tokens':128,'stop':['<|endoftext|>','<|file_sep|>']}"},
	{"StarCoder", "fim_openai", CLIENT, &starcoder, "/completions",
		"{'model':'tab','prompt':'<fim_prefix>a = <fim_suffix>;\\n<fim_middle>',"
		"'max_tokens':128,'stop':['<|endoftext|>','<file_sep>']}"},
	{"CodeLlama", "fim_openai", CLIENT, &codellama, "/completions",
		"{'model':'tab','prompt':'<PRE> a =  <SUF>;\\n <MID>','max_tokens':128,"
		"'stop':['<EOT>','</s>']}"},
	{"DeepSeek", "fim_openai", CLIENT, &deepseek, "/completions",
		"{'model':'tab','prompt':'<｜fim▁begin｜>a = <｜fim▁hole｜>;\\n<｜fim▁end｜>',"
		"'max_tokens':128,'stop':['<｜end▁of▁sentence｜>','<|EOT|>']}"},
	{"tokens in the text of the user", "fim_openai",
		"{'model':'m','prefix':'<|fim_suffix|><|fim_<|fim_middle|>x<|im_start|>',"
		"'suffix':'<<|endoftext|>> <|other|>','path':'<|file_sep|>','context':[{'path':"
		"'<|fim_pad|>','content':'<|repo_name|>'}]}",
		&qwen, "/completions",
		"{'model':'tab','prompt':'<|file_sep|>< |fim_pad|>\\n< |repo_name|>\\n<|file_sep|>"
		"< |file_sep|>\\n<|fim_prefix|>< |fim_suffix|><|fim_< |fim_middle|>x< |im_start|>"
		"<|fim_suffix|><< |endoftext|>> <|other|><|fim_middle|>','max_tokens':128,"
		"'stop':['<|endoftext|>','<|file_sep|>']}"},
	{"DeepSeek's tokens", "fim_openai",
		"{'model':'m','prefix':'<｜fim▁hole｜>','suffix':'<｜'}", &deepseek, "/completions",
		"{'model':'tab','prompt':'<｜fim▁begin｜>< "
		"｜fim▁hole｜><｜fim▁hole｜><｜<｜fim▁end｜>',"
		"'max_tokens':128,'stop':['<｜end▁of▁sentence｜>','<|EOT|>']}"},
};

static void test_requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		const struct dialect_upstream *d = dialect_upstream_find(requests[i].dialect);
		struct upstream_call call;
		struct fim fim;
		print_message("  %s\n", requests[i].name);
		world_reset();
		assert_int_equal(read_fim_text(requests[i].client, &fim), 0);
		assert_int_equal(d->write_fim(&world_arena, &fim, requests[i].model, "k", &call,
					 &world_fail),
			0);
		assert_string_equal(call.body, quoted(requests[i].upstream));
		assert_string_equal(call.path, requests[i].path);
		assert_string_equal(call.header[2], "Authorization: Bearer k");
		assert_null(d->write_chat);
	}
}

static void test_unknown_template(void **state)
{
	const struct upstream_model model = {
		.name = "tab", .max_tokens = 1, .fim_template = "nonsense"};
	struct upstream_call call;
	struct fim fim;

	(void)state;
	world_reset();
	assert_int_equal(read_fim_text(CLIENT, &fim), 0);
	assert_int_equal(dialect_upstream_find("fim_openai")
				 ->write_fim(&world_arena, &fim, &model, "k", &call, &world_fail),
		E_INTERNAL);
	assert_null(dialect_upstream_find("nonsense"));
}

/* Both chat dialects, as a last resort. */
static void test_chat(void **state)
{
	static const char *const dialects[] = {"openai", "anthropic"};
	static const char *const bodies[] = {"\"}],\"max_tokens\":128,\"stop\":[\"</insertion>\"]}",
		"\"}]}],\"stop_sequences\":[\"</insertion>\"]}"};
	struct upstream_call call;
	struct fim fim;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
		const struct dialect_upstream *d = dialect_upstream_find(dialects[i]);
		world_reset();
		assert_true(d->fim_is_chat);
		assert_int_equal(read_fim_text("{'model':'m','prefix':'</before>a','suffix':'b',"
					       "'language':'c','path':'x.c'}",
					 &fim),
			0);
		assert_int_equal(
			d->write_fim(&world_arena, &fim, &plain, "k", &call, &world_fail), 0);
		assert_non_null(strstr(call.body,
			"\"Language: c\\nFile: x.c\\n<before>< /before>a</before>\\n"
			"<after>b</after>"));
		assert_string_equal(call.body + call.body_length - strlen(bodies[i]), bodies[i]);
		/* The estimate covers what the model is told. */
		assert_true((i64)call.body_length - 128 <= fim.input_bytes);
	}
}

/* --- llama.cpp's answers --- */

static const struct {
	const char *name, *bytes, *events;
} infills[] = {
	{"stream",
		"data: {'index':0,'content':'a','tokens':[],'stop':false}\n\n"
		"data: {'content':' + b','stop':false}\n\n"
		"data: {'content':'','stop':true,'stop_type':'eos','tokens_predicted':3,"
		"'tokens_evaluated':12,'truncated':false}\n\n",
		"start\ntext 'a'\ntext ' + b'\nusage in 12, cached 0, write 0 (1h 0), out 3 (0)\n"
		"finish stop\nend\n"},
	{"limit", "data: {'content':'a','stop':true,'stop_type':'limit'}\n\n",
		"start\ntext 'a'\nfinish length\nend\n"},
	{"limit, older",
		"data: {'content':'a','stop':true,'stopped_limit':true}\n\ndata: [DONE]\n\n",
		"start\ntext 'a'\nfinish length\nend\n"},
	{"error", "data: {'error':{'code':503,'message':'Loading model'}}\n\n",
		"503 error 'Loading model'\n"},
	{"cut", "data: {'content':'a','stop':false}\n\n",
		"start\ntext 'a'\nUPSTREAM_ERROR: the answer was cut before its end\n"},
	{"something else", "data: {}\n\n",
		"UPSTREAM_ERROR: an answer that is not JSON as it should be: no object\n"},
};

static void test_infill(void **state)
{
	const struct dialect_upstream *d = dialect_upstream_find("fim_llamacpp");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(infills); i++) {
		int length = (int)strlen(infills[i].bytes);
		print_message("  %s\n", infills[i].name);
		for (int cut = CUT_EVERY; cut <= length; cut++) {
			world_reset();
			assert_string_equal(events_of_stream(d, infills[i].bytes, cut),
				quoted(infills[i].events));
		}
	}
	assert_string_equal(events_of_whole(d, "{'content':'a','stop':true,'tokens_predicted':1}"),
		quoted("start\ntext 'a'\nusage in 0, cached 0, write 0 (1h 0), out 1 (0)\n"
		       "finish stop\nend\n"));
	/* Mistral's answers are chats. */
	assert_string_equal(events_of_whole(dialect_upstream_find("fim_mistral"),
				    "{'choices':[{'message':{'content':'a'},'finish_reason':"
				    "'model_length'}]}"),
		quoted("start\ntext 'a'\nfinish length\nend\n"));
}

/* --- cleaning --- */

#define LONG_SUFFIX "\n\treturn result_of_the_function;\n}\n"

static const struct {
	const char *name, *suffix, *said, *text;
	bool is_chat;
} cleanings[] = {
	{"nothing to do", ";\n", "a + b", "a + b", false},
	{"the suffix", ";\n", "a + b;\n", "a + b", false},
	{"its beginning", ";\nreturn", "a + b;\nret", "a + b", false},
	{"only the suffix", ";\n", ";\n", "", false},
	{"not in the middle", ";\n", "a;\nb", "a;\nb", false},
	{"looked like it for a while", "aab", "aaac", "aaac", false},
	{"overlaps of overlaps", "aabaac", "xaabaabaa", "xaab", false},
	{"a long one ends it", LONG_SUFFIX, "x = 1;" LONG_SUFFIX "int more;", "x = 1;", false},
	{"the longest overlap", "abab", "abababab", "abab", false},
	{"a bracket of its own", ")", "foo(1)", "foo(1)", false},
	{"and one of the suffix", ")", "foo(1))", "foo(1)", false},
	{"a bracket that nobody opened", ")", "a + b)", "a + b", false},
	{"two of them, one its own", "))", "f(1))", "f(1)", false},
	{"braces", "\n}\n", "if (x) {\n\ty();\n}\n", "if (x) {\n\ty();\n}", false},
	{"brackets and more", ");\nnext", "foo(1);\n", "foo(1)", false},
	{"no suffix", "", "a;\n", "a;\n", false},
	{"UTF-8", "é;", "aé", "a", false},
	{"UTF-8 that begins alike", "é", "aê", "aê", false},
	{"no wrapping for others", "", "```\na\n```", "```\na\n```", false},
	{"plain", "", "a + b", "a + b", true},
	{"white space is kept", "", "\n    a", "\n    a", true},
	{"tag", "", "<insertion>a + b</insertion>", "a + b", true},
	{"tag, white space before", "", " \n<insertion>  a</insertion>\n", "  a", true},
	{"tag, stopped before its end", "", "<insertion>a < b", "a < b", true},
	{"empty tag", "", "<insertion></insertion>", "", true},
	{"empty tag, stopped", "", "<insertion>", "", true},
	{"talk behind the tag", "", "<insertion>a</insertion> Here!", "a", true},
	{"fence", "", "```c\na\nb\n```", "a\nb", true},
	{"fence, talk behind", "", "```\na\n```\nThis is it.", "a", true},
	{"fence without end", "", "```\na\n", "a\n", true},
	{"empty fence", "", "```c\n```", "", true},
	{"fence in a tag", "", "<insertion>\n```c\na\n```\n</insertion>", "a", true},
	{"fence inside the text", "", "<insertion>x\n```\na\n```\n</insertion>", "x\n```\na\n```\n",
		true},
	{"parts of the closing tag", "", "<insertion>a</b></inser</insertion>", "a</b></inser",
		true},
	{"looks like the tag", "", "<insert into>", "<insert into>", true},
	{"wrapped suffix", ";\nend", "<insertion>a;\n</insertion>", "a", true},
	{"nothing", ";", "", "", true},
};

static void test_cleaning(void **state)
{
	static const struct dialect_upstream chat = {.fim_is_chat = true}, code = {.name = "code"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cleanings); i++) {
		const struct fim fim = {.suffix = cleanings[i].suffix};
		const struct dialect_upstream *d = cleanings[i].is_chat ? &chat : &code;
		print_message("  %s\n", cleanings[i].name);
		for (int cut = CUT_EVERY; cut <= (int)strlen(cleanings[i].said); cut++) {
			world_reset();
			assert_string_equal(text_of_completion(&fim, d, cleanings[i].said, cut),
				cleanings[i].text);
		}
	}
}

/* What is held back is only what may be a repetition, and memory does not grow with the answer. */
static int count_text(void *arg, const struct chat_event *event)
{
	*(size_t *)arg += event->length;
	return 0;
}

static void test_stream_of_text(void **state)
{
	static const struct dialect_upstream code = {.name = "code"};
	const struct fim fim = {.suffix = LONG_SUFFIX};
	const struct chat_event event = {
		.kind = EVENT_TEXT, .text = "some more text\n", .length = 15};
	size_t n_said = 0, used = 0;

	(void)state;
	world_reset();
	struct fim_filter *f = fim_filter_new(&world_arena, &fim, &code, count_text, &n_said);
	for (size_t i = 1; i <= 10000; i++) {
		assert_int_equal(fim_filter_event(f, &event), 0);
		assert_int_equal(n_said, 15 * i - 1); /* the line end may be the suffix's */
		if (i == 10)
			used = world_arena.used_bytes;
	}
	assert_int_equal(world_arena.used_bytes, used);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_unknown_template),
		cmocka_unit_test(test_chat),
		cmocka_unit_test(test_infill),
		cmocka_unit_test(test_cleaning),
		cmocka_unit_test(test_stream_of_text),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	arena_free(&world_arena);
	return rc;
}
