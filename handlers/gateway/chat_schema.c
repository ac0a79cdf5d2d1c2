/* The shapes of chats and completions, for the OpenAPI document: bodies are read by
 * fcgi/ai/chat_read.c and fim_read.c and written by fcgi/ai/openai_out.c. */
#include "gateway.h"

struct gateway_chat_in {
	const char *model, *messages, *tools, *tool_choice, *response_format, *stream_options;
	const char *temperature, *top_p, *stop, *mode, *reasoning_effort, *user;
	struct opt_i64 max_tokens, max_completion_tokens, seed, n;
	struct opt_bool stream, parallel_tool_calls;
};
SCHEMA(gateway_chat_in,
	STR(gateway_chat_in, model, REQUIRED, DOC("An id or alias of GET /v1/models")),
	JSON(gateway_chat_in, messages, REQUIRED,
		DOC("1 to 2000 messages of OpenAI's chat completions; text, images, tool calls")),
	OPT_BOOL(gateway_chat_in, stream, DOC("Answer with server-sent events")),
	JSON(gateway_chat_in, stream_options,
		DOC("{\"include_usage\":true}: usage in a chunk of its own")),
	STR(gateway_chat_in, mode, .values = "chat|plan|agent",
		DOC("How long the answer may take")),
	OPT_I64(gateway_chat_in, max_tokens, .min = 1, .max = INT32_MAX),
	OPT_I64(gateway_chat_in, max_completion_tokens, .min = 1, .max = INT32_MAX),
	JSON(gateway_chat_in, temperature, DOC("0 to 2")),
	JSON(gateway_chat_in, top_p, DOC("0 to 1")),
	JSON(gateway_chat_in, stop, DOC("A text or up to four")), OPT_I64(gateway_chat_in, seed),
	OPT_I64(gateway_chat_in, n, .min = 1, .max = 1),
	JSON(gateway_chat_in, tools, DOC("Up to 128 functions")),
	JSON(gateway_chat_in, tool_choice), OPT_BOOL(gateway_chat_in, parallel_tool_calls),
	JSON(gateway_chat_in, response_format), STR(gateway_chat_in, reasoning_effort),
	STR(gateway_chat_in, user));

struct gateway_completions_in {
	const char *model, *prefix, *prompt, *suffix, *language, *path, *context, *temperature,
		*stop;
	struct opt_i64 max_tokens;
	struct opt_bool stream;
};
SCHEMA(gateway_completions_in, STR(gateway_completions_in, model, REQUIRED),
	STR(gateway_completions_in, prefix,
		DOC("What is before the cursor; required unless `prompt` is given")),
	STR(gateway_completions_in, prompt, DOC("The same as `prefix`")),
	STR(gateway_completions_in, suffix, DOC("What is after it")),
	STR(gateway_completions_in, language), STR(gateway_completions_in, path),
	JSON(gateway_completions_in, context, DOC("Other files: [{\"path\",\"content\"}]")),
	OPT_I64(gateway_completions_in, max_tokens, .min = 1, .max = 512),
	JSON(gateway_completions_in, temperature, DOC("0 to 2")),
	JSON(gateway_completions_in, stop), OPT_BOOL(gateway_completions_in, stream));

/* The answers; a usage has the names of both worlds. */
struct gateway_usage_details {
	i64 cached_tokens;
	struct opt_i64 cache_write_tokens;
};
SCHEMA(gateway_usage_details, I64(gateway_usage_details, cached_tokens, REQUIRED),
	OPT_I64(gateway_usage_details, cache_write_tokens, DOC("Only when there are any")));
struct gateway_reasoning_details {
	i64 reasoning_tokens;
};
SCHEMA(gateway_reasoning_details, I64(gateway_reasoning_details, reasoning_tokens, REQUIRED));
struct gateway_usage {
	i64 prompt_tokens, completion_tokens, total_tokens, inputTokens, outputTokens;
	const char *creditsUsed;
	struct gateway_usage_details *prompt_tokens_details;
	struct gateway_reasoning_details *completion_tokens_details;
};
SCHEMA(gateway_usage, I64(gateway_usage, prompt_tokens, REQUIRED),
	I64(gateway_usage, completion_tokens, REQUIRED), I64(gateway_usage, total_tokens, REQUIRED),
	OBJECT(gateway_usage, prompt_tokens_details, gateway_usage_details, REQUIRED),
	OBJECT(gateway_usage, completion_tokens_details, gateway_reasoning_details, REQUIRED),
	I64(gateway_usage, inputTokens, REQUIRED), I64(gateway_usage, outputTokens, REQUIRED),
	JSON(gateway_usage, creditsUsed, REQUIRED, DOC("A number with at most two decimals")));

struct gateway_chat {
	const char *id, *object, *model, *choices;
	i64 created_us;
	struct gateway_usage *usage;
};
SCHEMA(gateway_chat, STR(gateway_chat, id, REQUIRED),
	STR(gateway_chat, object, REQUIRED, .values = "chat.completion"),
	TIME_S(gateway_chat, created_us, REQUIRED, .json = "created"),
	STR(gateway_chat, model, REQUIRED),
	JSON(gateway_chat, choices, REQUIRED,
		DOC("One choice: {\"index\",\"message\",\"finish_reason\",\"logprobs\"}")),
	OBJECT(gateway_chat, usage, gateway_usage, REQUIRED));
struct gateway_completion {
	const char *id, *object, *model, *choices;
	i64 created_us;
	struct gateway_usage *usage;
};
SCHEMA(gateway_completion, STR(gateway_completion, id, REQUIRED),
	STR(gateway_completion, object, REQUIRED, .values = "text_completion"),
	TIME_S(gateway_completion, created_us, REQUIRED, .json = "created"),
	STR(gateway_completion, model, REQUIRED),
	JSON(gateway_completion, choices, REQUIRED,
		DOC("One choice: {\"text\",\"index\",\"logprobs\",\"finish_reason\"}")),
	OBJECT(gateway_completion, usage, gateway_usage, REQUIRED));
