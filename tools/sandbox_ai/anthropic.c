/* The Anthropic dialect: messages, whole and as named events, and the counting of tokens. */
#include <string.h>

#include "answer.h"

static const char *stop_reason(const struct answer *a)
{
	if (a->ask.plan.refuse != 0)
		return "refusal";
	if (a->is_clipped)
		return "max_tokens";
	return a->n_tool > 0 ? "tool_use" : "end_turn";
}

/* input_tokens are those that came neither out of the cache nor into it. */
static void write_usage(struct answer *a, i64 output, bool is_final)
{
	struct usage u = a->usage;
	struct bytes *f = a->frame;
	i64 hour = a->ask.plan.cache_write_1h;

	hour = hour < u.cache_write ? hour : u.cache_write;
	if (a->ask.plan.usage == USAGE_WRONG) {
		bytes_str(f, "{\"input_tokens\":-1,\"output_tokens\":\"many\"}");
		return;
	}
	bytes_str(f, "{\"input_tokens\":");
	bytes_i64(f, u.input - u.cached - u.cache_write);
	bytes_str(f, ",\"cache_creation_input_tokens\":");
	bytes_i64(f, u.cache_write);
	bytes_str(f, ",\"cache_read_input_tokens\":");
	bytes_i64(f, u.cached);
	bytes_str(f, ",\"cache_creation\":{\"ephemeral_5m_input_tokens\":");
	bytes_i64(f, u.cache_write - hour);
	bytes_str(f, ",\"ephemeral_1h_input_tokens\":");
	bytes_i64(f, hour);
	bytes_str(f, "},\"output_tokens\":");
	bytes_i64(f, output);
	bytes_str(f, ",\"service_tier\":\"standard\"}");
	u.output = output;
	if (!is_final)
		u.reasoning = 0;
	answer_reports(a, &u, is_final);
}

static void frame_open(struct answer *a, const char *event)
{
	BYTES_STRS(a->frame, "event: ", event, "\ndata: {\"type\":\"", event, "\"");
}

static void frame_close(struct answer *a)
{
	bytes_str(a->frame, "}\n\n");
	answer_frame(a);
}

static void write_message(struct answer *a, const char *content_first)
{
	BYTES_STRS(a->frame, "{\"id\":\"msg_", a->id,
		"\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"", a->ask.model,
		"\",\"content\":[", content_first);
}

/* As the real one, it knows of one token of output here; message_delta has the number. */
static void begin(struct answer *a)
{
	frame_open(a, "message_start");
	bytes_str(a->frame, ",\"message\":");
	write_message(a, "],\"stop_reason\":null,\"stop_sequence\":null");
	if (a->ask.plan.usage != USAGE_NONE) {
		bytes_str(a->frame, ",\"usage\":");
		write_usage(a, a->usage.output > 0 ? 1 : 0, false);
	}
	bytes_str(a->frame, "}");
	frame_close(a);
}

/* The content block's number: thinking and text are at most one block each. */
static i64 block_of(const struct answer *a, const struct token *t)
{
	i64 before = t->kind == TOKEN_THINK ? 0 : a->n_think > 0;

	if (t->kind == TOKEN_TOOL)
		before += (a->n_say > 0) + t->call;
	return before;
}

static void write_tool(struct answer *a, i64 call)
{
	BYTES_STRS(a->frame, "{\"type\":\"tool_use\",\"id\":\"toolu_", a->id, "_");
	bytes_i64(a->frame, call);
	BYTES_STRS(a->frame, "\",\"name\":\"", a->ask.plan.tool, "\",\"input\":");
}

static void block_start(struct answer *a, const struct token *t)
{
	frame_open(a, "content_block_start");
	bytes_str(a->frame, ",\"index\":");
	bytes_i64(a->frame, block_of(a, t));
	bytes_str(a->frame, ",\"content_block\":");
	if (t->kind == TOKEN_THINK) {
		bytes_str(a->frame, "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}");
	} else if (t->kind == TOKEN_TEXT) {
		bytes_str(a->frame, "{\"type\":\"text\",\"text\":\"\"}");
	} else {
		write_tool(a, t->call);
		bytes_str(a->frame, "{}}");
	}
	frame_close(a);
	if (block_of(a, t) == 0) {
		frame_open(a, "ping");
		frame_close(a);
	}
}

static void delta_open(
	struct answer *a, const struct token *t, const char *type, const char *member)
{
	frame_open(a, "content_block_delta");
	bytes_str(a->frame, ",\"index\":");
	bytes_i64(a->frame, block_of(a, t));
	BYTES_STRS(a->frame, ",\"delta\":{\"type\":\"", type, "\",\"", member, "\":\"");
}

