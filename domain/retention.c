/* The retention run: accounts first, then what has expired, in batches. */
#include "retention.h"

#include "../fcgi/core/clock.h"
#include "deletion.h"
#include "email_token.h"
#include "signup.h"

enum {
	KEEP_AUDIT_S = 90 * 86400,
	KEEP_LOGINS_S = 86400,		   /* whoever still polls learns that it is over */
	KEEP_DONE_S = 7 * 86400,	   /* rows that are done, or were given up */
	KEEP_IDEMPOTENCY_S = 86400 + 3600, /* at least 24 h (assurance.md I-6) */
	BATCHES_MAX = 200,
	AUDIT_BATCH_ROWS = 5000, /* the LIMITs of the statements */
	BATCH_ROWS = 1000,
};

int retention_prune(struct db *db, i64 now_us, bool *ret_again)
{
	u64 n[12] = {0};

	TRY(sql_session_prune(db, now_us, &n[0]));
	TRY(sql_code_prune(db, now_us, &n[1]));
	TRY(sql_handoff_prune(db, now_us, &n[2]));
	TRY(sql_oauth_prune(db, now_us, &n[3]));
	TRY(sql_outbox_prune(db, "done", now_us - S_TO_US(KEEP_DONE_S), &n[4]));
	TRY(sql_outbox_prune(db, "dead", now_us - S_TO_US(KEEP_DONE_S), &n[5]));
	TRY(sql_outbox_forget(db, now_us, &n[6]));
	TRY(sql_idem_prune(db, now_us - S_TO_US(KEEP_IDEMPOTENCY_S), &n[7]));
	TRY(sql_email_token_prune(db, now_us - S_TO_US(EMAIL_TOKEN_KEEP_S), &n[8]));
	TRY(sql_device_login_prune(db, now_us - S_TO_US(KEEP_LOGINS_S), &n[9]));
	TRY(sql_ide_login_prune(db, now_us - S_TO_US(KEEP_LOGINS_S), &n[10]));
	TRY(sql_ide_token_prune(db, now_us, &n[11]));
	for (size_t i = 0; i < ARRAY_LEN(n); i++)
		*ret_again = *ret_again || n[i] == BATCH_ROWS;
	return signup_prune(db, now_us, ret_again);
}

struct run {
	const struct options *options;
	i64 now_us, until_us; /* the latter of the monotonic clock */
	struct retention_counts *counts;
};

/* Batches of one kind until one is not full, the time is over or there were enough. */
static int in_batches(struct db *db, const struct run *w, i64 before_us, u64 batch_rows,
	int (*prune)(struct db *db, i64 before_us, u64 *ret_n), i64 *total)
{
	u64 n = batch_rows;

	for (int i = 0; i < BATCHES_MAX && n == batch_rows && clock_mono_us() < w->until_us; i++) {
		TRY(prune(db, before_us, &n));
		*total += (i64)n;
	}
	w->counts->is_cut_short |= n == batch_rows;
	return 0;
}

static int run_apply(struct db *db, void *arg)
{
	struct run *w = arg;
	bool again = true;

	TRY(deletion_run(db, w->options, w->now_us, w->until_us, &w->counts->accounts_deleted));
	TRY(in_batches(db, w, w->now_us - S_TO_US(KEEP_AUDIT_S), AUDIT_BATCH_ROWS, sql_audit_prune,
		&w->counts->audit_rows));
	TRY(in_batches(db, w, w->now_us, BATCH_ROWS, sql_web_session_prune, &w->counts->sessions));
	for (int i = 0; i < BATCHES_MAX && again && clock_mono_us() < w->until_us; i++) {
		again = false;
		TRY(retention_prune(db, w->now_us, &again));
	}
	w->counts->is_cut_short |= again || clock_mono_us() >= w->until_us;
	return 0;
}

int retention_run(struct db *db, const struct options *options, i64 now_us, i64 budget_ms,
	struct retention_counts *ret)
{
	struct run w = {options, now_us, clock_mono_us() + budget_ms * US_PER_MS, ret};

	*ret = (struct retention_counts){0};
	return db_locked(db, "retention", run_apply, &w);
}
