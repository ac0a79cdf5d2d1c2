/* The Anthropic dialect of upstreams: what is asked of the Messages API (upstreams.md 11). */
#include "answer.h"

#include "../core/crypto.h"
#include "../core/str.h"
#include "../http/json_number.h"
#include "anthropic_client.h"
#include "anthropic_read.h"
#include "anthropic_write.h"
#include "dialects.h"
#include "fim.h"
#include "put.h"
#include "upstream_error.h"

#define DEFAULT_VERSION "2023-06-01"
/* The first that refuses temperature, top_p and top_k, even at their defaults. */
#define VERSION_WITHOUT_SAMPLING "2026-10-21"

/* What stands for response_format where the model has no such thing; NULL when nothing was asked.
 */
static const char *format_instruction(
	struct arena *a, const struct chat *chat, const struct upstream_model *m)
{
	if (chat->format == FORMAT_TEXT)
		return NULL;
	if (chat->format == FORMAT_JSON_OBJECT || chat->response_schema == NULL)
		return "Answer with one JSON object and nothing else.";
	if (m->has_json_schema)
		return NULL;
	return arena_printf(a,
		"Answer with one JSON value that is valid under this JSON Schema, and nothing "
		"else:\n%s",
		chat->response_schema);
}

static void join(struct buf *b, const char *text, size_t length)
{
	if (b->length > 0)
		buf_str(b, "\n\n");
	buf_bytes(b, text, length);
}

static void put_system(
	struct arena *a, struct buf *b, const struct chat *chat, const struct upstream_model *m)
{
	const char *instruction = format_instruction(a, chat, m);
	struct buf system;

	buf_init(&system, a, 0);
	for (size_t i = 0; i < chat->n_messages; i++) {
		const struct chat_message *message = &chat->message[i];
		for (size_t j = 0; message->role == ROLE_SYSTEM && j < message->n_parts; j++)
			if (anthropic_has_text(message->part[j].text))
				join(&system, message->part[j].text, message->part[j].length);
	}
	if (instruction != NULL)
		join(&system, instruction, strlen(instruction));
	if (system.length > 0)
		put_text(b, "system", system.data);
}

/* White space alone is refused as a stop sequence. */
static void put_stop(struct arena *a, struct buf *b, const struct sampling *s)
{
	const char **stop = arena_array(a, const char *, s->n_stop);
	size_t n = 0;

	for (size_t i = 0; i < s->n_stop; i++)
		if (anthropic_has_text(s->stop[i]))
			stop[n++] = s->stop[i];
	put_texts(b, "stop_sequences", stop, n);
}

/* Never both, and temperature ends at 1 here. */
static void put_sampling(struct buf *b, const struct sampling *s, const struct upstream_model *m,
	const char *version)
{
	const i64 one = 1000000;
	i64 micro;

	if (!m->pass_sampling || strcmp(version, VERSION_WITHOUT_SAMPLING) >= 0)
		return;
	if (s->temperature == NULL)
		put_json(b, "top_p", s->top_p);
	else if (json_number_micro(s->temperature, &micro) && micro <= one)
		put_json(b, "temperature", s->temperature);
	else
		put_json(b, "temperature", "1");
}

/* A schema must say that it is an object's; OpenAI's may leave it out. */
static void put_schema(struct buf *b, const char *schema)
{
	struct pull_text name = {0};
	bool has_type = false, is_empty = true;
	struct pull p;

	buf_str(b, ",\"input_schema\":");
	if (schema == NULL)
		schema = "{}";
	pull_init(&p, schema, strlen(schema));
	for (bool more = pull_object(&p); more && pull_member(&p, &name); pull_skip(&p)) {
		has_type = has_type || pull_is(&name, "type");
		is_empty = false;
	}
	if (has_type) {
		buf_str(b, schema);
		return;
	}
	buf_str(b, is_empty ? "{\"type\":\"object\"" : "{\"type\":\"object\",");
	buf_str(b, strchr(schema, '{') + 1);
}

