/* Writers of JSON members. */
#include "put.h"

static void put_name(struct buf *b, const char *name)
{
	buf_str(b, ",\"");
	buf_str(b, name);
	buf_str(b, "\":");
}

void put_text(struct buf *b, const char *name, const char *text)
{
	if (text == NULL)
		return;
	put_name(b, name);
	buf_json(b, text);
}

void put_json(struct buf *b, const char *name, const char *json)
{
	if (json == NULL)
		return;
	put_name(b, name);
	buf_str(b, json);
}

void put_i64(struct buf *b, const char *name, i64 number)
{
	put_name(b, name);
	buf_i64(b, number);
}

void put_true(struct buf *b, const char *name, bool value)
{
	if (value)
		put_json(b, name, "true");
}

void put_texts(struct buf *b, const char *name, const char *const *text, size_t n)
{
	if (n == 0)
		return;
	put_name(b, name);
	for (size_t i = 0; i < n; i++) {
		buf_char(b, i == 0 ? '[' : ',');
		buf_json(b, text[i]);
	}
	buf_char(b, ']');
}

i64 upstream_max_tokens(const struct sampling *s, const struct upstream_model *m)
{
	return s->max_tokens > 0 && s->max_tokens < m->max_tokens ? s->max_tokens : m->max_tokens;
}

const char *upstream_key_line(struct arena *a, enum key_header header, const char *key)
{
	if (key == NULL || key[0] == '\0')
		return NULL;
	if (header == KEY_X_API_KEY)
		return arena_printf(a, "x-api-key: %s", key);
	return arena_printf(a, "Authorization: Bearer %s", key);
}

void put_stream(struct buf *b, bool is_stream, const struct upstream_model *m)
{
	put_true(b, "stream", is_stream);
	if (is_stream && !m->no_stream_usage)
		put_json(b, "stream_options", "{\"include_usage\":true}");
}

size_t chat_body_bytes(const struct chat *chat)
{
	enum { SMALL_PARTS = 2048, AROUND_A_MESSAGE = 64 };
	size_t n = SMALL_PARTS + (size_t)chat->input_bytes + (size_t)chat->input_bytes / 8;

	for (size_t i = 0; i < chat->n_messages; i++) {
		const struct chat_message *m = &chat->message[i];
		n += AROUND_A_MESSAGE;
		for (size_t j = 0; j < m->n_parts; j++)
			n += m->part[j].kind == PART_TEXT ? 0 : m->part[j].length;
	}
	return n;
}
