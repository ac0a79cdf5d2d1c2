/* Reads POST /v1/completions (gateway.md 2.5). */
#include <string.h>

#include "body.h"

enum { MAX_TOKENS = 512, CONTEXT_MAX = 64 };
/* What a chat model is told of its task, rounded up (fim_prompt.c). */
enum { TASK_BYTES = 640 };

static void count(struct fim *fim, const char *text)
{
	if (text != NULL)
		fim->input_bytes += (i64)strlen(text);
}

static void read_context(struct body *b, struct json_object *body, struct fim *ret)
{
	const struct place at = {.member = "context"};
	struct json_object *list = body_member(b, body, NULL, "context", json_type_array, OPTIONAL);

	if (list == NULL)
		return;
	size_t n = json_object_array_length(list);
	if (n > CONTEXT_MAX) {
		body_fault_limit(b, &at, "max", CONTEXT_MAX);
		return;
	}
	struct fim_context *context = arena_array(b->arena, struct fim_context, n);
	for (size_t i = 0; i < n; i++) {
		const struct place here = {.parent = &at, .index = i};
		struct json_object *item = json_object_array_get_idx(list, i);
		if (!json_object_is_type(item, json_type_object)) {
			body_fault(b, &here, "object");
			continue;
		}
		context[i].path = body_text(b, item, &here, "path", REQUIRED);
		context[i].content = body_text(b, item, &here, "content", REQUIRED);
		count(ret, context[i].path);
		count(ret, context[i].content);
		ret->input_bytes += MESSAGE_BYTES;
	}
	ret->context = context;
	ret->n_context = n;
}

/* prefix, or prompt as OpenAI calls it; it may be empty when there is a suffix. */
static void read_around(struct body *b, struct json_object *body, struct fim *ret)
{
	const struct place at = {.member = "prefix"};
	struct json_object *prefix = NULL;
	bool is_prompt = !json_object_object_get_ex(body, "prefix", &prefix) || prefix == NULL;

	if (is_prompt && json_object_object_get(body, "prompt") == NULL)
		body_fault(b, &at, "required");
	ret->prefix = body_text(b, body, NULL, is_prompt ? "prompt" : "prefix", OPTIONAL);
	ret->suffix = body_text(b, body, NULL, "suffix", OPTIONAL);
	if (ret->suffix == NULL)
		ret->suffix = "";
	if (ret->prefix != NULL && ret->prefix[0] == '\0' && ret->suffix[0] == '\0')
		body_fault_limit(
			b, &(struct place){.member = is_prompt ? "prompt" : "prefix"}, "min", 1);
}

int fim_read(struct arena *a, struct json_object *body, struct fim *ret, struct fail *fail)
{
	struct body b = {.arena = a, .fail = fail};

	*ret = (struct fim){.input_bytes = TASK_BYTES};
	if (!json_object_is_type(body, json_type_object)) {
		body_fault(&b, NULL, "object");
		return body_end(&b);
	}
	ret->model = body_text(&b, body, NULL, "model", REQUIRED);
	if (ret->model != NULL && ret->model[0] == '\0')
		body_fault(&b, &(struct place){.member = "model"}, "required");
	read_around(&b, body, ret);
	ret->language = body_text(&b, body, NULL, "language", OPTIONAL);
	ret->path = body_text(&b, body, NULL, "path", OPTIONAL);
	read_context(&b, body, ret);
	body_sampling(&b, body, MAX_TOKENS, &ret->sampling);
	body_stream(&b, body, &ret->is_stream, &ret->include_usage);
	count(ret, ret->prefix);
	count(ret, ret->suffix);
	count(ret, ret->language);
	count(ret, ret->path);
	return body_end(&b);
}
