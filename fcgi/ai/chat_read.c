/* Reads POST /v1/chat/completions (gateway.md 2.1): the messages, and all but the tools. */
#include <string.h>
#include <strings.h>

#include "body.h"

enum { MESSAGES_MAX = 2000, PARTS_MAX = 2000 };

static const char *const image_types[] = {"image/png", "image/jpeg", "image/gif", "image/webp"};

static bool is_base64(const char *text, size_t length)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	bool known[256] = {false};
	size_t n = length;

	for (size_t i = 0; i < sizeof(alphabet) - 1; i++)
		known[(unsigned char)alphabet[i]] = true;
	while (n > 0 && length - n < 2 && text[n - 1] == '=')
		n--;
	for (size_t i = 0; i < n; i++)
		if (!known[(unsigned char)text[i]])
			return false;
	return n > 0 && length % 4 == 0;
}

/* data:image/png;base64,... as a part; NULL, or what is wrong. */
static const char *read_data_url(const char *url, size_t length, struct chat_part *ret)
{
	const char *type = url + strlen("data:"), *comma = strchr(type, ',');
	const char *mark = ";base64";

	if (comma == NULL || (size_t)(comma - type) < strlen(mark) ||
		strncasecmp(comma - strlen(mark), mark, strlen(mark)) != 0)
		return "base64";
	size_t type_length = strcspn(type, ";");
	for (size_t i = 0; i < ARRAY_LEN(image_types); i++)
		if (type_length == strlen(image_types[i]) &&
			strncasecmp(type, image_types[i], type_length) == 0)
			ret->media_type = image_types[i];
	if (ret->media_type == NULL && strncasecmp(type, "image/jpg;", 10) == 0)
		ret->media_type = "image/jpeg";
	if (ret->media_type == NULL)
		return "media_type";
	ret->kind = PART_IMAGE_DATA;
	ret->text = comma + 1;
	ret->length = length - (size_t)(comma + 1 - url);
	return is_base64(ret->text, ret->length) ? NULL : "base64";
}

static void read_image(
	struct body *b, struct json_object *part, const struct place *at, struct chat_part *ret)
{
	const struct place here = {.parent = at, .member = "image_url"};
	const struct place there = {.parent = &here, .member = "url"};
	struct json_object *image =
		body_member(b, part, at, "image_url", json_type_object, REQUIRED);

	if (image == NULL)
		return;
	struct json_object *value = body_member(b, image, &here, "url", json_type_string, REQUIRED);
	ret->detail = body_text(b, image, &here, "detail", OPTIONAL);
	if (value == NULL)
		return;
	const char *url = json_object_get_string(value);
	size_t length = (size_t)json_object_get_string_len(value);
	if (strncasecmp(url, "data:", 5) == 0) {
		const char *rule = read_data_url(url, length, ret);
		if (rule != NULL)
			body_fault(b, &there, rule);
		return;
	}
	if (strncasecmp(url, "https://", 8) != 0 || url[8] == '\0')
		body_fault(b, &there, "url");
	ret->kind = PART_IMAGE_URL;
	ret->text = url;
	ret->length = length;
}

static void set_text(struct chat_part *part, struct json_object *text)
{
	*part = (struct chat_part){
		.kind = PART_TEXT,
		.text = json_object_get_string(text),
		.length = (size_t)json_object_get_string_len(text),
	};
}

static void read_part(struct body *b, struct json_object *part, const struct place *at,
	enum chat_role role, struct chat_part *ret)
{
	struct json_object *text = NULL;

	if (!json_object_is_type(part, json_type_object)) {
		body_fault(b, at, "object");
		return;
	}
	const char *type = body_text(b, part, at, "type", REQUIRED);
	if (type == NULL)
		return;
	if (strcmp(type, "text") == 0)
		text = body_member(b, part, at, "text", json_type_string, REQUIRED);
	else if (strcmp(type, "refusal") == 0 && role == ROLE_ASSISTANT)
		text = body_member(b, part, at, "refusal", json_type_string, REQUIRED);
	else if (strcmp(type, "image_url") == 0 && role == ROLE_USER)
		read_image(b, part, at, ret);
	else
		body_fault(b, &(struct place){.parent = at, .member = "type"}, "values");
	if (text != NULL)
		set_text(ret, text);
}

static void read_parts(struct body *b, struct json_object *content, const struct place *at,
	struct chat_message *ret)
{
	size_t n = json_object_array_length(content);

	if (n == 0 && ret->n_calls > 0)
		return;
	if (n == 0 || n > PARTS_MAX) {
		body_fault_limit(b, at, n == 0 ? "min" : "max", n == 0 ? 1 : PARTS_MAX);
		return;
	}
	struct chat_part *part = arena_array(b->arena, struct chat_part, n);
	for (size_t i = 0; i < n; i++) {
		const struct place here = {.parent = at, .index = i};
		read_part(b, json_object_array_get_idx(content, i), &here, ret->role, &part[i]);
	}
	ret->part = part;
	ret->n_parts = n;
}

static void read_content(struct body *b, struct json_object *message, const struct place *at,
	struct chat_message *ret)
{
	const struct place here = {.parent = at, .member = "content"};
	struct json_object *content = NULL;

