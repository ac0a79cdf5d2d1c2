/* Reads the bodies of all dialects: model, options, length of the prompt, and the directive, which
 * is that of the last user message that has text. */
#include "ask.h"

#include <stdio.h>
#include <string.h>

#include "scan.h"

struct reading {
	struct ask *ask;
	const char *complaint;
	struct text user_content; /* the last user message's that has text; raw JSON */
	struct text prompt;	  /* a FIM call's, likewise */
	bool is_answered;	  /* by a tool, after that message */
	bool has_messages, has_sampling;
};

/* One message, and within it one part; the same for both. */
struct message {
	struct reading *reading;
	struct text role, content, type;
	bool has_text, has_tool_result;
};

static bool complain(struct reading *r, const char *text)
{
	if (r->complaint == NULL)
		r->complaint = text;
	return true;
}

/* A string of the prompt. */
static bool take_text(struct scan *s, struct reading *r, struct text *ret)
{
	if (!scan_string(s, ret))
		return false;
	r->ask->text_bytes += scan_string_bytes(*ret);
	return true;
}

static bool take_content(struct scan *s, struct message *m);

static bool visit_part_member(struct scan *s, struct text key, void *context)
{
	struct message *part = context;
	struct text text;

	if (text_is(key, "type") && scan_peek(s) == '"')
		return scan_string(s, &part->type);
	if (text_is(key, "text") && scan_peek(s) == '"') {
		if (!take_text(s, part->reading, &text))
			return false;
		part->has_text = part->has_text || text.length > 0;
		return true;
	}
	if (text_is(key, "content")) { /* of a tool's result */
		struct message inner = {.reading = part->reading};
		return take_content(s, &inner);
	}
	return scan_skip(s, NULL);
}

static bool visit_part(struct scan *s, struct text key, void *context)
{
	struct message *m = context, part = {.reading = m->reading};

	(void)key;
	if (scan_peek(s) != '{')
		return scan_skip(s, NULL);
	if (!scan_object(s, visit_part_member, &part))
		return false;
	m->has_tool_result = m->has_tool_result || text_is(part.type, "tool_result");
	m->has_text = m->has_text || part.has_text;
	return true;
}

/* A string, a list of parts, or null. */
static bool take_content(struct scan *s, struct message *m)
{
	struct text text;

	switch (scan_peek(s)) {
	case '"':
		if (!take_text(s, m->reading, &text))
			return false;
		m->has_text = true;
		return true;
	case '[':
		return scan_array(s, visit_part, m);
	default:
		return scan_skip(s, NULL);
	}
}

static bool visit_message_member(struct scan *s, struct text key, void *context)
{
	struct message *m = context;

	if (text_is(key, "role") && scan_peek(s) == '"')
		return scan_string(s, &m->role);
	if (!text_is(key, "content"))
		return scan_skip(s, NULL);
	scan_peek(s);
	m->content.data = s->at;
	bool ok = take_content(s, m);
	m->content.length = (size_t)(s->at - m->content.data);
	return ok;
}

static bool visit_message(struct scan *s, struct text key, void *context)
{
	struct reading *r = context;
	struct message m = {.reading = r};

	(void)key;
	if (!scan_object(s, visit_message_member, &m))
		return false;
	if (m.role.length == 0)
		return complain(r, "a message without a role");
	if (r->ask->kind != ASK_CHAT && !text_is(m.role, "user") && !text_is(m.role, "assistant"))
		return complain(r, "messages: role must be user or assistant");
	if (text_is(m.role, "user") && m.has_text) {
		r->user_content = m.content;
		r->is_answered = false;
	} else if (text_is(m.role, "tool") || m.has_tool_result) {
		r->is_answered = true;
	}
	r->has_messages = true;
	return true;
}

static bool visit_stream_option(struct scan *s, struct text key, void *context)
{
	struct reading *r = context;

	if (text_is(key, "include_usage"))
		return scan_bool(s, &r->ask->has_usage_frame);
	return scan_skip(s, NULL);
}

