/* JSON with line breaks and indentation. */
#include "indent.h"

static void new_line(const struct indent *state, struct buf *out)
{
	buf_char(out, '\n');
	for (unsigned i = 0; i < state->depth; i++)
		buf_str(out, "  ");
}

static void put_in_string(struct indent *state, char c, struct buf *out)
{
	buf_char(out, c);
	if (state->is_escaped)
		state->is_escaped = false;
	else if (c == '\\')
		state->is_escaped = true;
	else if (c == '"')
		state->in_string = false;
}

static void put_close(struct indent *state, char c, struct buf *out)
{
	state->depth--;
	if (!state->is_empty)
		new_line(state, out);
	state->is_empty = false;
	buf_char(out, c);
}

static void put(struct indent *state, char c, struct buf *out)
{
	bool opens = c == '{' || c == '[';

	if (c == '}' || c == ']') {
		put_close(state, c, out);
		return;
	}
	if (state->is_empty)
		new_line(state, out);
	state->is_empty = opens;
	state->depth += opens;
	state->in_string = c == '"';
	buf_char(out, c);
	if (c == ',')
		new_line(state, out);
	else if (c == ':')
		buf_char(out, ' ');
}

void indent_put(struct indent *state, const char *text, size_t length, struct buf *out)
{
	for (size_t i = 0; i < length; i++)
		if (state->in_string)
			put_in_string(state, text[i], out);
		else
			put(state, text[i], out);
}
