/* Purses: what calls may spend, admitted in memory. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "../fcgi/core/clock.h"
#include "../fcgi/core/crypto.h"
#include "ledger.h"
#include "purse_table.h"
#include "settle.h"

struct purses purses;

/* --- look-up ---------------------------------------------------------------------------------- */

static size_t slot_of(u64 user_id)
{
	return (size_t)(user_id * 0x9e3779b97f4a7c15u >> 32) % HASH_SLOTS;
}

static struct purse *purse_find(u64 user_id)
{
	for (size_t i = slot_of(user_id); purses.slot[i] != 0; i = (i + 1) % HASH_SLOTS)
		if (purses.purse[purses.slot[i] - 1].user_id == user_id)
			return &purses.purse[purses.slot[i] - 1];
	return NULL;
}

static struct purse *purse_make(u64 user_id)
{
	size_t i = slot_of(user_id);

	if (purses.n_free_purses == 0)
		return NULL;
	unsigned index = purses.free_purse[--purses.n_free_purses];
	while (purses.slot[i] != 0)
		i = (i + 1) % HASH_SLOTS;
	purses.slot[i] = index + 1;
	struct purse *purse = &purses.purse[index];
	if (index >= purses.n_purses)
		purses.n_purses = index + 1;
	*purse = (struct purse){.user_id = user_id, .lease = &purses.journal.head->lease[index]};
	return purse;
}

/* Takes it out of the table; what follows in its run moves up. */
void purse_drop(struct purse *purse)
{
	size_t i = slot_of(purse->user_id);
	unsigned index = (unsigned)(purse - purses.purse);

	while (purses.slot[i] != index + 1)
		i = (i + 1) % HASH_SLOTS;
	purses.slot[i] = 0;
	for (size_t k = (i + 1) % HASH_SLOTS; purses.slot[k] != 0; k = (k + 1) % HASH_SLOTS) {
		size_t home = slot_of(purses.purse[purses.slot[k] - 1].user_id);
		if ((k > i && (home <= i || home > k)) || (k < i && home <= i && home > k)) {
			purses.slot[i] = purses.slot[k];
			purses.slot[k] = 0;
			i = k;
		}
	}
	purse->lease->user_id = 0;
	purse->user_id = 0;
	purses.free_purse[purses.n_free_purses++] = index;
}

struct call_record *record_at(unsigned index)
{
	return &purses.journal.head->record[index];
}

unsigned record_index(const struct call_record *r)
{
	return (unsigned)(r - purses.journal.head->record);
}

void record_free(struct call_record *r)
{
	atomic_store_explicit(&r->state, RECORD_FREE, memory_order_release);
	r->next = purses.free_record;
	purses.free_record = record_index(r);
}

/* --- admission -------------------------------------------------------------------------------- */

i64 purse_free(const struct purse *p)
{
	return p->held - p->committed - p->due;
}

bool purse_is_empty(const struct purse *p)
{
	return p->n_calls == 0 && p->first_done == 0 && p->held == 0 && p->n_waiting == 0 &&
	       !p->is_busy && !p->is_uncertain;
}

static void wake_settler(i64 by_us)
{
	if (by_us < purses.wakes_at_us)
		pthread_cond_signal(&purses.work);
}

/* More may be reserved now than we know of, or not: the settler sets it right. Nothing has begun,
 * so for the caller nothing is unknown. */
static int grown_perhaps(struct purse *p, struct db *db)
{
	const char *cause = db->fail->cause;

	p->is_uncertain = true;
	p->retry_at_us = clock_mono_us() + RETRY_MS * US_PER_MS;
	wake_settler(p->retry_at_us);
	fail_clear(db->fail);
	return fail_cause(db->fail, E_UNAVAILABLE, "%s", cause != NULL ? cause : "");
}

/* Asks the ledger for a lease that covers one more call; the lock is released meanwhile. */
static int grow(
	struct purse *p, struct db *db, const struct call_request *q, struct ledger_leased *ret)
{
	const i64 amount = q->estimate;
	struct ledger_lease lease = {
		.user_id = p->user_id,
		.hold_id = p->lease->hold_id,
		.keep = p->committed + p->due + amount,
		.extra_max = amount < INT64_MAX / SLACK_CALLS ? amount * SLACK_CALLS : 0,
		.extra_unit = amount,
		.day_max = q->day_max,
		.now_us = clock_now_us(),
	};

