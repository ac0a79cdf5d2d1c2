/* Indents JSON by two spaces, piece by piece: what comes out is what JSON.stringify(value, null, 2)
 * writes. */
#ifndef TURNPIKE_INDENT_H
#define TURNPIKE_INDENT_H

#include "../core/buf.h"

/* All zero: at the start of a text. */
struct indent {
	unsigned depth;
	bool in_string, is_escaped;
	bool is_empty; /* just behind '{' or '[' */
};

/* Appends the next piece of a text that has no blanks outside of strings. */
void indent_put(struct indent *state, const char *text, size_t length, struct buf *out);

#endif
