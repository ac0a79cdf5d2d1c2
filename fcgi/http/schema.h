/* A schema stands beside its struct: one descriptor validates input, encodes output and becomes a
 * component of the OpenAPI document. */
#ifndef TURNPIKE_SCHEMA_H
#define TURNPIKE_SCHEMA_H

#include "../core/buf.h"
#include "../core/errors.h"

/* How a member of a struct appears in JSON. The C type is in brackets. */
enum field_type {
	FIELD_STR,	     /* text [const char *]; NULL: absent */
	FIELD_I64,	     /* integer [i64] */
	FIELD_OPT_I64,	     /* integer [struct opt_i64] */
	FIELD_BOOL,	     /* true or false [bool] */
	FIELD_OPT_BOOL,	     /* true or false [struct opt_bool] */
	FIELD_USD_MICRO,     /* a decimal number of US dollars [i64, micro-dollars] */
	FIELD_OPT_USD_MICRO, /* a decimal number of US dollars [struct opt_i64, micro-dollars] */
	FIELD_CENTS,	     /* output: whole cents, rounded down [i64, micro-dollars] */
	FIELD_CENTS_EXACT,   /* output: cents with up to four decimals [i64, micro-dollars] */
	FIELD_HUNDREDTHS,    /* output: a number with up to two decimals [i64, hundredths] */
	FIELD_TIME_S,	     /* Unix seconds [i64, microseconds; 0: absent unless required] */
	FIELD_OBJECT,	     /* [pointer to the struct of .schema; NULL: absent] */
	FIELD_ARRAY, /* array of objects [pointer to the first], count in the member .n_offset */
	FIELD_STR_ARRAY, /* array of text [const char *const *], count in .n_offset */
	FIELD_JSON, /* output: a JSON text, written as it is; input: any object [const char *] */
};

enum field_place { PLACE_BODY, PLACE_PATH, PLACE_QUERY };

struct schema;

struct field {
	const char *member;
	const char *json; /* name in JSON, where it is not the member's */
	enum field_type type;
	size_t offset, n_offset;
	bool required; /* input: must be there; output (OpenAPI): always there */
	bool nullable; /* output: an absent value is written as null instead of left out */
	enum field_place place;
	i64 min, max; /* characters of text, value of a number, items of an array; both 0: none */
	bool utf16;   /* the length of text is counted in UTF-16 code units */
	const char *values; /* "ide|web": the only texts allowed */
	enum error error;   /* answered when this field is at fault, E_OK: E_INVALID_FIELD */
	const struct schema *schema;
	const char *doc;
};

struct schema {
	const char *name;
	const struct field *field;
	size_t n_fields, size;
	/* Input only: the body is one object or an array of them; both are bound to the only field,
	 * an ARRAY. */
	bool bare_list;
};

static inline const char *field_name(const struct field *f)
{
	return f->json != NULL ? f->json : f->member;
}

/* offsetof, and an error at compile time when the member has another type. */
#define FIELD_OFFSET(T, m, ctype) \
	(offsetof(struct T, m) + 0 * sizeof(_Generic(((struct T *)0)->m, ctype : 1)))
#define FIELD(T, m, kind, ctype, ...)                                                        \
	{                                                                                    \
		.member = #m, .type = kind, .offset = FIELD_OFFSET(T, m, ctype), __VA_ARGS__ \
	}

#define STR(T, m, ...) FIELD(T, m, FIELD_STR, const char *, __VA_ARGS__)
#define I64(T, m, ...) FIELD(T, m, FIELD_I64, i64, __VA_ARGS__)
#define OPT_I64(T, m, ...) FIELD(T, m, FIELD_OPT_I64, struct opt_i64, __VA_ARGS__)
#define BOOL(T, m, ...) FIELD(T, m, FIELD_BOOL, bool, __VA_ARGS__)
#define OPT_BOOL(T, m, ...) FIELD(T, m, FIELD_OPT_BOOL, struct opt_bool, __VA_ARGS__)
#define USD_MICRO(T, m, ...) FIELD(T, m, FIELD_USD_MICRO, i64, __VA_ARGS__)
#define OPT_USD_MICRO(T, m, ...) FIELD(T, m, FIELD_OPT_USD_MICRO, struct opt_i64, __VA_ARGS__)
#define CENTS(T, m, ...) FIELD(T, m, FIELD_CENTS, i64, __VA_ARGS__)
#define CENTS_EXACT(T, m, ...) FIELD(T, m, FIELD_CENTS_EXACT, i64, __VA_ARGS__)
#define HUNDREDTHS(T, m, ...) FIELD(T, m, FIELD_HUNDREDTHS, i64, __VA_ARGS__)
#define TIME_S(T, m, ...) FIELD(T, m, FIELD_TIME_S, i64, __VA_ARGS__)
#define JSON(T, m, ...) FIELD(T, m, FIELD_JSON, const char *, __VA_ARGS__)
#define OBJECT(T, m, S, ...) \
	FIELD(T, m, FIELD_OBJECT, struct S *, .schema = &S##_schema, __VA_ARGS__)
#define ARRAY(T, m, S, ...)                                         \
	FIELD(T, m, FIELD_ARRAY, struct S *, .schema = &S##_schema, \
		.n_offset = FIELD_OFFSET(T, n_##m, size_t), __VA_ARGS__)
#define STR_ARRAY(T, m, ...)                              \
	FIELD(T, m, FIELD_STR_ARRAY, const char *const *, \
		.n_offset = FIELD_OFFSET(T, n_##m, size_t), __VA_ARGS__)

#define REQUIRED .required = true
#define NULLABLE .nullable = true
#define UTF16 .utf16 = true
#define PATH .place = PLACE_PATH
#define QUERY .place = PLACE_QUERY
#define DOC(text) .doc = text

#define SCHEMA(T, ...)                                          \
	static const struct field T##_fields[] = {__VA_ARGS__}; \
	const struct schema T##_schema = {                      \
		#T, T##_fields, ARRAY_LEN(T##_fields), sizeof(struct T), false}
/* A body that is one S or an array of them: struct T { struct S *items; size_t n_items; }. */
#define SCHEMA_LIST(T, S, ...)                                                      \
	static const struct field T##_fields[] = {ARRAY(T, items, S, __VA_ARGS__)}; \
	const struct schema T##_schema = {#T, T##_fields, 1, sizeof(struct T), true}
#define SCHEMA_DECLARE(T) extern const struct schema T##_schema

struct json_object;

/* Fills *ret from a JSON body and the already filled path and query members. All faults are noted
 * in fail; 0, or the error of the first field at fault. Unknown members are ignored. */
int schema_bind_body(const struct schema *s, struct json_object *body, void *ret,
	struct arena *arena, struct fail *fail);
/* Fills one member from text (path or query); notes a fault when it does not fit. */
int schema_bind_text(const struct field *f, const char *text, void *ret, struct fail *fail);
/* Notes a fault for each required member of `place` that is not in ret. */
int schema_check_required(
	const struct schema *s, enum field_place place, const void *ret, struct fail *fail);

/* Writes *value as a JSON object. */
void schema_encode(const struct schema *s, const void *value, struct buf *out);

#endif
