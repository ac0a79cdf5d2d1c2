/* A growing byte buffer in an arena: answers, log lines, generated files. Always NUL-terminated. */
#ifndef TURNPIKE_BUF_H
#define TURNPIKE_BUF_H

#include "arena.h"

struct buf {
	struct arena *arena;
	char *data;
	size_t length, capacity;
};

void buf_init(struct buf *b, struct arena *arena, size_t capacity);
void buf_bytes(struct buf *b, const void *data, size_t length);
void buf_str(struct buf *b, const char *text);
void buf_char(struct buf *b, char c);
void buf_i64(struct buf *b, i64 number);
/* number / 10^decimals, without trailing zeros. */
void buf_decimal(struct buf *b, i64 number, int decimals);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Text as a JSON string with its quotes; control characters escaped, invalid UTF-8 as U+FFFD. */
void buf_json(struct buf *b, const char *text);
void buf_json_n(struct buf *b, const char *text, size_t length);

#endif