/* Calls in the conversation need their tools, even when the client offers none any more. */
static size_t put_past_tools(struct buf *b, const struct chat *chat, const char **names)
{
	size_t n = 0;

	for (size_t i = 0; i < chat->n_messages; i++)
		for (size_t j = 0; j < chat->message[i].n_calls; j++) {
			const char *name = chat->message[i].call[j].name;
			bool is_known = false;
			for (size_t k = 0; k < n && !is_known; k++)
				is_known = strcmp(names[k], name) == 0;
			if (is_known)
				continue;
			buf_str(b, n == 0 ? ",\"tools\":[{\"name\":" : ",{\"name\":");
			buf_json(b, name);
			put_schema(b, NULL);
			buf_char(b, '}');
			names[n++] = name;
		}
	if (n > 0)
		buf_str(b, "],\"tool_choice\":{\"type\":\"none\"}");
	return n;
}

static void put_tool_choice(struct buf *b, const struct chat *chat)
{
	static const char *const types[] = {[CHOICE_UNSET] = "auto",
		[CHOICE_AUTO] = "auto",
		[CHOICE_NONE] = "none",
		[CHOICE_REQUIRED] = "any",
		[CHOICE_NAMED] = "tool"};
	bool one_by_one = chat->parallel_tool_calls.has && !chat->parallel_tool_calls.value;

	if (chat->tool_choice == CHOICE_UNSET && !one_by_one)
		return;
	buf_str(b, ",\"tool_choice\":{\"type\":");
	buf_json(b, types[chat->tool_choice]);
	if (chat->tool_choice == CHOICE_NAMED)
		put_text(b, "name", chat->tool_choice_name);
	put_true(b, "disable_parallel_tool_use", one_by_one && chat->tool_choice != CHOICE_NONE);
	buf_char(b, '}');
}

static size_t count_calls(const struct chat *chat)
{
	size_t n = 0;

	for (size_t i = 0; i < chat->n_messages; i++)
		n += chat->message[i].n_calls;
	return n;
}

static void put_tools(
	struct arena *a, struct buf *b, const struct chat *chat, const struct upstream_model *m)
{
	if (chat->n_tools == 0) {
		put_past_tools(b, chat, arena_array(a, const char *, count_calls(chat)));
		return;
	}
	for (size_t i = 0; i < chat->n_tools; i++) {
		const struct chat_tool *tool = &chat->tool[i];
		buf_str(b, i == 0 ? ",\"tools\":[{\"name\":" : ",{\"name\":");
		buf_json(b, tool->name);
		if (tool->description != NULL && tool->description[0] != '\0')
			put_text(b, "description", tool->description);
		put_schema(b, tool->parameters);
		put_true(b, "strict", m->has_json_schema && tool->strict.value);
		buf_char(b, '}');
	}
	buf_char(b, ']');
	put_tool_choice(b, chat);
}

static void put_thinking(struct buf *b, const struct chat *chat, const struct upstream_model *m)
{
	const char *effort = m->has_reasoning ? chat->reasoning_effort : NULL;
	bool has_schema = m->has_json_schema && chat->format == FORMAT_JSON_SCHEMA &&
			  chat->response_schema != NULL;

	if (effort != NULL && strcmp(effort, "none") == 0) {
		buf_str(b, ",\"thinking\":{\"type\":\"disabled\"}");
		effort = NULL;
	}
	if (effort == NULL && !has_schema)
		return;
	buf_str(b, ",\"output_config\":{");
	if (effort != NULL) {
		buf_str(b, "\"effort\":");
		buf_json(b, strcmp(effort, "minimal") == 0 ? "low" : effort);
	}
	if (has_schema) {
		buf_str(b, effort != NULL ? ",\"format\":{" : "\"format\":{");
		buf_str(b, "\"type\":\"json_schema\"");
		put_json(b, "schema", chat->response_schema);
		buf_char(b, '}');
	}
	buf_char(b, '}');
}

