/* The product family's errors (product.md 0.2). */
#include "dialect.h"

static void put_fault(const struct fault *f, struct buf *out)
{
	buf_str(out, "{\"field\":");
	buf_json(out, f->field);
	buf_str(out, ",\"rule\":");
	buf_json(out, f->rule);
	if (f->has_limit)
		buf_printf(out, ",\"limit\":%lld", (long long)f->limit);
	buf_char(out, '}');
}

static void render(const struct fail *fail, const struct dialect_form *form, struct buf *out)
{
	struct buf message;

	(void)form;
	buf_init(&message, out->arena, 128);
	dialect_message(fail, &message);
	buf_str(out, "{\"error\":");
	buf_json(out, error_table[fail->code].code);
	buf_str(out, ",\"message\":");
	buf_json(out, message.data);
	if (fail->retry_after_s > 0)
		buf_printf(out, ",\"retry_after\":%lld", (long long)fail->retry_after_s);
	dialect_extras(fail, out);
	for (size_t i = 0; i < fail->n_fault; i++) {
		buf_str(out, i == 0 ? ",\"faults\":[" : ",");
		put_fault(&fail->fault[i], out);
	}
	buf_str(out, fail->n_fault > 0 ? "]}\n" : "}\n");
}

const struct dialect dialect_product = {
	.name = "product",
	.content_type = "application/json; charset=utf-8",
	.render = render,
	.retry_after = true,
	.request_id = "[A-Za-z0-9._-]{8,64}",
	.fresh_request_id = "$request_id",
	.openapi =
		"{\"type\":\"object\",\"required\":[\"error\",\"message\"],"
		"\"additionalProperties\":true,\"properties\":{"
		"\"error\":{\"type\":\"string\",\"description\":\"What went wrong, for programs\"},"
		"\"message\":{\"type\":\"string\",\"description\":\"What went wrong, for people\"},"
		"\"retry_after\":{\"type\":\"integer\",\"description\":\"Seconds, with 429\"},"
		"\"faults\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":["
		"\"field\",\"rule\"],"
		"\"properties\":{\"field\":{\"type\":\"string\"},\"rule\":{\"type\":\"string\"},"
		"\"limit\":{\"type\":\"integer\"}}}}}}",
};
