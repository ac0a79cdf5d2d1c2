/* Limits whose state is one word of a key's slot: fixed windows and buckets. The caller holds the
 * shard's lock; what the answers mean is in window.h. */
#ifndef TURNPIKE_WINDOW_WORD_H
#define TURNPIKE_WINDOW_WORD_H

#include "../core/clock.h"
#include "shard.h"
#include "window.h"

/* Hits wait for the shard's lock with a time read before it. What is earlier than the newest hit by
 * no more than this was overtaken on its way; by more, the clock was set back. */
enum { OVERTAKEN_US = 100 * US_PER_MS };

struct window_answer word_hit_fixed(struct shard_slot *k, i64 count, i64 window_s, i64 now_us);
struct window_answer word_hit_bucket(struct shard_slot *k, i64 count, i64 window_s, i64 now_us);
void word_undo_bucket(struct shard_slot *k, i64 count, i64 window_s);

#endif
