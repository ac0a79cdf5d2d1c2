/* What clients get: OpenAI's chunks and bodies with the product's usage (gateway.md 2.2, 2.3, 2.5).
 * A chunk is put together from two fixed pieces and the text between them. */
#include "chat.h"

#include <string.h>

enum { OUT_BYTES = 1024, KEPT_BYTES = 256 };

/* A tool call, while the one body is being gathered. */
struct client_call {
	const char *id, *name;
	struct buf input;
};

static const char delta_end[] = "},\"finish_reason\":null,\"logprobs\":null}]}\n\n";

static void put_identity(struct buf *b, const struct client_writer *w, const char *object)
{
	buf_str(b, "{\"id\":");
	buf_json(b, w->id);
	buf_str(b, ",\"object\":\"");
	buf_str(b, object);
	buf_str(b, "\",\"created\":");
	buf_i64(b, w->created_s);
	buf_str(b, ",\"model\":");
	buf_json(b, w->model);
	buf_str(b, ",\"choices\":[");
}

void client_writer_init(struct client_writer *w, struct arena *a, enum client_shape shape,
	const char *id, const char *model, i64 created_s, bool include_usage)
{
	*w = (struct client_writer){
		.shape = shape,
		.id = id,
		.model = model,
		.created_s = created_s,
		.include_usage = include_usage,
		.arena = a,
	};
	buf_init(&w->out, a, OUT_BYTES);
	buf_init(&w->head, a, KEPT_BYTES);
	buf_str(&w->head, "data: ");
	put_identity(
		&w->head, w, shape == SHAPE_CHAT ? "chat.completion.chunk" : "text_completion");
}

/* --- the stream --- */

static void put_head(struct client_writer *w)
{
	buf_bytes(&w->out, w->head.data, w->head.length);
}

static void delta_open(struct client_writer *w, const char *members)
{
	put_head(w);
	buf_str(&w->out, "{\"index\":0,\"delta\":{");
	buf_str(&w->out, members);
}

static void delta_close(struct client_writer *w)
{
	buf_bytes(&w->out, delta_end, sizeof(delta_end) - 1);
}

static void put_role(struct client_writer *w)
{
	if (w->has_role || w->shape != SHAPE_CHAT)
		return;
	w->has_role = true;
	delta_open(w, "\"role\":\"assistant\",\"content\":\"\"");
	delta_close(w);
}

static void put_text_delta(
	struct client_writer *w, const char *name_and_colon, const struct chat_event *event)
{
	delta_open(w, name_and_colon);
	buf_json_n(&w->out, event->text, event->length);
	delta_close(w);
}

static void put_tool_start(struct client_writer *w, const struct chat_event *event)
{
	delta_open(w, "\"tool_calls\":[{\"index\":");
	buf_i64(&w->out, (i64)event->index);
	buf_str(&w->out, ",\"id\":");
	buf_json(&w->out, event->id);
	buf_str(&w->out, ",\"type\":\"function\",\"function\":{\"name\":");
	buf_json(&w->out, event->name);
	buf_str(&w->out, ",\"arguments\":\"\"}}]");
	delta_close(w);
}

static void put_tool_input(struct client_writer *w, const struct chat_event *event)
{
	delta_open(w, "\"tool_calls\":[{\"index\":");
	buf_i64(&w->out, (i64)event->index);
	buf_str(&w->out, ",\"function\":{\"arguments\":");
	buf_json_n(&w->out, event->text, event->length);
	buf_str(&w->out, "}}]");
	delta_close(w);
}

/* A choice of text_completion, up to its reason. */
static void put_completion_choice(struct client_writer *w, const char *text, size_t length)
{
	buf_str(&w->out, "{\"text\":");
	buf_json_n(&w->out, text, length);
	buf_str(&w->out, ",\"index\":0,\"logprobs\":null,\"finish_reason\":");
}

static void completion_event(struct client_writer *w, const struct chat_event *event)
{
	if (event->kind != EVENT_TEXT)
		return;
	put_head(w);
	put_completion_choice(w, event->text, event->length);
	buf_str(&w->out, "null}]}\n\n");
}

