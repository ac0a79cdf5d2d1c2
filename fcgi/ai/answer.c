/* The events of an answer, from whichever dialect. */
#include "answer.h"

#include "../core/crypto.h"

enum { FRAME_BYTES_MAX = 128 * 1024 * 1024, CALLS_MAX = 256 };

const char *const finish_names[] = {
	[FINISH_STOP] = "stop",
	[FINISH_LENGTH] = "length",
	[FINISH_TOOL_CALLS] = "tool_calls",
	[FINISH_CONTENT_FILTER] = "content_filter",
};

static void free_frame(void *arena)
{
	arena_free(arena);
}

static int take_event(void *arg, const char *name, size_t name_length, const char *data,
	size_t length, struct fail *fail)
{
	struct answer_reader *r = arg;

	if (r->is_ended)
		return 0;
	arena_reset(&r->frame);
	r->fail = fail;
	return r->decoder->frame(r, &(struct pull_text){name, name_length, false}, data, length);
}

struct answer_reader *answer_new(
	struct arena *a, const struct answer_decoder *decoder, chat_sink *sink, void *arg)
{
	struct answer_reader *r = arena_new(a, struct answer_reader);

	r->decoder = decoder;
	r->sink = sink;
	r->arg = arg;
	r->arena = a;
	arena_init(&r->frame, FRAME_BYTES_MAX);
	arena_defer(a, free_frame, &r->frame);
	sse_init(&r->sse, a, take_event, r);
	return r;
}

int answer_start(struct answer_reader *r)
{
	if (r->has_started)
		return 0;
	r->has_started = true;
	return r->sink(r->arg, &(struct chat_event){.kind = EVENT_START});
}

static int emit(struct answer_reader *r, const struct chat_event *event)
{
	TRY(answer_start(r));
	return r->sink(r->arg, event);
}

static int emit_text(
	struct answer_reader *r, enum chat_event_kind kind, size_t index, const struct buf *text)
{
	if (text->length == 0)
		return 0;
	const struct chat_event event = {
		.kind = kind, .index = index, .text = text->data, .length = text->length};
	return emit(r, &event);
}

/* The text of one kind is over: what waited for its rest is no character. */
static int flush_tail(struct answer_reader *r)
{
	struct buf text;

	if (r->tail.length == 0)
		return 0;
	buf_init(&text, &r->frame, 0);
	text_flush(&text, &r->tail);
	return emit_text(r, r->tail_kind, r->tail_index, &text);
}

int answer_text(struct answer_reader *r, enum chat_event_kind kind, size_t index,
	const struct pull_text *fragment)
{
	struct buf text;

	if (fragment->at == NULL || fragment->length == 0)
		return 0;
	if (r->tail_kind != kind || r->tail_index != index)
		TRY(flush_tail(r));
	r->tail_kind = kind;
	r->tail_index = index;
	buf_init(&text, &r->frame, fragment->length + sizeof(r->tail.byte));
	text_append(&text, &r->tail, fragment);
	return emit_text(r, kind, index, &text);
}

static struct answer_call *call_add(struct answer_reader *r)
{
	if (r->n_calls == r->calls_capacity) {
		size_t capacity = r->calls_capacity > 0 ? 2 * r->calls_capacity : 4;
		struct answer_call *call = arena_array(r->arena, struct answer_call, capacity);
		if (r->n_calls > 0)
			memcpy(call, r->call, r->n_calls * sizeof(*call));
		r->call = call;
		r->calls_capacity = capacity;
	}
	return &r->call[r->n_calls++];
}

int answer_tool(struct answer_reader *r, i64 upstream_index, const struct pull_text *id,
	const struct pull_text *name)
{
	if (r->n_calls == CALLS_MAX)
		return fail_cause(r->fail, E_UPSTREAM_ERROR, "more than %d tool calls", CALLS_MAX);
	TRY(flush_tail(r));
	struct answer_call *call = call_add(r);
	bool has_id = id->at != NULL && id->length > 0;
	*call = (struct answer_call){
		.upstream_index = upstream_index,
		.id = has_id ? text_of(r->arena, id) : public_id(r->arena, "call_"),
	};
	const struct chat_event event = {
		.kind = EVENT_TOOL_START,
		.index = r->n_calls - 1,
		.id = call->id,
		.name = name->at != NULL ? text_of(&r->frame, name) : "",
	};
	return emit(r, &event);
}

size_t answer_call_of(const struct answer_reader *r, i64 upstream_index)
{
	for (size_t i = r->n_calls; i > 0; i--)
		if (r->call[i - 1].upstream_index == upstream_index)
			return i - 1;
	return r->n_calls;
}

int answer_finish(struct answer_reader *r, enum finish finish)
{
	if (r->is_finished)
		return 0;
	TRY(flush_tail(r));
	r->is_finished = true;
	/* Some say "stop" after calls of tools, and clients believe it. */
	if (finish == FINISH_STOP && r->n_calls > 0)
		finish = FINISH_TOOL_CALLS;
	return emit(r, &(struct chat_event){.kind = EVENT_FINISH, .finish = finish});
}

int answer_usage(struct answer_reader *r)
{
	return emit(r, &(struct chat_event){.kind = EVENT_USAGE, .usage = r->usage});
}

int answer_error(struct answer_reader *r, const struct pull_text *message, int status)
{
	const char *text = message->at != NULL ? text_of(&r->frame, message) : "";

	TRY(flush_tail(r));
	r->is_ended = true;
	if (text[0] == '\0')
		text = "The model's provider gave up.";
	const struct chat_event event = {
		.kind = EVENT_ERROR, .text = text, .length = strlen(text), .status = status};
	return r->sink(r->arg, &event);
}

int answer_done(struct answer_reader *r)
{
	TRY(answer_finish(r, FINISH_STOP));
	r->is_ended = true;
	return emit(r, &(struct chat_event){.kind = EVENT_END});
}

int answer_garbage(struct answer_reader *r, const struct pull *p)
{
	return fail_cause(r->fail, E_UPSTREAM_ERROR,
		"an answer that is not JSON as it should be: %s",
		p->why != NULL ? p->why : "no object");
}

void answer_count(struct pull *p, i64 *ret)
{
	const i64 most = 1000000000000;
	i64 n;

	if (pull_i64(p, &n) && n >= 0 && n <= most)
		*ret = n;
}

int answer_feed(struct answer_reader *r, const char *data, size_t length, struct fail *fail)
{
	r->frame.on_full = r->arena->on_full;
	return r->is_ended ? 0 : sse_feed(&r->sse, data, length, fail);
}

int answer_end(struct answer_reader *r, struct fail *fail)
{
	r->frame.on_full = r->arena->on_full;
	TRY(sse_end(&r->sse, fail));
	r->fail = fail;
	if (r->is_ended)
		return 0;
	if (r->is_finished)
		return answer_done(r);
	return fail_cause(fail, E_UPSTREAM_ERROR, "the answer was cut before its end");
}

int answer_whole(struct answer_reader *r, const char *body, size_t length, struct fail *fail)
{
	arena_reset(&r->frame);
	r->frame.on_full = r->arena->on_full;
	r->fail = fail;
	return r->decoder->whole(r, body, length);
}