static void delta_close(struct answer *a)
{
	bytes_str(a->frame, "\"}");
	frame_close(a);
}

static void block_stop(struct answer *a, const struct token *t)
{
	if (t->kind == TOKEN_THINK) {
		delta_open(a, t, "signature_delta", "signature");
		BYTES_STRS(a->frame, "c2lnbmVk", a->id);
		delta_close(a);
	}
	frame_open(a, "content_block_stop");
	bytes_str(a->frame, ",\"index\":");
	bytes_i64(a->frame, block_of(a, t));
	frame_close(a);
}

static void token(struct answer *a, const struct token *t)
{
	struct bytes fragment = {0};

	if (t->at == 0)
		block_start(a, t);
	if (t->kind == TOKEN_THINK) {
		delta_open(a, t, "thinking_delta", "thinking");
		answer_word(a, t, a->frame);
	} else if (t->kind == TOKEN_TEXT) {
		delta_open(a, t, "text_delta", "text");
		answer_word(a, t, a->frame);
	} else {
		delta_open(a, t, "input_json_delta", "partial_json");
		answer_word(a, t, &fragment);
		bytes_escaped(a->frame, fragment.data, fragment.length);
		bytes_free(&fragment);
	}
	delta_close(a);
	if (t->at == t->of - 1)
		block_stop(a, t);
}

static void end(struct answer *a)
{
	frame_open(a, "message_delta");
	BYTES_STRS(a->frame, ",\"delta\":{\"stop_reason\":\"", stop_reason(a),
		"\",\"stop_sequence\":null}");
	if (a->ask.plan.usage != USAGE_NONE) {
		bytes_str(a->frame, ",\"usage\":");
		write_usage(a, a->usage.output, true);
	}
	frame_close(a);
	frame_open(a, "message_stop");
	frame_close(a);
}

static void whole(struct answer *a)
{
	struct bytes *f = a->frame;
	const char *comma = "";

	write_message(a, "");
	if (a->n_think > 0) {
		bytes_str(f, "{\"type\":\"thinking\",\"thinking\":\"");
		answer_words(a, TOKEN_THINK, 0, f);
		BYTES_STRS(f, "\",\"signature\":\"c2lnbmVk", a->id, "\"}");
		comma = ",";
	}
	if (a->n_say > 0) {
		BYTES_STRS(f, comma, "{\"type\":\"text\",\"text\":\"");
		answer_words(a, TOKEN_TEXT, 0, f);
		bytes_str(f, "\"}");
		comma = ",";
	}
	for (i64 call = 0; a->n_tool > 0 && call < a->n_call; call++) {
		bytes_str(f, comma);
		write_tool(a, call);
		answer_words(a, TOKEN_TOOL, call, f);
		bytes_str(f, "}");
		comma = ",";
	}
	BYTES_STRS(f, "],\"stop_reason\":\"", stop_reason(a), "\",\"stop_sequence\":null");
	if (a->ask.plan.usage != USAGE_NONE) {
		bytes_str(f, ",\"usage\":");
		write_usage(a, a->usage.output, true);
	}
	bytes_str(f, "}");
}

static void whole_count(struct answer *a)
{
	bytes_str(a->frame, "{\"input_tokens\":");
	bytes_i64(a->frame, a->usage.input);
	bytes_str(a->frame, "}");
}

static void error(struct answer *a, int status, const char *message)
{
	static const struct {
		int status;
		const char *type;
	} kinds[] = {{400, "invalid_request_error"}, {401, "authentication_error"},
		{402, "billing_error"}, {403, "permission_error"}, {404, "not_found_error"},
		{409, "conflict_error"}, {413, "request_too_large"}, {429, "rate_limit_error"},
		{504, "timeout_error"}, {529, "overloaded_error"}, {0, "api_error"}};
	size_t i = 0;

	while (kinds[i].status != 0 && kinds[i].status != status)
		i++;
	BYTES_STRS(a->frame, "{\"type\":\"error\",\"error\":{\"type\":\"", kinds[i].type,
		"\",\"message\":\"");
	bytes_escaped(a->frame, message, strlen(message));
	BYTES_STRS(a->frame, "\"},\"request_id\":\"req_", a->id, "\"}");
}

const struct dialect dialect_messages = {
	.name = "anthropic",
	.id_header = "request-id",
	.kind = ASK_MESSAGES,
	.begin = begin,
	.token = token,
	.end = end,
	.whole = whole,
	.error = error,
	.error_event = "event: error\n",
};

const struct dialect dialect_count_tokens = {
	.name = "count_tokens",
	.id_header = "request-id",
	.kind = ASK_COUNT,
	.whole = whole_count,
	.error = error,
	.error_event = "",
};
