/* Reads JSON where it lies, without building a tree: a prompt may have many megabytes. */
#ifndef TURNPIKE_SANDBOX_AI_SCAN_H
#define TURNPIKE_SANDBOX_AI_SCAN_H

#include "bytes.h"

struct scan {
	const char *at, *end;
	int depth;
};

/* Each takes one value and returns false when the text is not JSON. Strings are returned as they
 * lie between the quotes, with their escapes. */
bool scan_string(struct scan *s, struct text *ret);
bool scan_i64(struct scan *s, i64 *ret);	  /* 0 for null and for what is no whole number */
bool scan_bool(struct scan *s, bool *ret);	  /* false for whatever is not true */
bool scan_skip(struct scan *s, struct text *ret); /* ret: the whole value; may be NULL */
char scan_peek(struct scan *s); /* the next value's first character, 0 at the end */
bool scan_end(struct scan *s);	/* nothing is left */

/* A visitor is called at each value of an object (with its key) or array and takes it. */
typedef bool scan_visitor(struct scan *s, struct text key, void *context);
bool scan_object(struct scan *s, scan_visitor *visit, void *context);
bool scan_array(struct scan *s, scan_visitor *visit, void *context);

/* Bytes of UTF-8 that a string stands for. */
size_t scan_string_bytes(struct text raw);
bool scan_is_utf8(struct text t);

#endif
