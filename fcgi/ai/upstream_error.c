/* Reads errors of upstreams; OpenAI, Anthropic, Mistral, llama.cpp and their imitators differ. */
#include "upstream_error.h"

#include "text.h"

enum { QUOTED_BYTES = 200 };

static const struct {
	const char *type;
	int status;
} meanings[] = {
	{"invalid_request_error", 400},
	{"authentication_error", 401},
	{"invalid_api_key", 401},
	{"billing_error", 402},
	{"insufficient_quota", 429},
	{"permission_error", 403},
	{"not_found_error", 404},
	{"conflict_error", 409},
	{"request_too_large", 413},
	{"rate_limit_error", 429},
	{"rate_limit_exceeded", 429},
	{"api_error", 500},
	{"server_error", 500},
	{"internal_server_error", 500},
	{"service_unavailable", 503},
	{"unavailable_error", 503},
	{"timeout_error", 504},
	{"overloaded_error", 529},
};

static int meaning_of(const struct pull_text *type)
{
	if (type->at == NULL)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(meanings); i++)
		if (pull_is(type, meanings[i].type))
			return meanings[i].status;
	return 0;
}

static void pull_message(struct pull *p, struct upstream_error *ret)
{
	struct pull_text message;

	if (pull_string(p, &message) && message.length > 0)
		ret->message = message;
}

static void pull_code(struct pull *p, struct upstream_error *ret, struct pull_text *ret_code)
{
	i64 code;

	if (pull_peek(p) == '"')
		pull_string(p, ret_code);
	else if (pull_i64(p, &code) && code >= 400 && code <= 599)
		ret->status = (int)code;
}

void upstream_error_pull(struct pull *p, struct upstream_error *ret)
{
	struct pull_text name, code = {0};

	if (pull_peek(p) == '"') {
		pull_message(p, ret);
		return;
	}
	if (!pull_object(p))
		return;
	while (pull_member(p, &name)) {
		if (pull_is(&name, "message"))
			pull_message(p, ret);
		else if (pull_is(&name, "type"))
			pull_string(p, &ret->type);
		else if (pull_is(&name, "code"))
			pull_code(p, ret, &code);
		else
			pull_skip(p);
	}
	if (ret->status == 0)
		ret->status = meaning_of(&ret->type);
	if (ret->status == 0)
		ret->status = meaning_of(&code);
}

/* {"error":...}, {"message":...} and {"detail":...}, the latter as text or list of {msg}. */
static void pull_body(struct pull *p, struct upstream_error *ret)
{
	struct upstream_error other = {0};
	struct pull_text name;

	if (!pull_object(p))
		return;
	while (pull_member(p, &name)) {
		if (pull_is(&name, "error"))
			upstream_error_pull(p, ret);
		else if (pull_is(&name, "message") ||
			 (pull_is(&name, "detail") && pull_peek(p) == '"'))
			pull_message(p, &other);
		else if (pull_is(&name, "detail") && other.message.at == NULL)
			pull_raw(p, &other.message);
		else
			pull_skip(p);
	}
	if (ret->message.at == NULL)
		ret->message = other.message;
}

void upstream_error_read(struct arena *a, const char *body, size_t length, const char **ret_message,
	const char **ret_type)
{
	struct upstream_error error = {0};
	struct pull p;

	pull_init(&p, body, length);
	pull_body(&p, &error);
	if (!pull_end(&p))
		error = (struct upstream_error){0};
	if (error.message.at == NULL) {
		error.message.at = body;
		error.message.length = length < QUOTED_BYTES ? length : QUOTED_BYTES;
	}
	*ret_message = text_of(a, &error.message);
	*ret_type = error.type.at != NULL ? text_of(a, &error.type) : "";
}
