/* Windows and buckets shared by processes: the file, its locks, and what a hit means. The keys and
 * times within a shard belong to shard.c. */
#include "window.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../core/clock.h"
#include "../core/crypto.h"
#include "../core/mapped.h"
#include "shard.h"
#include "window_word.h"

enum { WINDOW_VERSION = 3, SHARDS_MAX = 64, SHARD_KEYS_MIN = 64, LINE = 64 };

/* Everything but `seed` and `ready` is the layout: a file where it differs is another's. */
struct window_head {
	char magic[8];
	uint32_t version, lock_bytes;
	uint32_t n_shards, pad;
	struct shard_size size;
	uint32_t shard_bytes;
	u64 file_bytes;
	u64 seed[2];
	u64 ready; /* written last */
} __attribute__((aligned(64)));

struct shard_lock {
	pthread_mutex_t mutex;
	u64 n_repairs;
} __attribute__((aligned(64)));

struct window_map {
	struct mapped file;
	struct window_head *head;
};

static size_t square_root(size_t n)
{
	size_t root = 0;

	while ((root + 1) * (root + 1) <= n)
		root++;
	return root;
}

/* Keys spread unevenly over shards: four standard deviations more room than their mean. */
static struct window_head layout_for(size_t n_keys)
{
	struct window_head head = {.magic = "TPWINDOW", .version = WINDOW_VERSION};
	size_t n_shards = 1;

	while (n_shards < SHARDS_MAX && n_keys / (2 * n_shards) >= SHARD_KEYS_MIN)
		n_shards *= 2;
	size_t mean = (n_keys + n_shards - 1) / n_shards;
	size_t room = n_shards == 1 ? mean : mean + 4 * square_root(mean);
	head.lock_bytes = sizeof(struct shard_lock);
	head.n_shards = (uint32_t)n_shards;
	head.size = shard_size(room > 0 ? room : 1);
	head.shard_bytes = (uint32_t)(sizeof(struct shard_lock) + shard_bytes(head.size));
	head.file_bytes = sizeof(head) + (u64)n_shards * head.shard_bytes;
	return head;
}

static struct shard_lock *lock_at(const struct window_map *map, uint32_t i)
{
	char *first = (char *)(map->head + 1);

	return (struct shard_lock *)(first + (size_t)i * map->head->shard_bytes);
}

static bool lock_init(struct shard_lock *lock)
{
	pthread_mutexattr_t attr;

	if (pthread_mutexattr_init(&attr) != 0)
		return false;
	memset(&lock->mutex, 0, sizeof(lock->mutex));
	bool done = pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED) == 0 &&
		    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST) == 0 &&
		    pthread_mutex_init(&lock->mutex, &attr) == 0;
	pthread_mutexattr_destroy(&attr);
	return done;
}

/* Nobody else has the file open: locks left by a machine that lost power are made anew. */
static bool revive(struct window_map *map)
{
	for (uint32_t i = 0; i < map->head->n_shards; i++) {
		struct shard_lock *lock = lock_at(map, i);
		struct shard s = shard_view(lock + 1, map->head->size);
		if (!lock_init(lock))
			return false;
		shard_repair(&s);
	}
	/* What was touched here is everybody's memory, and no longer counted as this process's. */
	madvise(map->file.data, map->file.bytes, MADV_DONTNEED);
	return true;
}

static bool flock_wait(int fd)
{
	int rc;

	do {
		rc = flock(fd, LOCK_SH);
	} while (rc != 0 && errno == EINTR);
	return rc == 0;
}

/* Everyone who has the file open holds it locked shared, so the exclusive lock tells a first one.
 * The caller holds the folder's lock: nobody opens the file meanwhile. */
static bool open_existing(
	const char *path, const struct window_head *layout, struct window_map *map)
{
	if (!mapped_open(path, layout->file_bytes, &map->file))
		return false;
	map->head = map->file.data;
	if (memcmp(map->head, layout, offsetof(struct window_head, seed)) == 0 &&
		map->head->ready == 1 &&
		(flock(map->file.fd, LOCK_EX | LOCK_NB) != 0 || revive(map)) &&
		flock_wait(map->file.fd))
		return true;
	errno = EINVAL;
	mapped_close(&map->file);
	return false;
}

static bool open_new(const char *path, const struct window_head *layout, struct window_map *map)
{
	if (!mapped_make(path, layout->file_bytes, &map->file))
		return false;
	map->head = map->file.data;
	memcpy(map->head, layout, sizeof(*layout));
	random_bytes(map->head->seed, sizeof(map->head->seed));
	if (!revive(map) || !flock_wait(map->file.fd)) {
		mapped_close(&map->file);
		return false;
	}
	map->head->ready = 1;
	return mapped_publish(&map->file, path);
}

struct window_map *window_open(const char *path, size_t n_keys)
{
	struct window_head layout = layout_for(n_keys);
	struct window_map *map = malloc(sizeof(*map));
	scoped_fd int folder = mapped_lock_folder(path);

	if (map != NULL && folder >= 0) {
		if (open_existing(path, &layout, map))
			return map;
		/* A file that may not be read is no reason to count in one of our own. */
		if ((errno == ENOENT || errno == EINVAL) && open_new(path, &layout, map))
			return map;
	}
	int saved = errno;
	free(map);
	errno = saved;
	return NULL;
}

void window_close(struct window_map *map)
{
	if (map == NULL)
		return;
	mapped_close(&map->file);
	free(map);
}

/* A shard whose lock was asked for, with the result rc; one whose owner was killed inside is mended
 * first. */
