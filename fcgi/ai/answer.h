/* What the readers of all dialects share: the state of one answer, and how its events are made.
 * Only for the sources of this room. */
#ifndef TURNPIKE_ANSWER_H
#define TURNPIKE_ANSWER_H

#include "chat.h"
#include "sse.h"
#include "text.h"

struct answer_decoder {
	/* One event of the stream, or the whole body. Events are made only when all of it made
	 * sense. 0, what the sink returned, or answer_garbage(). */
	int (*frame)(struct answer_reader *r, const struct pull_text *name, const char *data,
		size_t length);
	int (*whole)(struct answer_reader *r, const char *body, size_t length);
};

/* A tool call that the model has begun. */
struct answer_call {
	i64 upstream_index;
	const char *id;
	bool has_input, is_complete;
};

struct answer_reader {
	const struct answer_decoder *decoder;
	chat_sink *sink;
	void *arg;
	struct arena *arena; /* of the answer: for what is kept */
	struct arena frame;  /* of the event being read: emptied before the next */
	struct sse sse;
	struct fail *fail; /* of the call that is running */
	bool has_started, is_finished, is_ended;
	struct text_tail tail; /* of the text of this kind and index */
	enum chat_event_kind tail_kind;
	size_t tail_index;
	struct answer_call *call;
	size_t n_calls, calls_capacity;
	struct token_counts usage;
};

struct answer_reader *answer_new(
	struct arena *a, const struct answer_decoder *decoder, chat_sink *sink, void *arg);

int answer_start(struct answer_reader *r);
/* A fragment of text of this kind; an empty or absent one is no event. */
int answer_text(struct answer_reader *r, enum chat_event_kind kind, size_t index,
	const struct pull_text *fragment);
/* A call begins; it is r->call[r->n_calls - 1] then. An id is made when there is none. */
int answer_tool(struct answer_reader *r, i64 upstream_index, const struct pull_text *id,
	const struct pull_text *name);
/* The number of the latest call that the upstream counts so; n_calls when there is none. */
size_t answer_call_of(const struct answer_reader *r, i64 upstream_index);
/* The first one counts. */
int answer_finish(struct answer_reader *r, enum finish finish);
/* r->usage has changed. */
int answer_usage(struct answer_reader *r);
int answer_error(struct answer_reader *r, const struct pull_text *message, int status);
/* The upstream said that this was all. */
int answer_done(struct answer_reader *r);
int answer_garbage(struct answer_reader *r, const struct pull *p);

/* A member of a usage object: takes a sensible number, leaves *ret alone otherwise. */
void answer_count(struct pull *p, i64 *ret);

#endif
