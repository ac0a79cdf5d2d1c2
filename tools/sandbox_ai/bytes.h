/* Text that grows, and slices of text that belongs to somebody else. */
#ifndef TURNPIKE_SANDBOX_AI_BYTES_H
#define TURNPIKE_SANDBOX_AI_BYTES_H

#include "fcgi/core/types.h"

/* Its memory is its own (unlike an arena's): a connection lives for many requests. */
struct bytes {
	char *data;
	size_t length, size;
};

struct text {
	const char *data;
	size_t length;
};

/* Room for so many more bytes behind the last one; ends the program when memory runs out. */
char *bytes_room(struct bytes *b, size_t more);
void bytes_add(struct bytes *b, const void *data, size_t length);
void bytes_str(struct bytes *b, const char *text);
void bytes_text(struct bytes *b, struct text text);
void bytes_i64(struct bytes *b, i64 number);
void bytes_fill(struct bytes *b, size_t at, char c, size_t n); /* n times c, in front of at */
/* As the inside of a JSON string; the text is UTF-8 as it came. */
void bytes_escaped(struct bytes *b, const char *data, size_t length);
void bytes_printf(struct bytes *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void bytes_drop(struct bytes *b, size_t n); /* the first n */
/* Empties it; a block that was once large is given back. */
void bytes_clear(struct bytes *b);
void bytes_free(struct bytes *b);

/* Adds several texts, at the speed of memcpy: most of what is sent is made with this. */
#define BYTES_STRS(b, ...)                                \
	bytes_strs(b, (const char *const[]){__VA_ARGS__}, \
		sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))
void bytes_strs(struct bytes *b, const char *const *text, size_t n);

bool text_is(struct text t, const char *word);
/* Where needle begins in t, or NULL. */
const char *text_find(struct text t, const char *needle);
/* A copy with its NUL, cut to size; quotes, backslashes and control characters become '_'. */
void text_label(struct text t, char *ret, size_t size);

#endif
