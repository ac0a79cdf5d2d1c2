/* The OpenAI dialect: chat completions, and the error shape that the completions share. */
#include "openai.h"

#include <string.h>

static const char *finish_reason(const struct answer *a)
{
	if (a->ask.plan.refuse != 0)
		return "content_filter";
	if (a->is_clipped)
		return "length";
	return a->n_tool > 0 ? "tool_calls" : "stop";
}

void openai_usage(struct answer *a, bool is_final)
{
	const struct usage *u = &a->usage;
	struct bytes *f = a->frame;

	if (a->ask.plan.usage == USAGE_WRONG) {
		bytes_str(f, "{\"prompt_tokens\":-1,\"completion_tokens\":\"many\","
			     "\"total_tokens\":null}");
		return;
	}
	bytes_str(f, "{\"prompt_tokens\":");
	bytes_i64(f, u->input);
	bytes_str(f, ",\"completion_tokens\":");
	bytes_i64(f, u->output);
	bytes_str(f, ",\"total_tokens\":");
	bytes_i64(f, u->input + u->output);
	bytes_str(f, ",\"prompt_tokens_details\":{\"cached_tokens\":");
	bytes_i64(f, u->cached);
	bytes_str(f, ",\"cache_write_tokens\":");
	bytes_i64(f, u->cache_write);
	bytes_str(f, ",\"audio_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":");
	bytes_i64(f, u->reasoning);
	bytes_str(f, ",\"audio_tokens\":0,\"accepted_prediction_tokens\":0,"
		     "\"rejected_prediction_tokens\":0}}");
	answer_reports(a, u, is_final);
}

/* `{"id":...,"model":"..."`, common to all objects. */
void openai_object(struct answer *a, const char *prefix, const char *object)
{
	struct bytes *f = a->frame;

	BYTES_STRS(f, "{\"id\":\"", prefix, a->id, "\",\"object\":\"", object, "\",\"created\":");
	bytes_i64(f, a->created_s);
	BYTES_STRS(f, ",\"model\":\"", a->ask.model, "\"");
}

static void chunk_open(struct answer *a)
{
	bytes_str(a->frame, "data: ");
	openai_object(a, "chatcmpl-", "chat.completion.chunk");
	bytes_str(a->frame, ",\"system_fingerprint\":\"fp_sandbox\",\"choices\":[{\"index\":0,"
			    "\"delta\":{");
}

/* finish: NULL before the last chunk. With include_usage all chunks but one say null. */
static void chunk_close(struct answer *a, const char *finish)
{
	const char *quote = finish != NULL ? "\"" : "";

	BYTES_STRS(a->frame, "},\"logprobs\":null,\"finish_reason\":", quote,
		finish != NULL ? finish : "null", quote,
		a->ask.has_usage_frame ? "}],\"usage\":null}\n\n" : "}]}\n\n");
	answer_frame(a);
}

static void begin(struct answer *a)
{
	chunk_open(a);
	bytes_str(a->frame, "\"role\":\"assistant\",\"content\":\"\",\"refusal\":null");
	chunk_close(a, NULL);
}

static void call_id(struct answer *a, i64 call)
{
	BYTES_STRS(a->frame, "\"id\":\"call_", a->id, "_");
	bytes_i64(a->frame, call);
	BYTES_STRS(a->frame, "\",\"type\":\"function\",\"function\":{\"name\":\"", a->ask.plan.tool,
		"\",\"arguments\":\"");
}

/* A fragment of JSON as text within JSON. */
static void escaped(struct answer *a, struct bytes *fragment)
{
	bytes_escaped(a->frame, fragment->data, fragment->length);
	bytes_free(fragment);
}

static void tool_token(struct answer *a, const struct token *t)
{
	struct bytes fragment = {0};

	if (t->at == 0) {
		chunk_open(a);
		bytes_str(a->frame, "\"tool_calls\":[{\"index\":");
		bytes_i64(a->frame, t->call);
		bytes_str(a->frame, ",");
		call_id(a, t->call);
		bytes_str(a->frame, "\"}}]");
		chunk_close(a, NULL);
	}
	chunk_open(a);
	bytes_str(a->frame, "\"tool_calls\":[{\"index\":");
	bytes_i64(a->frame, t->call);
	bytes_str(a->frame, ",\"function\":{\"arguments\":\"");
	answer_word(a, t, &fragment);
	escaped(a, &fragment);
	bytes_str(a->frame, "\"}}]");
	chunk_close(a, NULL);
}

static void token(struct answer *a, const struct token *t)
{
	if (t->kind == TOKEN_TOOL) {
		tool_token(a, t);
		return;
	}
	chunk_open(a);
	bytes_str(a->frame, t->kind == TOKEN_THINK ? "\"reasoning_content\":\"" : "\"content\":\"");
	answer_word(a, t, a->frame);
	bytes_str(a->frame, "\"");
	chunk_close(a, NULL);
}

static void end(struct answer *a)
{
	chunk_open(a);
	chunk_close(a, finish_reason(a));
	if (a->ask.has_usage_frame && a->ask.plan.usage != USAGE_NONE) {
		bytes_str(a->frame, "data: ");
		openai_object(a, "chatcmpl-", "chat.completion.chunk");
		bytes_str(a->frame, ",\"system_fingerprint\":\"fp_sandbox\",\"choices\":[],"
				    "\"usage\":");
		openai_usage(a, true);
		bytes_str(a->frame, "}\n\n");
		answer_frame(a);
	}
	bytes_str(a->frame, "data: [DONE]\n\n");
	answer_frame(a);
}

static void whole_message(struct answer *a)
{
	struct bytes *f = a->frame;

	bytes_str(f, "{\"role\":\"assistant\",\"content\":");
	if (a->n_say == 0 && a->n_tool > 0) {
		bytes_str(f, "null");
	} else {
		bytes_str(f, "\"");
		answer_words(a, TOKEN_TEXT, 0, f);
		bytes_str(f, "\"");
	}
	if (a->n_think > 0) {
		bytes_str(f, ",\"reasoning_content\":\"");
		answer_words(a, TOKEN_THINK, 0, f);
		bytes_str(f, "\"");
	}
	for (i64 call = 0; a->n_tool > 0 && call < a->n_call; call++) {
		struct bytes arguments = {0};
		bytes_str(f, call == 0 ? ",\"tool_calls\":[{" : ",{");
		call_id(a, call);
		answer_words(a, TOKEN_TOOL, call, &arguments);
		escaped(a, &arguments);
		bytes_str(f, call == a->n_call - 1 ? "\"}}]" : "\"}}");
	}
	bytes_str(f, ",\"refusal\":null}");
}

/* The end of an object that is no chunk. */
void openai_whole_end(struct answer *a)
{
	if (a->ask.plan.usage != USAGE_NONE) {
		bytes_str(a->frame, ",\"usage\":");
		openai_usage(a, true);
	}
	bytes_str(a->frame, "}");
}

static void whole(struct answer *a)
{
	openai_object(a, "chatcmpl-", "chat.completion");
	bytes_str(a->frame, ",\"system_fingerprint\":\"fp_sandbox\",\"choices\":[{\"index\":0,"
			    "\"message\":");
	whole_message(a);
	BYTES_STRS(a->frame, ",\"logprobs\":null,\"finish_reason\":\"", finish_reason(a), "\"}]");
	openai_whole_end(a);
}

void openai_error(struct answer *a, int status, const char *message)
{
	static const struct {
		int status;
		const char *type, *code;
	} kinds[] = {{400, "invalid_request_error", "null"},
		{401, "invalid_request_error", "\"invalid_api_key\""},
		{403, "invalid_request_error", "\"unsupported_country_region_territory\""},
		{404, "invalid_request_error", "\"model_not_found\""},
		{429, "requests", "\"rate_limit_exceeded\""}, {0, "server_error", "null"}};
	size_t i = 0;

	while (kinds[i].status != 0 && kinds[i].status != status)
		i++;
	bytes_str(a->frame, "{\"error\":{\"message\":\"");
	bytes_escaped(a->frame, message, strlen(message));
	BYTES_STRS(a->frame, "\",\"type\":\"", kinds[i].type,
		"\",\"param\":null,\"code\":", kinds[i].code, "}}");
}

const struct dialect dialect_chat = {
	.name = "openai",
	.id_header = "x-request-id",
	.kind = ASK_CHAT,
	.begin = begin,
	.token = token,
	.end = end,
	.whole = whole,
	.error = openai_error,
	.error_event = "",
};
