/* What a fault of the catalog's file is called. */
#include "catalog_words.h"

#include <json-c/json.h>
#include <string.h>

#include "../fcgi/core/str.h"

enum { MEMBERS_MAX = 40 };

void catalog_fault(struct catalog_faults *faults, const char *path, const char *format, ...)
{
	va_list args;

	if (faults->n == faults->capacity) {
		size_t capacity = faults->capacity * 2 + 16;
		struct catalog_fault *more =
			arena_array(faults->arena, struct catalog_fault, capacity);
		if (faults->n > 0)
			memcpy(more, faults->fault, faults->n * sizeof(*more));
		faults->fault = more;
		faults->capacity = capacity;
	}
	va_start(args, format);
	faults->fault[faults->n++] =
		(struct catalog_fault){path, arena_vprintf(faults->arena, format, args)};
	va_end(args);
}

static const struct field *field_named(const struct schema *s, const char *name, size_t length)
{
	for (size_t i = 0; s != NULL && i < s->n_fields; i++) {
		const char *candidate = field_name(&s->field[i]);
		if (strlen(candidate) == length && strncmp(candidate, name, length) == 0)
			return &s->field[i];
	}
	return NULL;
}

/* The field at "models[2].routes[0].weight"; NULL: there is none, or it is an entry of a list. */
static const struct field *field_at(const struct schema *s, const char *path)
{
	const struct field *f = NULL;

	while (*path != '\0') {
		size_t length = strcspn(path, "[.");
		f = field_named(s, path, length);
		if (f == NULL)
			return NULL;
		path += length;
		path += *path == '[' ? strcspn(path, ".") : 0;
		path += *path == '.' ? 1 : 0;
		s = f->schema;
	}
	return f;
}

static const char *unit_of(const struct field *f)
{
	if (f->type == FIELD_STR)
		return " characters";
	return f->type == FIELD_ARRAY || f->type == FIELD_STR_ARRAY ? " entries" : "";
}

/* Prices are bounded in micro-dollars, but written in dollars. */
static i64 limit_of(const struct field *f, i64 limit)
{
	bool is_usd = f->type == FIELD_USD_MICRO || f->type == FIELD_OPT_USD_MICRO;

	return is_usd && limit > 1 ? limit / 1000000 : limit;
}

static const char *list_of_words(struct arena *a, const char *values)
{
	struct buf b;

	buf_init(&b, a, 100);
	for (const char *p = values; *p != '\0'; p++)
		if (*p == '|')
			buf_str(&b, ", ");
		else
			buf_char(&b, *p);
	return b.data;
}

static const char *words_of(struct arena *a, const struct field *f, const struct fault *fault)
{
	static const struct {
		const char *rule, *words;
	} rules[] = {
		{"required", "is missing"},
		{"integer", "must be a whole number"},
		{"number", "must be a number"},
		{"range", "is a number out of range"},
		{"string", "must be text, \"...\""},
		{"boolean", "must be true or false"},
		{"array", "must be a list, [...]"},
		{"object", "must be an object, {...}"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (str_equal(fault->rule, rules[i].rule))
			return f != NULL && f->type == FIELD_STR_ARRAY &&
					       str_equal(fault->rule, "string")
				       ? "must be a list of text"
				       : rules[i].words;
	if (f != NULL && str_equal(fault->rule, "values"))
		return arena_printf(a, "must be one of %s", list_of_words(a, f->values));
	if (f != NULL && fault->has_limit)
		return arena_printf(a, "must %s at %s %lld%s",
			unit_of(f)[0] != '\0' ? "have" : "be",
			str_equal(fault->rule, "min") ? "least" : "most",
			(long long)limit_of(f, fault->limit), unit_of(f));
	return fault->rule;
}

void catalog_words_add(
	struct catalog_faults *faults, const struct schema *root, const struct fail *fail)
{
	for (size_t i = 0; i < fail->n_fault; i++) {
		const struct fault *fault = &fail->fault[i];
		char *path = arena_strdup(faults->arena, fault->field);
		size_t length = strlen(path);
		if (length > 0 && path[length - 1] == '.') /* an entry that is no object */
			path[length - 1] = '\0';
		catalog_fault(
			faults, path, "%s", words_of(faults->arena, field_at(root, path), fault));
	}
}

static void unknown_member(
	struct catalog_faults *faults, const struct schema *s, const char *name, const char *path)
{
	const char *known[MEMBERS_MAX];
	size_t n = 0;

	for (; n < s->n_fields && n < MEMBERS_MAX; n++)
		known[n] = field_name(&s->field[n]);
	const char *nearest = str_nearest(name, known, n);
	const char *full = arena_printf(faults->arena, "%s%s", path, name);
	if (nearest != NULL)
		catalog_fault(faults, full, "is not known; is '%s' meant?", nearest);
	else
		catalog_fault(faults, full, "is not known");
}

void catalog_words_unknown(struct catalog_faults *faults, const struct schema *s,
	struct json_object *object, const char *path)
{
	struct arena *a = faults->arena;

	if (!json_object_is_type(object, json_type_object))
		return;
	json_object_object_foreach(object, name, value)
	{
		const struct field *f = field_named(s, name, strlen(name));
		if (f == NULL) {
			unknown_member(faults, s, arena_strdup(a, name), path);
			continue;
		}
		if (f->type != FIELD_ARRAY || !json_object_is_type(value, json_type_array))
			continue;
		for (size_t i = 0; i < json_object_array_length(value); i++)
			catalog_words_unknown(faults, f->schema,
				json_object_array_get_idx(value, i),
				arena_printf(a, "%s%s[%zu].", path, name, i));
	}
}
