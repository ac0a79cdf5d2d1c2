/* Binding of input to structs by their descriptors. Every fault is noted, not only the first. */
#include "schema.h"

#include <json-c/json.h>
#include <string.h>

#include "../core/str.h"
#include "json_number.h"

static void *member_of(const struct field *f, void *value)
{
	return (char *)value + f->offset;
}

static const void *member_in(const struct field *f, const void *value)
{
	return (const char *)value + f->offset;
}

static int fault(const struct field *f, const char *rule, struct fail *fail)
{
	fail_fault(fail, field_name(f), rule);
	return (int)(f->error != E_OK ? f->error : E_INVALID_FIELD);
}

static int fault_limit(const struct field *f, const char *rule, i64 limit, struct fail *fail)
{
	fail_fault_limit(fail, field_name(f), rule, limit);
	return (int)(f->error != E_OK ? f->error : E_INVALID_FIELD);
}

static int check_bounds(const struct field *f, i64 n, struct fail *fail)
{
	if (f->min == 0 && f->max == 0)
		return 0;
	if (n < f->min)
		return fault_limit(f, "min", f->min, fail);
	if (n > f->max)
		return fault_limit(f, "max", f->max, fail);
	return 0;
}

/* Whether text is one of the words of "a|b|c". */
static bool one_of(const char *values, const char *text)
{
	size_t length = strlen(text);

	for (const char *p = values; length > 0; p++) {
		size_t word = strcspn(p, "|");
		if (word == length && memcmp(p, text, length) == 0)
			return true;
		p += word;
		if (*p == '\0')
			break;
	}
	return false;
}

static int set_text(const struct field *f, const char *text, void *ret, struct fail *fail)
{
	TRY(check_bounds(f, (i64)(f->utf16 ? utf16_count(text) : utf8_count(text)), fail));
	if (f->values != NULL && !one_of(f->values, text))
		return fault(f, "values", fail);
	*(const char **)member_of(f, ret) = text;
	return 0;
}

static int set_number(const struct field *f, i64 number, void *ret, struct fail *fail)
{
	TRY(check_bounds(f, number, fail));
	if (f->type == FIELD_OPT_I64)
		*(struct opt_i64 *)member_of(f, ret) = (struct opt_i64){true, number};
	else if (f->type == FIELD_TIME_S)
		*(i64 *)member_of(f, ret) = number * 1000000;
	else
		*(i64 *)member_of(f, ret) = number;
	return 0;
}

static int bind_integer(
	const struct field *f, struct json_object *value, void *ret, struct fail *fail)
{
	if (!json_object_is_type(value, json_type_int))
		return fault(f, "integer", fail);
	i64 number = json_object_get_int64(value);
	if (number == INT64_MAX && json_object_get_uint64(value) != (u64)INT64_MAX)
		return fault(f, "range", fail);
	if (f->type == FIELD_TIME_S && (number < 0 || number > 253402300799)) /* year 9999 */
		return fault(f, "range", fail);
	return set_number(f, number, ret, fail);
}

static int bind_usd(const struct field *f, struct json_object *value, void *ret, struct fail *fail)
{
	i64 micro;

	if (!json_object_is_type(value, json_type_int) &&
		!json_object_is_type(value, json_type_double))
		return fault(f, "number", fail);
	if (!json_number_micro(
		    json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN), &micro))
		return fault(f, "range", fail);
	TRY(check_bounds(f, micro, fail));
	if (f->type == FIELD_OPT_USD_MICRO)
		*(struct opt_i64 *)member_of(f, ret) = (struct opt_i64){true, micro};
	else
		*(i64 *)member_of(f, ret) = micro;
	return 0;
}

static int bind_string(const struct field *f, struct json_object *value, void *ret,
	struct arena *arena, struct fail *fail)
{
	if (!json_object_is_type(value, json_type_string))
		return fault(f, "string", fail);
	size_t length = (size_t)json_object_get_string_len(value);
	return set_text(f, arena_strndup(arena, json_object_get_string(value), length), ret, fail);
}

static int bind_bool(const struct field *f, struct json_object *value, void *ret, struct fail *fail)
{
	if (!json_object_is_type(value, json_type_boolean))
		return fault(f, "boolean", fail);
	bool b = json_object_get_boolean(value);
	if (f->type == FIELD_OPT_BOOL)
		*(struct opt_bool *)member_of(f, ret) = (struct opt_bool){true, b};
	else
		*(bool *)member_of(f, ret) = b;
	return 0;
}

static int bind_object(const struct schema *s, struct json_object *object, void *ret,
	struct arena *arena, struct fail *fail);

static int bind_array(const struct field *f, struct json_object *value, void *ret,
	struct arena *arena, struct fail *fail)
{
	if (!json_object_is_type(value, json_type_array))
		return fault(f, "array", fail);
	size_t n = json_object_array_length(value);
	TRY(check_bounds(f, (i64)n, fail));
	char *items = arena_alloc(arena, n * f->schema->size);
	const char *path = fail->path;
	int first = 0;
	for (size_t i = 0; i < n; i++) {
		if (path != NULL)
			fail->path = arena_printf(arena, "%s%s[%zu].", path, field_name(f), i);
		int rc = bind_object(f->schema, json_object_array_get_idx(value, i),
			items + i * f->schema->size, arena, fail);
		first = first != 0 ? first : rc;
	}
	fail->path = path;
	*(void **)member_of(f, ret) = items;
	*(size_t *)((char *)ret + f->n_offset) = n;
	return first;
}

