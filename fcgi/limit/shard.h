/* One shard of the window table: its keys, the log of hit times of each, and the order in which the
 * keys were used. Knows neither locks nor clocks. Links are numbers, since every process maps the
 * memory at another address.
 *
 * A process may be killed between any two stores. So what cannot be derived (whether a slot is in
 * use, its print, its log's extent, its count, the times) changes by single stores that leave it
 * true, and shard_repair() derives all the rest from it. */
#ifndef TURNPIKE_SHARD_H
#define TURNPIKE_SHARD_H

#include "siphash.h"

enum { SHARD_BLOCK_TIMES = 7, SHARD_HITS_MAX = 1000 };
#define SHARD_NONE UINT32_MAX

struct shard_block { /* one cache line */
	uint32_t next, previous;
	i64 time_us[SHARD_BLOCK_TIMES];
};

/* Where a log begins (block, times skipped in it) and how many times it holds. */
union shard_extent {
	u64 word;
	struct {
		uint32_t first;
		uint16_t skip, n;
	};
};

/* The hits of a window that began at start_ms, or when a bucket will be full; one word, so that it
 * is always whole. */
union shard_count {
	u64 word;
	i64 full_at_ns;
	struct {
		u64 start_ms : 44, n : 20;
	};
};

struct shard_slot {
	struct siphash print;
	union shard_extent log;
	union shard_count count; /* of keys that have a count instead of a log */
	uint32_t in_use;
	/* derived: */
	uint32_t last; /* block of the newest time; nothing when the log is empty */
	uint32_t same_bucket, newer, older;
} __attribute__((aligned(64)));

struct shard_size {
	uint32_t n_slots, n_blocks, n_buckets; /* buckets: a power of two */
};

struct shard_head {
	uint32_t newest, oldest, free_slot, free_block;
	u64 n_evicted;
} __attribute__((aligned(64)));

/* A process's view of a shard. */
struct shard {
	struct shard_size size;
	struct shard_head *head;
	struct shard_slot *slot;
	struct shard_block *block;
	uint32_t *bucket;
	unsigned char *mark; /* for shard_repair(): of the slots, then of the blocks */
};

/* For n_keys keys; two blocks each, and enough for one key of SHARD_HITS_MAX. */
struct shard_size shard_size(size_t n_keys);
size_t shard_bytes(struct shard_size size); /* a multiple of 64 */
struct shard shard_view(void *memory, struct shard_size size);
/* Makes any content a working shard: an empty one of zeroes, a true one of what a killed process
 * left; of anything else it keeps what is sound. */
void shard_repair(struct shard *s);
/* Whether every link is as shard_repair() would make it. Uses the marks, so it needs the lock. */
bool shard_sound(const struct shard *s, u64 *ret_n_keys);

struct shard_slot *shard_find(struct shard *s, struct siphash print);
/* Finds or adds the key, which is then the newest; a full shard gives up its oldest one. */
struct shard_slot *shard_use(struct shard *s, struct siphash print);

/* Replaces the count of a key. */
void shard_set_count(struct shard_slot *k, union shard_count count);

/* time_us is not below the newest one, and the log holds less than SHARD_HITS_MAX. */
void shard_append(struct shard *s, struct shard_slot *k, i64 time_us);
void shard_drop_newest(struct shard *s, struct shard_slot *k);
/* Forgets times up to and including until_us. */
void shard_expire(struct shard *s, struct shard_slot *k, i64 until_us);
/* Times above latest_us become latest_us. */
void shard_clamp(struct shard *s, struct shard_slot *k, i64 latest_us);
/* The i-th time, 0 is the oldest. */
i64 shard_time(const struct shard *s, const struct shard_slot *k, unsigned i);
i64 shard_newest_time(const struct shard *s, const struct shard_slot *k); /* the log is not empty */

#endif
