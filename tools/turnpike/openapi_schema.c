/* Schemas of structs as the OpenAPI document's schema objects. */
#include "openapi.h"

#include <string.h>

#include "../../fcgi/http/schema.h"

static void put_enum(const char *values, struct buf *out)
{
	buf_str(out, ",\"enum\":[");
	for (const char *p = values; *p != '\0';) {
		size_t length = strcspn(p, "|");
		if (p != values)
			buf_char(out, ',');
		buf_json_n(out, p, length);
		p += length;
		p += *p == '|' ? 1 : 0;
	}
	buf_char(out, ']');
}

static void put_bounds(const struct field *f, const char *min, const char *max, struct buf *out)
{
	if (f->min == 0 && f->max == 0)
		return;
	/* JSON Schema counts characters; each is one code unit of UTF-16, or two. */
	i64 least = f->utf16 ? (f->min + 1) / 2 : f->min;
	buf_printf(out, ",\"%s\":%lld", min, (long long)least);
	if (f->max < INT64_MAX)
		buf_printf(out, ",\"%s\":%lld", max, (long long)f->max);
}

void openapi_put_ref(const char *name, struct buf *out)
{
	buf_printf(out, "{\"$ref\":\"#/components/schemas/%s\"}", name);
}

void openapi_put_type(const struct field *f, struct buf *out)
{
	switch (f->type) {
	case FIELD_STR:
		buf_str(out, "\"type\":\"string\"");
		put_bounds(f, "minLength", "maxLength", out);
		if (f->values != NULL)
			put_enum(f->values, out);
		break;
	case FIELD_I64:
	case FIELD_OPT_I64:
	case FIELD_TIME_S:
		buf_str(out, "\"type\":\"integer\",\"format\":\"int64\"");
		put_bounds(f, "minimum", "maximum", out);
		break;
	case FIELD_CENTS:
		buf_str(out, "\"type\":\"integer\",\"format\":\"int64\"");
		break;
	case FIELD_USD_MICRO:
	case FIELD_OPT_USD_MICRO:
	case FIELD_CENTS_EXACT:
	case FIELD_HUNDREDTHS:
		buf_str(out, "\"type\":\"number\"");
		break;
	case FIELD_BOOL:
	case FIELD_OPT_BOOL:
		buf_str(out, "\"type\":\"boolean\"");
		break;
	case FIELD_OBJECT:
		if (f->nullable) /* nullable says nothing without a type beside it */
			buf_str(out, "\"type\":\"object\",");
		buf_str(out, "\"allOf\":[");
		openapi_put_ref(f->schema->name, out);
		buf_char(out, ']');
		break;
	case FIELD_ARRAY:
		buf_str(out, "\"type\":\"array\",\"items\":");
		openapi_put_ref(f->schema->name, out);
		put_bounds(f, "minItems", "maxItems", out);
		break;
	case FIELD_STR_ARRAY:
		buf_str(out, "\"type\":\"array\",\"items\":{\"type\":\"string\"}");
		break;
	case FIELD_JSON:
		buf_str(out, "\"description\":\"Any JSON\"");
		return;
	}
	if (f->nullable)
		buf_str(out, ",\"nullable\":true");
	const char *doc = f->doc;
	if (doc == NULL && f->type == FIELD_TIME_S)
		doc = "Unix seconds";
	if (doc != NULL) {
		buf_str(out, ",\"description\":");
		buf_json(out, doc);
	}
}

void openapi_put_component(const struct schema *s, struct buf *out)
{
	size_t n = 0;

	if (s->bare_list) {
		buf_str(out, "{\"oneOf\":[");
		openapi_put_ref(s->field->schema->name, out);
		buf_str(out, ",{");
		openapi_put_type(s->field, out);
		buf_str(out, "}]}");
		return;
	}
	buf_str(out, "{\"type\":\"object\"");
	for (size_t i = 0; i < s->n_fields; i++) {
		const struct field *f = &s->field[i];
		if (f->place != PLACE_BODY || !f->required)
			continue;
		buf_str(out, n++ == 0 ? ",\"required\":[" : ",");
		buf_json(out, field_name(f));
	}
	buf_str(out, n > 0 ? "],\"properties\":{" : ",\"properties\":{");
	n = 0;
	for (size_t i = 0; i < s->n_fields; i++) {
		const struct field *f = &s->field[i];
		if (f->place != PLACE_BODY)
			continue;
		if (n++ > 0)
			buf_char(out, ',');
		buf_json(out, field_name(f));
		buf_str(out, ":{");
		openapi_put_type(f, out);
		buf_char(out, '}');
	}
	buf_str(out, "}}");
}
