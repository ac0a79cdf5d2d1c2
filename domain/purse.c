/* Purses: admission in memory, settlement by one thread. */
#include "purse.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "../fcgi/core/clock.h"
#include "../fcgi/core/crypto.h"
#include "../fcgi/core/log.h"
#include "call_journal.h"
#include "settle.h"

enum {
	SLACK_MS = 200,	       /* how long a lease may hold more than its calls need */
	SLACK_CALLS = 64,      /* and for how many calls of the size of the last one */
	RECORD_WAIT_MS = 2000, /* for a record, when too many calls are unsettled */
	RECALL_MS = 250,       /* until other processes have given their slack back */
	SETTLE_DELAY_MS = 4,   /* from a call's end, so that its answer goes out first */
	SETTLE_EVERY_MS = 20,  /* and at least so long between two settlements */
	LEASE_S = 120,	       /* a lease ends so long after its last renewal */
	RENEW_S = 30,
	RETRY_MS = 500, /* after the database failed */
	STOP_S = 10,
	HASH_SLOTS = 2 * LEASES_MAX,
	ARENA_CEILING_BYTES = 64 * 1024 * 1024,
	STACK_BYTES = 256 * 1024,
};

/* A user's lease. held is what is reserved, committed what calls under way may still cost, due what
 * ended calls did cost and was not charged yet. */
struct purse {
	u64 user_id; /* 0: not in use */
	i64 held, committed, due;
	/* Monotonic times: of the slack's end, the next renewal, the next settlement of what ended
	 * calls did cost, the last one, and (else 0) when a failed one is tried again. */
	i64 slack_until_us, renew_at_us, settle_at_us, settled_us, retry_at_us;
	bool is_busy;	   /* the database is being asked */
	bool is_uncertain; /* the last settlement may have happened */
	u64 n_asked;	   /* how often the database was asked for more */
	u64 refused_ask;   /* the last of these that was refused, for refused_amount */
	i64 refused_amount;
	unsigned first_done, last_done; /* records to be settled */
	size_t n_calls, n_waiting;	/* under way; threads that wait for a change */
	struct lease_record *lease;
};

static struct purses {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a purse is no longer busy */
	pthread_cond_t work;	/* the settler has something to do */
	struct purse purse[LEASES_MAX];
	size_t n_purses;	   /* those after it were never used */
	unsigned slot[HASH_SLOTS]; /* 1 + index of the purse; open addressing */
	unsigned free_purse[LEASES_MAX], free_record;
	size_t n_free_purses, n_records, n_calls, n_unsettled;
	i64 wakes_at_us; /* when the sleeping settler wakes; 0: it is awake */
	bool is_stopping;
	struct db_pool *db_pool;
	char dir[256];
	struct journal journal;
	pthread_t thread;
} self;

/* --- look-up ---------------------------------------------------------------------------------- */

static size_t slot_of(u64 user_id)
{
	return (size_t)(user_id * 0x9e3779b97f4a7c15u >> 32) % HASH_SLOTS;
}

static struct purse *purse_find(u64 user_id)
{
	for (size_t i = slot_of(user_id); self.slot[i] != 0; i = (i + 1) % HASH_SLOTS)
		if (self.purse[self.slot[i] - 1].user_id == user_id)
			return &self.purse[self.slot[i] - 1];
	return NULL;
}

static struct purse *purse_make(u64 user_id)
{
	size_t i = slot_of(user_id);

	if (self.n_free_purses == 0)
		return NULL;
	unsigned index = self.free_purse[--self.n_free_purses];
	while (self.slot[i] != 0)
		i = (i + 1) % HASH_SLOTS;
	self.slot[i] = index + 1;
	struct purse *purse = &self.purse[index];
	if (index >= self.n_purses)
		self.n_purses = index + 1;
	*purse = (struct purse){.user_id = user_id, .lease = &self.journal.head->lease[index]};
	return purse;
}

