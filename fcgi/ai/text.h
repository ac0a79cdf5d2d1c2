/* The text of a model: strings of JSON become whole UTF-8 characters, whatever the upstream sent.
 * What is no character becomes U+FFFD; one that is cut between two fragments (its bytes, or the
 * halves of a surrogate pair) waits for the rest. */
#ifndef TURNPIKE_AI_TEXT_H
#define TURNPIKE_AI_TEXT_H

#include "../core/buf.h"
#include "pull.h"

/* The beginning of a character, kept from one fragment to the next. */
struct text_tail {
	size_t length;
	char byte[6];
};

/* Appends a fragment; what may be the beginning of a character at its end stays in tail. */
void text_append(struct buf *out, struct text_tail *tail, const struct pull_text *fragment);
/* The rest never came. */
void text_flush(struct buf *out, struct text_tail *tail);
/* The whole string, NUL-terminated. */
const char *text_of(struct arena *a, const struct pull_text *text);

#endif