/* What all dialects have in common; *ret_taken tells whether it was such a member. */
static bool take_common(struct scan *s, struct text key, struct reading *r, bool *ret_taken)
{
	struct text text;

	*ret_taken = true;
	if (text_is(key, "model") && scan_peek(s) == '"') {
		if (!scan_string(s, &text))
			return false;
		if (text.length >= ASK_MODEL_MAX)
			return complain(r, "model: too long");
		snprintf(r->ask->model, ASK_MODEL_MAX, "%.*s", (int)text.length, text.data);
		return true;
	}
	if (text_is(key, "stream"))
		return scan_bool(s, &r->ask->is_stream);
	if (text_is(key, "max_tokens") || text_is(key, "max_completion_tokens") ||
		text_is(key, "n_predict"))
		return scan_i64(s, &r->ask->max_tokens);
	if (text_is(key, "stream_options") && scan_peek(s) == '{')
		return scan_object(s, visit_stream_option, r);
	if (text_is(key, "temperature") || text_is(key, "top_p") || text_is(key, "top_k"))
		r->has_sampling = true;
	*ret_taken = false;
	return true;
}

static bool visit_member(struct scan *s, struct text key, void *context)
{
	struct reading *r = context;
	bool is_fim = r->ask->kind == ASK_FIM, taken;

	if (!take_common(s, key, r, &taken))
		return false;
	if (taken)
		return true;
	if (!is_fim && text_is(key, "messages") && scan_peek(s) == '[')
		return scan_array(s, visit_message, r);
	if (!is_fim && text_is(key, "system")) {
		struct message system = {.reading = r};
		return take_content(s, &system);
	}
	if (is_fim && scan_peek(s) == '"' &&
		(text_is(key, "prompt") || text_is(key, "prefix") || text_is(key, "input_prefix") ||
			text_is(key, "suffix") || text_is(key, "input_suffix"))) {
		struct text text;
		if (!take_text(s, r, &text))
			return false;
		if (text_find(text, "[[sandbox:") != NULL)
			r->prompt = text;
		r->has_messages = true;
		return true;
	}
	return scan_skip(s, NULL);
}

/* Rules that providers have and that a translation is easily wrong about. */
static const char *check(const struct reading *r, struct text version)
{
	const struct ask *ask = r->ask;
	bool is_anthropic = ask->kind == ASK_MESSAGES || ask->kind == ASK_COUNT;

	if (r->complaint != NULL)
		return r->complaint;
	if (!r->has_messages)
		return ask->kind == ASK_FIM ? "prompt: Field required" : "messages: Field required";
	if (is_anthropic && version.length == 0)
		return "anthropic-version: header is required";
	if (ask->model[0] == '\0' && ask->kind != ASK_FIM)
		return "model: Field required";
	if (ask->kind == ASK_MESSAGES && ask->max_tokens <= 0)
		return "max_tokens: Field required, at least 1";
	if (is_anthropic && text_is(version, "2026-10-21") && r->has_sampling)
		return "temperature, top_p and top_k: not supported by this version";
	return NULL;
}

const char *ask_read(struct ask *ask, struct text body, struct text version)
{
	struct reading r = {.ask = ask};
	struct scan s = {.at = body.data, .end = body.data + body.length};

	plan_init(&ask->plan);
	if (body.length == 0 || !scan_is_utf8(body))
		return "the body is empty or not UTF-8";
	if (!scan_object(&s, visit_member, &r) || !scan_end(&s))
		return "the body is not a JSON object";
	const char *complaint = check(&r, version);
	if (complaint != NULL)
		return complaint;
	complaint = plan_read(&ask->plan, ask->kind == ASK_FIM ? r.prompt : r.user_content);
	if (r.is_answered) /* by a tool: the round trip ends with words */
		ask->plan.tool[0] = '\0';
	if (ask->max_tokens < 0)
		ask->max_tokens = 0; /* llama.cpp: -1 is no limit */
	return complaint;
}
