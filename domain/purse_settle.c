/* The thread that settles: charges what calls have cost, and gives leases back. */
#include <pthread.h>
#include <string.h>

#include "../fcgi/core/clock.h"
#include "../fcgi/core/log.h"
#include "../fcgi/core/metrics.h"
#include "purse_table.h"
#include "settle.h"

static i64 later(i64 a, i64 b)
{
	return a > b ? a : b;
}

/* When the settler should look at a purse; INT64_MAX: not by itself. */
static i64 due_at(const struct purse *p)
{
	i64 at_us = p->renew_at_us;

	if (p->user_id == 0 || p->lease->user_id == 0 || p->is_busy)
		return INT64_MAX;
	if (p->first_done != 0 && p->settle_at_us < at_us)
		at_us = p->settle_at_us;
	if (purse_free(p) > 0 && p->slack_until_us < at_us)
		at_us = p->slack_until_us;
	if (purses.is_stopping || p->is_uncertain)
		at_us = 0;
	return later(at_us, p->retry_at_us);
}

static struct purse *most_due(i64 *ret_at_us)
{
	struct purse *first = NULL;

	*ret_at_us = INT64_MAX;
	for (size_t i = 0; i < purses.n_purses; i++) {
		i64 at_us = due_at(&purses.purse[i]);
		if (at_us < *ret_at_us) {
			*ret_at_us = at_us;
			first = &purses.purse[i];
		}
	}
	return first;
}

/* What a settlement works on, taken from its purse. */
struct batch {
	struct call_record *call[SETTLE_CALLS_MAX];
	size_t n;
	i64 cost;
};

static void batch_take(struct purse *p, struct batch *b)
{
	b->n = 0;
	b->cost = 0;
	while (p->first_done != 0 && b->n < SETTLE_CALLS_MAX) {
		struct call_record *r = record_at(p->first_done);
		b->call[b->n++] = r;
		b->cost += r->cost;
		p->first_done = r->next;
	}
}

static void batch_give_back(struct purse *p, struct batch *b)
{
	if (p->first_done == 0 && b->n > 0)
		p->last_done = record_index(b->call[b->n - 1]);
	while (b->n > 0) {
		struct call_record *r = b->call[--b->n];
		r->next = p->first_done;
		p->first_done = record_index(r);
	}
}

static void batch_free(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		record_free(b->call[i]);
	purses.n_unsettled -= b->n;
}

/* Charges what is due and sets the lease to what its calls need, with the slack while it lasts. */
static void purse_settle(struct purse *p, struct arena *arena)
{
	struct fail failure = {.arena = arena};
	struct db db = {.pool = purses.db_pool, .arena = arena, .fail = &failure};
	static struct batch batch; /* of the only settler */
	struct ledger_leased leased;
	i64 now_us = clock_mono_us(), asked_us = now_us, held = p->held;

	batch_take(p, &batch);
	i64 slack = now_us < p->slack_until_us && !purses.is_stopping ? purse_free(p) : 0;
	struct settlement s = {
		.lease = {.user_id = p->user_id,
			.hold_id = p->lease->hold_id,
			.keep = p->committed + p->due - batch.cost + (slack > 0 ? slack : 0),
			.extra_unit = p->unit,
			.now_us = clock_now_us()},
		.call = batch.call,
		.n_calls = batch.n,
		.ask_first = p->is_uncertain,
	};
	s.lease.deadline_at_us = s.lease.now_us + S_TO_US(LEASE_S);
	/* Meanwhile calls are admitted from what is sure to be reserved before and after. */
	if (s.lease.keep + batch.cost < p->held)
		p->held = s.lease.keep + batch.cost;
	p->is_busy = true;
	pthread_mutex_unlock(&purses.lock);
	int rc = settle(&db, &s, &leased);
	pthread_mutex_lock(&purses.lock);
	p->is_busy = false;
	now_us = clock_mono_us();
	if (rc == 0) {
		p->held = leased.held;
		p->due -= batch.cost;
		p->lapses_at_us = asked_us + S_TO_US(LEASE_S - LATE_S);
		p->renew_at_us = now_us + S_TO_US(RENEW_S);
		p->settle_at_us = p->first_done != 0 ? now_us + SETTLE_EVERY_MS * US_PER_MS : 0;
		p->settled_us = now_us;
		p->retry_at_us = 0;
		/* While calls go on and money is plenty, none of them waits for a lease. */
		if (slack > 0 && batch.n > 0 && leased.has_more)
			p->slack_until_us = now_us + SLACK_MS * US_PER_MS;
		batch_free(&batch);
	} else {
		LOG(ERROR, "calls_not_settled", LOG_NUMBER("calls", (i64)batch.n),
			LOG_TEXT("cause", failure.cause));
		if (rc != E_OUTCOME_UNKNOWN)
			p->held = held;
		p->retry_at_us = now_us + RETRY_MS * US_PER_MS;
		batch_give_back(p, &batch);
	}
	p->is_uncertain = rc == E_OUTCOME_UNKNOWN || (rc != 0 && p->is_uncertain);
	pthread_cond_broadcast(&purses.changed);
	if (purse_is_empty(p))
		purse_drop(p);
}

static void sleep_until(i64 at_us)
{
	struct timespec until;

	purses.wakes_at_us = at_us;
	if (at_us == INT64_MAX) {
		pthread_cond_wait(&purses.work, &purses.lock);
	} else {
		until.tv_sec = at_us / US_PER_S;
		until.tv_nsec = at_us % US_PER_S * 1000;
		pthread_cond_timedwait(&purses.work, &purses.lock, &until);
	}
	purses.wakes_at_us = 0;
}

void *purse_settler(void *arg)
{
	struct arena arena;
	i64 at_us, stop_at_us = INT64_MAX;

	(void)arg;
	arena_init(&arena, ARENA_CEILING_BYTES);
	pthread_mutex_lock(&purses.lock);
	for (;;) {
		struct purse *p = most_due(&at_us);
		i64 now_us = clock_mono_us();
		if (purses.is_stopping && stop_at_us == INT64_MAX)
			stop_at_us = now_us + S_TO_US(STOP_S);
		if (purses.is_stopping && (p == NULL || now_us > stop_at_us))
			break;
		if (p == NULL || at_us > now_us) {
			sleep_until(at_us);
			continue;
		}
		purse_settle(p, &arena);
		arena_reset(&arena);
	}
	pthread_mutex_unlock(&purses.lock);
	arena_free(&arena);
	return NULL;
}

/* Calls under way, those to be settled, and leases. */
static void set_gauges(void)
{
	pthread_mutex_lock(&purses.lock);
	metrics_set(METRIC_AI_CALLS, (i64)purses.n_calls);
	metrics_set(METRIC_AI_UNSETTLED, (i64)purses.n_unsettled);
	metrics_set(METRIC_AI_LEASES, (i64)(LEASES_MAX - purses.n_free_purses));
	pthread_mutex_unlock(&purses.lock);
}

void purses_tick(struct db *db)
{
	set_gauges();
	settle_orphans(db, purses.dir);
}
