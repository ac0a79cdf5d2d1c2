/* The JSON reader. json-c builds the tree, but it forgives too much (single quotes, NaN, raw
 * control characters, duplicate keys, broken UTF-8): this file reads the text first and refuses all
 * that. */
#include "json.h"

#include <limits.h>
#include <string.h>

#include "../core/str.h"
#include "json_keys.h"
#include "json_number.h"

enum expect { VALUE, VALUE_OR_END, KEY, KEY_OR_END, COMMA_OR_END };

struct level {
	bool is_object;
	size_t first_key; /* of this object, in check.keys */
};

struct check {
	const char *start, *p, *end;
	const char *why; /* NULL: nothing wrong so far */
	const char *wrong_at;
	enum expect expect;
	size_t depth;
	struct level level[JSON_DEPTH_MAX];
	struct json_keys keys;
	size_t n_values, values_max;
};

static bool refuse_at(struct check *c, const char *at, const char *why)
{
	c->why = why;
	c->wrong_at = at;
	return false;
}

static bool refuse(struct check *c, const char *why)
{
	return refuse_at(c, c->p, why);
}

/* Four hexadecimal digits at p, or -1. */
static int code_unit(const char *p, const char *end)
{
	int value = 0;

	if (end - p < 4)
		return -1;
	for (size_t i = 0; i < 4; i++) {
		int c = (unsigned char)p[i], lower = c | 0x20;
		if (c >= '0' && c <= '9')
			value = value << 4 | (c - '0');
		else if (lower >= 'a' && lower <= 'f')
			value = value << 4 | (lower - 'a' + 10);
		else
			return -1;
	}
	return value;
}

static bool check_escape(struct check *c)
{
	const char *p = c->p + 1;

	if (p == c->end)
		return refuse(c, "text without end");
	if (*p != 'u') {
		if (*p == '\0' || strchr("\"\\/bfnrt", *p) == NULL)
			return refuse(c, "unknown escape");
		c->p = p + 1;
		return true;
	}
	int unit = code_unit(p + 1, c->end);
	if (unit < 0)
		return refuse(c, "broken escape");
	if (unit == 0)
		return refuse(c, "\\u0000");
	p += 5;
	if (unit >= 0xd800 && unit <= 0xdfff) {
		int low = -1;
		if (unit <= 0xdbff && c->end - p >= 6 && p[0] == '\\' && p[1] == 'u')
			low = code_unit(p + 2, c->end);
		if (low < 0xdc00 || low > 0xdfff)
			return refuse(c, "lone surrogate");
		p += 6;
	}
	c->p = p;
	return true;
}

/* c->p is at the opening quote; ends behind the closing one. */
static bool check_string(struct check *c, bool *ret_escaped)
{
	const char *start = c->p++;

	*ret_escaped = false;
	for (;;) {
		c->p += json_plain(c->p, (size_t)(c->end - c->p));
		if (c->p == c->end)
			return refuse_at(c, start, "text without end");
		unsigned char byte = (unsigned char)*c->p;
		if (byte == '"') {
			c->p++;
			return true;
		}
		if (byte == '\\') {
			*ret_escaped = true;
			if (!check_escape(c))
				return false;
			continue;
		}
		if (byte < 0x20)
			return refuse(c, "control character in text");
		size_t n = utf8_sequence(c->p, (size_t)(c->end - c->p));
		if (n == 0)
			return refuse(c, "invalid UTF-8");
		c->p += n;
	}
}

static bool check_number(struct check *c)
{
	const char *why = json_number(c->keys.arena, c->p, c->end, &c->p);

	return why == NULL || refuse(c, why);
}

static bool check_word(struct check *c, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(c->end - c->p) < n || memcmp(c->p, word, n) != 0)
		return refuse(c, "value expected");
	c->p += n;
	return true;
}

static bool level_open(struct check *c, bool is_object)
{
	if (c->depth == JSON_DEPTH_MAX)
		return refuse(c, "nested too deeply");
	c->level[c->depth++] = (struct level){is_object, c->keys.n};
	c->expect = is_object ? KEY_OR_END : VALUE_OR_END;
	c->p++;
	return true;
}

static bool level_close(struct check *c)
{
	struct level *l = &c->level[--c->depth];

	c->expect = COMMA_OR_END;
	c->p++;
	const char *twice = l->is_object ? json_keys_close(&c->keys, l->first_key) : NULL;
	return twice == NULL || refuse_at(c, twice - 1, "duplicate key");
}

