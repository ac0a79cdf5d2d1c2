/* The last look at the database. */
#include "database_probe.h"

#include <pthread.h>

#include "../fcgi/core/clock.h"

enum { FRESH_MS = 500, STALE_S = 3 };

static struct {
	pthread_mutex_t lock;
	struct database_probe probe;
	i64 ended_mono_us; /* 0: never looked */
} last = {.lock = PTHREAD_MUTEX_INITIALIZER};

static i64 age_us(i64 now_us)
{
	return last.ended_mono_us != 0 ? now_us - last.ended_mono_us : INT64_MAX;
}

void database_probe_tick(struct db *db)
{
	i64 start_us = clock_mono_us();

	pthread_mutex_lock(&last.lock);
	bool is_fresh = age_us(start_us) < FRESH_MS * US_PER_MS;
	pthread_mutex_unlock(&last.lock);
	if (is_fresh)
		return;
	bool is_fine = db_ping(db) == 0;
	i64 now_us = clock_mono_us(), latency_us = now_us - start_us;
	pthread_mutex_lock(&last.lock);
	last.probe.is_fine = is_fine && latency_us <= PROBE_MAX_MS * US_PER_MS;
	last.probe.latency_us = latency_us;
	last.ended_mono_us = now_us;
	pthread_mutex_unlock(&last.lock);
}

struct database_probe database_probe_read(void)
{
	pthread_mutex_lock(&last.lock);
	struct database_probe probe = last.probe;
	probe.is_fine = probe.is_fine && age_us(clock_mono_us()) <= S_TO_US(STALE_S);
	pthread_mutex_unlock(&last.lock);
	return probe;
}
