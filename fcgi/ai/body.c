/* Members of clients' bodies and their faults. */
#include "body.h"

#include <string.h>

#include "../core/buf.h"
#include "../http/json_number.h"

enum { STOP_MAX = 4 };

static void put_place(struct buf *b, const struct place *at)
{
	if (at->parent != NULL)
		put_place(b, at->parent);
	if (at->member == NULL)
		buf_printf(b, "[%zu]", at->index);
	else if (b->length > 0)
		buf_printf(b, ".%s", at->member);
	else
		buf_str(b, at->member);
}

static const char *place_text(struct arena *a, const struct place *at)
{
	struct buf b;

	buf_init(&b, a, 0);
	if (at != NULL)
		put_place(&b, at);
	return b.data;
}

void body_fault(struct body *b, const struct place *at, const char *rule)
{
	b->is_wrong = true;
	if (b->fail->n_fault < FAULTS_MAX)
		fail_fault(b->fail, place_text(b->arena, at), rule);
}

void body_fault_limit(struct body *b, const struct place *at, const char *rule, i64 limit)
{
	b->is_wrong = true;
	if (b->fail->n_fault < FAULTS_MAX)
		fail_fault_limit(b->fail, place_text(b->arena, at), rule, limit);
}

int body_end(struct body *b)
{
	return b->is_wrong ? fail(b->fail, E_INVALID_FIELD, NULL) : 0;
}

static const char *type_rule(enum json_type type)
{
	static const char *const rules[] = {[json_type_boolean] = "boolean",
		[json_type_double] = "number",
		[json_type_int] = "integer",
		[json_type_object] = "object",
		[json_type_array] = "array",
		[json_type_string] = "string"};

	return rules[type];
}

struct json_object *body_member(struct body *b, struct json_object *object, const struct place *at,
	const char *name, enum json_type type, enum need need)
{
	const struct place here = {.parent = at, .member = name};
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(object, name, &value) || value == NULL) {
		if (need == REQUIRED)
			body_fault(b, &here, "required");
		return NULL;
	}
	if (json_object_is_type(value, type))
		return value;
	body_fault(b, &here, type_rule(type));
	return NULL;
}

const char *body_text(struct body *b, struct json_object *object, const struct place *at,
	const char *name, enum need need)
{
	struct json_object *value = body_member(b, object, at, name, json_type_string, need);

	return value != NULL ? json_object_get_string(value) : NULL;
}

struct opt_bool body_bool(
	struct body *b, struct json_object *object, const struct place *at, const char *name)
{
	struct json_object *value = body_member(b, object, at, name, json_type_boolean, OPTIONAL);

	return (struct opt_bool){value != NULL, value != NULL && json_object_get_boolean(value)};
}

static struct opt_i64 body_i64(
	struct body *b, struct json_object *object, const struct place *at, const char *name)
{
	struct json_object *value = body_member(b, object, at, name, json_type_int, OPTIONAL);

	return (struct opt_i64){value != NULL, value != NULL ? json_object_get_int64(value) : 0};
}

int body_word(struct body *b, struct json_object *object, const struct place *at, const char *name,
	enum need need, const char *const *words, size_t n_words)
{
	const char *text = body_text(b, object, at, name, need);

	if (text == NULL)
		return -1;
	for (size_t i = 0; i < n_words; i++)
		if (strcmp(words[i], text) == 0)
			return (int)i;
	body_fault(b, &(struct place){.parent = at, .member = name}, "values");
	return -1;
}

const char *body_json(struct json_object *value)
{
	return json_object_to_json_string_ext(
		value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}

/* A number of 0 .. most, as the client wrote it. */
static const char *number_text(struct body *b, struct json_object *body, const char *name, i64 most)
{
	const struct place at = {.member = name};
	struct json_object *value = NULL;
	i64 micro;

	if (!json_object_object_get_ex(body, name, &value) || value == NULL)
		return NULL;
	if (!json_object_is_type(value, json_type_int) &&
		!json_object_is_type(value, json_type_double)) {
		body_fault(b, &at, "number");
		return NULL;
	}
	const char *text = body_json(value);
	if (json_number_micro(text, &micro) && micro <= most * 1000000)
		return text;
	if (text[0] == '-')
		body_fault_limit(b, &at, "min", 0);
	else
		body_fault_limit(b, &at, "max", most);
	return NULL;
}

static void read_stop(struct body *b, struct json_object *body, struct sampling *ret)
{
	const struct place at = {.member = "stop"};
	const char **stop = arena_array(b->arena, const char *, STOP_MAX);
	struct json_object *value = NULL;

	ret->stop = stop;
	if (!json_object_object_get_ex(body, "stop", &value) || value == NULL)
		return;
	if (json_object_is_type(value, json_type_string)) {
		stop[0] = json_object_get_string(value);
		ret->n_stop = stop[0][0] != '\0' ? 1 : 0;
		return;
	}
	if (!json_object_is_type(value, json_type_array)) {
		body_fault(b, &at, "array");
		return;
	}
	size_t n = json_object_array_length(value);
	if (n > STOP_MAX) {
		body_fault_limit(b, &at, "max", STOP_MAX);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		struct json_object *item = json_object_array_get_idx(value, i);
		if (!json_object_is_type(item, json_type_string))
			body_fault(b, &(struct place){.parent = &at, .index = i}, "string");
		else if (json_object_get_string_len(item) > 0)
			stop[ret->n_stop++] = json_object_get_string(item);
	}
}

static i64 read_max_tokens(struct body *b, struct json_object *body, const char *name, i64 most)
{
	const struct place at = {.member = name};
	struct opt_i64 n = body_i64(b, body, NULL, name);

	if (n.has && n.value < 1)
		body_fault_limit(b, &at, "min", 1);
	else if (n.has && most > 0 && n.value > most)
		body_fault_limit(b, &at, "max", most);
	return n.value;
}

void body_sampling(struct body *b, struct json_object *body, i64 max_tokens, struct sampling *ret)
{
	i64 old_name = read_max_tokens(b, body, "max_tokens", max_tokens);
	i64 new_name = read_max_tokens(b, body, "max_completion_tokens", max_tokens);
	struct json_object *seed = body_member(b, body, NULL, "seed", json_type_int, OPTIONAL);
	struct opt_i64 n = body_i64(b, body, NULL, "n");

	*ret = (struct sampling){
		.max_tokens = new_name != 0 ? new_name : old_name,
		.temperature = number_text(b, body, "temperature", 2),
		.top_p = number_text(b, body, "top_p", 1),
		.seed = seed != NULL ? body_json(seed) : NULL,
	};
	read_stop(b, body, ret);
	if (n.has && n.value != 1)
		body_fault(b, &(struct place){.member = "n"}, "values");
}

void body_stream(
	struct body *b, struct json_object *body, bool *ret_is_stream, bool *ret_include_usage)
{
	const struct place at = {.member = "stream_options"};
	struct json_object *options =
		body_member(b, body, NULL, "stream_options", json_type_object, OPTIONAL);

	*ret_is_stream = body_bool(b, body, NULL, "stream").value;
	if (options != NULL)
		*ret_include_usage = body_bool(b, options, &at, "include_usage").value;
}
