/* The account family's errors (account.md section 1): {"category", "message"?, "field"?}. */
#include <string.h>

#include "dialect.h"

/* Where a category is not the product's code. */
static const char *category_of(enum error code)
{
	switch (code) {
	case E_BAD_REQUEST:
	case E_INVALID_JSON:
	case E_INVALID_FIELD:
	case E_INVALID_EMAIL:
	case E_UNSUPPORTED_MEDIA_TYPE:
		return "validation";
	case E_PAYLOAD_TOO_LARGE:
		return "too_large";
	case E_INTERNAL:
	case E_UNAVAILABLE:
	case E_BUSY:
	case E_OUTCOME_UNKNOWN:
		return "server";
	case E_UPSTREAM_ERROR:
	case E_UPSTREAM_OVERLOADED:
	case E_UPSTREAM_TIMEOUT:
		return "network";
	default:
		return error_table[code].code;
	}
}

static void render(const struct fail *fail, const struct dialect_form *form, struct buf *out)
{
	struct buf message;

	(void)form;
	buf_init(&message, out->arena, 128);
	dialect_message(fail, &message);
	buf_str(out, "{\"category\":");
	buf_json(out, category_of(fail->code));
	if (fail->code != E_UNAUTHORIZED || fail->detail != NULL) {
		buf_str(out, ",\"message\":");
		buf_json(out, message.data);
	}
	if (fail->n_fault > 0) {
		const char *field = fail->fault[0].field;
		buf_str(out, ",\"field\":");
		buf_json(out, arena_strndup(out->arena, field, strcspn(field, ".[")));
	}
	buf_str(out, "}\n");
}

const struct dialect dialect_account = {
	.name = "account",
	.content_type = "application/json; charset=utf-8",
	.render = render,
	.retry_after = true,
	.request_id = "[A-Za-z0-9._-]{8,64}",
	.fresh_request_id = "$request_id",
	.openapi = "{\"type\":\"object\",\"required\":[\"category\"],\"properties\":{"
		   "\"category\":{\"type\":\"string\",\"description\":\"What went wrong, for "
		   "programs\"},"
		   "\"message\":{\"type\":\"string\",\"description\":\"What went wrong, for "
		   "people\"},"
		   "\"field\":{\"type\":\"string\",\"description\":\"The member of the body at "
		   "fault\"}}}",
};
