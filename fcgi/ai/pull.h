/* Reads JSON where it lies, member by member, with no tree and no memory: the frames of an answer
 * come by the thousand, and only a few members of each matter. The text may be from anybody: what
 * is not JSON is found (pull_end), but bytes that are not UTF-8 are let through; text.h mends them.
 *
 * A value of another type than asked is passed over and counts as absent, as null does. */
#ifndef TURNPIKE_PULL_H
#define TURNPIKE_PULL_H

#include <string.h>

#include "../core/types.h"

struct pull {
	const char *start, *p, *end;
	const char *why; /* NULL: nothing wrong so far */
	bool is_first;	 /* directly behind '{' or '[' */
};

/* A string as it is written, without its quotes; `at` is NULL when there was none. */
struct pull_text {
	const char *at;
	size_t length;
	bool is_escaped;
};

void pull_init(struct pull *p, const char *data, size_t length);
/* The value is an object: then call pull_member() until it is false, and each time read or skip
 * the value. */
bool pull_object(struct pull *p);
bool pull_member(struct pull *p, struct pull_text *ret_name);
/* The same for arrays. */
bool pull_array(struct pull *p);
bool pull_item(struct pull *p);
bool pull_string(struct pull *p, struct pull_text *ret);
/* An integer; one with a fraction or an exponent, or out of range, is absent. */
bool pull_i64(struct pull *p, i64 *ret);
bool pull_bool(struct pull *p, bool *ret);
/* Any value but null, as it is written. */
bool pull_raw(struct pull *p, struct pull_text *ret);
void pull_skip(struct pull *p);
/* The first character of the next value, 0 at the end. */
char pull_peek(struct pull *p);
/* Whether everything was JSON and this is its end. */
bool pull_end(struct pull *p);

/* Whether a name or string is this word; one with escapes is none. */
static inline bool pull_is(const struct pull_text *t, const char *word)
{
	size_t length = strlen(word);

	return t->length == length && memcmp(t->at, word, length) == 0;
}

#endif
