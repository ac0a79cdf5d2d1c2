/* Members of the JSON objects that this room writes. Only for its sources. */
#ifndef TURNPIKE_PUT_H
#define TURNPIKE_PUT_H

#include "chat.h"

/* Each writes a comma, the name, and the value; nothing when the value is absent (NULL). */
void put_text(struct buf *b, const char *name, const char *text);
/* JSON text as it is: a number, a schema. */
void put_json(struct buf *b, const char *name, const char *json);
void put_i64(struct buf *b, const char *name, i64 number);
/* Only when it is true. */
void put_true(struct buf *b, const char *name, bool value);
/* Nothing when there are none. */
void put_texts(struct buf *b, const char *name, const char *const *text, size_t n);

/* The lesser of what was asked and what was reserved. */
i64 upstream_max_tokens(const struct sampling *s, const struct upstream_model *m);
/* The line that bears the key; NULL: none is wanted. */
const char *upstream_key_line(struct arena *a, enum key_header header, const char *key);
/* "stream" and what belongs to it in the OpenAI dialect. */
void put_stream(struct buf *b, bool is_stream, const struct upstream_model *m);
/* About how long the body for an upstream becomes: its buffer need not grow in steps. */
size_t chat_body_bytes(const struct chat *chat);

#endif
