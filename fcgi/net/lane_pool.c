/* The lanes between calls, shared by the threads of a process: libcurl's connection caches may not
 * be shared, but a handle may wander. A call takes the lane that served its origin last, so as many
 * lanes exist as calls run at once, few connections are kept warm, and a thread that waits for work
 * holds none. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "../core/clock.h"
#include "lane.h"

enum { BUCKETS = 64, POOL_IDLE_S = 30 };

TAILQ_HEAD(lanes, lane);

struct lane_pool {
	pthread_mutex_t lock;
	size_t n_idle, idle_max;
	struct lanes bucket[BUCKETS], by_age; /* the last used first */
};

/* Addresses that users make us call must not crowd out our own. */
static struct lane_pool pools[LANE_POLICY_MAX] = {
	[LANE_ANY] = {.lock = PTHREAD_MUTEX_INITIALIZER, .idle_max = 4096},
	[LANE_PUBLIC] = {.lock = PTHREAD_MUTEX_INITIALIZER, .idle_max = 16},
	[LANE_LOOPBACK] = {.lock = PTHREAD_MUTEX_INITIALIZER, .idle_max = 16},
};

static struct lanes *bucket_of(struct lane_pool *pool, const char *origin)
{
	unsigned hash = 5381;

	for (const char *p = origin; *p != '\0'; p++)
		hash = hash * 33 + (unsigned char)*p;
	return &pool->bucket[hash % BUCKETS];
}

/* The pool is locked. */
static void pool_prepare(struct lane_pool *pool)
{
	if (pool->by_age.tqh_last != NULL)
		return;
	TAILQ_INIT(&pool->by_age);
	for (size_t i = 0; i < BUCKETS; i++)
		TAILQ_INIT(&pool->bucket[i]);
}

static void take_out(struct lane_pool *pool, struct lane *lane)
{
	TAILQ_REMOVE(bucket_of(pool, lane->origin), lane, in_bucket);
	TAILQ_REMOVE(&pool->by_age, lane, by_age);
	pool->n_idle--;
}

/* Takes out the lane used the longest ago, when there is one too many or it was not used for
 * idle_us. Closing may take a while: that is for the caller, without the lock. */
static struct lane *take_expired(struct lane_pool *pool, i64 now_us, i64 idle_us)
{
	struct lane *oldest = TAILQ_LAST(&pool->by_age, lanes);

	if (oldest == NULL ||
		(pool->n_idle <= pool->idle_max && now_us - oldest->returned_at_us < idle_us))
		return NULL;
	take_out(pool, oldest);
	return oldest;
}

void lane_discard(struct lane *lane)
{
	if (lane == NULL)
		return;
	lane_close(lane);
	free(lane);
}

struct lane *lane_borrow(enum lane_policy policy, const char *origin)
{
	struct lane_pool *pool = &pools[policy];
	struct lane *lane;

	pthread_mutex_lock(&pool->lock);
	pool_prepare(pool);
	TAILQ_FOREACH(lane, bucket_of(pool, origin), in_bucket)
	if (strcmp(lane->origin, origin) == 0)
		break;
	if (lane != NULL)
		take_out(pool, lane);
	pthread_mutex_unlock(&pool->lock);
	if (lane == NULL && (lane = calloc(1, sizeof(*lane))) != NULL) {
		lane->policy = policy;
		strncpy(lane->origin, origin, sizeof(lane->origin) - 1);
	}
	return lane;
}

void lane_return(struct lane *lane)
{
	struct lane_pool *pool = &pools[lane->policy];

	lane_forget(lane);
	pthread_mutex_lock(&pool->lock);
	lane->returned_at_us = clock_mono_us();
	TAILQ_INSERT_HEAD(bucket_of(pool, lane->origin), lane, in_bucket);
	TAILQ_INSERT_HEAD(&pool->by_age, lane, by_age);
	pool->n_idle++;
	struct lane *expired = take_expired(pool, lane->returned_at_us, S_TO_US(POOL_IDLE_S));
	pthread_mutex_unlock(&pool->lock);
	lane_discard(expired);
}

void net_sweep(i64 idle_us)
{
	for (size_t i = 0; i < LANE_POLICY_MAX; i++) {
		struct lane *expired;
		do {
			pthread_mutex_lock(&pools[i].lock);
			pool_prepare(&pools[i]);
			expired = take_expired(&pools[i], clock_mono_us(), idle_us);
			pthread_mutex_unlock(&pools[i].lock);
			lane_discard(expired);
		} while (expired != NULL);
	}
}
