/* Answers of OpenAI-compatible upstreams, of which each one is compatible in its own way. */
#include "openai.h"
#include "upstream_error.h"

/* What was found in a chunk or a body; events are made of it when all of it was JSON. */
struct chunk {
	struct pull_text content; /* or text of a completion */
	struct pull_text parts;	  /* content as an array */
	struct pull_text reasoning, refusal, calls;
	struct pull_text finish;
	bool has_choices, has_usage, has_error;
	struct token_counts usage;
	struct upstream_error error;
};

/* A member of a delta, a message, or a choice of completions. */
static void pull_said(struct pull *p, const struct pull_text *name, struct chunk *c)
{
	struct pull_text reasoning;

	if (pull_is(name, "content") || pull_is(name, "text")) {
		if (pull_peek(p) == '[')
			pull_raw(p, &c->parts);
		else
			pull_string(p, &c->content);
	} else if (pull_is(name, "reasoning_content") || pull_is(name, "reasoning")) {
		if (pull_string(p, &reasoning) && reasoning.length > 0)
			c->reasoning = reasoning; /* both names are the same text */
	} else if (pull_is(name, "refusal")) {
		pull_string(p, &c->refusal);
	} else if (pull_is(name, "tool_calls") && pull_peek(p) == '[') {
		pull_raw(p, &c->calls);
	} else {
		pull_skip(p);
	}
}

static void pull_choice(struct pull *p, struct chunk *ret)
{
	struct chunk c = {0};
	struct pull_text name;
	i64 index = 0;

	if (!pull_object(p))
		return;
	while (pull_member(p, &name)) {
		if (pull_is(&name, "delta") || pull_is(&name, "message")) {
			for (bool more = pull_object(p); more && pull_member(p, &name);)
				pull_said(p, &name, &c);
		} else if (pull_is(&name, "finish_reason")) {
			pull_string(p, &c.finish);
		} else if (pull_is(&name, "index")) {
			pull_i64(p, &index);
		} else {
			pull_said(p, &name, &c);
		}
	}
	if (index == 0) {
		c.usage = ret->usage;
		c.has_usage = ret->has_usage;
		c.has_error = ret->has_error;
		c.error = ret->error;
		*ret = c;
	}
}

static void pull_choices(struct pull *p, struct chunk *ret)
{
	if (pull_array(p))
		while (pull_item(p))
			pull_choice(p, ret);
	ret->has_choices = true;
}

struct usage_raw {
	i64 prompt, completion, total, cached, cache_write, reasoning;
};

static void pull_details(struct pull *p, struct usage_raw *u)
{
	struct pull_text name;

	if (!pull_object(p))
		return;
	while (pull_member(p, &name)) {
		if (pull_is(&name, "cached_tokens"))
			answer_count(p, &u->cached);
		else if (pull_is(&name, "cache_write_tokens"))
			answer_count(p, &u->cache_write);
		else if (pull_is(&name, "reasoning_tokens"))
			answer_count(p, &u->reasoning);
		else
			pull_skip(p);
	}
}

static void pull_usage_member(struct pull *p, const struct pull_text *name, struct usage_raw *u)
{
	if (pull_is(name, "prompt_tokens") || pull_is(name, "input_tokens"))
		answer_count(p, &u->prompt);
	else if (pull_is(name, "completion_tokens") || pull_is(name, "output_tokens"))
		answer_count(p, &u->completion);
	else if (pull_is(name, "total_tokens"))
		answer_count(p, &u->total);
	else if (pull_is(name, "prompt_cache_hit_tokens") || pull_is(name, "cached_tokens"))
		answer_count(p, &u->cached);
	else if (pull_is(name, "prompt_tokens_details") ||
		 pull_is(name, "completion_tokens_details") ||
		 pull_is(name, "input_tokens_details") || pull_is(name, "output_tokens_details"))
		pull_details(p, u);
	else
		pull_skip(p);
}

