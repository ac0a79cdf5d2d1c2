/* What a hit does to a fixed window and to a bucket. */
#include "window_word.h"

/* What the parts of a count hold (union shard_count). */
enum { FIXED_HITS_MAX = (1 << 20) - 1 };
#define FIXED_START_MAX_MS ((1ULL << 44) - 1)

/* A window ends by its age, and where the clock was set back before its start. */
struct window_answer word_hit_fixed(struct shard_slot *k, i64 count, i64 window_s, i64 now_us)
{
	i64 now_ms = now_us / US_PER_MS, window_ms = window_s * 1000;
	i64 age_ms = now_ms - (i64)k->count.start_ms;
	union shard_count next = k->count;

	if (next.n == 0 || age_ms >= window_ms || age_ms < -OVERTAKEN_US / US_PER_MS) {
		next = (union shard_count){.start_ms = (u64)now_ms & FIXED_START_MAX_MS, .n = 0};
		age_ms = 0;
	} else if (age_ms < 0) {
		age_ms = 0;
	}
	if (count >= FIXED_HITS_MAX)
		count = FIXED_HITS_MAX - 1;
	if (next.n < FIXED_HITS_MAX)
		next.n++;
	shard_set_count(k, next);
	i64 left_s = (window_ms - age_ms + 999) / 1000;
	bool admitted = (i64)next.n <= count;
	return (struct window_answer){
		.admitted = admitted,
		.remaining = admitted ? count - (i64)next.n : 0,
		.retry_after_s = admitted ? 0 : left_s,
		.reset_s = left_s,
	};
}

/* A bucket as one time: when it will be full again (the generic cell rate algorithm, ITU-T I.371).
 * A token is what drips in during `token_ns`; what is missing at a time is as long as it takes to
 * come. In nanoseconds, so that the largest counts still divide a second. */
static i64 token_ns(i64 count, i64 window_s)
{
	return S_TO_US(window_s) * 1000 / count;
}

/* A hit that was overtaken on its way finds less in the bucket than there was at its time. With
 * room for that little more, but not for a token, nobody is refused for it, and no more hits than
 * `count` pass at once. */
static i64 slack_ns(i64 token)
{
	i64 most = OVERTAKEN_US * 1000;

	return token / 2 < most ? token / 2 : most;
}

struct window_answer word_hit_bucket(struct shard_slot *k, i64 count, i64 window_s, i64 now_us)
{
	i64 now_ns = now_us * 1000, token = token_ns(count, window_s), full = count * token;
	i64 room = full + slack_ns(token), missing = k->count.full_at_ns - now_ns;

	if (missing < 0)
		missing = 0;
	if (missing > room) { /* the clock was set back, or the limit lowered */
		missing = full;
		shard_set_count(k, (union shard_count){.full_at_ns = now_ns + missing});
	}
	if (missing + token > room) {
		i64 left_us = (missing + token - full + 999) / 1000;
		return (struct window_answer){.retry_after_s = (left_us + US_PER_S - 1) / US_PER_S};
	}
	missing += token;
	shard_set_count(k, (union shard_count){.full_at_ns = now_ns + missing});
	return (struct window_answer){.admitted = true, .remaining = (room - missing) / token};
}

void word_undo_bucket(struct shard_slot *k, i64 count, i64 window_s)
{
	shard_set_count(k,
		(union shard_count){.full_at_ns = k->count.full_at_ns - token_ns(count, window_s)});
}
