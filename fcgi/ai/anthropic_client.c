/* The proxy's view of Anthropic requests and errors. */
#include "anthropic_client.h"

#include "../http/json.h"
#include "put.h"
#include "text.h"

/* A source deeper than this cannot be: messages, content, tool_result, content, image. */
enum { CONTENT_DEPTH_MAX = 4 };

/* "source": {"type":"base64","media_type":..,"data":..}, or the address or id of a file. */
static void read_source(struct pull *p, struct anthropic_request *ret)
{
	struct pull_text name, type = {0}, media_type = {0}, data = {0};

	if (!pull_object(p))
		return;
	while (pull_member(p, &name)) {
		if (pull_is(&name, "type"))
			pull_string(p, &type);
		else if (pull_is(&name, "media_type"))
			pull_string(p, &media_type);
		else if (pull_is(&name, "data"))
			pull_string(p, &data);
		else
			pull_skip(p);
	}
	if (pull_is(&type, "url") || pull_is(&type, "file"))
		ret->n_images++;
	if (!pull_is(&type, "base64"))
		return; /* text in "data" counts as text */
	ret->input_bytes -= (i64)data.length;
	if (media_type.length >= 6 && memcmp(media_type.at, "image/", 6) == 0)
		ret->n_images++;
	else
		ret->file_bytes += (i64)data.length;
}

/* Blocks of content: images may lie in results of tools. */
static void read_blocks(struct pull *p, size_t depth, struct anthropic_request *ret)
{
	struct pull_text name;

	if (!pull_array(p))
		return;
	while (pull_item(p)) {
		if (!pull_object(p))
			continue;
		while (pull_member(p, &name)) {
			if (pull_is(&name, "source"))
				read_source(p, ret);
			else if (pull_is(&name, "content") && depth < CONTENT_DEPTH_MAX)
				read_blocks(p, depth + 1, ret);
			else
				pull_skip(p);
		}
	}
}

/* The value's bytes count; what is in it is looked at by read_blocks(). */
static void read_counted(struct pull *p, struct anthropic_request *ret)
{
	const char *start = p->p;

	read_blocks(p, 0, ret);
	ret->input_bytes += p->p - start;
}

static struct span span_of(const struct pull *p, const struct pull_text *raw)
{
	return (struct span){(size_t)(raw->at - p->start), raw->length};
}

static void read_model(
	struct arena *a, struct pull *p, struct anthropic_request *ret, struct fail *fail)
{
	struct pull_text text;

	if (pull_peek(p) == 'n') {
		pull_skip(p);
	} else if (!pull_string(p, &text)) {
		fail_fault(fail, "model", "string");
		ret->model = "";
	} else {
		ret->model = text_of(a, &text);
		/* with its quotes */
		ret->model_at = span_of(p, &text);
		ret->model_at.at--;
		ret->model_at.length += 2;
	}
}

static void read_max_tokens(struct pull *p, struct anthropic_request *ret, struct fail *fail)
{
	struct pull before = *p;
	struct pull_text raw;

	if (!pull_raw(p, &raw))
		return;
	if (!pull_i64(&before, &ret->max_tokens)) {
		fail_fault(fail, "max_tokens", "integer");
		ret->max_tokens = 1;
	} else if (ret->max_tokens < 1) {
		fail_fault_limit(fail, "max_tokens", "min", 1);
		ret->max_tokens = 1;
	}
	ret->max_tokens_at = span_of(p, &raw);
}

static void read_member(struct arena *a, struct pull *p, const struct pull_text *name,
	struct anthropic_request *ret, struct fail *fail)
{
	char first = pull_peek(p);

	if (pull_is(name, "model")) {
		read_model(a, p, ret, fail);
	} else if (pull_is(name, "max_tokens")) {
		read_max_tokens(p, ret, fail);
	} else if (pull_is(name, "stream")) {
		if (!pull_bool(p, &ret->is_stream) && first != 'n')
			fail_fault(fail, "stream", "boolean");
	} else if (pull_is(name, "messages") || pull_is(name, "system") || pull_is(name, "tools")) {
		read_counted(p, ret);
	} else {
		pull_skip(p);
	}
}

int anthropic_request_read(struct arena *a, const char *body, size_t length, bool needs_max_tokens,
	struct anthropic_request *ret, struct fail *fail_)
{
	const char *why = json_check(a, body, length);
	size_t n_faults = fail_->n_fault;
	struct pull_text name;
	struct pull p;

	*ret = (struct anthropic_request){0};
	if (why != NULL)
		return fail(fail_, E_INVALID_JSON, "%s", why);
	pull_init(&p, body, length);
	if (pull_peek(&p) != '{')
		fail_fault(fail_, "", "object");
	for (bool more = pull_object(&p); more && pull_member(&p, &name);)
		read_member(a, &p, &name, ret, fail_);
	if (!pull_end(&p))
		return fail(fail_, E_INVALID_JSON, "%s", p.why);
	if (ret->model == NULL)
		fail_fault(fail_, "model", "required");
	if (ret->max_tokens == 0 && needs_max_tokens)
		fail_fault(fail_, "max_tokens", "required");
	return fail_->n_fault > n_faults ? fail(fail_, E_INVALID_FIELD, NULL) : 0;
}

struct change {
	struct span at;
	struct buf value;
};

void anthropic_request_write(const struct anthropic_request *q, const char *body, size_t length,
	const char *model, i64 max_tokens, struct buf *out)
{
	struct change change[2] = {{.at = q->model_at}, {.at = q->max_tokens_at}};
	size_t n = 1, done = 0;

	buf_init(&change[0].value, out->arena, 0);
	buf_json(&change[0].value, model);
	if (max_tokens > 0 && q->max_tokens > max_tokens) {
		buf_init(&change[1].value, out->arena, 0);
		buf_i64(&change[1].value, max_tokens);
		n = 2;
	}
	if (n == 2 && change[1].at.at < change[0].at.at) {
		const struct change first = change[1];
		change[1] = change[0];
		change[0] = first;
	}
	for (size_t i = 0; i < n; i++) {
		buf_bytes(out, body + done, change[i].at.at - done);
		buf_bytes(out, change[i].value.data, change[i].value.length);
		done = change[i].at.at + change[i].at.length;
	}
	buf_bytes(out, body + done, length - done);
}

const char *anthropic_error_type(int status)
{
	static const struct {
		int status;
		const char *type;
	} types[] = {
		{401, "authentication_error"},
		{402, "billing_error"},
		{403, "permission_error"},
		{404, "not_found_error"},
		{409, "conflict_error"},
		{413, "request_too_large"},
		{429, "rate_limit_error"},
		{503, "overloaded_error"},
		{504, "timeout_error"},
		{529, "overloaded_error"},
	};

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (types[i].status == status)
			return types[i].type;
	return status >= 500 ? "api_error" : "invalid_request_error";
}

void anthropic_error(struct buf *out, int status, const char *message, const char *request_id)
{
	buf_str(out, "{\"type\":\"error\",\"error\":{\"type\":");
	buf_json(out, anthropic_error_type(status));
	put_text(out, "message", message);
	buf_char(out, '}');
	put_text(out, "request_id", request_id);
	buf_char(out, '}');
}