static int bind_member(const struct field *f, struct json_object *value, void *ret,
	struct arena *arena, struct fail *fail)
{
	const char *path = fail->path;

	if (!json_object_is_type(value, json_type_object))
		return fault(f, "object", fail);
	void *member = arena_alloc(arena, f->schema->size);
	if (path != NULL)
		fail->path = arena_printf(arena, "%s%s.", path, field_name(f));
	int rc = bind_object(f->schema, value, member, arena, fail);
	fail->path = path;
	*(void **)member_of(f, ret) = member;
	return rc;
}

static int bind_strings(const struct field *f, struct json_object *value, void *ret,
	struct arena *arena, struct fail *fail)
{
	if (!json_object_is_type(value, json_type_array))
		return fault(f, "array", fail);
	size_t n = json_object_array_length(value);
	TRY(check_bounds(f, (i64)n, fail));
	const char **items = arena_array(arena, const char *, n);
	for (size_t i = 0; i < n; i++) {
		struct json_object *item = json_object_array_get_idx(value, i);
		if (!json_object_is_type(item, json_type_string))
			return fault(f, "string", fail);
		items[i] = arena_strndup(arena, json_object_get_string(item),
			(size_t)json_object_get_string_len(item));
	}
	*(const char *const **)member_of(f, ret) = items;
	*(size_t *)((char *)ret + f->n_offset) = n;
	return 0;
}

/* An object of the client's own, as text. */
static int bind_json(const struct field *f, struct json_object *value, void *ret,
	struct arena *arena, struct fail *fail)
{
	size_t length;

	if (!json_object_is_type(value, json_type_object))
		return fault(f, "object", fail);
	const char *text = json_object_to_json_string_length(
		value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &length);
	TRY(check_bounds(f, (i64)length, fail));
	*(const char **)member_of(f, ret) = arena_strndup(arena, text, length);
	return 0;
}

static int bind_field(const struct field *f, struct json_object *value, void *ret,
	struct arena *arena, struct fail *fail)
{
	switch (f->type) {
	case FIELD_STR:
		return bind_string(f, value, ret, arena, fail);
	case FIELD_I64:
	case FIELD_OPT_I64:
	case FIELD_TIME_S:
		return bind_integer(f, value, ret, fail);
	case FIELD_BOOL:
	case FIELD_OPT_BOOL:
		return bind_bool(f, value, ret, fail);
	case FIELD_USD_MICRO:
	case FIELD_OPT_USD_MICRO:
		return bind_usd(f, value, ret, fail);
	case FIELD_OBJECT:
		return bind_member(f, value, ret, arena, fail);
	case FIELD_ARRAY:
		return bind_array(f, value, ret, arena, fail);
	case FIELD_STR_ARRAY:
		return bind_strings(f, value, ret, arena, fail);
	case FIELD_JSON:
		return bind_json(f, value, ret, arena, fail);
	default:
		return fail_cause(fail, E_INTERNAL, "field %s cannot be input", f->member);
	}
}

static int bind_object(const struct schema *s, struct json_object *object, void *ret,
	struct arena *arena, struct fail *fail)
{
	int first = 0;

	if (!json_object_is_type(object, json_type_object)) {
		fail_fault(fail, "", "object");
		return E_INVALID_FIELD;
	}
	for (size_t i = 0; i < s->n_fields; i++) {
		const struct field *f = &s->field[i];
		struct json_object *value = NULL;
		int rc = 0;
		if (f->place != PLACE_BODY)
			continue;
		if (json_object_object_get_ex(object, field_name(f), &value) && value != NULL)
			rc = bind_field(f, value, ret, arena, fail);
		else if (f->required)
			rc = fault(f, "required", fail);
		first = first != 0 ? first : rc;
	}
	return first;
}

int schema_bind_body(const struct schema *s, struct json_object *body, void *ret,
	struct arena *arena, struct fail *fail)
{
	if (!s->bare_list)
		return bind_object(s, body, ret, arena, fail);
	if (json_object_is_type(body, json_type_array))
		return bind_array(s->field, body, ret, arena, fail);
	void *item = arena_alloc(arena, s->field->schema->size);
	*(void **)member_of(s->field, ret) = item;
	*(size_t *)((char *)ret + s->field->n_offset) = 1;
	return bind_object(s->field->schema, body, item, arena, fail);
}

int schema_bind_text(const struct field *f, const char *text, void *ret, struct fail *fail)
{
	i64 number;

	switch (f->type) {
	case FIELD_STR:
		return set_text(f, text, ret, fail);
	case FIELD_I64:
	case FIELD_OPT_I64:
		if (!str_to_i64(text, &number))
			return fault(f, "integer", fail);
		return set_number(f, number, ret, fail);
	case FIELD_OBJECT: /* in a body that may also be JSON */
		return fault(f, "object", fail);
	default:
		return fail_cause(fail, E_INTERNAL, "field %s cannot be text", f->member);
	}
}

int schema_check_required(
	const struct schema *s, enum field_place place, const void *ret, struct fail *fail)
{
	int first = 0;

	for (size_t i = 0; i < s->n_fields; i++) {
		const struct field *f = &s->field[i];
		if (f->place != place || !f->required || f->type != FIELD_STR)
			continue;
		if (*(const char *const *)member_in(f, ret) == NULL) {
			int rc = fault(f, "required", fail);
			first = first != 0 ? first : rc;
		}
	}
	return first;
}
