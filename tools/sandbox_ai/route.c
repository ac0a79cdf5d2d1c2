/* The paths: those of the providers, and what the sandbox says of itself. */
#include "route.h"

static const struct {
	const char *path;
	const struct dialect *dialect;
} rows[] = {
	{"/v1/chat/completions", &dialect_chat}, {"/v1/messages", &dialect_messages},
	{"/v1/completions", &dialect_completions}, {"/v1/fim/completions", &dialect_mistral},
	{"/infill", &dialect_infill}, {"/v1/messages/count_tokens", &dialect_count_tokens},
	{"/beta/completions", &dialect_completions}, /* DeepSeek's */
};

/* In Anthropic's form for who speaks it. */
static void write_models(bool is_anthropic, struct bytes *b)
{
	static const char *const models[] = {"sandbox-chat", "sandbox-claude", "sandbox-tab"};

	bytes_str(b, is_anthropic ? "{\"data\":[" : "{\"object\":\"list\",\"data\":[");
	for (size_t i = 0; i < ARRAY_LEN(models); i++)
		BYTES_STRS(b, i > 0 ? "," : "", "{\"id\":\"", models[i],
			is_anthropic ? "\",\"type\":\"model\",\"display_name\":\"Sandbox\","
				       "\"created_at\":\"2026-01-01T00:00:00Z\"}"
				     : "\",\"object\":\"model\",\"created\":1767225600,"
				       "\"owned_by\":\"sandbox\"}");
	bytes_str(b, is_anthropic ? "],\"has_more\":false,\"first_id\":\"sandbox-chat\","
				    "\"last_id\":\"sandbox-tab\"}"
				  : "]}");
}

static int plain(const struct http_head *head, struct served *served, struct bytes *reply)
{
	bool is_get = text_is(head->method, "GET");

	if (text_is(head->path, "/sandbox/ai/served") && is_get) {
		served_report(served, head->query, reply);
		return 200;
	}
	if (text_is(head->path, "/sandbox/ai/served") && text_is(head->method, "DELETE")) {
		served_reset(served);
		bytes_str(reply, "{\"ok\":true}");
		return 200;
	}
	if (text_is(head->path, "/v1/models") && is_get) {
		write_models(head->version.length > 0, reply);
		return 200;
	}
	if (text_is(head->path, "/health") && is_get) {
		bytes_str(reply, "{\"status\":\"ok\"}");
		return 200;
	}
	bytes_str(reply, "{\"error\":{\"message\":\"Invalid URL\",\"type\":"
			 "\"invalid_request_error\",\"param\":null,\"code\":null}}");
	return 404;
}

const struct dialect *route(
	const struct http_head *head, struct served *served, struct bytes *reply, int *ret_status)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (text_is(head->path, rows[i].path) && text_is(head->method, "POST"))
			return rows[i].dialect;
	*ret_status = plain(head, served, reply);
	return NULL;
}