/* Takes it out of the table; what follows in its run moves up. */
static void purse_drop(struct purse *purse)
{
	size_t i = slot_of(purse->user_id);
	unsigned index = (unsigned)(purse - self.purse);

	while (self.slot[i] != index + 1)
		i = (i + 1) % HASH_SLOTS;
	self.slot[i] = 0;
	for (size_t k = (i + 1) % HASH_SLOTS; self.slot[k] != 0; k = (k + 1) % HASH_SLOTS) {
		size_t home = slot_of(self.purse[self.slot[k] - 1].user_id);
		if ((k > i && (home <= i || home > k)) || (k < i && home <= i && home > k)) {
			self.slot[i] = self.slot[k];
			self.slot[k] = 0;
			i = k;
		}
	}
	purse->lease->user_id = 0;
	purse->user_id = 0;
	self.free_purse[self.n_free_purses++] = index;
}

static struct call_record *record_at(unsigned index)
{
	return &self.journal.head->record[index];
}

static unsigned record_index(const struct call_record *r)
{
	return (unsigned)(r - self.journal.head->record);
}

static void record_free(struct call_record *r)
{
	atomic_store_explicit(&r->state, RECORD_FREE, memory_order_release);
	r->next = self.free_record;
	self.free_record = record_index(r);
}

/* --- admission -------------------------------------------------------------------------------- */

static i64 purse_free(const struct purse *p)
{
	return p->held - p->committed - p->due;
}

static bool is_empty(const struct purse *p)
{
	return p->n_calls == 0 && p->first_done == 0 && p->held == 0 && p->n_waiting == 0 &&
	       !p->is_busy;
}

static void wake_settler(i64 by_us)
{
	if (by_us < self.wakes_at_us)
		pthread_cond_signal(&self.work);
}

/* Asks the ledger for a lease that covers one more call; the lock is released meanwhile. */
static int grow(struct purse *p, struct db *db, i64 amount, struct ledger_leased *ret)
{
	struct ledger_lease lease = {
		.user_id = p->user_id,
		.hold_id = p->lease->hold_id,
		.keep = p->committed + p->due + amount,
		.extra_max = amount < INT64_MAX / SLACK_CALLS ? amount * SLACK_CALLS : 0,
		.extra_unit = amount,
		.now_us = clock_now_us(),
	};

	if (p->lease->user_id == 0) {
		memcpy(p->lease->hold_id, public_id(db->arena, "hold_"), CALL_ID_BYTES);
		p->lease->user_id = p->user_id;
	}
	lease.deadline_at_us = lease.now_us + S_TO_US(LEASE_S);
	p->is_busy = true;
	p->n_asked++;
	pthread_mutex_unlock(&self.lock);
	int rc = ledger_lease_set(db, &lease, ret);
	pthread_mutex_lock(&self.lock);
	p->is_busy = false;
	pthread_cond_broadcast(&self.changed);
	if (rc != 0)
		return rc;
	p->held = ret->held;
	p->slack_until_us = clock_mono_us() + SLACK_MS * US_PER_MS;
	p->renew_at_us = clock_mono_us() + S_TO_US(RENEW_S);
	wake_settler(p->slack_until_us);
	return 0;
}

/* Another process may hold more of this user's credit than it needs, for SLACK_MS at most. */
static void wait_for_slack(struct purse *p)
{
	p->n_waiting++;
	pthread_mutex_unlock(&self.lock);
	clock_sleep_us(RECALL_MS * US_PER_MS);
	pthread_mutex_lock(&self.lock);
	p->n_waiting--;
}

/* Takes amount out of the purse. A refusal also answers those who were waiting for it and want as
 * much. */
