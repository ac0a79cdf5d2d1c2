/* Reads a client's body member by member and notes every fault with its path. Only for this room.
 *
 * Texts are those of the json-c object: nothing large is copied. */
#ifndef TURNPIKE_AI_BODY_H
#define TURNPIKE_AI_BODY_H

#include <json-c/json.h>

#include "chat.h"

/* Where a value is: members have a name, items of a list an index. Lives on the stack. */
struct place {
	const struct place *parent;
	const char *member;
	size_t index;
};

struct body {
	struct arena *arena;
	struct fail *fail;
	bool is_wrong;
};

enum need { OPTIONAL, REQUIRED };

void body_fault(struct body *b, const struct place *at, const char *rule);
void body_fault_limit(struct body *b, const struct place *at, const char *rule, i64 limit);
/* 0, or E_INVALID_FIELD when a fault was noted. */
int body_end(struct body *b);

/* The member `name` of an object at `at`; NULL when it is absent, null, or of another type, which
 * is a fault. */
struct json_object *body_member(struct body *b, struct json_object *object, const struct place *at,
	const char *name, enum json_type type, enum need need);
const char *body_text(struct body *b, struct json_object *object, const struct place *at,
	const char *name, enum need need);
struct opt_bool body_bool(
	struct body *b, struct json_object *object, const struct place *at, const char *name);
/* A text that is one of the words; the word's number, -1 when it is absent or a fault. */
int body_word(struct body *b, struct json_object *object, const struct place *at, const char *name,
	enum need need, const char *const *words, size_t n_words);
/* Text as JSON; lives as long as value. */
const char *body_json(struct json_object *value);

/* What chat and completions have in common: max_tokens, temperature, top_p, seed, stop, n. The
 * largest max_tokens that is accepted, 0: any. */
void body_sampling(struct body *b, struct json_object *body, i64 max_tokens, struct sampling *ret);
/* stream and stream_options. */
void body_stream(
	struct body *b, struct json_object *body, bool *ret_is_stream, bool *ret_include_usage);

/* The tools of a chat, and how they are to be used (chat_read_tools.c). */
void chat_read_tools(struct body *b, struct json_object *body, struct chat *ret);
/* tool_calls of an assistant's message. */
void chat_read_calls(struct body *b, struct json_object *message, const struct place *at,
	struct chat_message *ret, i64 *input_bytes);

#endif
