/* The one JSON reader: strict RFC 8259 (a checking pass of our own in front of json-c). */
#ifndef TURNPIKE_JSON_H
#define TURNPIKE_JSON_H

#include <json-c/json.h>

#include "../core/arena.h"

enum {
	JSON_DEPTH_MAX = 64,
	/* Of a tree: json-c takes up to 400 bytes for a value whose text has two. */
	JSON_VALUES_MAX = 100 * 1000
};

static inline void scope_free_json_object(struct json_object **doc)
{
	json_object_put(*doc);
}

/* Checks that data is exactly one JSON text: valid UTF-8 (no overlong forms, no BOM), no raw
 * control characters, no lone surrogate escapes, no \u0000, no duplicate keys in one object
 * (compared after unescaping), numbers by the grammar, and integers within -2^63 .. 2^64-1, all
 * others finite as a double (1e400 is refused, 1e-400 is 0);
 * nesting at most JSON_DEPTH_MAX; nothing but white space after it. Any type may be the top. Uses
 * no stack per level; time linear in length (keys: expected). Returns NULL, or what is wrong with
 * its byte offset: "duplicate key at byte 17". arena is used for scratch space. */
const char *json_check(struct arena *arena, const char *data, size_t length);

/* json_check(), at most JSON_VALUES_MAX values, and the tree; *ret_why is NULL, or why the text was
 * refused. (The text `null` is a NULL tree as well.) The caller puts the tree. */
struct json_object *json_read(
	struct arena *arena, const char *data, size_t length, const char **ret_why);

/* A copy of the text member `name` of an object; NULL when it is absent or no text. */
const char *json_text(struct arena *arena, struct json_object *object, const char *name);

#endif
