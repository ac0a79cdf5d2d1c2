/* Errors as clients of Anthropic's Messages API understand them (product.md 5.6,
 * upstreams.md 11.3).
 */
#include "../ai/anthropic_client.h"
#include "dialect.h"

/* Those clients know other numbers for an overload and for a time-out. */
static int status_of(enum error code)
{
	switch (code) {
	case E_UPSTREAM_OVERLOADED:
		return 529;
	case E_TIMEOUT:
		return 504;
	default:
		return error_table[code].status;
	}
}

static void render(const struct fail *fail, const struct dialect_form *form, struct buf *out)
{
	struct buf message;

	buf_init(&message, out->arena, 128);
	dialect_message(fail, &message);
	anthropic_error(out, status_of(fail->code), message.data, form->request_id);
}

const struct dialect dialect_messages = {
	.name = "messages",
	.content_type = "application/json",
	.render = render,
	.retry_after = true,
	.status = status_of,
	.id_header = "request-id",
	.request_id = "[A-Za-z0-9._:-]{1,128}",
	.fresh_request_id = "$turnpike_short_id",
	.openapi = "{\"type\":\"object\",\"required\":[\"type\",\"error\",\"request_id\"],"
		   "\"properties\":{\"type\":{\"type\":\"string\",\"enum\":[\"error\"]},"
		   "\"error\":{\"type\":\"object\",\"required\":[\"type\",\"message\"],"
		   "\"properties\":{\"type\":{\"type\":\"string\",\"enum\":["
		   "\"invalid_request_error\",\"authentication_error\",\"billing_error\","
		   "\"permission_error\",\"not_found_error\",\"conflict_error\","
		   "\"request_too_large\",\"rate_limit_error\",\"api_error\",\"timeout_error\","
		   "\"overloaded_error\"]},\"message\":{\"type\":\"string\"}}},"
		   "\"request_id\":{\"type\":\"string\"}}}",
};
