/* Idempotency-Key. A request claims its key with a row of its own; the answer is written into that
 * row in the transaction of its effect (db->before_commit), so a crash leaves both or neither. */
#include "idem.h"

#include <string.h>

#include "../core/clock.h"
#include "../core/crypto.h"
#include "../core/metrics.h"
#include "gen/sql.h"
#include "response.h"

enum { LEASE_S = 60 };

static int check_key(struct req *r)
{
	const unsigned char *p = (const unsigned char *)r->idempotency_key;
	size_t length = strlen(r->idempotency_key);

	if (length == 0 || length > IDEM_KEY_BYTES_MAX)
		return fail(r->fail, E_BAD_REQUEST, "An Idempotency-Key has 1 to 255 characters.");
	for (; *p != '\0'; p++)
		if (*p < 0x20 || *p > 0x7e)
			return fail(r->fail, E_BAD_REQUEST,
				"An Idempotency-Key consists of printable ASCII.");
	return 0;
}

/* Account, method, path and key in one hash; lengths in front, so that no two runs of text are the
 * same. */
static struct sha256 scope_hash(struct req *r)
{
	char *text =
		arena_printf(r->arena, "%llu %s %zu %s %s", (unsigned long long)r->caller.user_id,
			method_names[r->method], strlen(r->path), r->path, r->idempotency_key);

	return sha256(text, strlen(text));
}

/* Runs at the end of the handler's one transaction: the answer commits with the effect. A
 * transaction that is tried again comes here again, with another answer. */
static int store_answer(struct db *db, void *arg)
{
	struct req *r = arg;
	u64 affected;

	if (!r->response.is_ready || r->idem.is_encoded)
		TRY(resp_json(r, r->route->out, r->out));
	r->idem.is_encoded = true;
	TRY(sql_idem_store(db, r->response.status, r->response.body, r->idem.idem_id, &affected));
	if (affected != 1)
		return fail_cause(r->fail, E_OUTCOME_UNKNOWN, "the lease was taken over");
	r->idem.is_stored = true;
	return 0;
}

static void activate(struct req *r, u64 idem_id)
{
	r->idem.is_active = true;
	r->idem.idem_id = idem_id;
	r->db.before_commit = store_answer;
	r->db.before_commit_arg = r;
}

static int answer_from(struct req *r, const struct idem_find_row *row)
{
	metrics_add(METRIC_IDEMPOTENT_REPLAYS, 1);
	resp_header(r, "Idempotent-Replayed", "true");
	return resp_text(r, (int)row->status.value, "application/json; charset=utf-8", row->body,
		strlen(row->body));
}

static int replay_or_wait(struct req *r, const struct sha256 *scope, const struct sha256 *print)
{
	struct idem_find_row row;
	u64 affected = 0;
	int rc = sql_idem_find(&r->db, (struct sql_bytes){scope, sizeof(*scope)}, &row);

	if (rc == SQL_NONE) /* the other one has just given up */
		return fail_later(r->fail, E_IDEMPOTENCY_RUNNING, 1);
	TRY(rc);
	if (!equal_ct(row.fingerprint.data, print, sizeof(*print)))
		return fail(r->fail, E_IDEMPOTENCY_MISMATCH, NULL);
	if (row.status.has)
		return answer_from(r, &row);
	if (row.lease_until_us >= r->now_us)
		return fail_later(r->fail, E_IDEMPOTENCY_RUNNING,
			1 + (row.lease_until_us - r->now_us) / US_PER_S);
	TRY(sql_idem_reclaim(
		&r->db, r->now_us + S_TO_US(LEASE_S), row.idem_id, r->now_us, &affected));
	if (affected == 0)
		return fail_later(r->fail, E_IDEMPOTENCY_RUNNING, 1);
	activate(r, row.idem_id);
	return 0;
}

int idem_replay(struct req *r)
{
	u64 idem_id = 0;

	if (r->idempotency_key == NULL || (r->route->flags & IDEMPOTENT) == 0)
		return 0;
	TRY(check_key(r));
	struct sha256 scope = scope_hash(r);
	struct sha256 print = sha256(r->body != NULL ? r->body : "", r->body_length);
	int rc = sql_idem_claim(&r->db,
		&(struct idem_claim_in){
			.scope_hash = {&scope, sizeof(scope)},
			.fingerprint = {&print, sizeof(print)},
			.lease_until_us = r->now_us + S_TO_US(LEASE_S),
			.created_at_us = r->now_us,
		},
		&idem_id);
	if (rc == SQL_CONFLICT)
		return replay_or_wait(r, &scope, &print);
	TRY(rc);
	activate(r, idem_id);
	return 0;
}

void idem_finish(struct req *r)
{
	struct fail scratch = {.arena = r->arena};
	u64 affected;

	bool is_stored = r->idem.is_stored && r->fail->code == E_OK; /* else it was rolled back */

	if (!r->idem.is_active || is_stored)
		return;
	if (r->fail->code == E_OUTCOME_UNKNOWN || r->fail->code == E_CLIENT_LEFT)
		return; /* the row decides, after its lease */
	r->db.before_commit = NULL;
	r->db.fail = &scratch;
	if (r->fail->code == E_UNAVAILABLE)
		sql_idem_drop(&r->db, r->idem.idem_id, &affected); /* nothing has happened */
	else
		sql_idem_store(
			&r->db, r->response.status, r->response.body, r->idem.idem_id, &affected);
	r->db.fail = r->fail;
}
