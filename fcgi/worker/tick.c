/* The once-a-second thread of a worker process. */
#include "tick.h"

#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <time.h>

#include "../core/clock.h"
#include "../http/request.h"
#include "../net/net.h"

enum {
	ARENA_CEILING_BYTES = 32 * 1024 * 1024,
	PERIOD_MS = 1000,
	STACK_BYTES = 256 * 1024,
	TIDY_PERIODS = 10,
	IDLE_CONNECTION_S = 30
};

struct tick {
	const struct worker *worker;
	int stop_fd;
	pthread_t thread;
	sem_t first_done;
};

static bool serves(const struct worker *worker, const struct family *family)
{
	for (size_t i = 0; i < family->n_routes; i++)
		if (route_pool(family, &family->route[i]) == worker->pool)
			return true;
	return false;
}

static void run_ticks(const struct worker *worker, struct arena *arena)
{
	for (size_t i = 0; families[i] != NULL; i++) {
		struct fail failure = {.arena = arena};
		struct db db = {.pool = worker->db_pool, .arena = arena, .fail = &failure};
		if (families[i]->tick != NULL && serves(worker, families[i]))
			families[i]->tick(worker, &db);
		arena_reset(arena);
	}
}

static void *tick_main(void *arg)
{
	struct tick *t = arg;
	struct pollfd stop = {.fd = t->stop_fd, .events = POLLIN};
	struct arena arena;

	arena_init(&arena, ARENA_CEILING_BYTES);
	run_ticks(t->worker, &arena);
	sem_post(&t->first_done);
	for (unsigned n = 1; poll(&stop, 1, PERIOD_MS) == 0; n++) {
		run_ticks(t->worker, &arena);
		if (n % TIDY_PERIODS != 0)
			continue;
		net_sweep(S_TO_US(IDLE_CONNECTION_S));
		malloc_trim(0); /* what many large requests at once have needed */
	}
	arena_free(&arena);
	return NULL;
}

struct tick *tick_start(const struct worker *worker, int stop_fd)
{
	bool wanted = false;
	pthread_attr_t attributes;
	struct timespec until;

	for (size_t i = 0; families[i] != NULL; i++)
		wanted = wanted || (families[i]->tick != NULL && serves(worker, families[i]));
	struct tick *t = wanted ? calloc(1, sizeof(*t)) : NULL;
	if (t == NULL)
		return NULL;
	t->worker = worker;
	t->stop_fd = stop_fd;
	sem_init(&t->first_done, 0, 0);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	if (pthread_create(&t->thread, &attributes, tick_main, t) != 0) {
		free(t);
		return NULL;
	}
	pthread_attr_destroy(&attributes);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec++;
	sem_timedwait(&t->first_done, &until);
	return t;
}

void tick_join(struct tick *tick)
{
	if (tick == NULL)
		return;
	pthread_join(tick->thread, NULL);
	sem_destroy(&tick->first_done);
	free(tick);
}
