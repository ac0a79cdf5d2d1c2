/* The conversation as Anthropic wants it: turns of user and assistant in alternation, the results
 * of tools at the head of the turn that follows their calls, one for each call. */
#include <string.h>

#include "../core/crypto.h"
#include "../core/str.h"
#include "../http/json.h"
#include "anthropic_write.h"
#include "put.h"

#define FIRST_TEXT "."
#define CONTINUE_TEXT "Continue."
#define NO_RESULT "There is no result of this call."

/* Messages first to last, as far as they speak for this side and say anything. */
struct turn {
	bool is_assistant;
	size_t first, last;
};

struct turns {
	struct arena *arena;
	struct buf *b;
	const struct chat *chat;
	struct fail *fail;
	size_t n_written, n_blocks;
};

bool anthropic_has_text(const char *text)
{
	return text[strspn(text, " \t\r\n\f\v")] != '\0';
}

static bool part_says_something(const struct chat_part *part)
{
	return part->kind != PART_TEXT || anthropic_has_text(part->text);
}

static bool says_something(const struct chat_message *m)
{
	if (m->role == ROLE_SYSTEM)
		return false;
	if (m->role == ROLE_TOOL || m->n_calls > 0)
		return true;
	for (size_t i = 0; i < m->n_parts; i++)
		if (part_says_something(&m->part[i]))
			return true;
	return false;
}

/* The turn that begins at message *at or behind it; *at is moved behind it. */
static bool next_turn(const struct chat *chat, size_t *at, struct turn *ret)
{
	const struct chat_message *m = chat->message;
	bool has_one = false;

	for (; *at < chat->n_messages; ++*at) {
		bool is_assistant = m[*at].role == ROLE_ASSISTANT;
		if (!says_something(&m[*at]))
			continue;
		if (has_one && ret->is_assistant != is_assistant)
			break;
		if (!has_one)
			*ret = (struct turn){.is_assistant = is_assistant, .first = *at};
		has_one = true;
		ret->last = *at;
	}
	return has_one;
}

static void turn_open(struct turns *t, const char *role)
{
	if (t->n_written++ > 0)
		buf_char(t->b, ',');
	buf_str(t->b, "{\"role\":\"");
	buf_str(t->b, role);
	buf_str(t->b, "\",\"content\":[");
	t->n_blocks = 0;
}

static void turn_close(struct turns *t)
{
	buf_str(t->b, "]}");
}

static void block_open(struct turns *t, const char *type)
{
	buf_str(t->b, t->n_blocks++ > 0 ? ",{\"type\":\"" : "{\"type\":\"");
	buf_str(t->b, type);
	buf_char(t->b, '"');
}

static void put_text_block(struct turns *t, const char *text, size_t length)
{
	block_open(t, "text");
	buf_str(t->b, ",\"text\":");
	buf_json_n(t->b, text, length);
	buf_char(t->b, '}');
}

static void put_part(struct turns *t, const struct chat_part *part)
{
	if (!part_says_something(part))
		return;
	if (part->kind == PART_TEXT) {
		put_text_block(t, part->text, part->length);
		return;
	}
	block_open(t, "image");
	if (part->kind == PART_IMAGE_URL) {
		buf_str(t->b, ",\"source\":{\"type\":\"url\",\"url\":");
		buf_json_n(t->b, part->text, part->length);
	} else {
		buf_str(t->b, ",\"source\":{\"type\":\"base64\",\"media_type\":");
		buf_json(t->b, part->media_type);
		/* Base64 has nothing to escape (chat_read). */
		buf_str(t->b, ",\"data\":\"");
		buf_bytes(t->b, part->text, part->length);
		buf_char(t->b, '"');
	}
	buf_str(t->b, "}}");
}

/* Ids must be of [A-Za-z0-9_-]; those of other upstreams may not be. */
static void put_id(struct turns *t, const char *name, const char *id)
{
	enum { KEPT_BYTES = 16 };

	if (base64url_span(id) == strlen(id) && id[0] != '\0') {
		put_text(t->b, name, id);
		return;
	}
	struct sha256 hash = sha256(id, strlen(id));
	put_text(t->b, name,
		arena_printf(t->arena, "call_%s", hex_encode(t->arena, hash.byte, KEPT_BYTES)));
}

/* The arguments as an object; {} when the model wrote none. */
static const char *object_or_empty(struct arena *a, const char *json)
{
	const char *start = json + strspn(json, " \t\r\n");

	return *start == '{' && json_check(a, start, strlen(start)) == NULL ? start : "{}";
}

