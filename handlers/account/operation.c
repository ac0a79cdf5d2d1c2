/* What operators call: health and the retention run (account.md section 7). */
#include <string.h>

#include "../../domain/database_probe.h"
#include "../../domain/retention.h"
#include "../../fcgi/auth/auth.h"
#include "../../fcgi/core/clock.h"
#include "../../fcgi/core/crypto.h"
#include "../../fcgi/http/request.h"
#include "../../fcgi/http/response.h"
#include "account.h"

enum { RETENTION_MS = 40000 }; /* within the time that nginx waits for an answer */

struct account_health {
	const char *status, *version;
	bool db, email, billing, observability;
};
SCHEMA(account_health, STR(account_health, status, REQUIRED, .values = "ok|degraded"),
	BOOL(account_health, db, REQUIRED, DOC("Answers within a second")),
	BOOL(account_health, email, REQUIRED, DOC("Mail is set up")),
	BOOL(account_health, billing, REQUIRED, DOC("Payments are set up")),
	BOOL(account_health, observability, REQUIRED, DOC("Metrics are kept")),
	STR(account_health, version, REQUIRED, DOC("Of this interface")));

/* Only the database decides. */
int account_health(struct req *r, const void *in, void *out_)
{
	struct account_health *out = out_;
	bool db = database_probe_read().is_fine;

	(void)in;
	*out = (struct account_health){
		.status = db ? "ok" : "degraded",
		.version = "3.20.0",
		.db = db,
		.email = r->worker->options->account_mail,
		.observability = true,
	};
	TRY(resp_json(r, &account_health_schema, out));
	if (!db) {
		r->response.status = 503;
		resp_header(r, "Retry-After", "2");
	}
	return 0;
}

void account_tick(const struct worker *worker, struct db *db)
{
	if (worker->pool == POOL_OPS)
		database_probe_tick(db);
}

struct account_cron {
	bool configured;
	const char *message;
};
SCHEMA(account_cron, BOOL(account_cron, configured, REQUIRED),
	STR(account_cron, message, REQUIRED));

static bool is_configured(const struct req *r)
{
	return r->worker->options->account_cron_secret[0] != '\0';
}

int account_cron(struct req *r, const void *in, void *out_)
{
	struct account_cron *out = out_;

	(void)in;
	out->configured = is_configured(r);
	out->message = out->configured
			       ? "POST here with the secret as 'Authorization: Bearer ...'."
			       : "Set [account] cron_secret to open this route. Retention runs "
				 "once a day without it.";
	return 0;
}

/* Digests have one length, so that the time tells nothing of the secret's. */
static int check_secret(struct req *r)
{
	const char *secret = r->worker->options->account_cron_secret, *given = auth_bearer(r);

	if (!is_configured(r))
		return fail(r->fail, E_NO_KEY, NULL);
	if (given == NULL)
		given = "";
	struct sha256 expected = sha256(secret, strlen(secret));
	struct sha256 presented = sha256(given, strlen(given));
	if (!equal_ct(&expected, &presented, sizeof(expected)))
		return fail(r->fail, E_UNAUTHORIZED, "Send the secret of this route.");
	return 0;
}

struct account_retention {
	i64 audit_rows_pruned, scans_pruned, findings_pruned, sessions_pruned, duration_ms;
	i64 accounts_hard_deleted;
};
#define NONE_HERE DOC("There are none here: 0")
SCHEMA(account_retention,
	I64(account_retention, audit_rows_pruned, REQUIRED, .json = "auditRowsPruned"),
	I64(account_retention, scans_pruned, REQUIRED, .json = "scansPruned", NONE_HERE),
	I64(account_retention, findings_pruned, REQUIRED, .json = "findingsPruned", NONE_HERE),
	I64(account_retention, sessions_pruned, REQUIRED, .json = "sessionsPruned",
		DOC("Of browsers")),
	I64(account_retention, duration_ms, REQUIRED, .json = "durationMs"),
	I64(account_retention, accounts_hard_deleted, REQUIRED, .json = "accountsHardDeleted"));

/* Whoever finds a run under way answers zeros: all that is counted is counted once. */
int account_retention(struct req *r, const void *in, void *out_)
{
	struct account_retention *out = out_;
	struct retention_counts counts;
	i64 start_us = clock_mono_us();

	(void)in;
	TRY(check_secret(r));
	int rc = retention_run(&r->db, r->worker->options, r->now_us, RETENTION_MS, &counts);
	if (rc != SQL_NONE)
		TRY(rc);
	*out = (struct account_retention){
		.audit_rows_pruned = counts.audit_rows,
		.sessions_pruned = counts.sessions,
		.accounts_hard_deleted = counts.accounts_deleted,
		.duration_ms = (clock_mono_us() - start_us) / US_PER_MS,
	};
	return 0;
}
