/* Limits in memory shared by all workers of a host: exact sliding windows with a log of hit times
 * per key, fixed ones with a count, and buckets with a time. The file is mapped by every process
 * and outlives each of them; a worker killed inside never blocks the others. */
#ifndef TURNPIKE_WINDOW_H
#define TURNPIKE_WINDOW_H

#include "../core/types.h"

struct window_map;

/* Opens or creates path with room for about n_keys keys (an existing file of another layout or size
 * is made anew). NULL when that is impossible; errno tells. */
struct window_map *window_open(const char *path, size_t n_keys);
void window_close(struct window_map *map);

struct window_answer {
	bool admitted;
	i64 remaining;	   /* hits that still fit, after this one */
	i64 retry_after_s; /* when not admitted: until one more would pass, at least 1 */
	i64 reset_s;	   /* fixed windows: until this one ends, 1 .. window_s */
};

/* One hit of `key` (any bytes; the limit's name is part of it) now_us (wall clock; it survives
 * restarts). At most `count` hits in any `window_s` seconds; a refused hit does not count. count <=
 * 1000. When the table is full the key idle longest gives way; a clock that stepped back never
 * locks a key out for longer than its window. */
struct window_answer window_hit(struct window_map *map, const void *key, size_t key_length,
	i64 count, i64 window_s, i64 now_us);
/* The same in windows that begin with a key's first hit and end window_s later; refused hits are
 * counted, too. count < 2^20. A key is used with one kind only. */
struct window_answer window_hit_fixed(struct window_map *map, const void *key, size_t key_length,
	i64 count, i64 window_s, i64 now_us);
/* The same of a bucket that holds `count` tokens, takes one per hit and gets `count` back in each
 * window_s, steadily; a refused hit takes none. retry_after_s is until the next one is there; it
 * can be had a tenth of a second (but at most half its time) before. */
struct window_answer window_hit_bucket(struct window_map *map, const void *key, size_t key_length,
	i64 count, i64 window_s, i64 now_us);
/* Takes the newest hit of a sliding window back: a request that failed before it had any effect. */
void window_undo(struct window_map *map, const void *key, size_t key_length);
/* Puts a token back into a bucket, for the same reason. */
void window_undo_bucket(
	struct window_map *map, const void *key, size_t key_length, i64 count, i64 window_s);

/* Whether every part of the table can be had within timeout_ms. */
bool window_answers(struct window_map *map, i64 timeout_ms);

struct window_health {
	bool sound;    /* every link of the table is right */
	u64 keys;      /* held now */
	u64 evictions; /* keys that gave way since the file was made */
	u64 repairs;   /* times a process died inside and the next one mended what it left */
};

/* Looks at the whole table, shard by shard. */
struct window_health window_health(struct window_map *map);

#endif
