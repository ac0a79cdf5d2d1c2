/* Settling calls, and those that a killed process left. */
#include "settle.h"

#include <string.h>

#include "../fcgi/core/buf.h"
#include "../fcgi/core/clock.h"
#include "../fcgi/core/log.h"
#include "../fcgi/core/str.h"
#include "call_journal.h"
#include "usage.h"

struct work {
	const struct settlement *in;
	struct ledger_leased *ret;
	struct call_record *call[SETTLE_CALLS_MAX];
	size_t n_calls;
};

static void put_text(struct buf *b, const char *text)
{
	buf_char(b, ',');
	buf_json(b, text);
}

static void put_number(struct buf *b, i64 number)
{
	buf_char(b, ',');
	buf_i64(b, number);
}

/* One row of sql/queries/ai_call.sql, ai_calls_insert: its columns in their order. Without names,
 * because MariaDB reads all that stands before a column to find it. */
static void put_call(struct buf *b, const struct call_record *r)
{
	buf_char(b, '[');
	buf_json(b, r->id);
	put_text(b, r->request_id);
	put_text(b, call_endpoint_names[r->endpoint]);
	put_text(b, r->mode);
	put_text(b, r->model);
	put_text(b, r->provider);
	put_text(b, r->upstream_model);
	put_text(b, r->key_label);
	put_text(b, r->hold_id);
	put_text(b, call_status_names[r->status]);
	if (r->reason[0] != '\0')
		put_text(b, r->reason);
	else
		buf_str(b, ",null");
	put_number(b, r->is_estimated);
	put_number(b, r->attempts);
	put_number(b, r->tokens.input);
	put_number(b, r->tokens.cached);
	put_number(b, r->tokens.cache_write);
	put_number(b, r->tokens.cache_write_1h);
	put_number(b, r->tokens.output);
	put_number(b, r->tokens.reasoning);
	put_number(b, (i64)r->catalog_id);
	put_number(b, r->price.input);
	put_number(b, r->price.cached_input);
	put_number(b, r->price.cache_write);
	put_number(b, r->price.cache_write_1h);
	put_number(b, r->price.output);
	put_number(b, r->price.reasoning);
	put_number(b, r->price.multiplier);
	put_number(b, r->estimate);
	put_number(b, r->cost);
	put_number(b, r->started_at_us);
	put_number(b, r->latency_us);
	if (r->has_first_token)
		put_number(b, r->first_token_us);
	else
		buf_str(b, ",null");
	buf_char(b, ']');
}

static int insert_calls(struct db *db, const struct work *w)
{
	struct buf calls;

	buf_init(&calls, db->arena, w->n_calls * 450);
	for (size_t i = 0; i < w->n_calls; i++) {
		buf_char(&calls, i == 0 ? '[' : ',');
		put_call(&calls, w->call[i]);
	}
	buf_char(&calls, ']');
	return sql_ai_calls_insert(db,
		&(struct ai_calls_insert_in){
			.user_id = w->in->lease.user_id,
			.transfer_id = w->ret->transfer_id,
			.settled_at_us = w->in->lease.now_us,
			.calls = calls.data,
		},
		NULL);
}

/* A charge's sums for one model and provider. */
static int add_to_day(struct db *db, const struct work *w, size_t first, bool done[])
{
	const struct call_record *a = w->call[first];
	i64 day = usage_day(a->started_at_us);
	struct ai_usage_day_add_in sum = {
		.user_id = w->in->lease.user_id, .day = day, .model = a->model};

	for (size_t i = first; i < w->n_calls; i++) {
		const struct call_record *r = w->call[i];
		if (done[i] || usage_day(r->started_at_us) != day ||
			!str_equal(r->model, a->model) || !str_equal(r->provider, a->provider))
			continue;
		done[i] = true;
		sum.requests++;
		sum.input_tokens += r->tokens.input + r->tokens.cached + r->tokens.cache_write;
		sum.output_tokens += r->tokens.output;
		sum.cost_micro += r->cost;
	}
	TRY(sql_ai_usage_day_add(db, &sum, NULL));
	if (sum.cost_micro == 0)
		return 0;
	return sql_usage_day_add(db,
		&(struct usage_day_add_in){
			.user_id = sum.user_id,
			.day = day,
			.provider = a->provider,
			.model = a->model,
			.calls = sum.requests,
			.cost_micro = sum.cost_micro,
		},
		NULL);
}

static int choose_calls(struct db *db, struct work *w)
{
	w->n_calls = 0;
	for (size_t i = 0; i < w->in->n_calls; i++) {
		struct call_record *r = w->in->call[i];
		struct ai_call_exists_row row;
		int rc = w->in->ask_first ? sql_ai_call_exists(db, r->id, &row) : SQL_NONE;
		if (rc == SQL_NONE)
			w->call[w->n_calls++] = r;
		else
			TRY(rc);
	}
	return 0;
}