void client_stream_event(struct client_writer *w, const struct chat_event *event)
{
	if (w->is_finished)
		return;
	if (event->kind == EVENT_FINISH) {
		w->finish = event->finish;
		return;
	}
	if (w->shape == SHAPE_COMPLETION) {
		completion_event(w, event);
		return;
	}
	if (event->kind <= EVENT_TOOL_INPUT)
		put_role(w);
	if (event->kind == EVENT_TEXT)
		put_text_delta(w, "\"content\":", event);
	else if (event->kind == EVENT_REASONING)
		put_text_delta(w, "\"reasoning_content\":", event);
	else if (event->kind == EVENT_REFUSAL)
		put_text_delta(w, "\"refusal\":", event);
	else if (event->kind == EVENT_TOOL_START)
		put_tool_start(w, event);
	else if (event->kind == EVENT_TOOL_INPUT)
		put_tool_input(w, event);
}

/* Hundredths as a number without needless zeros: 5.46, 5.4, 5. */
static void put_credits(struct buf *b, i64 hundredths)
{
	buf_i64(b, hundredths / 100);
	if (hundredths % 100 == 0)
		return;
	buf_char(b, '.');
	buf_char(b, (char)('0' + hundredths / 10 % 10));
	if (hundredths % 10 != 0)
		buf_char(b, (char)('0' + hundredths % 10));
}

static void put_count(struct buf *b, const char *name_and_colon, i64 n)
{
	buf_str(b, name_and_colon);
	buf_i64(b, n);
}

static void put_usage(struct buf *b, const struct client_usage *usage)
{
	const struct token_counts *t = &usage->tokens;
	i64 prompt = t->input + t->cached + t->cache_write;

	put_count(b, ",\"usage\":{\"prompt_tokens\":", prompt);
	put_count(b, ",\"completion_tokens\":", t->output);
	put_count(b, ",\"total_tokens\":", prompt + t->output);
	put_count(b, ",\"prompt_tokens_details\":{\"cached_tokens\":", t->cached);
	if (t->cache_write > 0)
		put_count(b, ",\"cache_write_tokens\":", t->cache_write);
	put_count(b, "},\"completion_tokens_details\":{\"reasoning_tokens\":", t->reasoning);
	put_count(b, "},\"inputTokens\":", prompt);
	put_count(b, ",\"outputTokens\":", t->output);
	buf_str(b, ",\"creditsUsed\":");
	put_credits(b, usage->credits_hundredths);
	buf_char(b, '}');
}

void client_stream_end(struct client_writer *w, const struct client_usage *usage)
{
	if (w->is_finished)
		return;
	w->is_finished = true;
	put_role(w);
	put_head(w);
	if (w->shape == SHAPE_CHAT)
		buf_str(&w->out, "{\"index\":0,\"delta\":{},\"finish_reason\":\"");
	else
		buf_str(&w->out,
			"{\"text\":\"\",\"index\":0,\"logprobs\":null,\"finish_reason\":\"");
	buf_str(&w->out, finish_names[w->finish]);
	buf_str(&w->out, w->shape == SHAPE_CHAT ? "\",\"logprobs\":null}]" : "\"}]");
	if (usage != NULL && !w->include_usage)
		put_usage(&w->out, usage);
	buf_str(&w->out, "}\n\n");
	if (usage != NULL && w->include_usage) {
		put_head(w);
		buf_char(&w->out, ']');
		put_usage(&w->out, usage);
		buf_str(&w->out, "}\n\n");
	}
	buf_str(&w->out, "data: [DONE]\n\n");
}

void client_stream_error(
	struct client_writer *w, const char *message, const char *code, const char *request_id)
{
	struct buf *b = &w->out;

	if (w->is_finished)
		return;
	w->is_finished = true;
	if (w->error_object) {
		buf_str(b, "data: {\"error\":{\"message\":");
		buf_json(b, message);
		buf_str(b, ",\"type\":");
		buf_json(b, code);
		buf_str(b, ",\"code\":");
		buf_json(b, code);
		buf_str(b, ",\"param\":null}");
	} else {
		buf_str(b, "data: {\"error\":");
		buf_json(b, message);
		buf_str(b, ",\"code\":");
		buf_json(b, code);
	}
	buf_str(b, ",\"request_id\":");
	buf_json(b, request_id);
	buf_str(b, "}\n\ndata: [DONE]\n\n");
}

/* --- the one body --- */

