/* The routes of the proxy for Anthropic's clients, and the shapes of their bodies for the OpenAPI
 * document: what the proxy needs to know is read by fcgi/ai/anthropic_client.c, the rest passes. */
#include "../../fcgi/http/dialect.h"
#include "../../fcgi/http/route.h"
#include "anthropic.h"

enum { BODY_BYTES = 20 * 1024 * 1024 };

struct anthropic_messages_in {
	const char *model, *messages, *system, *stop_sequences, *tools, *tool_choice, *thinking;
	const char *output_config, *metadata, *service_tier, *temperature, *top_p, *top_k;
	struct opt_i64 max_tokens;
	struct opt_bool stream;
};
SCHEMA(anthropic_messages_in,
	STR(anthropic_messages_in, model, REQUIRED, DOC("An id or alias of GET /v1/models")),
	OPT_I64(anthropic_messages_in, max_tokens, REQUIRED, .min = 1, .max = INT64_MAX,
		DOC("At most what the model can; a larger number is lowered to that")),
	JSON(anthropic_messages_in, messages, REQUIRED, DOC("As Anthropic's Messages API has it")),
	JSON(anthropic_messages_in, system, DOC("Text, or text blocks")),
	OPT_BOOL(anthropic_messages_in, stream, DOC("Answer with server-sent events")),
	JSON(anthropic_messages_in, tools), JSON(anthropic_messages_in, tool_choice),
	JSON(anthropic_messages_in, thinking), JSON(anthropic_messages_in, output_config),
	JSON(anthropic_messages_in, stop_sequences), JSON(anthropic_messages_in, metadata),
	STR(anthropic_messages_in, service_tier), JSON(anthropic_messages_in, temperature),
	JSON(anthropic_messages_in, top_p), JSON(anthropic_messages_in, top_k));

struct anthropic_message {
	const char *id, *type, *role, *model, *content, *stop_reason, *stop_sequence, *usage;
};
SCHEMA(anthropic_message, STR(anthropic_message, id, REQUIRED),
	STR(anthropic_message, type, REQUIRED, .values = "message"),
	STR(anthropic_message, role, REQUIRED, .values = "assistant"),
	STR(anthropic_message, model, REQUIRED, DOC("As the provider calls it")),
	JSON(anthropic_message, content, REQUIRED, DOC("Text, thinking and tool_use blocks")),
	STR(anthropic_message, stop_reason, REQUIRED, NULLABLE),
	STR(anthropic_message, stop_sequence, REQUIRED, NULLABLE),
	JSON(anthropic_message, usage, DOC("Tokens by class, as the provider counts them")));

struct anthropic_count_in {
	const char *model, *messages, *system, *tools, *tool_choice, *thinking;
};
SCHEMA(anthropic_count_in,
	STR(anthropic_count_in, model, REQUIRED, DOC("An id or alias of GET /v1/models")),
	JSON(anthropic_count_in, messages, REQUIRED, DOC("As Anthropic's Messages API has it")),
	JSON(anthropic_count_in, system), JSON(anthropic_count_in, tools),
	JSON(anthropic_count_in, tool_choice), JSON(anthropic_count_in, thinking));

struct anthropic_count {
	i64 input_tokens;
};
SCHEMA(anthropic_count, I64(anthropic_count, input_tokens, REQUIRED));

static const struct route routes[] = {
	ROUTE(POST, "/api/anthropic/v1/messages", ANTHROPIC, AI, STREAM | RAW_BODY,
		anthropic_messages, IN(anthropic_messages_in), OUT(anthropic_message), 200,
		"Talk to a model by Anthropic's Messages API, metered", .body_bytes = BODY_BYTES,
		ERRORS(E_INSUFFICIENT_BALANCE, E_PLAN_REQUIRED, E_MODEL_NOT_FOUND, E_UPSTREAM_ERROR,
			E_UPSTREAM_OVERLOADED, E_UPSTREAM_TIMEOUT)),
	ROUTE(POST, "/api/anthropic/v1/messages/count_tokens", ANTHROPIC, AI, RAW_BODY,
		anthropic_count_tokens, IN(anthropic_count_in), OUT(anthropic_count), 200,
		"Count the tokens of a message; free", .body_bytes = BODY_BYTES,
		ERRORS(E_PLAN_REQUIRED, E_MODEL_NOT_FOUND, E_UPSTREAM_ERROR, E_UPSTREAM_OVERLOADED,
			E_UPSTREAM_TIMEOUT)),
};

static const char *const prefixes[] = {"/api/anthropic/", NULL};

const struct family anthropic_family = {
	.name = "anthropic",
	.title = "Proxy for Anthropic's clients",
	.prefix = prefixes,
	.dialect = &dialect_messages,
	.pool = POOL_AI,
	.untyped_json = true,
	.cors_allow = "X-Api-Key, Anthropic-Version, Anthropic-Beta, "
		      "Anthropic-Dangerous-Direct-Browser-Access",
	.cors_expose = "Request-Id, X-Request-Id, Retry-After, X-Should-Retry, X-Turnpike-Hold, "
		       "X-Turnpike-Receipt, X-Turnpike-Cost",
	.route = routes,
	.n_routes = ARRAY_LEN(routes),
	.authenticate = anthropic_authenticate,
};
