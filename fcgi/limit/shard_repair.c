/* Size and layout of a shard, and how it is mended after a process died inside. */
#include <string.h>

#include "shard.h"

enum { LINE = 64 };

static size_t whole_lines(size_t bytes)
{
	return (bytes + LINE - 1) / LINE * LINE;
}

struct shard_size shard_size(size_t n_keys)
{
	struct shard_size size = {.n_slots = (uint32_t)n_keys, .n_buckets = 1};

	/* The longest log begins and ends within a block; one more is taken before one is freed. */
	size.n_blocks = (uint32_t)(2 * n_keys + SHARD_HITS_MAX / SHARD_BLOCK_TIMES + 3);
	while (size.n_buckets < size.n_slots)
		size.n_buckets *= 2;
	return size;
}

size_t shard_bytes(struct shard_size size)
{
	return sizeof(struct shard_head) + size.n_slots * sizeof(struct shard_slot) +
	       size.n_blocks * sizeof(struct shard_block) +
	       whole_lines(size.n_buckets * sizeof(uint32_t) + size.n_slots + size.n_blocks);
}

struct shard shard_view(void *memory, struct shard_size size)
{
	struct shard s = {.size = size, .head = memory};

	s.slot = (struct shard_slot *)(s.head + 1);
	s.block = (struct shard_block *)(s.slot + size.n_slots);
	s.bucket = (uint32_t *)(s.block + size.n_blocks);
	s.mark = (unsigned char *)(s.bucket + size.n_buckets);
	return s;
}

/* Follows the log's blocks, marks them, and cuts the log where it is not sound. */
static void repair_log(struct shard *s, struct shard_slot *k)
{
	unsigned char *mark = s->mark + s->size.n_slots;
	union shard_extent log = k->log;
	uint32_t b = SHARD_NONE, next = log.first;
	unsigned n = 0, place = log.skip;
	i64 time_us = INT64_MIN;

	if (log.n > SHARD_HITS_MAX || log.skip >= SHARD_BLOCK_TIMES)
		log.n = 0;
	for (; n < log.n; n++, place++) {
		if (n == 0 || place == SHARD_BLOCK_TIMES) {
			if (next >= s->size.n_blocks || mark[next])
				break;
			place = n == 0 ? place : 0;
			if (s->block[next].time_us[place] < time_us)
				break;
			mark[next] = 1;
			s->block[next].previous = b;
			b = next;
			next = s->block[b].next;
		}
		if (s->block[b].time_us[place] < time_us)
			break;
		time_us = s->block[b].time_us[place];
	}
	k->last = b;
	if (b != SHARD_NONE)
		s->block[b].next = SHARD_NONE;
	log.n = (uint16_t)n;
	if (n == 0)
		log = (union shard_extent){.first = SHARD_NONE};
	k->log = log;
}

/* The order of use is true from the newest on, except for a key that was just being moved: it is
 * not on the way, and is the newest. */
static void repair_order(struct shard *s)
{
	uint32_t newer = SHARD_NONE, i = s->head->newest;

	while (i < s->size.n_slots && s->slot[i].in_use && !s->mark[i]) {
		s->mark[i] = 1;
		s->slot[i].newer = newer;
		newer = i;
		i = s->slot[i].older;
	}
	s->head->oldest = newer;
	if (newer != SHARD_NONE)
		s->slot[newer].older = SHARD_NONE;
	else
		s->head->newest = SHARD_NONE;
	for (i = 0; i < s->size.n_slots; i++) {
		struct shard_slot *k = &s->slot[i];
		if (!k->in_use || s->mark[i])
			continue;
		k->newer = SHARD_NONE;
		k->older = s->head->newest;
		if (k->older != SHARD_NONE)
			s->slot[k->older].newer = i;
		else
			s->head->oldest = i;
		s->head->newest = i;
	}
}