static void keep(struct client_writer *w, struct buf *b, const struct chat_event *event)
{
	if (b->data == NULL)
		buf_init(b, w->arena, event->length + KEPT_BYTES);
	buf_bytes(b, event->text, event->length);
}

static void keep_call(struct client_writer *w, const struct chat_event *event)
{
	if (w->n_calls == w->calls_capacity) {
		size_t capacity = w->calls_capacity > 0 ? 2 * w->calls_capacity : 4;
		struct client_call *call = arena_array(w->arena, struct client_call, capacity);
		if (w->n_calls > 0)
			memcpy(call, w->call, w->n_calls * sizeof(*call));
		w->call = call;
		w->calls_capacity = capacity;
	}
	w->call[w->n_calls++] = (struct client_call){
		.id = arena_strdup(w->arena, event->id),
		.name = arena_strdup(w->arena, event->name),
	};
}

/* What another upstream said, and then broke off. */
static void forget(struct client_writer *w)
{
	w->text = w->reasoning = w->refusal = (struct buf){0};
	w->call = NULL;
	w->n_calls = w->calls_capacity = 0;
	w->finish = FINISH_STOP;
}

void client_body_event(struct client_writer *w, const struct chat_event *event)
{
	switch (event->kind) {
	case EVENT_START:
		forget(w);
		break;
	case EVENT_TEXT:
		keep(w, &w->text, event);
		break;
	case EVENT_REASONING:
		keep(w, &w->reasoning, event);
		break;
	case EVENT_REFUSAL:
		keep(w, &w->refusal, event);
		break;
	case EVENT_TOOL_START:
		keep_call(w, event);
		break;
	case EVENT_TOOL_INPUT:
		if (event->index < w->n_calls)
			keep(w, &w->call[event->index].input, event);
		break;
	case EVENT_FINISH:
		w->finish = event->finish;
		break;
	default:
		break;
	}
}

static void put_kept(struct buf *b, const char *name_and_colon, const struct buf *kept)
{
	buf_str(b, name_and_colon);
	if (kept->length > 0)
		buf_json_n(b, kept->data, kept->length);
	else
		buf_str(b, "null");
}

static void put_calls(struct client_writer *w)
{
	struct buf *b = &w->out;

	if (w->n_calls == 0)
		return;
	for (size_t i = 0; i < w->n_calls; i++) {
		const struct client_call *call = &w->call[i];
		buf_str(b, i == 0 ? ",\"tool_calls\":[{\"id\":" : ",{\"id\":");
		buf_json(b, call->id);
		buf_str(b, ",\"type\":\"function\",\"function\":{\"name\":");
		buf_json(b, call->name);
		buf_str(b, ",\"arguments\":");
		buf_json_n(b, call->input.length > 0 ? call->input.data : "", call->input.length);
		buf_str(b, "}}");
	}
	buf_char(b, ']');
}

static void put_message(struct client_writer *w)
{
	struct buf *b = &w->out;

	buf_str(b, "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":");
	if (w->text.length > 0)
		buf_json_n(b, w->text.data, w->text.length);
	else
		buf_str(b, w->n_calls > 0 || w->refusal.length > 0 ? "null" : "\"\"");
	put_kept(b, ",\"refusal\":", &w->refusal);
	if (w->reasoning.length > 0)
		put_kept(b, ",\"reasoning_content\":", &w->reasoning);
	put_calls(w);
	buf_str(b, "},\"finish_reason\":\"");
	buf_str(b, finish_names[w->finish]);
	buf_str(b, "\",\"logprobs\":null}]");
}

void client_body_end(struct client_writer *w, const struct client_usage *usage)
{
	bool is_chat = w->shape == SHAPE_CHAT;

	if (w->is_finished)
		return;
	w->is_finished = true;
	put_identity(&w->out, w, is_chat ? "chat.completion" : "text_completion");
	if (is_chat) {
		put_message(w);
	} else {
		put_completion_choice(w, w->text.length > 0 ? w->text.data : "", w->text.length);
		buf_char(&w->out, '"');
		buf_str(&w->out, finish_names[w->finish]);
		buf_str(&w->out, "\"}]");
	}
	if (usage != NULL)
		put_usage(&w->out, usage);
	buf_char(&w->out, '}');
}
