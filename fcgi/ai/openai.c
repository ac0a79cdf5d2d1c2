/* The OpenAI dialect of upstreams: chat completions as most providers speak them (upstreams.md 10).
 */
#include "openai.h"

#include "dialects.h"
#include "fim.h"
#include "put.h"
#include "upstream_error.h"

static const char *const role_names[] = {
	[ROLE_SYSTEM] = "system",
	[ROLE_USER] = "user",
	[ROLE_ASSISTANT] = "assistant",
	[ROLE_TOOL] = "tool",
};

void openai_headers(struct arena *a, const struct upstream_model *m, bool is_stream,
	const char *key, struct upstream_call *ret)
{
	size_t n = 0;

	ret->header[n++] = "Content-Type: application/json";
	ret->header[n++] = is_stream ? "Accept: text/event-stream" : "Accept: application/json";
	ret->header[n] = upstream_key_line(a, m->key_header, key);
	ret->header[n + 1] = NULL;
}

static void put_image(struct buf *b, const struct chat_part *part)
{
	buf_str(b, "{\"type\":\"image_url\",\"image_url\":{\"url\":");
	if (part->kind == PART_IMAGE_DATA) {
		/* Base64 has nothing to escape (chat_read). */
		buf_str(b, "\"data:");
		buf_str(b, part->media_type);
		buf_str(b, ";base64,");
		buf_bytes(b, part->text, part->length);
		buf_char(b, '"');
	} else {
		buf_json_n(b, part->text, part->length);
	}
	put_text(b, "detail", part->detail);
	buf_str(b, "}}");
}

static void put_content(struct buf *b, const struct chat_message *m)
{
	buf_str(b, ",\"content\":");
	if (m->n_parts == 0) {
		buf_str(b, m->n_calls > 0 ? "null" : "\"\"");
		return;
	}
	if (m->n_parts == 1 && m->part[0].kind == PART_TEXT) {
		buf_json_n(b, m->part[0].text, m->part[0].length);
		return;
	}
	for (size_t i = 0; i < m->n_parts; i++) {
		buf_char(b, i == 0 ? '[' : ',');
		if (m->part[i].kind != PART_TEXT) {
			put_image(b, &m->part[i]);
			continue;
		}
		buf_str(b, "{\"type\":\"text\",\"text\":");
		buf_json_n(b, m->part[i].text, m->part[i].length);
		buf_char(b, '}');
	}
	buf_char(b, ']');
}

static void put_calls(struct buf *b, const struct chat_message *m)
{
	if (m->n_calls == 0)
		return;
	buf_str(b, ",\"tool_calls\":");
	for (size_t i = 0; i < m->n_calls; i++) {
		buf_str(b, i == 0 ? "[{\"id\":" : ",{\"id\":");
		buf_json(b, m->call[i].id);
		buf_str(b, ",\"type\":\"function\",\"function\":{\"name\":");
		buf_json(b, m->call[i].name);
		put_text(b, "arguments", m->call[i].arguments);
		buf_str(b, "}}");
	}
	buf_char(b, ']');
}

static void put_messages(struct buf *b, const struct chat *chat)
{
	buf_str(b, ",\"messages\":[");
	for (size_t i = 0; i < chat->n_messages; i++) {
		const struct chat_message *m = &chat->message[i];
		buf_str(b, i == 0 ? "{\"role\":" : ",{\"role\":");
		buf_json(b, role_names[m->role]);
		put_text(b, "tool_call_id", m->tool_call_id);
		put_content(b, m);
		put_calls(b, m);
		buf_char(b, '}');
	}
	buf_char(b, ']');
}

static void put_tool_choice(struct buf *b, const struct chat *chat)
{
	static const char *const names[] = {
		[CHOICE_AUTO] = "auto", [CHOICE_NONE] = "none", [CHOICE_REQUIRED] = "required"};

	if (chat->tool_choice == CHOICE_NAMED) {
		buf_str(b, ",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":");
		buf_json(b, chat->tool_choice_name);
		buf_str(b, "}}");
	} else if (chat->tool_choice != CHOICE_UNSET) {
		put_text(b, "tool_choice", names[chat->tool_choice]);
	}
}

static void put_tools(struct buf *b, const struct chat *chat)
{
	if (chat->n_tools == 0)
		return;
	buf_str(b, ",\"tools\":");
	for (size_t i = 0; i < chat->n_tools; i++) {
		const struct chat_tool *tool = &chat->tool[i];
		buf_str(b, i == 0 ? "[" : ",");
		buf_str(b, "{\"type\":\"function\",\"function\":{\"name\":");
		buf_json(b, tool->name);
		put_text(b, "description", tool->description);
		put_json(b, "parameters", tool->parameters);
		if (tool->strict.has)
			put_json(b, "strict", tool->strict.value ? "true" : "false");
		buf_str(b, "}}");
	}
	buf_char(b, ']');
	put_tool_choice(b, chat);
	if (chat->parallel_tool_calls.has)
		put_json(b, "parallel_tool_calls",
			chat->parallel_tool_calls.value ? "true" : "false");
}

static int write_chat(struct arena *a, const struct chat *chat, const struct upstream_model *m,
	const char *key, struct upstream_call *ret, struct fail *fail)
{
	const struct sampling *s = &chat->sampling;
	struct buf b;

	(void)fail;
	buf_init(&b, a, chat_body_bytes(chat));
	buf_str(&b, "{\"model\":");
	buf_json(&b, m->name);
	put_messages(&b, chat);
	put_i64(&b, m->max_completion_tokens ? "max_completion_tokens" : "max_tokens",
		upstream_max_tokens(s, m));
	if (m->pass_sampling) {
		put_json(&b, "temperature", s->temperature);
		put_json(&b, "top_p", s->top_p);
	}
	put_texts(&b, "stop", s->stop, s->n_stop);
	put_json(&b, "seed", s->seed);
	put_tools(&b, chat);
	put_json(&b, "response_format", chat->response_format);
	if (m->has_reasoning)
		put_text(&b, "reasoning_effort", chat->reasoning_effort);
	put_text(&b, "user", chat->user);
	put_stream(&b, chat->is_stream, m);
	buf_char(&b, '}');
	*ret = (struct upstream_call){
		.path = "/chat/completions", .body = b.data, .body_length = b.length};
	openai_headers(a, m, chat->is_stream, key, ret);
	return 0;
}

/* A chat model as the last resort of completions. */
static int write_fim(struct arena *a, const struct fim *fim, const struct upstream_model *m,
	const char *key, struct upstream_call *ret, struct fail *fail)
{
	struct chat chat;

	fim_as_chat(a, fim, &chat);
	return write_chat(a, &chat, m, key, ret, fail);
}

static struct answer_reader *reader(struct arena *a, chat_sink *sink, void *arg)
{
	return answer_new(a, &openai_decoder, sink, arg);
}

const struct dialect_upstream dialect_openai = {
	.name = "openai",
	.write_chat = write_chat,
	.write_fim = write_fim,
	.reader = reader,
	.fim_is_chat = true,
	.read_error = upstream_error_read,
};
