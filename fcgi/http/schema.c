/* Encoding of structs by their descriptors. */
#include "schema.h"

enum { MICRO_PER_CENT = 10000 };

static const void *member_in(const struct field *f, const void *value)
{
	return (const char *)value + f->offset;
}

static size_t count_in(const struct field *f, const void *value)
{
	return *(const size_t *)((const char *)value + f->n_offset);
}

/* Rounds down, towards minus infinity: what a customer sees is never more than there is. */
static i64 cents_of(i64 micro)
{
	return micro / MICRO_PER_CENT - (micro % MICRO_PER_CENT < 0 ? 1 : 0);
}

static bool is_absent(const struct field *f, const void *member)
{
	switch (f->type) {
	case FIELD_STR:
	case FIELD_JSON:
	case FIELD_OBJECT:
		return *(const void *const *)member == NULL;
	case FIELD_OPT_I64:
	case FIELD_OPT_USD_MICRO:
		return !((const struct opt_i64 *)member)->has;
	case FIELD_OPT_BOOL:
		return !((const struct opt_bool *)member)->has;
	case FIELD_TIME_S: /* one that is always there may well be 1970 */
		return *(const i64 *)member == 0 && (!f->required || f->nullable);
	default:
		return false;
	}
}

static void encode_array(const struct field *f, const void *value, struct buf *out)
{
	size_t n = count_in(f, value);
	const char *items = *(const char *const *)member_in(f, value);

	buf_char(out, '[');
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_char(out, ',');
		if (f->type == FIELD_STR_ARRAY)
			buf_json(out, ((const char *const *)(const void *)items)[i]);
		else
			schema_encode(f->schema, items + i * f->schema->size, out);
	}
	buf_char(out, ']');
}

static void encode_field(const struct field *f, const void *value, struct buf *out)
{
	const void *member = member_in(f, value);

	switch (f->type) {
	case FIELD_STR:
		buf_json(out, *(const char *const *)member);
		break;
	case FIELD_JSON:
		buf_str(out, *(const char *const *)member);
		break;
	case FIELD_I64:
		buf_i64(out, *(const i64 *)member);
		break;
	case FIELD_OPT_I64:
		buf_i64(out, ((const struct opt_i64 *)member)->value);
		break;
	case FIELD_BOOL:
		buf_str(out, *(const bool *)member ? "true" : "false");
		break;
	case FIELD_OPT_BOOL:
		buf_str(out, ((const struct opt_bool *)member)->value ? "true" : "false");
		break;
	case FIELD_USD_MICRO:
		buf_decimal(out, *(const i64 *)member, 6);
		break;
	case FIELD_OPT_USD_MICRO:
		buf_decimal(out, ((const struct opt_i64 *)member)->value, 6);
		break;
	case FIELD_CENTS:
		buf_i64(out, cents_of(*(const i64 *)member));
		break;
	case FIELD_CENTS_EXACT:
		buf_decimal(out, *(const i64 *)member, 4);
		break;
	case FIELD_HUNDREDTHS:
		buf_decimal(out, *(const i64 *)member, 2);
		break;
	case FIELD_TIME_S:
		buf_i64(out, *(const i64 *)member / 1000000);
		break;
	case FIELD_OBJECT:
		schema_encode(f->schema, *(const void *const *)member, out);
		break;
	case FIELD_ARRAY:
	case FIELD_STR_ARRAY:
		encode_array(f, value, out);
		break;
	}
}

void schema_encode(const struct schema *s, const void *value, struct buf *out)
{
	char separator = '{';

	for (size_t i = 0; i < s->n_fields; i++) {
		const struct field *f = &s->field[i];
		bool absent = is_absent(f, member_in(f, value));
		if (absent && !f->nullable)
			continue;
		buf_char(out, separator);
		separator = ',';
		buf_char(out, '"');
		buf_str(out, field_name(f));
		buf_str(out, "\":");
		if (absent)
			buf_str(out, "null");
		else
			encode_field(f, value, out);
	}
	buf_str(out, separator == '{' ? "{}" : "}");
}
