/* The request arena: a list of blocks that grow, a list of calls to make at the end. */
#include "arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif
#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

/* Blocks grow up to BLOCK_MAX_BYTES, which the heap keeps for the next request; what is larger has
 * a block of its own, which goes back to the system. */
enum { FIRST_BLOCK_BYTES = 16 * 1024, BLOCK_MAX_BYTES = 64 * 1024, ALIGNMENT = 16 };

struct arena_block {
	struct arena_block *next;
	size_t size, used;
	_Alignas(ALIGNMENT) unsigned char data[];
};

struct arena_deferred {
	struct arena_deferred *next;
	void (*fn)(void *);
	void *arg;
};

void scope_close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

void arena_init(struct arena *a, size_t ceiling_bytes)
{
	*a = (struct arena){.ceiling_bytes = ceiling_bytes};
}

static void arena_full(struct arena *a)
{
	if (a->on_full != NULL)
		longjmp(*a->on_full, 1);
	fprintf(stderr, "{\"level\":\"fatal\",\"event\":\"arena_full\",\"bytes\":%zu}\n",
		a->used_bytes);
	abort();
}

static struct arena_block *block_new(struct arena *a, size_t at_least)
{
	size_t size = a->first == NULL ? FIRST_BLOCK_BYTES : 2 * a->current->size;

	if (size > BLOCK_MAX_BYTES)
		size = BLOCK_MAX_BYTES;
	if (size < at_least)
		size = at_least;
	struct arena_block *b = malloc(sizeof(*b) + size);
	if (b == NULL) {
		arena_full(a);
		abort(); /* not reached */
	}
	b->next = NULL;
	b->size = size;
	b->used = 0;
	ASAN_POISON_MEMORY_REGION(b->data, size);
	if (a->first == NULL)
		a->first = b;
	else
		a->current->next = b;
	a->current = b;
	return b;
}

void *arena_raw(struct arena *a, size_t size)
{
	if (size > a->ceiling_bytes)
		arena_full(a);
	size_t rounded = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	if (rounded == 0)
		rounded = ALIGNMENT;
	if (a->used_bytes + rounded > a->ceiling_bytes)
		arena_full(a);

	struct arena_block *b = a->current;
	if (b == NULL || b->size - b->used < rounded)
		b = block_new(a, rounded);
	void *p = b->data + b->used;
	b->used += rounded;
	a->used_bytes += rounded;
	ASAN_UNPOISON_MEMORY_REGION(p, size);
	return p;
}

void *arena_alloc(struct arena *a, size_t size)
{
	return memset(arena_raw(a, size), 0, size);
}

static void run_deferred(struct arena *a, struct arena_deferred *until)
{
	while (a->deferred != until) {
		struct arena_deferred *d = a->deferred;
		a->deferred = d->next;
		d->fn(d->arg);
	}
}

static void free_blocks(struct arena_block *b)
{
	while (b != NULL) {
		struct arena_block *next = b->next;
		ASAN_UNPOISON_MEMORY_REGION(b->data, b->size);
		free(b);
		b = next;
	}
}

struct arena_mark arena_mark(struct arena *a)
{
	return (struct arena_mark){
		.block = a->current,
		.block_used = a->current != NULL ? a->current->used : 0,
		.used_bytes = a->used_bytes,
		.deferred = a->deferred,
	};
}

void arena_rewind(struct arena *a, struct arena_mark mark)
{
	run_deferred(a, mark.deferred);
	struct arena_block *keep = mark.block != NULL ? mark.block : a->first;
	if (keep == NULL)
		return;
	free_blocks(keep->next);
	keep->next = NULL;
	keep->used = mark.block_used;
	ASAN_POISON_MEMORY_REGION(keep->data + keep->used, keep->size - keep->used);
	a->current = keep;
	a->used_bytes = mark.used_bytes;
}

void arena_reset(struct arena *a)
{
	arena_rewind(a, (struct arena_mark){.block = a->first});
}

void arena_free(struct arena *a)
{
	arena_reset(a);
	free_blocks(a->first);
	arena_init(a, a->ceiling_bytes);
}

void *arena_memdup(struct arena *a, const void *from, size_t size)
{
	void *p = arena_raw(a, size);

	if (size > 0)
		memcpy(p, from, size);
	return p;
}

char *arena_strndup(struct arena *a, const char *from, size_t length)
{
	char *p = arena_raw(a, length + 1);

	memcpy(p, from, length);
	p[length] = '\0';
	return p;
}

char *arena_strdup(struct arena *a, const char *from)
{
	return arena_strndup(a, from, strlen(from));
}

char *arena_vprintf(struct arena *a, const char *format, va_list args)
{
	va_list again;

	va_copy(again, args);
	int length = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (length < 0)
		return arena_strdup(a, "");
	char *p = arena_alloc(a, (size_t)length + 1);
	vsnprintf(p, (size_t)length + 1, format, args);
	return p;
}

char *arena_printf(struct arena *a, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	char *p = arena_vprintf(a, format, args);
	va_end(args);
	return p;
}

void arena_defer(struct arena *a, void (*fn)(void *), void *arg)
{
	struct arena_deferred *d = arena_new(a, struct arena_deferred);

	*d = (struct arena_deferred){.next = a->deferred, .fn = fn, .arg = arg};
	a->deferred = d;
}