	if (p->lease->user_id == 0) {
		memcpy(p->lease->hold_id, public_id(db->arena, "hold_"), CALL_ID_BYTES);
		atomic_signal_fence(memory_order_release); /* whoever finds a user finds it whole */
		p->lease->user_id = p->user_id;
	}
	lease.deadline_at_us = lease.now_us + S_TO_US(LEASE_S);
	p->is_busy = true;
	p->n_asked++;
	i64 asked_us = clock_mono_us();
	pthread_mutex_unlock(&purses.lock);
	int rc = ledger_lease_set(db, &lease, ret);
	pthread_mutex_lock(&purses.lock);
	p->is_busy = false;
	pthread_cond_broadcast(&purses.changed);
	wake_settler(0); /* it has passed over a busy purse, also one whose calls ended meanwhile */
	if (rc == E_OUTCOME_UNKNOWN)
		return grown_perhaps(p, db);
	if (rc != 0)
		return rc;
	p->held = ret->held;
	p->lapses_at_us = asked_us + S_TO_US(LEASE_S - LATE_S);
	p->slack_until_us = clock_mono_us() + SLACK_MS * US_PER_MS;
	p->renew_at_us = clock_mono_us() + S_TO_US(RENEW_S);
	return 0;
}

/* Another process may hold more of this user's credit than it needs, for SLACK_MS at most. */
static void wait_for_slack(struct purse *p)
{
	p->n_waiting++;
	pthread_mutex_unlock(&purses.lock);
	clock_sleep_us(RECALL_MS * US_PER_MS);
	pthread_mutex_lock(&purses.lock);
	p->n_waiting--;
}

/* Whether the purse can pay. What is reserved counts only as long as the sweeper leaves it alone.
 */
static bool has(const struct purse *p, i64 amount)
{
	return purse_free(p) >= amount && clock_mono_us() < p->lapses_at_us;
}

/* Takes amount out of the purse. A refusal also answers those who were waiting for it and want as
 * much. */
static int take(struct purse *p, struct db *db, const struct call_request *q)
{
	const i64 amount = q->estimate;
	u64 asked = p->n_asked;
	bool has_waited = false;
	struct ledger_leased leased;

	while (!has(p, amount)) {
		if (p->is_busy) {
			p->n_waiting++;
			pthread_cond_wait(&purses.changed, &purses.lock);
			p->n_waiting--;
			continue;
		}
		if (p->is_uncertain) /* what is due may have been charged: a refusal could be wrong
				      */
			return fail_later(db->fail, E_UNAVAILABLE, 1);
		if (p->refused_ask > asked && p->refused_amount <= amount)
			return fail(db->fail, (enum error)p->refused_error, NULL);
		int rc = grow(p, db, q, &leased);
		bool is_refused = rc == E_INSUFFICIENT_BALANCE || rc == E_RATE_LIMITED;
		if (is_refused && leased.others > 0 && !has_waited) {
			fail_clear(db->fail);
			wait_for_slack(p);
			has_waited = true;
			continue;
		}
		if (is_refused) {
			p->refused_ask = p->n_asked;
			p->refused_amount = amount;
			p->refused_error = rc;
		}
		if (rc != 0)
			return rc;
	}
	p->committed += amount;
	p->unit = amount;
	p->n_calls++;
	return 0;
}

static i64 later(i64 a, i64 b)
{
	return a > b ? a : b;
}

static void copy_text(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from != NULL ? from : "");
}

static void record_fill(
	struct call_record *r, const struct purse *p, const struct call_request *q, const char *id)
{
	unsigned next = r->next;

	memset(r, 0, sizeof(*r));
	r->next = next;
	r->user_id = q->user_id;
	r->estimate = q->estimate;
	r->started_at_us = q->now_us;
	r->started_mono_us = clock_mono_us();
	r->catalog_id = q->catalog_id;
	r->price = q->price;
	r->input_bytes = q->input_bytes;
	r->n_images = q->n_images;
	r->endpoint = q->endpoint;
	memcpy(r->hold_id, p->lease->hold_id, sizeof(r->hold_id));
	copy_text(r->id, sizeof(r->id), id);
	copy_text(r->request_id, sizeof(r->request_id), q->request_id);
	copy_text(r->mode, sizeof(r->mode), q->mode);
	copy_text(r->model, sizeof(r->model), q->model);
	atomic_store_explicit(&r->state, RECORD_HELD, memory_order_release);
}

/* A free record; while there is none the settler is behind, and callers wait for it. */
static struct call_record *take_record(void)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += RECORD_WAIT_MS / 1000;
	while (purses.free_record == 0 && purses.n_records == purses.journal.head->n_records &&
		!purses.is_stopping)
		if (pthread_cond_timedwait(&purses.changed, &purses.lock, &until) != 0)
			return NULL;
	if (purses.is_stopping)
		return NULL;
	unsigned index = purses.free_record;
	if (index == 0)
		return record_at(purses.n_records++);
	purses.free_record = record_at(index)->next;
	return record_at(index);
}

