/* Answers of the Messages API: named events, or one message (upstreams.md 11.2). */
#include "anthropic_read.h"

#include "upstream_error.h"

/* A content block, or the delta of one. */
struct block {
	struct pull_text type, id, name, text, thinking, json, input;
};

struct frame {
	struct pull_text type, content, stop_reason;
	i64 index;
	bool has_usage;
	struct token_counts usage; /* begins as what was known */
	struct block block;
	struct upstream_error error;
};

static void pull_cache_creation(struct pull *p, struct token_counts *u)
{
	struct pull_text name;

	if (!pull_object(p))
		return;
	while (pull_member(p, &name)) {
		if (pull_is(&name, "ephemeral_1h_input_tokens"))
			answer_count(p, &u->cache_write_1h);
		else
			pull_skip(p);
	}
}

/* Counts are totals so far; one that is absent has not changed. */
static void pull_usage(struct pull *p, struct frame *f)
{
	struct token_counts *u = &f->usage;
	struct pull_text name;

	if (!pull_object(p))
		return;
	f->has_usage = true;
	while (pull_member(p, &name)) {
		if (pull_is(&name, "input_tokens"))
			answer_count(p, &u->input);
		else if (pull_is(&name, "output_tokens"))
			answer_count(p, &u->output);
		else if (pull_is(&name, "cache_creation_input_tokens"))
			answer_count(p, &u->cache_write);
		else if (pull_is(&name, "cache_read_input_tokens"))
			answer_count(p, &u->cached);
		else if (pull_is(&name, "cache_creation"))
			pull_cache_creation(p, u);
		else
			pull_skip(p);
	}
}

static void pull_block(struct pull *p, struct block *b, struct frame *f)
{
	struct pull_text name;

	if (!pull_object(p))
		return;
	while (pull_member(p, &name)) {
		if (pull_is(&name, "type"))
			pull_string(p, &b->type);
		else if (pull_is(&name, "text"))
			pull_string(p, &b->text);
		else if (pull_is(&name, "partial_json"))
			pull_string(p, &b->json);
		else if (pull_is(&name, "thinking"))
			pull_string(p, &b->thinking);
		else if (pull_is(&name, "id"))
			pull_string(p, &b->id);
		else if (pull_is(&name, "name"))
			pull_string(p, &b->name);
		else if (pull_is(&name, "input") && pull_peek(p) == '{')
			pull_raw(p, &b->input);
		else if (pull_is(&name, "stop_reason"))
			pull_string(p, &f->stop_reason);
		else
			pull_skip(p);
	}
}

/* A member of an event, or of the message that message_start or a whole answer is. */
static void pull_frame_member(struct pull *p, const struct pull_text *name, struct frame *f)
{
	if (pull_is(name, "index"))
		pull_i64(p, &f->index);
	else if (pull_is(name, "delta") || pull_is(name, "content_block"))
		pull_block(p, &f->block, f);
	else if (pull_is(name, "usage"))
		pull_usage(p, f);
	else if (pull_is(name, "stop_reason"))
		pull_string(p, &f->stop_reason);
	else if (pull_is(name, "content") && pull_peek(p) == '[')
		pull_raw(p, &f->content);
	else if (pull_is(name, "error"))
		upstream_error_pull(p, &f->error);
	else
		pull_skip(p);
}

static void pull_frame(struct pull *p, struct frame *f)
{
	struct pull_text name;

	if (!pull_object(p))
		return;
	while (pull_member(p, &name)) {
		if (pull_is(&name, "type")) {
			pull_string(p, &f->type);
		} else if (pull_is(&name, "message")) {
			for (bool more = pull_object(p); more && pull_member(p, &name);)
				pull_frame_member(p, &name, f);
		} else {
			pull_frame_member(p, &name, f);
		}
	}
}

static const struct {
	const char *reason;
	enum finish finish;
} reasons[] = {
	{"end_turn", FINISH_STOP},
	{"stop_sequence", FINISH_STOP},
	{"pause_turn", FINISH_STOP},
	{"max_tokens", FINISH_LENGTH},
	{"model_context_window_exceeded", FINISH_LENGTH},
	{"tool_use", FINISH_TOOL_CALLS},
	{"refusal", FINISH_CONTENT_FILTER},
};

static int emit_finish(struct answer_reader *r, const struct pull_text *reason)
{
	if (reason->at == NULL)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		if (pull_is(reason, reasons[i].reason))
			return answer_finish(r, reasons[i].finish);
	return answer_finish(r, FINISH_STOP);
}

static int emit_usage(struct answer_reader *r, const struct frame *f)
{
	if (!f->has_usage)
		return 0;
	r->usage = f->usage;
	return answer_usage(r);
}

static bool is_empty_object(const struct pull_text *json)
{
	return json->at == NULL || strspn(json->at + 1, " \t\r\n") + 2 == json->length;
}