static void put_assistant(struct turns *t, const struct turn *turn, bool is_last)
{
	const struct chat_message *message = t->chat->message;

	turn_open(t, "assistant");
	for (size_t i = turn->first; i <= turn->last; i++)
		for (size_t j = 0; message[i].role == ROLE_ASSISTANT && j < message[i].n_parts;
			j++) {
			const struct chat_part *part = &message[i].part[j];
			size_t length = part->length;
			if (!anthropic_has_text(part->text))
				continue;
			/* A beginning for the model to go on with must not end in space. */
			while (is_last && strchr(" \t\r\n", part->text[length - 1]) != NULL)
				length--;
			put_text_block(t, part->text, length);
		}
	for (size_t i = turn->first; i <= turn->last; i++)
		for (size_t j = 0; j < message[i].n_calls; j++) {
			const struct tool_call *call = &message[i].call[j];
			block_open(t, "tool_use");
			put_id(t, "id", call->id);
			put_text(t->b, "name", call->name);
			put_json(t->b, "input", object_or_empty(t->arena, call->arguments));
			buf_char(t->b, '}');
		}
	turn_close(t);
}

static bool answers(const struct chat_message *m, const struct tool_call *call)
{
	return m->role == ROLE_TOOL && strcmp(m->tool_call_id, call->id) == 0;
}

/* The blocks of a result are all that the turn says in answer to this call. */
static void put_result(struct turns *t, const struct turn *turn, const struct tool_call *call)
{
	const struct chat_message *message = t->chat->message;
	size_t n_answers = 0, n_parts = 0;

	block_open(t, "tool_result");
	put_id(t, "tool_use_id", call->id);
	for (size_t i = turn->first; i <= turn->last; i++) {
		if (!answers(&message[i], call))
			continue;
		n_answers++;
		for (size_t j = 0; j < message[i].n_parts; j++) {
			const struct chat_part *part = &message[i].part[j];
			if (!part_says_something(part))
				continue;
			if (n_parts++ == 0)
				buf_str(t->b, ",\"content\":[");
			t->n_blocks = n_parts - 1;
			put_part(t, part);
		}
	}
	if (n_parts > 0)
		buf_char(t->b, ']');
	if (n_answers == 0) {
		put_text(t->b, "content", NO_RESULT);
		put_true(t->b, "is_error", true);
	}
	buf_char(t->b, '}');
	t->n_blocks = 1; /* whatever comes next is not the first */
}

/* Every result must answer a call of the turn before. */
static int check_results(struct turns *t, const struct turn *turn, const struct turn *before)
{
	const struct chat_message *message = t->chat->message;

	for (size_t i = turn->first; i <= turn->last; i++) {
		bool is_answer = message[i].role != ROLE_TOOL;
		for (size_t j = before->first; before->is_assistant && j <= before->last; j++)
			for (size_t k = 0; k < message[j].n_calls && !is_answer; k++)
				is_answer = answers(&message[i], &message[j].call[k]);
		if (!is_answer)
			return fail(t->fail, E_BAD_REQUEST,
				"messages[%zu].tool_call_id names no call of the message before.",
				i);
	}
	return 0;
}

static void put_results(struct turns *t, const struct turn *turn, const struct turn *before)
{
	const struct chat_message *message = t->chat->message;

	for (size_t i = before->first; before->is_assistant && i <= before->last; i++)
		for (size_t j = 0; j < message[i].n_calls; j++)
			put_result(t, turn, &message[i].call[j]);
}

static int put_user(struct turns *t, const struct turn *turn, const struct turn *before)
{
	const struct chat_message *message = t->chat->message;

	TRY(check_results(t, turn, before));
	turn_open(t, "user");
	put_results(t, turn, before);
	for (size_t i = turn->first; i <= turn->last; i++)
		for (size_t j = 0; message[i].role == ROLE_USER && j < message[i].n_parts; j++)
			put_part(t, &message[i].part[j]);
	turn_close(t);
	return 0;
}

static void put_own_turn(struct turns *t, const char *text)
{
	turn_open(t, "user");
	put_text_block(t, text, strlen(text));
	turn_close(t);
}

static bool has_calls(const struct chat *chat, const struct turn *turn)
{
	for (size_t i = turn->first; i <= turn->last; i++)
		if (chat->message[i].n_calls > 0)
			return true;
	return false;
}

int anthropic_put_turns(struct arena *a, struct buf *b, const struct chat *chat,
	const struct upstream_model *m, struct fail *fail)
{
	struct turns t = {.arena = a, .b = b, .chat = chat, .fail = fail};
	static const struct turn nothing = {.first = 1};
	struct turn turn = {0}, next, before;
	size_t at = 0;
	bool more = next_turn(chat, &at, &next);

	buf_str(b, ",\"messages\":[");
	if (!more || next.is_assistant)
		put_own_turn(&t, FIRST_TEXT);
	while (more) {
		before = turn;
		turn = next;
		more = next_turn(chat, &at, &next);
		if (turn.is_assistant)
			put_assistant(&t, &turn, !more && !has_calls(chat, &turn));
		else
			TRY(put_user(&t, &turn, &before));
	}
	if (turn.is_assistant && has_calls(chat, &turn)) {
		turn_open(&t, "user");
		put_results(&t, &nothing, &turn);
		turn_close(&t);
	} else if (turn.is_assistant && m->no_prefill) {
		put_own_turn(&t, CONTINUE_TEXT);
	}
	buf_char(b, ']');
	return 0;
}
