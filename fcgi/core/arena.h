/* One arena per request or job: everything is allocated from it, nobody frees, arena_reset()
 * empties it. Growth has a ceiling; past it allocation fails by jumping out, so callers never test
 * for NULL. */
#ifndef TURNPIKE_ARENA_H
#define TURNPIKE_ARENA_H

#include <setjmp.h>
#include <stdarg.h>

#include "types.h"

struct arena_block;
struct arena_deferred;

struct arena {
	struct arena_block *first, *current;
	struct arena_deferred *deferred;
	size_t used_bytes, ceiling_bytes;
	jmp_buf *on_full; /* where a full arena leaves to; NULL: abort() with a message */
};

/* A place to come back to with arena_rewind(), for work that may be tried again. */
struct arena_mark {
	struct arena_block *block;
	size_t block_used, used_bytes;
	struct arena_deferred *deferred;
};

void arena_init(struct arena *a, size_t ceiling_bytes);
/* Runs the deferred calls, last in first out, and keeps the first block for the next use. */
void arena_reset(struct arena *a);
/* As arena_reset(), and gives all memory back. */
void arena_free(struct arena *a);

struct arena_mark arena_mark(struct arena *a);
void arena_rewind(struct arena *a, struct arena_mark mark);

/* Zeroed memory, aligned for any type. */
void *arena_alloc(struct arena *a, size_t size);
/* The same, not zeroed: for what is written at once. */
void *arena_raw(struct arena *a, size_t size);
void *arena_memdup(struct arena *a, const void *from, size_t size);
char *arena_strdup(struct arena *a, const char *from);
char *arena_strndup(struct arena *a, const char *from, size_t length);
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *a, const char *format, va_list args);
/* Calls fn(arg) when the arena is reset or rewound past this point. */
void arena_defer(struct arena *a, void (*fn)(void *), void *arg);

#define arena_new(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define arena_array(a, type, n) ((type *)arena_alloc((a), sizeof(type) * (n)))

#endif
