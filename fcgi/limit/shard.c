/* One shard of the window table: keys, logs of times, order of use. What mends it after a killed
 * process is in shard_repair.c. */
#include "shard.h"

#include <stdlib.h>

/* Keeps the compiler from moving stores across: the order that a killed process leaves. (The
 * processor needs no fence; whoever takes the dead owner's lock sees all that it had stored.) */
static void in_this_order(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static void set_extent(struct shard_slot *k, union shard_extent log)
{
	in_this_order();
	__atomic_store_n(&k->log.word, log.word, __ATOMIC_RELAXED);
	in_this_order();
}

void shard_set_count(struct shard_slot *k, union shard_count count)
{
	in_this_order();
	__atomic_store_n(&k->count.word, count.word, __ATOMIC_RELAXED);
	in_this_order();
}

static void set_in_use(struct shard_slot *k, bool in_use)
{
	in_this_order();
	__atomic_store_n(&k->in_use, in_use, __ATOMIC_RELAXED);
	in_this_order();
}

static uint32_t number_of(const struct shard *s, const struct shard_slot *k)
{
	return (uint32_t)(k - s->slot);
}

static uint32_t *bucket_of(const struct shard *s, struct siphash print)
{
	return &s->bucket[print.word[0] & (s->size.n_buckets - 1)];
}

static void unlink_from_order(struct shard *s, struct shard_slot *k)
{
	if (k->newer != SHARD_NONE)
		s->slot[k->newer].older = k->older;
	else
		s->head->newest = k->older;
	if (k->older != SHARD_NONE)
		s->slot[k->older].newer = k->newer;
	else
		s->head->oldest = k->newer;
}

static void link_as_newest(struct shard *s, struct shard_slot *k)
{
	uint32_t number = number_of(s, k);

	in_this_order(); /* the way from newest to oldest is never cut behind k's old place */
	k->newer = SHARD_NONE;
	k->older = s->head->newest;
	in_this_order();
	if (k->older != SHARD_NONE)
		s->slot[k->older].newer = number;
	else
		s->head->oldest = number;
	s->head->newest = number;
}

static void block_free(struct shard *s, uint32_t b)
{
	s->block[b].next = s->head->free_block;
	s->head->free_block = b;
}

/* Gives up the key idle longest. */
static void evict(struct shard *s)
{
	struct shard_slot *k = &s->slot[s->head->oldest];

	set_in_use(k, false);
	uint32_t *link = bucket_of(s, k->print);
	while (*link != number_of(s, k))
		link = &s->slot[*link].same_bucket;
	*link = k->same_bucket;
	unlink_from_order(s, k);
	for (uint32_t b = k->log.n > 0 ? k->log.first : SHARD_NONE, next; b != SHARD_NONE;
		b = next) {
		next = s->block[b].next;
		block_free(s, b);
	}
	k->same_bucket = s->head->free_slot;
	s->head->free_slot = number_of(s, k);
	s->head->n_evicted++;
}

/* A block for k, which is the newest key: it is never evicted, since the blocks suffice for one
 * key of SHARD_HITS_MAX. */
static uint32_t block_take(struct shard *s, const struct shard_slot *k)
{
	while (s->head->free_block == SHARD_NONE) {
		if (&s->slot[s->head->oldest] == k)
			abort();
		evict(s);
	}
	uint32_t b = s->head->free_block;
	s->head->free_block = s->block[b].next;
	return b;
}

struct shard_slot *shard_find(struct shard *s, struct siphash print)
{
	for (uint32_t i = *bucket_of(s, print); i != SHARD_NONE; i = s->slot[i].same_bucket) {
		struct shard_slot *k = &s->slot[i];
		if (k->print.word[0] == print.word[0] && k->print.word[1] == print.word[1])
			return k;
	}
	return NULL;
}

struct shard_slot *shard_use(struct shard *s, struct siphash print)
{
	struct shard_slot *k = shard_find(s, print);

	if (k != NULL) {
		if (k->newer == SHARD_NONE)
			return k;
		unlink_from_order(s, k);
		link_as_newest(s, k);
		return k;
	}
	if (s->head->free_slot == SHARD_NONE)
		evict(s);
	k = &s->slot[s->head->free_slot];
	s->head->free_slot = k->same_bucket;
	k->print = print;
	k->log = (union shard_extent){.first = SHARD_NONE};
	k->count = (union shard_count){.word = 0};
	set_in_use(k, true);
	k->same_bucket = *bucket_of(s, print);
	*bucket_of(s, print) = number_of(s, k);
	link_as_newest(s, k);
	return k;
}

void shard_append(struct shard *s, struct shard_slot *k, i64 time_us)
{
	union shard_extent log = k->log;
	unsigned place = (unsigned)(log.skip + log.n) % SHARD_BLOCK_TIMES;

	if (place == 0) { /* an empty log skips nothing */
		uint32_t b = block_take(s, k);
		s->block[b].next = SHARD_NONE;
		s->block[b].previous = k->last;
		if (log.n == 0)
			log.first = b;
		else
			s->block[k->last].next = b;
		k->last = b;
	}
	s->block[k->last].time_us[place] = time_us;
	log.n++;
	set_extent(k, log);
}

void shard_drop_newest(struct shard *s, struct shard_slot *k)
{
	union shard_extent log = k->log;
	uint32_t last = k->last;

	if (log.n == 0)
		return;
	log.n--;
	bool last_is_empty = log.n == 0 || (log.skip + log.n) % SHARD_BLOCK_TIMES == 0;
	if (log.n == 0)
		log = (union shard_extent){.first = SHARD_NONE};
	set_extent(k, log);
	if (!last_is_empty)
		return;
	if (log.n > 0) {
		k->last = s->block[last].previous;
		s->block[k->last].next = SHARD_NONE;
	}
	block_free(s, last);
}

void shard_expire(struct shard *s, struct shard_slot *k, i64 until_us)
{
	union shard_extent log = k->log;
	uint32_t unused = log.first;

	while (log.n > 0 && s->block[log.first].time_us[log.skip] <= until_us) {
		log.n--;
		if (++log.skip == SHARD_BLOCK_TIMES || log.n == 0) {
			log.first = s->block[log.first].next;
			log.skip = 0;
		}
	}
	if (log.word == k->log.word)
		return;
	set_extent(k, log);
	while (unused != log.first) {
		uint32_t next = s->block[unused].next;
		block_free(s, unused);
		unused = next;
	}
}

void shard_clamp(struct shard *s, struct shard_slot *k, i64 latest_us)
{
	uint32_t b = k->log.first;

	/* From the oldest on, so that the log is in order after every store. */
	for (unsigned i = 0, place = k->log.skip; i < k->log.n; i++) {
		if (s->block[b].time_us[place] > latest_us)
			s->block[b].time_us[place] = latest_us;
		in_this_order();
		if (++place == SHARD_BLOCK_TIMES) {
			b = s->block[b].next;
			place = 0;
		}
	}
}

i64 shard_time(const struct shard *s, const struct shard_slot *k, unsigned i)
{
	uint32_t b = k->log.first;

	for (i += k->log.skip; i >= SHARD_BLOCK_TIMES; i -= SHARD_BLOCK_TIMES)
		b = s->block[b].next;
	return s->block[b].time_us[i];
}

i64 shard_newest_time(const struct shard *s, const struct shard_slot *k)
{
	return s->block[k->last].time_us[(k->log.skip + k->log.n - 1) % SHARD_BLOCK_TIMES];
}