static int admit(
	struct db *db, const struct call_request *q, const char *id, struct call_record **ret)
{
	struct call_record *r = take_record();
	struct purse *p = purse_find(q->user_id);

	if (p == NULL)
		p = purse_make(q->user_id);
	int rc = r == NULL || p == NULL ? fail_later(db->fail, E_UNAVAILABLE, 1) : take(p, db, q);
	if (rc == 0) {
		record_fill(r, p, q, id);
		purses.n_calls++;
		*ret = r;
		return 0;
	}
	if (r != NULL)
		record_free(r);
	if (p != NULL && purse_is_empty(p))
		purse_drop(p);
	return rc;
}

int purse_admit(struct db *db, const struct call_request *q, struct call_record **ret)
{
	char *id = public_id(db->arena, "act_"); /* random numbers may take a system call */
	struct ledger_balance balance;

	pthread_mutex_lock(&purses.lock);
	int rc = admit(db, q, id, ret);
	pthread_mutex_unlock(&purses.lock);
	if (rc != E_INSUFFICIENT_BALANCE)
		return rc;
	fail_decimal(db->fail, "required", money_charge_hundredths(q->estimate), 2);
	if (ledger_balance_get(db, q->user_id, &balance) == 0)
		fail_decimal(db->fail, "available", money_credit_hundredths(balance.spendable), 2);
	return rc;
}

void purse_running(struct call_record *r)
{
	atomic_store_explicit(&r->state, RECORD_RUNNING, memory_order_release);
}

void purse_priced(struct call_record *r)
{
	r->latency_us = clock_mono_us() - r->started_mono_us;
	atomic_store_explicit(&r->state, RECORD_PRICED, memory_order_release);
}

void purse_finish(struct call_record *r)
{
	unsigned index = record_index(r);
	i64 now_us = clock_mono_us();

	atomic_store_explicit(&r->state, RECORD_DONE, memory_order_release);
	pthread_mutex_lock(&purses.lock);
	struct purse *p = purse_find(r->user_id);
	r->next = 0;
	if (p->first_done == 0)
		p->first_done = index;
	else
		record_at(p->last_done)->next = index;
	p->last_done = index;
	p->committed -= r->estimate;
	p->due += r->cost;
	p->n_calls--;
	if (p->settle_at_us == 0) /* else others have ended before and wait for it */
		p->settle_at_us = later(now_us + SETTLE_DELAY_MS * US_PER_MS,
			p->settled_us + SETTLE_EVERY_MS * US_PER_MS);
	purses.n_calls--;
	purses.n_unsettled++;
	wake_settler(p->settle_at_us);
	pthread_mutex_unlock(&purses.lock);
}

/* --- start and stop --------------------------------------------------------------------------- */

int purses_start(const struct options *options, struct db_pool *db_pool, const char *pool,
	size_t n_calls, char *why, size_t why_size)
{
	pthread_condattr_t monotonic;
	pthread_attr_t attributes;

	memset(&purses, 0, offsetof(struct purses, purse)); /* what is behind is not read before */
	snprintf(purses.dir, sizeof(purses.dir), "%s/shm", options->state_dir);
	if (journal_new(&purses.journal, purses.dir, pool, n_calls + 1) != 0) {
		snprintf(why, why_size, "cannot make a file for calls in %s: %s", purses.dir,
			strerror(errno));
		return -1;
	}
	purses.db_pool = db_pool;
	pthread_mutex_init(&purses.lock, NULL);
	for (unsigned i = LEASES_MAX; i > 0; i--)
		purses.free_purse[purses.n_free_purses++] = i - 1;
	purses.n_records = 1;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&purses.work, &monotonic);
	pthread_cond_init(&purses.changed, &monotonic);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	if (pthread_create(&purses.thread, &attributes, purse_settler, NULL) != 0) {
		snprintf(why, why_size, "cannot start the thread that settles calls");
		return -1;
	}
	return 0;
}

void purses_stop(void)
{
	pthread_mutex_lock(&purses.lock);
	purses.is_stopping = true;
	pthread_cond_signal(&purses.work);
	pthread_mutex_unlock(&purses.lock);
	pthread_join(purses.thread, NULL);
	if (purses.n_unsettled == 0 && purses.n_free_purses == LEASES_MAX)
		journal_remove(&purses.journal);
	else
		journal_leave(&purses.journal);
}