	/* A refusal of ours comes back with null beside it. */
	if ((!json_object_object_get_ex(message, "content", &content) || content == NULL) &&
		ret->role == ROLE_ASSISTANT)
		content = body_member(b, message, at, "refusal", json_type_string, OPTIONAL);
	if (content == NULL) {
		if (ret->n_calls == 0)
			body_fault(b, &here, "required");
		return;
	}
	if (json_object_is_type(content, json_type_array)) {
		read_parts(b, content, &here, ret);
		return;
	}
	if (!json_object_is_type(content, json_type_string)) {
		body_fault(b, &here, "string");
		return;
	}
	struct chat_part *part = arena_new(b->arena, struct chat_part);
	set_text(part, content);
	ret->part = part;
	ret->n_parts = part->length > 0 ? 1 : 0;
}

static void count_parts(const struct chat_message *m, struct chat *chat)
{
	for (size_t i = 0; i < m->n_parts; i++) {
		if (m->part[i].kind == PART_TEXT)
			chat->input_bytes += (i64)m->part[i].length;
		else
			chat->n_images++;
	}
	chat->input_bytes += MESSAGE_BYTES;
}

static void read_message(struct body *b, struct json_object *message, const struct place *at,
	struct chat_message *ret, struct chat *chat)
{
	static const char *const words[] = {"system", "developer", "user", "assistant", "tool"};
	static const enum chat_role roles[] = {
		ROLE_SYSTEM, ROLE_SYSTEM, ROLE_USER, ROLE_ASSISTANT, ROLE_TOOL};

	if (!json_object_is_type(message, json_type_object)) {
		body_fault(b, at, "object");
		return;
	}
	int word = body_word(b, message, at, "role", REQUIRED, words, ARRAY_LEN(words));
	if (word < 0)
		return;
	ret->role = roles[word];
	if (ret->role == ROLE_ASSISTANT)
		chat_read_calls(b, message, at, ret, &chat->input_bytes);
	if (ret->role == ROLE_TOOL)
		ret->tool_call_id = body_text(b, message, at, "tool_call_id", REQUIRED);
	read_content(b, message, at, ret);
	count_parts(ret, chat);
}

static void read_messages(struct body *b, struct json_object *body, struct chat *ret)
{
	const struct place at = {.member = "messages"};
	struct json_object *list =
		body_member(b, body, NULL, "messages", json_type_array, REQUIRED);

	if (list == NULL)
		return;
	size_t n = json_object_array_length(list);
	if (n == 0 || n > MESSAGES_MAX) {
		body_fault_limit(b, &at, n == 0 ? "min" : "max", n == 0 ? 1 : MESSAGES_MAX);
		return;
	}
	struct chat_message *message = arena_array(b->arena, struct chat_message, n);
	for (size_t i = 0; i < n; i++) {
		const struct place here = {.parent = &at, .index = i};
		read_message(b, json_object_array_get_idx(list, i), &here, &message[i], ret);
	}
	ret->message = message;
	ret->n_messages = n;
}

static void read_format(struct body *b, struct json_object *body, struct chat *ret)
{
	static const char *const words[] = {"text", "json_object", "json_schema"};
	const struct place at = {.member = "response_format"};
	const struct place inner = {.parent = &at, .member = "json_schema"};
	struct json_object *format =
		body_member(b, body, NULL, "response_format", json_type_object, OPTIONAL);

	if (format == NULL)
		return;
	int word = body_word(b, format, &at, "type", REQUIRED, words, ARRAY_LEN(words));
	ret->response_format = body_json(format);
	if (word <= 0)
		return;
	ret->format = word == 1 ? FORMAT_JSON_OBJECT : FORMAT_JSON_SCHEMA;
	if (ret->format == FORMAT_JSON_OBJECT)
		return;
	struct json_object *outer =
		body_member(b, format, &at, "json_schema", json_type_object, REQUIRED);
	struct json_object *schema =
		outer == NULL ? NULL
			      : body_member(b, outer, &inner, "schema", json_type_object, OPTIONAL);
	if (schema != NULL)
		ret->response_schema = body_json(schema);
	ret->input_bytes += (i64)strlen(ret->response_format);
}

int chat_read(struct arena *a, struct json_object *body, struct chat *ret, struct fail *fail)
{
	static const char *const modes[] = {"chat", "plan", "agent"};
	static const char *const efforts[] = {
		"none", "minimal", "low", "medium", "high", "xhigh", "max"};
	struct body b = {.arena = a, .fail = fail};

	*ret = (struct chat){0};
	if (!json_object_is_type(body, json_type_object)) {
		body_fault(&b, NULL, "object");
		return body_end(&b);
	}
	ret->model = body_text(&b, body, NULL, "model", REQUIRED);
	if (ret->model != NULL && ret->model[0] == '\0')
		body_fault(&b, &(struct place){.member = "model"}, "required");
	read_messages(&b, body, ret);
	chat_read_tools(&b, body, ret);
	body_sampling(&b, body, 0, &ret->sampling);
	body_stream(&b, body, &ret->is_stream, &ret->include_usage);
	int mode = body_word(&b, body, NULL, "mode", OPTIONAL, modes, ARRAY_LEN(modes));
	ret->mode = mode > 0 ? (enum chat_mode)mode : MODE_CHAT;
	read_format(&b, body, ret);
	int effort = body_word(
		&b, body, NULL, "reasoning_effort", OPTIONAL, efforts, ARRAY_LEN(efforts));
	ret->reasoning_effort = effort >= 0 ? efforts[effort] : NULL;
	ret->user = body_text(&b, body, NULL, "user", OPTIONAL);
	body_member(&b, body, NULL, "metadata", json_type_object, OPTIONAL);
	return body_end(&b);
}