static void pull_usage(struct pull *p, struct chunk *c)
{
	struct usage_raw u = {.prompt = -1, .completion = -1};
	struct pull_text name;

	if (!pull_object(p))
		return;
	while (pull_member(p, &name))
		pull_usage_member(p, &name, &u);
	if (u.prompt < 0 && u.completion < 0)
		return;
	u.prompt = u.prompt < 0 ? 0 : u.prompt;
	u.completion = u.completion < 0 ? 0 : u.completion;
	/* xAI counts reasoning beside the completion, all others within. */
	if (u.reasoning > 0 && u.total == u.prompt + u.completion + u.reasoning)
		u.completion += u.reasoning;
	/* Parts of the prompt: never more than all of it. */
	u.cached = u.cached < u.prompt ? u.cached : u.prompt;
	i64 rest = u.prompt - u.cached;
	u.cache_write = u.cache_write < rest ? u.cache_write : rest;
	c->has_usage = true;
	c->usage = (struct token_counts){
		.input = rest - u.cache_write,
		.cached = u.cached,
		.cache_write = u.cache_write,
		.output = u.completion,
		.reasoning = u.reasoning,
	};
}

static void pull_chunk(struct pull *p, struct chunk *c)
{
	struct pull_text name;

	if (!pull_object(p))
		return;
	while (pull_member(p, &name)) {
		if (pull_is(&name, "choices")) {
			pull_choices(p, c);
		} else if (pull_is(&name, "usage")) {
			pull_usage(p, c);
		} else if (pull_is(&name, "x_groq")) {
			for (bool more = pull_object(p); more && pull_member(p, &name);)
				pull_is(&name, "usage") ? pull_usage(p, c) : pull_skip(p);
		} else if (pull_is(&name, "error") && pull_peek(p) != 'n') {
			c->has_error = true;
			upstream_error_pull(p, &c->error);
		} else {
			pull_skip(p);
		}
	}
}

struct call_chunk {
	i64 index;
	struct pull_text id, name, arguments;
};

static void pull_function(struct pull *p, struct call_chunk *c)
{
	struct pull_text name;

	if (!pull_object(p))
		return;
	while (pull_member(p, &name)) {
		if (pull_is(&name, "name"))
			pull_string(p, &c->name);
		else if (!pull_is(&name, "arguments"))
			pull_skip(p);
		else if (pull_peek(p) == '{')
			pull_raw(p, &c->arguments); /* some forget to make it a string */
		else
			pull_string(p, &c->arguments);
	}
}

static bool is_same_id(const char *known, const struct pull_text *id)
{
	return id->length == 0 ||
	       (strlen(known) == id->length && memcmp(known, id->at, id->length) == 0);
}

/* Which call a fragment belongs to. An index that is missing means a new call when it brings a new
 * id, else the last one; a new id under an old index is a new call, too. */
static int emit_call(struct answer_reader *r, struct call_chunk *c)
{
	size_t k = r->n_calls;

	if (c->index >= 0)
		k = answer_call_of(r, c->index);
	else if (k > 0)
		k--;
	bool is_new = k == r->n_calls;
	if (!is_new && c->id.at != NULL && !c->id.is_escaped)
		is_new = !is_same_id(r->call[k].id, &c->id);
	if (is_new) {
		k = r->n_calls;
		TRY(answer_tool(r, c->index, &c->id, &c->name));
	}
	return answer_text(r, EVENT_TOOL_INPUT, k, &c->arguments);
}

static int emit_calls(struct answer_reader *r, const struct pull_text *calls)
{
	struct pull_text name;
	struct pull p;

	if (calls->at == NULL)
		return 0;
	pull_init(&p, calls->at, calls->length);
	for (pull_array(&p); pull_item(&p);) {
		struct call_chunk c = {.index = -1};
		if (!pull_object(&p))
			continue;
		while (pull_member(&p, &name)) {
			if (pull_is(&name, "index"))
				pull_i64(&p, &c.index);
			else if (pull_is(&name, "id"))
				pull_string(&p, &c.id);
			else if (pull_is(&name, "function"))
				pull_function(&p, &c);
			else
				pull_skip(&p);
		}
		TRY(emit_call(r, &c));
	}
	return 0;
}