static int take(struct purse *p, struct db *db, i64 amount)
{
	u64 asked = p->n_asked;
	bool has_waited = false;
	struct ledger_leased leased;

	while (purse_free(p) < amount) {
		if (p->is_busy) {
			p->n_waiting++;
			pthread_cond_wait(&self.changed, &self.lock);
			p->n_waiting--;
			continue;
		}
		if (p->refused_ask > asked && p->refused_amount <= amount)
			return fail(db->fail, E_INSUFFICIENT_BALANCE, NULL);
		int rc = grow(p, db, amount, &leased);
		if (rc == E_INSUFFICIENT_BALANCE && leased.others > 0 && !has_waited) {
			fail_clear(db->fail);
			wait_for_slack(p);
			has_waited = true;
			continue;
		}
		if (rc == E_INSUFFICIENT_BALANCE) {
			p->refused_ask = p->n_asked;
			p->refused_amount = amount;
		}
		if (rc != 0)
			return rc;
	}
	p->committed += amount;
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

static void record_fill(struct call_record *r, const struct purse *p, const struct call_request *q)
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
	while (self.free_record == 0 && !self.is_stopping)
		if (pthread_cond_timedwait(&self.changed, &self.lock, &until) != 0)
			return NULL;
	if (self.is_stopping)
		return NULL;
	struct call_record *r = record_at(self.free_record);
	self.free_record = r->next;
	return r;
}

static int admit(struct db *db, const struct call_request *q, struct call_record **ret)
{
	struct call_record *r = take_record();
	struct purse *p = purse_find(q->user_id);

	if (p == NULL)
		p = purse_make(q->user_id);
	int rc = r == NULL || p == NULL ? fail_later(db->fail, E_UNAVAILABLE, 1)
					: take(p, db, q->estimate);
	if (rc == 0) {
		record_fill(r, p, q);
		self.n_calls++;
		*ret = r;
		return 0;
	}
	if (r != NULL)
		record_free(r);
	if (p != NULL && is_empty(p))
		purse_drop(p);
	return rc;
}

int purse_admit(struct db *db, const struct call_request *q, struct call_record **ret)
{
	char *id = public_id(db->arena, "act_"); /* random numbers may take a system call */
	struct ledger_balance balance;

	pthread_mutex_lock(&self.lock);
	int rc = admit(db, q, ret);
	pthread_mutex_unlock(&self.lock);
	if (rc == 0)
		copy_text((*ret)->id, sizeof((*ret)->id), id);
	if (rc != E_INSUFFICIENT_BALANCE)
		return rc;
	fail_number(db->fail, "required", q->estimate);
	if (ledger_balance_get(db, q->user_id, &balance) == 0)
		fail_number(db->fail, "available", balance.spendable);
	return rc;
}

void purse_running(struct call_record *r)
{
	atomic_store_explicit(&r->state, RECORD_RUNNING, memory_order_release);
}

void purse_finish(struct call_record *r)
{
	unsigned index = record_index(r);
	i64 now_us = clock_mono_us();

	r->latency_us = now_us - r->started_mono_us;
	atomic_store_explicit(&r->state, RECORD_DONE, memory_order_release);
	pthread_mutex_lock(&self.lock);
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
	self.n_calls--;
	self.n_unsettled++;
	wake_settler(p->settle_at_us);
	pthread_mutex_unlock(&self.lock);
}

/* --- settlement ------------------------------------------------------------------------------- */

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
	if (self.is_stopping)
		at_us = 0;
	return later(at_us, p->retry_at_us);
}

static struct purse *most_due(i64 *ret_at_us)
{
	struct purse *first = NULL;

