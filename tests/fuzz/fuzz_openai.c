/* The OpenAI dialect: any bytes of an upstream become the same events at every cut, and JSON for
 * the client; any request of a client becomes JSON for the upstream. */
#include "ai_target.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char *const seeds[] = {
		"data: "
		"{\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"a\"},"
		"\"finish_reason\":null}]}\n\ndata: {\"choices\":[{\"delta\":{},\"finish_reason\":"
		"\"stop\"}]}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,"
		"\"completion_tokens\":4,\"total_tokens\":7,\"prompt_tokens_details\":"
		"{\"cached_tokens\":1},\"completion_tokens_details\":{\"reasoning_tokens\":2}}}\n\n"
		"data: [DONE]\n\n",
		"data: "
		"{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"function\":"
		"{\"name\":\"f\",\"arguments\":\"{\\\"a\\\"\"}}]}}]}\n\ndata: "
		"{\"choices\":[{\"delta\":"
		"{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\":1}\"}}]}}]}\n\n",
		"data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"\\ud83d\"}}]}\n\ndata: "
		"{\"choices\":[{\"delta\":{\"reasoning\":\"\\ude00\",\"refusal\":\"\xe2\x82\"}}]}"
		"\n\n",
		"data: {\"error\":{\"message\":\"No\",\"type\":\"server_error\",\"code\":500}}\n\n",
		"{\"choices\":[{\"message\":{\"content\":[{\"type\":\"thinking\",\"thinking\":[{"
		"\"type\":"
		"\"text\",\"text\":\"h\"}]},{\"type\":\"text\",\"text\":\"a\"}]},\"finish_reason\":"
		"\"length\"}]}",
		"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
		"\"text\":\"a\"},{\"type\":\"image_url\",\"image_url\":{\"url\":"
		"\"data:image/"
		"png;base64,AAAA\"}}]},{\"role\":\"assistant\",\"tool_calls\":[{\"id\":"
		"\"c\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\","
		"\"tool_call_id\":\"c\",\"content\":\"r\"}],\"tools\":[{\"function\":{\"name\":"
		"\"f\"}}],"
		"\"tool_choice\":\"auto\",\"temperature\":0.5,\"stop\":[\"x\"],\"stream\":true}",
		("{\"model\":\"m\",\"prefix\":\"<before>a\",\"suffix\":\"b\",\"context\":[{"
		 "\"path\":"
		 "\"x\",\"content\":\"y\"}],\"max_tokens\":5}"),
	};

	(void)argc;
	(void)argv;
	if (getenv("FUZZ_SEEDS") == NULL)
		return 0;
	write_seeds(seeds, ARRAY_LEN(seeds));
	exit(0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct dialect_upstream *d = dialect_upstream_find("openai");
	const char *bytes = arena_memdup(&arena, data, size);

	check_answer(d, bytes, size);
	check_request(d, bytes, size);
	arena_reset(&arena);
	return 0;
}