/* Mistral: [{"type":"thinking","thinking":[{"type":"text","text":..}]},{"type":"text",..}]. */
static int emit_parts(struct answer_reader *r, const struct pull_text *parts, bool is_thinking)
{
	struct pull_text name;
	struct pull p;

	if (parts->at == NULL)
		return 0;
	pull_init(&p, parts->at, parts->length);
	for (pull_array(&p); pull_item(&p);) {
		struct pull_text text = {0}, thinking = {0};
		if (!pull_object(&p))
			continue;
		while (pull_member(&p, &name)) {
			if (pull_is(&name, "text"))
				pull_string(&p, &text);
			else if (pull_is(&name, "thinking") && pull_peek(&p) == '[' && !is_thinking)
				pull_raw(&p, &thinking);
			else
				pull_skip(&p);
		}
		TRY(emit_parts(r, &thinking, true));
		TRY(answer_text(r, is_thinking ? EVENT_REASONING : EVENT_TEXT, 0, &text));
	}
	return 0;
}

static const struct {
	const char *reason;
	enum finish finish;
} reasons[] = {
	{"stop", FINISH_STOP},
	{"length", FINISH_LENGTH},
	{"tool_calls", FINISH_TOOL_CALLS},
	{"content_filter", FINISH_CONTENT_FILTER},
	{"function_call", FINISH_TOOL_CALLS},
	{"max_tokens", FINISH_LENGTH},
	{"model_length", FINISH_LENGTH},
	{"tool_use", FINISH_TOOL_CALLS},
	{"safety", FINISH_CONTENT_FILTER},
	{"sensitive", FINISH_CONTENT_FILTER},
};

/* Reasons that mean the answer is not whole through the provider's fault. */
static const char *const failures[] = {"error", "insufficient_system_resource", "network_error"};

static int emit_finish(struct answer_reader *r, const struct pull_text *reason)
{
	if (reason->at == NULL || reason->length == 0)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(failures); i++)
		if (pull_is(reason, failures[i]))
			return answer_error(r, &(struct pull_text){0}, 0);
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		if (pull_is(reason, reasons[i].reason))
			return answer_finish(r, reasons[i].finish);
	return answer_finish(r, FINISH_STOP);
}

static int emit_chunk(struct answer_reader *r, const struct chunk *c)
{
	if (c->has_choices)
		TRY(answer_start(r));
	if (c->has_usage) {
		r->usage = c->usage;
		TRY(answer_usage(r));
	}
	if (c->has_error)
		return answer_error(r, &c->error.message, c->error.status);
	TRY(answer_text(r, EVENT_REASONING, 0, &c->reasoning));
	TRY(answer_text(r, EVENT_TEXT, 0, &c->content));
	TRY(emit_parts(r, &c->parts, false));
	TRY(answer_text(r, EVENT_REFUSAL, 0, &c->refusal));
	TRY(emit_calls(r, &c->calls));
	return emit_finish(r, &c->finish);
}

static int read_chunk(struct answer_reader *r, const char *data, size_t length, struct chunk *ret)
{
	struct pull p;

	pull_init(&p, data, length);
	bool is_object = pull_peek(&p) == '{';
	pull_chunk(&p, ret);
	if (!pull_end(&p) || !is_object)
		return answer_garbage(r, &p);
	return 0;
}

static int read_frame(
	struct answer_reader *r, const struct pull_text *name, const char *data, size_t length)
{
	struct chunk chunk = {0};

	if (pull_is(&(struct pull_text){data, length, false}, "[DONE]"))
		return answer_done(r);
	TRY(read_chunk(r, data, length, &chunk));
	if (pull_is(name, "error") && !chunk.has_error && !chunk.has_choices)
		return answer_error(r, &(struct pull_text){0}, 0);
	return emit_chunk(r, &chunk);
}

static int read_whole(struct answer_reader *r, const char *body, size_t length)
{
	struct chunk chunk = {0};

	TRY(read_chunk(r, body, length, &chunk));
	if (!chunk.has_choices && !chunk.has_error)
		return fail_cause(r->fail, E_UPSTREAM_ERROR, "an answer without choices");
	TRY(emit_chunk(r, &chunk));
	return r->is_ended ? 0 : answer_done(r);
}

const struct answer_decoder openai_decoder = {read_frame, read_whole};
