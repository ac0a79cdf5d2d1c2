/* One answer of a model: what it says, how fast, and how it goes wrong. answer.c keeps the time,
 * body.c carries the bytes, and a dialect writes the frames. */
#ifndef TURNPIKE_SANDBOX_AI_ANSWER_H
#define TURNPIKE_SANDBOX_AI_ANSWER_H

#include "ask.h"
#include "gzip.h"
#include "http.h"
#include "served.h"

struct answer;
struct conn;

enum token_kind { TOKEN_THINK, TOKEN_TEXT, TOKEN_TOOL };

/* The at-th of the so many tokens of its block; a tool's arguments are one block for each call. */
struct token {
	enum token_kind kind;
	i64 at, of, call;
};

/* A provider's way of saying it. begin, token and end write a stream's frames, whole an answer that
 * is no stream, error the body of one or of an error event. */
struct dialect {
	const char *name, *id_header; /* id_header: names the request in each answer */
	enum ask_kind kind;
	bool takes_no_key;
	void (*begin)(struct answer *a);
	void (*token)(struct answer *a, const struct token *t);
	void (*end)(struct answer *a);
	void (*whole)(struct answer *a);
	void (*error)(struct answer *a, int status, const char *message);
	const char *error_event; /* the line before an error's data within a stream */
};

extern const struct dialect dialect_chat, dialect_completions, dialect_mistral, dialect_infill,
	dialect_messages, dialect_count_tokens;

enum answer_step { STEP_HEAD, STEP_TOKENS, STEP_END, STEP_OVER };

/* How a body ends before its time. */
enum stop { STOP_NONE, STOP_RESET, STOP_CUT, STOP_END, STOP_HANG };

/* Usage that counts as reported once the bytes up to its frame's end are the kernel's. */
struct mark {
	u64 body_at; /* 0: unused */
	u64 sent_at; /* of the connection's bytes; 0: not among them yet */
	bool is_final;
	struct usage usage;
};

struct body {
	bool is_chunked, is_packed; /* is_packed: a stream in gzip */
	enum stop stop;
	bool has_stopped;
	u64 stop_at, pushed, released;
	struct gzip gzip;
	/* With drip and utf8 the bytes wait here and leave in pieces. */
	struct bytes held;
	size_t held_at;
	i64 held_due_us;
	struct mark mark[2];
	struct mark next;   /* of the frame that is being written */
	i64 frames_waiting; /* of a burst */
};

struct answer {
	struct conn *conn;
	const struct dialect *dialect;
	struct ask ask;
	struct record record;
	char id[24];
	const char *message; /* of an error */
	i64 start_us, created_s;
	i64 n_think, n_say, n_tool, n_call, total, emitted; /* tokens */
	bool is_clipped;				    /* by max_tokens */
	struct usage usage;				    /* as it will be reported */
	enum answer_step step;
	struct bytes *frame; /* is being written; shared by all */
	size_t pad_at;	     /* where the frame's text ends, 0: it has none */
	bool is_padded, is_garbled;
	struct body body;
};

/* answer.c. dialect is set; takes what it needs out of the request. */
void answer_start(struct answer *a, const struct http_head *head, struct text body);
void answer_run(struct answer *a); /* does what is due, asks conn to be called again */
/* All is written, or the client has gone before. */
void answer_end(struct answer *a, bool is_aborted);
void answer_free(struct answer *a);

/* For the dialects: append to a->frame, then: */
void answer_frame(struct answer *a);
/* The frame being written reports the usage; is_final: all of it. */
void answer_reports(struct answer *a, const struct usage *u, bool is_final);
/* words.c: the token's text, as it stands in a JSON string; a tool's is JSON itself. */
void answer_word(struct answer *a, const struct token *t, struct bytes *ret);
void answer_words(struct answer *a, enum token_kind kind, i64 call, struct bytes *ret);
void answer_token_at(const struct answer *a, i64 number, struct token *ret);
i64 answer_call_tokens(const struct answer *a, i64 call);

/* body.c */
void body_start(struct answer *a);
void body_push(struct answer *a, struct text payload);
i64 body_due_us(const struct answer *a); /* when a held piece may leave, 0: none is held */
void body_release(struct answer *a, i64 now_us);
void body_finish(struct answer *a); /* after the last frame of a stream */
void body_sent(struct answer *a);   /* conn has written something */

#endif
