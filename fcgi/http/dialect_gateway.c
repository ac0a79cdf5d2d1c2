/* The gateway family's errors (gateway.md 0.2): the text is a string, so that documented clients
 * work; OpenAI's clients may ask for the object that they read (X-Error-Format: openai). */
#include "dialect.h"

#include <string.h>

#include "../core/str.h"

static const char *code_of(const struct error_info *info)
{
	return info->gateway_code != NULL ? info->gateway_code : info->code;
}

static const char *text_of(const struct fail *fail)
{
	const struct error_info *info = &error_table[fail->code];

	if (fail->detail != NULL)
		return fail->detail;
	return info->gateway_text != NULL ? info->gateway_text : info->text;
}

/* The words that OpenAI's clients know. */
static const char *type_of(int status)
{
	if (status == 401)
		return "authentication_error";
	if (status == 402)
		return "insufficient_quota";
	if (status == 403)
		return "permission_error";
	if (status == 404)
		return "not_found_error";
	if (status == 429)
		return "rate_limit_error";
	return status >= 500 || status == 408 ? "server_error" : "invalid_request_error";
}

/* The rule as a sentence. */
static void put_rule(const struct fault *f, struct buf *out)
{
	static const struct {
		const char *rule, *words;
	} sentences[] = {
		{"required", "is required"},
		{"min", "must be at least"},
		{"max", "must be at most"},
		{"values", "is none of the values allowed"},
		{"range", "is out of range"},
		{"twice", "is there twice"},
		{"characters", "has characters that are not allowed"},
		{"time", "must be a time in ISO 8601"},
		{"encoding", "is not encoded properly"},
	};

	for (size_t i = 0; i < ARRAY_LEN(sentences); i++)
		if (str_equal(f->rule, sentences[i].rule)) {
			buf_str(out, sentences[i].words);
			if (f->has_limit)
				buf_printf(out, " %lld", (long long)f->limit);
			return;
		}
	buf_printf(out, "must be of the kind: %s", f->rule);
}

/* An item of a list that is itself at fault is named "events[2].", as what is in it would be. */
static size_t path_length(const char *path)
{
	size_t length = strlen(path);

	return length > 0 && path[length - 1] == '.' ? length - 1 : length;
}

static void put_details(const struct fail *fail, struct buf *out)
{
	for (size_t i = 0; i < fail->n_fault; i++) {
		struct buf message;
		buf_init(&message, out->arena, 64);
		put_rule(&fail->fault[i], &message);
		buf_str(out, i == 0 ? ",\"details\":[{\"path\":" : ",{\"path\":");
		buf_json_n(out, fail->fault[i].field, path_length(fail->fault[i].field));
		buf_str(out, ",\"message\":");
		buf_json(out, message.data);
		buf_char(out, '}');
	}
	if (fail->n_fault > 0)
		buf_char(out, ']');
}

static void put_request_id(const struct dialect_form *form, struct buf *out)
{
	if (form->request_id == NULL)
		return;
	buf_str(out, ",\"request_id\":");
	buf_json(out, form->request_id);
}

static void render_openai(const struct fail *fail, const struct dialect_form *form, struct buf *out)
{
	const struct error_info *info = &error_table[fail->code];

	buf_str(out, "{\"error\":{\"message\":");
	buf_json(out, text_of(fail));
	buf_printf(out, ",\"type\":\"%s\",\"code\":\"%s\",\"param\":null", type_of(info->status),
		code_of(info));
	dialect_extras(fail, out);
	put_details(fail, out);
	put_request_id(form, out);
	buf_str(out, "}}\n");
}

static void render(const struct fail *fail, const struct dialect_form *form, struct buf *out)
{
	if (form->is_openai) {
		render_openai(fail, form, out);
		return;
	}
	buf_str(out, "{\"error\":");
	buf_json(out, text_of(fail));
	buf_printf(out, ",\"code\":\"%s\"", code_of(&error_table[fail->code]));
	dialect_extras(fail, out);
	put_details(fail, out);
	put_request_id(form, out);
	buf_str(out, "}\n");
}

#define DETAILS                                                                              \
	"\"details\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":["      \
	"\"path\",\"message\"],\"properties\":{\"path\":{\"type\":\"string\"},\"message\":{" \
	"\"type\":\"string\"}}}}"
#define MONEY                                                                               \
	"\"required\":{\"type\":\"number\",\"description\":\"Credits that the request may " \
	"cost, with 402\"},\"available\":{\"type\":\"number\",\"description\":\"Credits "   \
	"that are there, with 402\"}"

const struct dialect dialect_gateway = {
	.name = "gateway",
	.content_type = "application/json; charset=utf-8",
	.render = render,
	.retry_after = true,
	.rate_headers = true,
	.has_openai = true,
	.request_id = "[A-Za-z0-9._:-]{1,128}",
	.fresh_request_id = "$turnpike_short_id",
	.openapi =
		"{\"oneOf\":[{\"type\":\"object\",\"required\":[\"error\",\"code\","
		"\"request_id\"],\"additionalProperties\":true,\"properties\":{"
		"\"error\":{\"type\":\"string\",\"description\":\"What went wrong, for people\"},"
		"\"code\":{\"type\":\"string\",\"description\":\"The same, for programs\"},"
		"\"request_id\":{\"type\":\"string\"}," MONEY "," DETAILS
		"}},{\"type\":\"object\",\"description\":\"With X-Error-Format: openai\","
		"\"required\":[\"error\"],\"properties\":{\"error\":{\"type\":\"object\","
		"\"required\":[\"message\",\"type\",\"code\",\"param\",\"request_id\"],"
		"\"additionalProperties\":true,\"properties\":{"
		"\"message\":{\"type\":\"string\"},\"type\":{\"type\":\"string\"},"
		"\"code\":{\"type\":\"string\"},"
		"\"param\":{\"type\":\"string\",\"nullable\":true},"
		"\"request_id\":{\"type\":\"string\"}," MONEY "," DETAILS "}}}}]}",
};
