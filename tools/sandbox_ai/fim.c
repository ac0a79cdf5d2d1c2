/* The three ways to ask for code between a prefix and a suffix: OpenAI's completions (DeepSeek's
 * and vLLM's too), Mistral's, and llama.cpp's. Thinking and tools are for chats: tokens are text
 * here. */
#include <string.h>

#include "openai.h"

static const char *finish_reason(const struct answer *a)
{
	if (a->ask.plan.refuse != 0)
		return "content_filter";
	return a->is_clipped ? "length" : "stop";
}

static bool is_mistral(const struct answer *a)
{
	return a->dialect == &dialect_mistral;
}

/* --- OpenAI and Mistral: they differ in where the text is, and Mistral always sends usage. --- */

/* text_or_null: of the chunk; usage rides on Mistral's last one. */
static void chunk(struct answer *a, const struct token *t, const char *finish)
{
	const char *quote = finish != NULL ? "\"" : "";
	bool has_usage = finish != NULL && is_mistral(a) && a->ask.plan.usage != USAGE_NONE;

	bytes_str(a->frame, "data: ");
	openai_object(a, "cmpl-", is_mistral(a) ? "chat.completion.chunk" : "text_completion");
	bytes_str(a->frame, is_mistral(a) ? ",\"choices\":[{\"index\":0,\"delta\":{\"content\":\""
					  : ",\"choices\":[{\"index\":0,\"text\":\"");
	if (t != NULL)
		answer_word(a, t, a->frame);
	BYTES_STRS(a->frame, is_mistral(a) ? "\"}" : "\",\"logprobs\":null",
		",\"finish_reason\":", quote, finish != NULL ? finish : "null", quote, "}]");
	if (has_usage) {
		bytes_str(a->frame, ",\"usage\":");
		openai_usage(a, true);
	}
	bytes_str(a->frame,
		!is_mistral(a) && a->ask.has_usage_frame ? ",\"usage\":null}\n\n" : "}\n\n");
	answer_frame(a);
}

static void nothing(struct answer *a)
{
	(void)a;
}

static void token(struct answer *a, const struct token *t)
{
	chunk(a, t, NULL);
}

static void end(struct answer *a)
{
	chunk(a, NULL, finish_reason(a));
	if (!is_mistral(a) && a->ask.has_usage_frame && a->ask.plan.usage != USAGE_NONE) {
		bytes_str(a->frame, "data: ");
		openai_object(a, "cmpl-", "text_completion");
		bytes_str(a->frame, ",\"choices\":[],\"usage\":");
		openai_usage(a, true);
		bytes_str(a->frame, "}\n\n");
		answer_frame(a);
	}
	bytes_str(a->frame, "data: [DONE]\n\n");
	answer_frame(a);
}

static void all_words(struct answer *a)
{
	answer_words(a, TOKEN_THINK, 0, a->frame);
	answer_words(a, TOKEN_TEXT, 0, a->frame);
}

static void whole(struct answer *a)
{
	openai_object(a, "cmpl-", is_mistral(a) ? "chat.completion" : "text_completion");
	bytes_str(a->frame, is_mistral(a) ? ",\"choices\":[{\"index\":0,\"message\":{\"role\":"
					    "\"assistant\",\"tool_calls\":null,\"content\":\""
					  : ",\"choices\":[{\"index\":0,\"text\":\"");
	all_words(a);
	BYTES_STRS(a->frame, is_mistral(a) ? "\"}" : "\",\"logprobs\":null",
		",\"finish_reason\":\"", finish_reason(a), "\"}]");
	openai_whole_end(a);
}

static void mistral_error(struct answer *a, int status, const char *message)
{
	bytes_str(a->frame, "{\"object\":\"error\",\"message\":\"");
	bytes_escaped(a->frame, message, strlen(message));
	BYTES_STRS(a->frame, "\",\"type\":\"",
		status == 401	? "unauthorized"
		: status == 429 ? "rate_limited"
		: status < 500	? "invalid_request_error"
				: "internal_error",
		"\",\"param\":null,\"code\":\"");
	bytes_i64(a->frame, status);
	bytes_str(a->frame, "\"}");
}

/* --- llama.cpp --- */

/* The counts stand in every object; only the last one's are final. */
static void infill_object(struct answer *a, const struct token *t, bool is_last)
{
	struct bytes *f = a->frame;

	bytes_str(f, "{\"index\":0,\"content\":\"");
	if (t != NULL)
		answer_word(a, t, f);
	else if (!a->ask.is_stream)
		all_words(a);
	BYTES_STRS(f, "\",\"tokens\":[],\"id_slot\":0,\"stop\":", is_last ? "true" : "false");
	if (is_last)
		BYTES_STRS(f, ",\"model\":\"", a->ask.model, "\",\"stop_type\":\"",
			a->is_clipped ? "limit" : "eos",
			"\",\"stopping_word\":\"\",\"truncated\":false,\"has_new_line\":false");
	if (a->ask.plan.usage == USAGE_WRONG)
		bytes_str(f, ",\"tokens_predicted\":\"many\",\"tokens_evaluated\":-1");
	if (a->ask.plan.usage == USAGE_NONE || a->ask.plan.usage == USAGE_WRONG) {
		bytes_str(f, "}");
		return;
	}
	bytes_str(f, ",\"tokens_predicted\":");
	bytes_i64(f, is_last ? a->usage.output : a->emitted);
	bytes_str(f, ",\"tokens_evaluated\":");
	bytes_i64(f, a->usage.input);
	bytes_str(f, ",\"tokens_cached\":");
	bytes_i64(f, a->usage.cached);
	bytes_str(f, "}");
	if (is_last)
		answer_reports(a, &a->usage, true);
}

static void infill_frame(struct answer *a, const struct token *t, bool is_last)
{
	bytes_str(a->frame, "data: ");
	infill_object(a, t, is_last);
	bytes_str(a->frame, "\n\n");
	answer_frame(a);
}

static void infill_token(struct answer *a, const struct token *t)
{
	infill_frame(a, t, false);
}

static void infill_end(struct answer *a)
{
	infill_frame(a, NULL, true);
}

static void infill_whole(struct answer *a)
{
	infill_object(a, NULL, true);
}

static void infill_error(struct answer *a, int status, const char *message)
{
	bytes_str(a->frame, "{\"error\":{\"code\":");
	bytes_i64(a->frame, status);
	bytes_str(a->frame, ",\"message\":\"");
	bytes_escaped(a->frame, message, strlen(message));
	BYTES_STRS(a->frame, "\",\"type\":\"",
		status == 401  ? "authentication_error"
		: status < 500 ? "invalid_request_error"
			       : "server_error",
		"\"}}");
}

const struct dialect dialect_completions = {
	.name = "completions",
	.id_header = "x-request-id",
	.kind = ASK_FIM,
	.begin = nothing,
	.token = token,
	.end = end,
	.whole = whole,
	.error = openai_error,
	.error_event = "",
};

const struct dialect dialect_mistral = {
	.name = "mistral",
	.id_header = "x-request-id",
	.kind = ASK_FIM,
	.begin = nothing,
	.token = token,
	.end = end,
	.whole = whole,
	.error = mistral_error,
	.error_event = "",
};

const struct dialect dialect_infill = {
	.name = "infill",
	.id_header = "x-request-id",
	.kind = ASK_FIM,
	.takes_no_key = true,
	.begin = nothing,
	.token = infill_token,
	.end = infill_end,
	.whole = infill_whole,
	.error = infill_error,
	.error_event = "",
};
