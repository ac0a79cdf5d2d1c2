/* The Anthropic dialect, both ways, and the proxy's view of a request: what it writes is JSON again
 * and reads as the model and the limit that were set. */
#include "ai_target.h"

#include "fcgi/ai/anthropic_client.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char *const seeds[] = {
		"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":"
		"{\"input_tokens\":3,\"cache_read_input_tokens\":2,\"output_tokens\":1,"
		"\"cache_creation\":{\"ephemeral_1h_input_tokens\":1}}}}\n\ndata: {\"type\":"
		"\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":"
		"\"\"}}"
		"\n\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
		"\"text_delta\",\"text\":\"a\"}}\n\ndata: "
		"{\"type\":\"content_block_stop\",\"index\":0}"
		"\n\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},"
		"\"usage\":{\"output_tokens\":5}}\n\nevent: message_stop\ndata: {}\n\n",
		"data: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":"
		"\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{}}}\n\ndata: {\"type\":"
		"\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\","
		"\"partial_json\":\"{\\\"a\\\"\"}}\n\ndata: {\"type\":\"content_block_stop\","
		"\"index\":1}\n\nevent: ping\ndata: {}\n\n",
		"data: "
		"{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"x\"}}"
		"\n\n",
		"{\"type\":\"message\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"h\"},{"
		"\"type\":"
		"\"text\",\"text\":\"a\"},{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\","
		"\"input\":"
		"{\"a\":[1]}}],\"stop_reason\":\"tool_use\",\"usage\":{\"input_tokens\":1}}",
		"{\"model\":\"m\",\"max_tokens\":5,\"stream\":true,\"system\":\"s\",\"messages\":[{"
		"\"role\":\"user\",\"content\":[{\"type\":\"image\",\"source\":{\"type\":"
		"\"base64\","
		"\"media_type\":\"image/"
		"png\",\"data\":\"AAAA\"}},{\"type\":\"tool_result\",\"content\":"
		"[{\"source\":{\"type\":\"url\"}}]}]}],\"tools\":[]}",
		"{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":"
		"\"assistant\",\"content\":\"a\",\"tool_calls\":[{\"id\":\"c:1\",\"function\":{"
		"\"name\":"
		"\"f\",\"arguments\":\"{\\\"a\\\":1}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c:"
		"1\","
		"\"content\":\"r\"},{\"role\":\"user\",\"content\":\" "
		"\"}],\"response_format\":{\"type\":"
		"\"json_schema\",\"json_schema\":{\"schema\":{}}},\"reasoning_effort\":\"none\","
		"\"user\":\"u\",\"temperature\":2}",
	};

	(void)argc;
	(void)argv;
	if (getenv("FUZZ_SEEDS") == NULL)
		return 0;
	write_seeds(seeds, ARRAY_LEN(seeds));
	exit(0);
}

static void check_proxy(const char *data, size_t size)
{
	struct fail fail = {.arena = &arena};
	struct anthropic_request q, again;
	struct buf b;

	if (anthropic_request_read(&arena, data, size, false, &q, &fail) != 0)
		return;
	must(q.input_bytes >= 0 && q.input_bytes <= (i64)size);
	buf_init(&b, &arena, 0);
	anthropic_request_write(&q, data, size, "other", 3, &b);
	must(anthropic_request_read(&arena, b.data, b.length, false, &again, &fail) == 0);
	must(strcmp(again.model, "other") == 0);
	must(again.max_tokens == (q.max_tokens < 3 ? q.max_tokens : 3));
	must(again.is_stream == q.is_stream && again.input_bytes == q.input_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct dialect_upstream *d = dialect_upstream_find("anthropic");
	const char *bytes = arena_memdup(&arena, data, size);

	check_answer(d, bytes, size);
	check_request(d, bytes, size);
	check_proxy(bytes, size);
	arena_reset(&arena);
	return 0;
}