/* Whoever the client's user is, Anthropic need not know. */
static void put_user_id(struct arena *a, struct buf *b, const char *user)
{
	if (user == NULL || user[0] == '\0')
		return;
	struct sha256 hash = sha256(user, strlen(user));
	buf_str(b, ",\"metadata\":{\"user_id\":");
	buf_json(b, hex_encode(a, hash.byte, sizeof(hash.byte)));
	buf_char(b, '}');
}

/* Nothing when there is none. */
static void add_header(struct upstream_call *call, const char *line)
{
	size_t n = 0;

	while (call->header[n] != NULL)
		n++;
	call->header[n] = line;
}

static struct upstream_call call_of(struct arena *a, const struct buf *body, const char *version,
	bool is_stream, const struct upstream_model *m, const char *key)
{
	struct upstream_call call = {
		.path = "/v1/messages",
		.header = {"Content-Type: application/json",
			is_stream ? "Accept: text/event-stream" : "Accept: application/json",
			arena_printf(a, "anthropic-version: %s", version)},
		.body = body->data,
		.body_length = body->length,
	};

	enum key_header header = m->key_header != KEY_AS_USUAL ? m->key_header : KEY_X_API_KEY;
	add_header(&call, upstream_key_line(a, header, key));
	return call;
}

static int write_chat(struct arena *a, const struct chat *chat, const struct upstream_model *m,
	const char *key, struct upstream_call *ret, struct fail *fail)
{
	const char *version = m->api_version != NULL ? m->api_version : DEFAULT_VERSION;
	struct buf b;

	buf_init(&b, a, chat_body_bytes(chat));
	buf_str(&b, "{\"model\":");
	buf_json(&b, m->name);
	put_i64(&b, "max_tokens", upstream_max_tokens(&chat->sampling, m));
	put_system(a, &b, chat, m);
	TRY(anthropic_put_turns(a, &b, chat, m, fail));
	put_stop(a, &b, &chat->sampling);
	put_sampling(&b, &chat->sampling, m, version);
	put_tools(a, &b, chat, m);
	put_thinking(&b, chat, m);
	put_user_id(a, &b, chat->user);
	put_true(&b, "stream", chat->is_stream);
	buf_char(&b, '}');
	*ret = call_of(a, &b, version, chat->is_stream, m, key);
	return 0;
}

static void write_raw(struct arena *a, const struct raw_call *raw, const struct upstream_model *m,
	const char *key, struct upstream_call *ret)
{
	enum { OTHER_NAME_BYTES = 256 };
	const char *version = m->api_version != NULL ? m->api_version : DEFAULT_VERSION;

	struct buf b;

	buf_init(&b, a, raw->length + OTHER_NAME_BYTES);
	anthropic_request_write(raw->request, raw->body, raw->length, m->name, m->max_tokens, &b);
	*ret = call_of(a, &b, raw->version != NULL ? raw->version : version,
		raw->request->is_stream, m, key);
	ret->below = raw->below;
	if (raw->beta != NULL)
		add_header(ret, arena_printf(a, "anthropic-beta: %s", raw->beta));
}

static int write_fim(struct arena *a, const struct fim *fim, const struct upstream_model *m,
	const char *key, struct upstream_call *ret, struct fail *fail)
{
	struct chat chat;

	fim_as_chat(a, fim, &chat);
	return write_chat(a, &chat, m, key, ret, fail);
}

static struct answer_reader *reader(struct arena *a, chat_sink *sink, void *arg)
{
	return answer_new(a, &anthropic_decoder, sink, arg);
}

const struct dialect_upstream dialect_anthropic = {
	.name = "anthropic",
	.write_chat = write_chat,
	.write_fim = write_fim,
	.write_raw = write_raw,
	.reader = reader,
	.fim_is_chat = true,
	.read_error = upstream_error_read,
};