static bool check_value(struct check *c)
{
	bool escaped;

	if (++c->n_values > c->values_max)
		return refuse(c, "too many values");
	c->expect = COMMA_OR_END;
	switch (*c->p) {
	case '{':
		return level_open(c, true);
	case '[':
		return level_open(c, false);
	case '"':
		return check_string(c, &escaped);
	case 't':
		return check_word(c, "true");
	case 'f':
		return check_word(c, "false");
	case 'n':
		return check_word(c, "null");
	default:
		if (*c->p == '-' || (*c->p >= '0' && *c->p <= '9'))
			return check_number(c);
		return refuse(c, "value expected");
	}
}

static void skip_space(struct check *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\n' || *c->p == '\r' || *c->p == '\t'))
		c->p++;
}

static bool check_key(struct check *c)
{
	const char *key = c->p + 1;
	bool escaped;

	if (*c->p != '"')
		return refuse(c, "key expected");
	if (!check_string(c, &escaped))
		return false;
	json_keys_add(&c->keys, key, (size_t)(c->p - 1 - key), escaped);
	skip_space(c);
	if (c->p == c->end || *c->p != ':')
		return refuse(c, "':' expected");
	c->p++;
	c->expect = VALUE;
	return true;
}

/* Behind a value inside an array or object. */
static bool check_comma(struct check *c)
{
	bool in_object = c->level[c->depth - 1].is_object;

	if (*c->p == (in_object ? '}' : ']'))
		return level_close(c);
	if (*c->p != ',')
		return refuse(c, in_object ? "',' or '}' expected" : "',' or ']' expected");
	c->p++;
	c->expect = in_object ? KEY : VALUE;
	return true;
}

static bool check_next(struct check *c)
{
	switch (c->expect) {
	case VALUE_OR_END:
		return *c->p == ']' ? level_close(c) : check_value(c);
	case VALUE:
		return check_value(c);
	case KEY_OR_END:
		return *c->p == '}' ? level_close(c) : check_key(c);
	case KEY:
		return check_key(c);
	case COMMA_OR_END:
		break;
	}
	return c->depth == 0 ? refuse(c, "text after the end") : check_comma(c);
}

static bool check_text(struct check *c)
{
	for (;;) {
		skip_space(c);
		if (c->p == c->end)
			break;
		if (!check_next(c))
			return false;
	}
	if (c->depth > 0 || c->expect != COMMA_OR_END)
		return refuse(c, "unfinished");
	return true;
}

static const char *check_all(
	struct arena *arena, const char *data, size_t length, size_t values_max)
{
	struct arena_mark mark = arena_mark(arena);
	struct check c = {.start = data, .p = data, .end = data + length, .values_max = values_max};

	if (length > INT_MAX) /* json-c counts in int, json_keys in 32 bits */
		return "longer than 2 GiB";
	c.keys.arena = arena;
	c.keys.text = data;
	bool fine = check_text(&c);
	arena_rewind(arena, mark);
	if (fine)
		return NULL;
	return arena_printf(arena, "%s at byte %zu", c.why, (size_t)(c.wrong_at - c.start));
}

const char *json_check(struct arena *arena, const char *data, size_t length)
{
	return check_all(arena, data, length, SIZE_MAX);
}

struct json_object *json_read(
	struct arena *arena, const char *data, size_t length, const char **ret_why)
{
	*ret_why = check_all(arena, data, length, JSON_VALUES_MAX);
	if (*ret_why != NULL)
		return NULL;
	struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX + 1);
	if (tokener == NULL) {
		*ret_why = "out of memory";
		return NULL;
	}
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	struct json_object *doc = json_tokener_parse_ex(tokener, data, (int)length);
	if (json_tokener_get_error(tokener) == json_tokener_continue)
		doc = json_tokener_parse_ex(tokener, "", 1); /* a bare number ends at the NUL */
	enum json_tokener_error error = json_tokener_get_error(tokener);
	if (error != json_tokener_success)
		*ret_why = json_tokener_error_desc(error);
	json_tokener_free(tokener);
	return doc;
}

const char *json_text(struct arena *arena, struct json_object *object, const char *name)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, name, &value) ||
		!json_object_is_type(value, json_type_string))
		return NULL;
	return arena_strdup(arena, json_object_get_string(value));
}
