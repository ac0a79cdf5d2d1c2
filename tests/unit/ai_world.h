/* What the tests of the dialects share: JSON that is readable in C, answers fed in pieces, and
 * events as lines of text. */
#ifndef TURNPIKE_TESTS_AI_WORLD_H
#define TURNPIKE_TESTS_AI_WORLD_H

#include "fcgi/ai/chat.h"

/* As many pieces as there are bytes. */
enum { CUT_EVERY = -1 };

extern struct arena world_arena;
extern struct fail world_fail;

/* Forgets everything of the case before. */
void world_reset(void);
/* The text with ' for every " and " for every `. */
char *quoted(const char *text);

/* A client's body as it reads (quoted() first). */
int read_chat_text(const char *body, struct chat *ret);
int read_fim_text(const char *body, struct fim *ret);
/* "messages[0].role: values; n: values", in the order in which they were noted. */
const char *faults(void);

/* What an upstream says (quoted() first), as a line for each event, and the error when there was
 * one. The pieces are before and behind byte `cut`. */
const char *events_of_stream(const struct dialect_upstream *dialect, const char *bytes, int cut);
const char *events_of_bytes(
	const struct dialect_upstream *dialect, const char *bytes, size_t length, int cut);
const char *events_of_whole(const struct dialect_upstream *dialect, const char *body);
/* The same through the filter of a completion. */
const char *text_of_completion(
	const struct fim *fim, const struct dialect_upstream *dialect, const char *text, int cut);
/* The sink of all these: adds a line to the buf that arg is. */
int note_event(void *arg, const struct chat_event *event);

#endif