static int apply(struct db *db, void *arg)
{
	struct work *w = arg;
	struct ledger_lease lease = w->in->lease;
	bool done[SETTLE_CALLS_MAX] = {false};

	TRY(choose_calls(db, w));
	for (size_t i = 0; i < w->n_calls; i++)
		lease.charge += w->call[i]->cost;
	if (w->n_calls > 0)
		lease.charge_key = arena_printf(db->arena, "calls:%s", w->call[0]->id);
	TRY(ledger_lease_set(db, &lease, w->ret));
	if (w->n_calls == 0)
		return 0;
	TRY(insert_calls(db, w));
	for (size_t i = 0; i < w->n_calls; i++)
		if (!done[i])
			TRY(add_to_day(db, w, i, done));
	return 0;
}

int settle(struct db *db, const struct settlement *s, struct ledger_leased *ret)
{
	struct work w = {.in = s, .ret = ret};

	return db_tx(db, apply, &w);
}

/* What the dead process had begun. Where nothing reached the client nothing is charged. */
static void close_orphan(struct call_record *r, i64 now_us)
{
	int state = r->state;

	if (state == RECORD_PRICED || state == RECORD_DONE)
		return;
	r->status = CALL_CRASHED;
	/* The clock may have been set back, and the monotonic one begins anew with the machine. */
	r->latency_us = now_us > r->started_at_us ? now_us - r->started_at_us : 0;
	if (state == RECORD_RUNNING && r->has_first_token && r->has_begun) {
		strcpy(r->reason, "the server process ended in the middle");
		call_estimate_missing(r, r->tokens.input > 0, false);
		call_price(r);
	} else {
		strcpy(r->reason, "the server process ended before anything was delivered");
		r->tokens = (struct token_counts){.input = 0};
		r->has_first_token = false; /* it may have been read */
		r->cost = 0;
	}
	r->state = RECORD_DONE;
}

/* The calls of one user in a dead process's journal, some at a time; the last settlement also ends
 * the lease. */
static int settle_lease(struct db *db, struct journal_head *head, struct lease_record *lease)
{
	struct call_record *call[SETTLE_CALLS_MAX];
	struct ledger_leased leased;
	size_t n = 0;

	for (u64 i = 1; i < head->n_records; i++) {
		struct call_record *r = &head->record[i];
		if (r->state == RECORD_FREE || r->user_id != lease->user_id)
			continue;
		if (n == SETTLE_CALLS_MAX)
			break;
		close_orphan(r, clock_now_us());
		call[n++] = r;
	}
	struct settlement s = {
		.lease = {.user_id = lease->user_id,
			.hold_id = lease->hold_id,
			.deadline_at_us = clock_now_us(),
			.now_us = clock_now_us()},
		.call = call,
		.n_calls = n,
		.ask_first = true,
	};
	TRY(settle(db, &s, &leased));
	for (size_t i = 0; i < n; i++)
		call[i]->state = RECORD_FREE;
	LOG(WARN, "calls_recovered", LOG_NUMBER("calls", (i64)n), LOG_TEXT("hold", lease->hold_id));
	if (n == SETTLE_CALLS_MAX)
		return settle_lease(db, head, lease);
	lease->user_id = 0;
	return 0;
}

/* What fails for one user does not keep the others waiting, unless the database is away. */
static int settle_journal(struct db *db, struct journal_head *head)
{
	struct arena_mark mark = arena_mark(db->arena);
	int first = 0;

	for (size_t i = 0; i < LEASES_MAX && first != E_UNAVAILABLE; i++) {
		struct lease_record *lease = &head->lease[i];
		int rc = lease->user_id != 0 ? settle_lease(db, head, lease) : 0;
		if (rc != 0)
			LOG(ERROR, "calls_not_recovered", LOG_TEXT("hold", lease->hold_id),
				LOG_NUMBER("error", rc), LOG_TEXT("cause", db->fail->cause));
		if (rc != 0 && (first == 0 || rc == E_UNAVAILABLE))
			first = rc;
		fail_clear(db->fail);
		arena_rewind(db->arena, mark);
	}
	return first;
}

void settle_orphans(struct db *db, const char *dir)
{
	struct journal j;
	size_t n_left = 0;
	int rc = 0;

	while (rc != E_UNAVAILABLE && journal_orphan(&j, dir, n_left)) {
		rc = settle_journal(db, j.head);
		if (rc == 0)
			journal_remove(&j);
		else
			journal_leave(&j);
		n_left += rc != 0;
	}
}
