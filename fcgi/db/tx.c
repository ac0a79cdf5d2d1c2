/* Transactions: the loop that runs a body until it is committed, refused or hopeless. */
#include <mysqld_error.h>

#include "../core/clock.h"
#include "../core/crypto.h"
#include "../core/metrics.h"
#include "conn.h"

struct work {
	int (*body)(struct db *db, void *arg);
	void *arg;
	struct db_conn *conn;
	enum sql_fault fault; /* why it was rolled back; FAULT_NONE: the body wanted it, or done */
};

bool tx_wait(unsigned tries)
{
	static const unsigned wait_ms[] = {5, 20, 80};

	if (tries >= ARRAY_LEN(wait_ms))
		return false;
	metrics_add(METRIC_DB_RETRIES, 1);
	unsigned us = wait_ms[tries] * US_PER_MS;
	clock_sleep_us(us + random_below(us));
	return true;
}

static void rollback(struct db_conn *conn)
{
	struct trouble t;

	if (!conn->broken && !conn_command(conn, "ROLLBACK", &t))
		conn->broken = true; /* closing it rolls back, too */
}

/* COMMIT. After an error that proves the rollback it may be tried again; any other leaves it open
 * whether the transaction holds, and the connection is not used any more. */
static int commit(struct db *db, struct work *work)
{
	struct trouble t;
	enum error code = E_UNAVAILABLE;

	if (conn_command(work->conn, "COMMIT", &t))
		return 0;
	/* The last two: read_only was set meanwhile. */
	if (t.fault == FAULT_RETRY || t.fault == FAULT_UNSENT ||
		t.number == ER_OPTION_PREVENTS_STATEMENT || t.number == ER_READ_ONLY_MODE) {
		work->fault = t.fault;
		rollback(work->conn);
	} else {
		work->conn->broken = true;
		code = E_OUTCOME_UNKNOWN;
	}
	return fail_cause(db->fail, code, "COMMIT: %u %s", t.number, t.text);
}

/* One try, with db->conn set. */
static int run_work(struct db *db, void *arg)
{
	struct work *work = arg;
	struct db_conn *conn = work->conn;
	struct trouble t;

	if (!conn_command(conn, "START TRANSACTION", &t)) {
		work->fault = t.fault == FAULT_LOST ? FAULT_UNSENT : t.fault;
		return fail_cause(
			db->fail, E_UNAVAILABLE, "START TRANSACTION: %u %s", t.number, t.text);
	}
	int rc = work->body(db, work->arg);
	if (rc == 0 && conn->doom == E_OK && db->before_commit != NULL)
		rc = db->before_commit(db, db->before_commit_arg);
	if (rc == 0 && conn->doom == E_OK)
		return commit(db, work);
	work->fault = conn->doom_fault;
	rollback(conn);
	if (rc != 0)
		return rc;
	/* The body went on after a failed statement: half of its work must not be committed. */
	return fail_cause(db->fail, conn->doom, "the body hid a failed statement");
}

/* An inner transaction has no end of its own; its failure is the outer one's, because what it did
 * before it failed cannot be undone alone. */
static int join(struct db *db, int (*body)(struct db *db, void *arg), void *arg)
{
	struct db_conn *conn = db->conn;
	int rc = body(db, arg);

	if (rc != 0)
		conn_doom(conn, rc > 0 ? (enum error)rc : E_INTERNAL, FAULT_NONE);
	return rc;
}

int db_tx(struct db *db, int (*body)(struct db *db, void *arg), void *arg)
{
	bool fresh = false, was_lost = false;

	if (db->conn != NULL)
		return join(db, body, arg);
	struct arena_mark mark = arena_mark(db->arena);
	for (unsigned tries = 0;;) {
		struct work work = {.body = body, .arg = arg};
		TRY(conn_take(db, fresh, &work.conn));
		db->conn = work.conn;
		int rc = conn_guard(db, work.conn, run_work, &work);
		db->conn = NULL;
		conn_give(work.conn);

		bool lost = work.fault == FAULT_UNSENT || work.fault == FAULT_LOST;
		fresh = lost && !was_lost;
		was_lost |= lost;
		if (!fresh && !(work.fault == FAULT_RETRY && tx_wait(tries++)))
			return rc;
		arena_rewind(db->arena, mark);
		fail_clear(db->fail);
	}
}