	*ret_at_us = INT64_MAX;
	for (size_t i = 0; i < self.n_purses; i++) {
		i64 at_us = due_at(&self.purse[i]);
		if (at_us < *ret_at_us) {
			*ret_at_us = at_us;
			first = &self.purse[i];
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
	self.n_unsettled -= b->n;
}

/* Charges what is due and sets the lease to what its calls need, with the slack while it lasts. */
static void purse_settle(struct purse *p, struct arena *arena)
{
	struct fail failure = {.arena = arena};
	struct db db = {.pool = self.db_pool, .arena = arena, .fail = &failure};
	static struct batch batch; /* of the only settler */
	struct ledger_leased leased;
	i64 now_us = clock_mono_us(), held = p->held;

	batch_take(p, &batch);
	i64 slack = now_us < p->slack_until_us && !self.is_stopping ? purse_free(p) : 0;
	struct settlement s = {
		.lease = {.user_id = p->user_id,
			.hold_id = p->lease->hold_id,
			.keep = p->committed + p->due - batch.cost + (slack > 0 ? slack : 0),
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
	pthread_mutex_unlock(&self.lock);
	int rc = settle(&db, &s, &leased);
	pthread_mutex_lock(&self.lock);
	p->is_busy = false;
	now_us = clock_mono_us();
	if (rc == 0) {
		p->held = leased.held;
		p->due -= batch.cost;
		p->renew_at_us = now_us + S_TO_US(RENEW_S);
		p->settle_at_us = p->first_done != 0 ? now_us + SETTLE_EVERY_MS * US_PER_MS : 0;
		p->settled_us = now_us;
		p->retry_at_us = 0;
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
	pthread_cond_broadcast(&self.changed);
	if (is_empty(p))
		purse_drop(p);
}

static void sleep_until(i64 at_us)
{
	struct timespec until;

	self.wakes_at_us = at_us;
	if (at_us == INT64_MAX) {
		pthread_cond_wait(&self.work, &self.lock);
	} else {
		until.tv_sec = at_us / US_PER_S;
		until.tv_nsec = at_us % US_PER_S * 1000;
		pthread_cond_timedwait(&self.work, &self.lock, &until);
	}
	self.wakes_at_us = 0;
}

static void *settler(void *arg)
{
	struct arena arena;
	i64 at_us, stop_at_us = INT64_MAX;

	(void)arg;
	arena_init(&arena, ARENA_CEILING_BYTES);
	pthread_mutex_lock(&self.lock);
	for (;;) {
		struct purse *p = most_due(&at_us);
		i64 now_us = clock_mono_us();
		if (self.is_stopping && stop_at_us == INT64_MAX)
			stop_at_us = now_us + S_TO_US(STOP_S);
		if (self.is_stopping && (p == NULL || now_us > stop_at_us))
			break;
		if (p == NULL || at_us > now_us) {
			sleep_until(at_us);
			continue;
		}
		purse_settle(p, &arena);
		arena_reset(&arena);
	}
	pthread_mutex_unlock(&self.lock);
	arena_free(&arena);
	return NULL;
}

/* --- start and stop --------------------------------------------------------------------------- */

int purses_start(const struct options *options, struct db_pool *db_pool, const char *pool,
	size_t n_calls, char *why, size_t why_size)
{
	pthread_condattr_t monotonic;
	pthread_attr_t attributes;

	memset(&self, 0, sizeof(self));
	snprintf(self.dir, sizeof(self.dir), "%s/shm", options->state_dir);
	if (journal_new(&self.journal, self.dir, pool, n_calls + 1) != 0) {
		snprintf(why, why_size, "cannot make a file for calls in %s: %s", self.dir,
			strerror(errno));
		return -1;
	}
	self.db_pool = db_pool;
	pthread_mutex_init(&self.lock, NULL);
	for (unsigned i = LEASES_MAX; i > 0; i--)
		self.free_purse[self.n_free_purses++] = i - 1;
	for (unsigned i = (unsigned)n_calls; i > 0; i--) {
		record_at(i)->next = self.free_record;
		self.free_record = i;
	}
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&self.work, &monotonic);
	pthread_cond_init(&self.changed, &monotonic);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	if (pthread_create(&self.thread, &attributes, settler, NULL) != 0) {
		snprintf(why, why_size, "cannot start the thread that settles calls");
		return -1;
	}
	return 0;
}

void purses_stop(void)
{
	pthread_mutex_lock(&self.lock);
	self.is_stopping = true;
	pthread_cond_signal(&self.work);
	pthread_mutex_unlock(&self.lock);
	pthread_join(self.thread, NULL);
	if (self.n_unsettled == 0 && self.n_free_purses == LEASES_MAX)
		journal_remove(&self.journal);
	else
		journal_leave(&self.journal);
}

void purses_tick(struct db *db)
{
	settle_orphans(db, self.dir);
}

void purses_counts(size_t *ret_calls, size_t *ret_unsettled, size_t *ret_leases)
{
	pthread_mutex_lock(&self.lock);
	*ret_calls = self.n_calls;
	*ret_unsettled = self.n_unsettled;
	*ret_leases = LEASES_MAX - self.n_free_purses;
	pthread_mutex_unlock(&self.lock);
}