void shard_repair(struct shard *s)
{
	struct shard_head *head = s->head;

	memset(s->mark, 0, s->size.n_slots + s->size.n_blocks);
	memset(s->bucket, 0xff, s->size.n_buckets * sizeof(*s->bucket)); /* SHARD_NONE */
	head->free_slot = SHARD_NONE;
	head->free_block = SHARD_NONE;
	repair_order(s);
	for (uint32_t i = s->size.n_slots; i-- > 0;) {
		struct shard_slot *k = &s->slot[i];
		uint32_t *list = &head->free_slot;
		if (k->in_use) {
			repair_log(s, k);
			list = &s->bucket[k->print.word[0] & (s->size.n_buckets - 1)];
		}
		k->same_bucket = *list;
		*list = i;
	}
	for (uint32_t b = s->size.n_blocks; b-- > 0;) {
		if (s->mark[s->size.n_slots + b])
			continue;
		s->block[b].next = head->free_block;
		head->free_block = b;
	}
}

/* The log has as many blocks as its times need, linked both ways, in order, each its own. */
static bool log_sound(const struct shard *s, const struct shard_slot *k, size_t *n_blocks)
{
	unsigned char *mark = s->mark + s->size.n_slots;
	uint32_t b = k->log.first, previous = SHARD_NONE;
	unsigned end = (unsigned)(k->log.skip + k->log.n);
	i64 time_us = INT64_MIN;

	if (k->log.n == 0)
		return k->log.first == SHARD_NONE && k->log.skip == 0;
	for (unsigned i = 0; i < end; i++) {
		unsigned place = i % SHARD_BLOCK_TIMES;
		if (place == 0) {
			b = i == 0 ? k->log.first : s->block[b].next;
			if (b >= s->size.n_blocks || mark[b])
				return false;
			mark[b] = 1;
			++*n_blocks;
			if (i > 0 && s->block[b].previous != previous)
				return false;
			previous = b;
		}
		if (i < k->log.skip)
			continue;
		if (s->block[b].time_us[place] < time_us)
			return false;
		time_us = s->block[b].time_us[place];
	}
	return b == k->last && s->block[b].next == SHARD_NONE;
}

static bool reachable(const struct shard *s, uint32_t number)
{
	size_t steps = 0;
	uint32_t i = s->bucket[s->slot[number].print.word[0] & (s->size.n_buckets - 1)];

	while (i < s->size.n_slots && i != number && steps++ < s->size.n_slots)
		i = s->slot[i].same_bucket;
	return i == number;
}

bool shard_sound(const struct shard *s, u64 *ret_n_keys)
{
	size_t n_keys = 0, n_free = 0, n_blocks = 0, n_free_blocks = 0;
	uint32_t newer = SHARD_NONE, i;

	memset(s->mark, 0, s->size.n_slots + s->size.n_blocks);
	for (i = s->head->newest; i != SHARD_NONE; i = s->slot[i].older) {
		if (i >= s->size.n_slots || s->mark[i] || !s->slot[i].in_use)
			return false;
		if (s->slot[i].newer != newer || !reachable(s, i) ||
			!log_sound(s, &s->slot[i], &n_blocks))
			return false;
		s->mark[i] = 1;
		newer = i;
		n_keys++;
	}
	if (s->head->oldest != newer)
		return false;
	for (i = s->head->free_slot; i != SHARD_NONE; i = s->slot[i].same_bucket, n_free++)
		if (i >= s->size.n_slots || s->slot[i].in_use || n_free >= s->size.n_slots)
			return false;
	for (i = s->head->free_block; i != SHARD_NONE; i = s->block[i].next, n_free_blocks++)
		if (i >= s->size.n_blocks || n_free_blocks >= s->size.n_blocks ||
			s->mark[s->size.n_slots + i])
			return false;
	*ret_n_keys = n_keys;
	return n_keys + n_free == s->size.n_slots && n_blocks + n_free_blocks == s->size.n_blocks;
}
