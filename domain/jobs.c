/* What turnpike-jobs does: delivery of the outbox, the ledger's sweep, pruning, probes. */
#include "../fcgi/jobs/jobs.h"

#include <string.h>

#include "../fcgi/core/clock.h"
#include "../fcgi/core/crypto.h"
#include "../fcgi/core/log.h"
#include "../fcgi/core/metrics.h"
#include "../fcgi/core/str.h"
#include "../fcgi/http/json.h"
#include "errand.h"
#include "ledger.h"
#include "retention.h"
#include "status.h"
#include "usage.h"

enum {
	ATTEMPTS_MAX = 12,
	LEASE_S = 120, /* longer than a mail server may take */
	BACKOFF_FIRST_S = 2,
	BACKOFF_MAX_S = 3600,
	KEEP_PROBES_S = 3600,
	KEEP_TURN_DAYS = 8,
	KEEP_TELEMETRY_S = 30 * 86400,
	KEEP_FEEDBACK_S = 365 * 86400,
	RETENTION_TURN_MS = 2000,
};

/* One row taken from the outbox; it is hidden from others until its lease ends, so a crash here
 * only delays it. */
struct delivery {
	i64 now_us;
	bool is_any;
	const char *given_up; /* why the row is dead instead of taken; NULL: it is taken */
	struct outbox_lock_due_row row;
};

/* Rows that are tried up to the last time die by their outcome; one that is still here has ended
 * this process each time, or the machine. */
static const char *why_not(struct arena *a, const struct outbox_lock_due_row *row, i64 now_us)
{
	if (row->expires_at_us.has && row->expires_at_us.value <= now_us)
		return "expired";
	if (row->attempts >= ATTEMPTS_MAX)
		return arena_printf(a, "taken %lld times without an outcome; before: %.400s",
			(long long)row->attempts, row->last_error != NULL ? row->last_error : "-");
	return NULL;
}

static int delivery_take(struct db *db, void *arg)
{
	struct delivery *d = arg;
	int rc = sql_outbox_lock_due(db, d->now_us, &d->row);

	d->is_any = rc == 0;
	if (rc == SQL_NONE)
		return 0;
	TRY(rc);
	d->given_up = why_not(db->arena, &d->row, d->now_us);
	if (d->given_up != NULL)
		return sql_outbox_kill(db, d->now_us, d->given_up, d->row.outbox_id, NULL);
	return sql_outbox_lease(db, d->now_us + S_TO_US(LEASE_S), d->row.outbox_id, NULL);
}

static int deliver_mail(
	struct job_context *c, const struct outbox_lock_due_row *row, bool *ret_permanent)
{
	struct arena *a = c->db->arena;
	const char *why = NULL, *host = strchr(c->options->smtp_from, '@');
	scoped(json_object) *doc = json_read(a, row->payload, strlen(row->payload), &why);

	*ret_permanent = true;
	if (doc == NULL)
		return fail_cause(c->db->fail, E_INTERNAL, "the payload is no JSON");
	struct mail mail = {
		.to = json_text(a, doc, "to"),
		.subject = json_text(a, doc, "subject"),
		.text = json_text(a, doc, "text"),
		.html = json_text(a, doc, "html"),
		.message_id = arena_printf(
			a, "<%s%s>", row->public_id, host != NULL ? host : "@turnpike"),
	};
	if (mail.to == NULL || mail.subject == NULL || mail.text == NULL)
		return fail_cause(c->db->fail, E_INTERNAL, "the payload is incomplete");
	return mail_send(c->net, c->options, &mail, ret_permanent, a, c->db->fail);
}

static int run_errand(struct job_context *c, const struct outbox_lock_due_row *row)
{
	struct errand_row errand = {row->outbox_id, row->kind, row->payload};

	return errand_run(c->db, c->options, &errand, c->now_us);
}

static int deliver(
	struct job_context *c, const struct outbox_lock_due_row *row, bool *ret_permanent)
{
	if (str_equal(row->kind, "mail"))
		return deliver_mail(c, row, ret_permanent);
	if (errand_is(row->kind))
		return run_errand(c, row);
	*ret_permanent = true;
	return fail_cause(c->db->fail, E_INTERNAL, "unknown kind %s", row->kind);
}

static i64 backoff_us(i64 attempts)
{
	i64 s = BACKOFF_FIRST_S;

	for (i64 i = 0; i < attempts && s < BACKOFF_MAX_S; i++)
		s *= 2;
	if (s > BACKOFF_MAX_S)
		s = BACKOFF_MAX_S;
	return S_TO_US(s) / 2 + random_below((unsigned)s * 1000 / 2) * US_PER_MS;
}

static void note_failure(
	bool gives_up, const struct outbox_lock_due_row *row, i64 attempts, const char *why)
{
	LOG(WARN, gives_up ? "outbox_dead" : "outbox_retry", LOG_TEXT("id", row->public_id),
		LOG_NUMBER("attempts", attempts), LOG_TEXT("cause", why));
}

/* What the delivery came to is written down; when even that fails, the lease runs out and it is
 * tried again. */
static int delivery_finish(
	struct job_context *c, const struct outbox_lock_due_row *row, int rc, bool is_permanent)
{
	const char *error = c->db->fail->cause != NULL ? c->db->fail->cause : "refused";
	i64 now_us = clock_now_us();