/* Input that comes with the call itself, as in whole answers: nothing follows it. */
static int emit_input(struct answer_reader *r, size_t k, const struct pull_text *input)
{
	r->call[k].has_input = r->call[k].is_complete = true;
	return answer_text(r, EVENT_TOOL_INPUT, k, input);
}

static int emit_block_start(struct answer_reader *r, const struct frame *f)
{
	const struct block *b = &f->block;

	TRY(answer_text(r, EVENT_TEXT, 0, &b->text));
	TRY(answer_text(r, EVENT_REASONING, 0, &b->thinking));
	if (!pull_is(&b->type, "tool_use"))
		return 0;
	TRY(answer_tool(r, f->index, &b->id, &b->name));
	return is_empty_object(&b->input) ? 0 : emit_input(r, r->n_calls - 1, &b->input);
}

static int emit_delta(struct answer_reader *r, const struct frame *f)
{
	const struct block *b = &f->block;

	TRY(answer_text(r, EVENT_TEXT, 0, &b->text));
	TRY(answer_text(r, EVENT_REASONING, 0, &b->thinking));
	size_t k = answer_call_of(r, f->index);
	if (b->json.at == NULL || b->json.length == 0 || k == r->n_calls || r->call[k].is_complete)
		return 0;
	r->call[k].has_input = true;
	return answer_text(r, EVENT_TOOL_INPUT, k, &b->json);
}

static int emit_block_stop(struct answer_reader *r, const struct frame *f)
{
	static const struct pull_text empty = {"{}", 2, false};
	size_t k = answer_call_of(r, f->index);

	if (k == r->n_calls)
		return 0;
	if (!r->call[k].has_input)
		TRY(emit_input(r, k, &empty));
	r->call[k].is_complete = true;
	return 0;
}

static int emit_message_delta(struct answer_reader *r, const struct frame *f)
{
	TRY(emit_usage(r, f));
	return emit_finish(r, &f->stop_reason);
}

static int emit_message_start(struct answer_reader *r, const struct frame *f)
{
	TRY(answer_start(r));
	return emit_usage(r, f);
}

static int emit_message_stop(struct answer_reader *r, const struct frame *f)
{
	(void)f;
	return answer_done(r);
}

static int emit_error(struct answer_reader *r, const struct frame *f)
{
	return answer_error(r, &f->error.message, f->error.status);
}

/* The others (ping, and whatever is to come) say nothing. */
static const struct {
	const char *type;
	int (*emit)(struct answer_reader *r, const struct frame *f);
} events[] = {
	{"content_block_delta", emit_delta},
	{"message_start", emit_message_start},
	{"content_block_start", emit_block_start},
	{"content_block_stop", emit_block_stop},
	{"message_delta", emit_message_delta},
	{"message_stop", emit_message_stop},
	{"error", emit_error},
};

static int read_json(struct answer_reader *r, const char *data, size_t length, struct frame *ret)
{
	struct pull p;

	*ret = (struct frame){.usage = r->usage};
	pull_init(&p, data, length);
	bool is_object = pull_peek(&p) == '{';
	pull_frame(&p, ret);
	return pull_end(&p) && is_object ? 0 : answer_garbage(r, &p);
}

static int read_frame(
	struct answer_reader *r, const struct pull_text *name, const char *data, size_t length)
{
	struct frame f;

	TRY(read_json(r, data, length, &f));
	const struct pull_text *type = f.type.at != NULL ? &f.type : name;
	for (size_t i = 0; i < ARRAY_LEN(events); i++)
		if (pull_is(type, events[i].type))
			return events[i].emit(r, &f);
	return 0;
}

static int emit_whole_block(struct answer_reader *r, const struct block *b)
{
	static const struct pull_text empty = {"{}", 2, false};

	if (pull_is(&b->type, "text"))
		return answer_text(r, EVENT_TEXT, 0, &b->text);
	if (pull_is(&b->type, "thinking"))
		return answer_text(r, EVENT_REASONING, 0, &b->thinking);
	if (!pull_is(&b->type, "tool_use"))
		return 0;
	TRY(answer_tool(r, -1, &b->id, &b->name));
	return emit_input(r, r->n_calls - 1, b->input.at != NULL ? &b->input : &empty);
}

static int read_whole(struct answer_reader *r, const char *body, size_t length)
{
	struct frame f;
	struct pull p;

	TRY(read_json(r, body, length, &f));
	if (pull_is(&f.type, "error"))
		return answer_error(r, &f.error.message, f.error.status);
	if (f.content.at == NULL)
		return fail_cause(r->fail, E_UPSTREAM_ERROR, "an answer without content");
	TRY(emit_message_start(r, &f));
	pull_init(&p, f.content.at, f.content.length);
	for (pull_array(&p); pull_item(&p);) {
		struct block block = {0};
		pull_block(&p, &block, &f);
		TRY(emit_whole_block(r, &block));
	}
	TRY(emit_finish(r, &f.stop_reason));
	return answer_done(r);
}

const struct answer_decoder anthropic_decoder = {read_frame, read_whole};
