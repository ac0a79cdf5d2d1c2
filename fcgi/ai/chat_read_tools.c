/* Reads the tools of a chat, the choice among them, and the calls of earlier answers. */
#include <string.h>

#include "../core/str.h"
#include "body.h"

enum { TOOLS_MAX = 128, NAME_MAX_BYTES = 64, CALLS_MAX = 256 };

/* A member "name" of [A-Za-z0-9_-]{1,64}. */
static const char *read_name(struct body *b, struct json_object *object, const struct place *at)
{
	const char *name = body_text(b, object, at, "name", REQUIRED);

	if (name == NULL)
		return NULL;
	size_t length = strlen(name);
	if (length > 0 && length <= NAME_MAX_BYTES && base64url_span(name) == length)
		return name;
	body_fault(b, &(struct place){.parent = at, .member = "name"}, "pattern");
	return NULL;
}

/* {"type":"function","function":{...}}: the inner object. Without a type it is one, too. */
static struct json_object *read_function(
	struct body *b, struct json_object *object, const struct place *at)
{
	static const char *const types[] = {"function"};

	if (!json_object_is_type(object, json_type_object)) {
		body_fault(b, at, "object");
		return NULL;
	}
	body_word(b, object, at, "type", OPTIONAL, types, ARRAY_LEN(types));
	return body_member(b, object, at, "function", json_type_object, REQUIRED);
}

static void read_tool(struct body *b, struct json_object *item, const struct place *at,
	struct chat_tool *ret, struct chat *chat)
{
	const struct place here = {.parent = at, .member = "function"};
	struct json_object *function = read_function(b, item, at);

	if (function == NULL)
		return;
	ret->name = read_name(b, function, &here);
	ret->description = body_text(b, function, &here, "description", OPTIONAL);
	ret->strict = body_bool(b, function, &here, "strict");
	struct json_object *parameters =
		body_member(b, function, &here, "parameters", json_type_object, OPTIONAL);
	if (parameters != NULL)
		ret->parameters = body_json(parameters);
	chat->input_bytes += MESSAGE_BYTES;
	chat->input_bytes += ret->name != NULL ? (i64)strlen(ret->name) : 0;
	chat->input_bytes += ret->description != NULL ? (i64)strlen(ret->description) : 0;
	chat->input_bytes += ret->parameters != NULL ? (i64)strlen(ret->parameters) : 0;
}

static bool tool_is_known(const struct chat *chat, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (chat->tool[i].name != NULL && strcmp(chat->tool[i].name, name) == 0)
			return true;
	return false;
}

static void read_tools(struct body *b, struct json_object *body, struct chat *ret)
{
	const struct place at = {.member = "tools"};
	struct json_object *list = body_member(b, body, NULL, "tools", json_type_array, OPTIONAL);

	if (list == NULL)
		return;
	size_t n = json_object_array_length(list);
	if (n > TOOLS_MAX) {
		body_fault_limit(b, &at, "max", TOOLS_MAX);
		return;
	}
	struct chat_tool *tool = arena_array(b->arena, struct chat_tool, n);
	ret->tool = tool;
	for (size_t i = 0; i < n; i++) {
		const struct place here = {.parent = &at, .index = i};
		read_tool(b, json_object_array_get_idx(list, i), &here, &tool[i], ret);
		if (tool[i].name != NULL && tool_is_known(ret, i, tool[i].name))
			body_fault(b, &here, "unique");
	}
	ret->n_tools = n;
}

static void read_named_choice(
	struct body *b, struct json_object *choice, const struct place *at, struct chat *ret)
{
	const struct place here = {.parent = at, .member = "function"};
	struct json_object *function = read_function(b, choice, at);

	ret->tool_choice = CHOICE_NAMED;
	if (function == NULL)
		return;
	ret->tool_choice_name = read_name(b, function, &here);
	if (ret->tool_choice_name != NULL &&
		!tool_is_known(ret, ret->n_tools, ret->tool_choice_name))
		body_fault(b, &(struct place){.parent = &here, .member = "name"}, "values");
}

static void read_choice(struct body *b, struct json_object *body, struct chat *ret)
{
	static const char *const words[] = {"auto", "none", "required"};
	static const enum tool_choice choices[] = {CHOICE_AUTO, CHOICE_NONE, CHOICE_REQUIRED};
	const struct place at = {.member = "tool_choice"};
	struct json_object *choice = NULL;

	if (!json_object_object_get_ex(body, "tool_choice", &choice) || choice == NULL)
		return;
	if (json_object_is_type(choice, json_type_object)) {
		read_named_choice(b, choice, &at, ret);
		return;
	}
	int word = body_word(b, body, NULL, "tool_choice", OPTIONAL, words, ARRAY_LEN(words));
	if (word < 0)
		return;
	ret->tool_choice = choices[word];
	if (ret->tool_choice == CHOICE_REQUIRED && ret->n_tools == 0)
		body_fault(b, &at, "values");
}

void chat_read_tools(struct body *b, struct json_object *body, struct chat *ret)
{
	read_tools(b, body, ret);
	read_choice(b, body, ret);
	ret->parallel_tool_calls = body_bool(b, body, NULL, "parallel_tool_calls");
}

static void read_call(struct body *b, struct json_object *item, const struct place *at,
	struct tool_call *ret, i64 *input_bytes)
{
	const struct place here = {.parent = at, .member = "function"};
	struct json_object *function = read_function(b, item, at);

	if (function == NULL)
		return;
	ret->id = body_text(b, item, at, "id", REQUIRED);
	ret->name = read_name(b, function, &here);
	ret->arguments = body_text(b, function, &here, "arguments", REQUIRED);
	*input_bytes += MESSAGE_BYTES;
	*input_bytes += ret->name != NULL ? (i64)strlen(ret->name) : 0;
	*input_bytes += ret->arguments != NULL ? (i64)strlen(ret->arguments) : 0;
}

void chat_read_calls(struct body *b, struct json_object *message, const struct place *at,
	struct chat_message *ret, i64 *input_bytes)
{
	const struct place here = {.parent = at, .member = "tool_calls"};
	struct json_object *list =
		body_member(b, message, at, "tool_calls", json_type_array, OPTIONAL);

	if (list == NULL)
		return;
	size_t n = json_object_array_length(list);
	if (n > CALLS_MAX) {
		body_fault_limit(b, &here, "max", CALLS_MAX);
		return;
	}
	struct tool_call *call = arena_array(b->arena, struct tool_call, n);
	for (size_t i = 0; i < n; i++) {
		const struct place item = {.parent = &here, .index = i};
		read_call(b, json_object_array_get_idx(list, i), &item, &call[i], input_bytes);
	}
	ret->call = call;
	ret->n_calls = n;
}