	if (rc == 0)
		return sql_outbox_done(c->db, now_us, row->outbox_id, NULL);
	error = arena_strndup(c->db->arena, error, strnlen(error, 400));
	fail_clear(c->db->fail);
	bool gives_up = is_permanent || row->attempts + 1 >= ATTEMPTS_MAX;
	note_failure(gives_up, row, row->attempts + 1, error);
	if (gives_up)
		return sql_outbox_kill(c->db, now_us, error, row->outbox_id, NULL);
	i64 next_at_us = now_us + backoff_us(row->attempts);
	if (row->expires_at_us.has && next_at_us > row->expires_at_us.value)
		next_at_us = row->expires_at_us.value; /* when it is given up */
	return sql_outbox_retry(c->db, next_at_us, error, row->outbox_id, NULL);
}

static int job_outbox(struct job_context *c, bool *ret_again)
{
	struct delivery d = {.now_us = c->now_us};
	bool is_permanent = false;

	TRY(db_tx(c->db, delivery_take, &d));
	if (!d.is_any)
		return 0;
	*ret_again = true;
	if (d.given_up != NULL) {
		note_failure(true, &d.row, d.row.attempts, d.given_up);
		return 0;
	}
	int rc = deliver(c, &d.row, &is_permanent);
	return delivery_finish(c, &d.row, rc, is_permanent);
}

static int job_gauges(struct job_context *c, bool *ret_again)
{
	struct outbox_counts_row counts;

	(void)ret_again;
	TRY(sql_outbox_counts(c->db, c->now_us, &counts));
	metrics_set(METRIC_OUTBOX_PENDING, counts.pending);
	metrics_set(METRIC_OUTBOX_DEAD, counts.dead);
	metrics_set(METRIC_OUTBOX_OLDEST_S, (c->now_us - counts.oldest_at_us) / US_PER_S);
	return 0;
}

/* Each statement takes at most a thousand rows, so that no lock is held long. */
static int job_prune(struct job_context *c, bool *ret_again)
{
	i64 before_day = usage_day(c->now_us) - KEEP_TURN_DAYS;
	u64 n[3] = {0};

	TRY(retention_prune(c->db, c->now_us, ret_again));
	TRY(sql_probe_prune(c->db, c->now_us - S_TO_US(KEEP_PROBES_S), &n[0]));
	TRY(sql_turn_prune(c->db, before_day, &n[1]));
	TRY(sql_turn_count_prune(c->db, before_day, &n[2]));
	for (size_t i = 0; i < ARRAY_LEN(n); i++)
		*ret_again = *ret_again || n[i] == 1000;
	return 0;
}

/* What an operator's cron may ask for at POST /api/cron/retention as well; in short turns, since
 * other jobs wait for this lane. */
static int job_retention(struct job_context *c, bool *ret_again)
{
	struct retention_counts counts;
	int rc = retention_run(c->db, c->options, c->now_us, RETENTION_TURN_MS, &counts);

	*ret_again = rc == 0 && counts.is_cut_short;
	if (rc == SQL_NONE) /* it is being done elsewhere */
		return 0;
	if (counts.accounts_deleted + counts.audit_rows + counts.sessions > 0)
		LOG(INFO, "retention", LOG_NUMBER("accounts", counts.accounts_deleted),
			LOG_NUMBER("audit_rows", counts.audit_rows),
			LOG_NUMBER("sessions", counts.sessions));
	return rc;
}

/* What clients report is kept for as long as somebody may want to look at it, and no longer. */
static int job_reports(struct job_context *c, bool *ret_again)
{
	u64 n_events, n_words;

	TRY(sql_telemetry_prune(c->db, c->now_us - S_TO_US(KEEP_TELEMETRY_S), &n_events));
	TRY(sql_feedback_prune(c->db, c->now_us - S_TO_US(KEEP_FEEDBACK_S), &n_words));
	*ret_again = n_events == 1000 || n_words == 1000;
	return 0;
}

static int probe(struct job_context *c, enum status_component component, const char *url)
{
	struct fail scratch = {.arena = c->db->arena};
	struct net_request request = {.method = "GET", .url = url, .timeout_ms = 5000};
	struct net_response response;

	if (url[0] == '\0')
		return 0;
	int rc = net_call(c->net, c->db->arena, &request, &response, &scratch);
	return status_note_probe(
		c->db, component, rc == 0 && response.status < 500, clock_now_us());
}

static int job_probes(struct job_context *c, bool *ret_again)
{
	(void)ret_again;
	TRY(probe(c, STATUS_ANTHROPIC_PROXY, c->options->status_ai_probe_url));
	TRY(probe(c, STATUS_STRIPE, c->options->status_stripe_probe_url));
	return probe(c, STATUS_DISCORD, c->options->status_discord_probe_url);
}

/* Holds whose caller is gone, and credit that has expired. */
static int job_ledger(struct job_context *c, bool *ret_again)
{
	size_t n;
	int rc = ledger_sweep(c->db, c->now_us, &n);

	metrics_add(METRIC_LEDGER_SWEPT, (i64)n);
	*ret_again = rc == 0 && n > 0;
	return rc;
}

const struct job jobs[] = {
	{"outbox", LANE_MAIL, 200, job_outbox},
	{"gauges", LANE_UPKEEP, 5000, job_gauges},
	{"ledger", LANE_UPKEEP, 15000, job_ledger},
	{"prune", LANE_UPKEEP, 60000, job_prune},
	{"reports", LANE_UPKEEP, 60000, job_reports},
	{"probes", LANE_UPKEEP, 60000, job_probes},
	{"retention", LANE_UPKEEP, 24 * 3600 * 1000, job_retention},
	{.name = NULL},
};