static struct shard locked_shard(struct window_map *map, uint32_t i, int rc)
{
	struct shard_lock *lock = lock_at(map, i);
	struct shard s = shard_view(lock + 1, map->head->size);

	if (rc == EOWNERDEAD) {
		shard_repair(&s);
		lock->n_repairs++;
		rc = pthread_mutex_consistent(&lock->mutex);
	}
	if (rc != 0)
		abort(); /* never of a robust mutex used like this: the memory was overwritten */
	return s;
}

static struct shard lock_shard(struct window_map *map, uint32_t i)
{
	return locked_shard(map, i, pthread_mutex_lock(&lock_at(map, i)->mutex));
}

static void unlock_shard(struct window_map *map, uint32_t i)
{
	pthread_mutex_unlock(&lock_at(map, i)->mutex);
}

static uint32_t shard_of(const struct window_map *map, struct siphash print)
{
	return (uint32_t)(print.word[1] & (map->head->n_shards - 1));
}

/* The time of this hit: never before the newest one, since a log is in order. */
static i64 settle_time(struct shard *s, struct shard_slot *k, i64 now_us)
{
	if (k->log.n == 0)
		return now_us;
	i64 newest_us = shard_newest_time(s, k);
	if (newest_us <= now_us)
		return now_us;
	if (newest_us - now_us <= OVERTAKEN_US)
		return newest_us;
	shard_clamp(s, k, now_us);
	return now_us;
}

static struct window_answer hit(
	struct shard *s, struct shard_slot *k, i64 count, i64 window_s, i64 now_us)
{
	i64 window_us = S_TO_US(window_s), n;

	now_us = settle_time(s, k, now_us);
	shard_expire(s, k, now_us - window_us);
	n = k->log.n;
	if (n < count) {
		shard_append(s, k, now_us);
		return (struct window_answer){.admitted = true, .remaining = count - n - 1};
	}
	if (count <= 0)
		return (struct window_answer){.retry_after_s = window_s};
	/* One more passes when count - 1 are left: a lowered count may take several to go. */
	i64 left_us = shard_time(s, k, (unsigned)(n - count)) + window_us - now_us;
	return (struct window_answer){.retry_after_s = (left_us + US_PER_S - 1) / US_PER_S};
}

struct window_answer window_hit(struct window_map *map, const void *key, size_t key_length,
	i64 count, i64 window_s, i64 now_us)
{
	struct siphash print = siphash(map->head->seed, key, key_length);
	uint32_t i = shard_of(map, print);

	if (count > SHARD_HITS_MAX)
		count = SHARD_HITS_MAX;
	struct shard s = lock_shard(map, i);
	struct window_answer answer = hit(&s, shard_use(&s, print), count, window_s, now_us);
	unlock_shard(map, i);
	return answer;
}

struct window_answer window_hit_fixed(struct window_map *map, const void *key, size_t key_length,
	i64 count, i64 window_s, i64 now_us)
{
	struct siphash print = siphash(map->head->seed, key, key_length);
	uint32_t i = shard_of(map, print);

	struct shard s = lock_shard(map, i);
	struct window_answer answer = word_hit_fixed(shard_use(&s, print), count, window_s, now_us);
	unlock_shard(map, i);
	return answer;
}

struct window_answer window_hit_bucket(struct window_map *map, const void *key, size_t key_length,
	i64 count, i64 window_s, i64 now_us)
{
	struct siphash print = siphash(map->head->seed, key, key_length);
	uint32_t i = shard_of(map, print);

	if (count < 1)
		return (struct window_answer){.retry_after_s = window_s};
	struct shard s = lock_shard(map, i);
	struct window_answer answer =
		word_hit_bucket(shard_use(&s, print), count, window_s, now_us);
	unlock_shard(map, i);
	return answer;
}

void window_undo_bucket(
	struct window_map *map, const void *key, size_t key_length, i64 count, i64 window_s)
{
	struct siphash print = siphash(map->head->seed, key, key_length);
	uint32_t i = shard_of(map, print);
	struct shard s = lock_shard(map, i);
	struct shard_slot *k = shard_find(&s, print);

	if (k != NULL && count > 0)
		word_undo_bucket(k, count, window_s);
	unlock_shard(map, i);
}

void window_undo(struct window_map *map, const void *key, size_t key_length)
{
	struct siphash print = siphash(map->head->seed, key, key_length);
	uint32_t i = shard_of(map, print);
	struct shard s = lock_shard(map, i);
	struct shard_slot *k = shard_find(&s, print);

	if (k != NULL)
		shard_drop_newest(&s, k);
	unlock_shard(map, i);
}

bool window_answers(struct window_map *map, i64 timeout_ms)
{
	i64 until_us = clock_now_us() + timeout_ms * US_PER_MS;
	struct timespec until = {until_us / US_PER_S, until_us % US_PER_S * 1000};

	for (uint32_t i = 0; i < map->head->n_shards; i++) {
		int rc = pthread_mutex_timedlock(&lock_at(map, i)->mutex, &until);
		if (rc == ETIMEDOUT)
			return false;
		locked_shard(map, i, rc);
		unlock_shard(map, i);
	}
	return true;
}

struct window_health window_health(struct window_map *map)
{
	struct window_health health = {.sound = true};

	for (uint32_t i = 0; i < map->head->n_shards; i++) {
		u64 n_keys = 0;
		struct shard s = lock_shard(map, i);
		health.sound = shard_sound(&s, &n_keys) && health.sound;
		health.keys += n_keys;
		health.evictions += s.head->n_evicted;
		health.repairs += lock_at(map, i)->n_repairs;
		unlock_shard(map, i);
	}
	return health;
}
