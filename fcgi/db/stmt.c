/* What a generated statement does about failures: whether it runs again, on which connection, and
 * which error the caller gets. */
#include "stmt.h"

#include <strings.h>

#include "call.h"

static bool is_read(const struct sql_stmt *s)
{
	return strncasecmp(s->text, "SELECT", 6) == 0 || strncasecmp(s->text, "WITH", 4) == 0;
}

/* Notes the failure that is not tried again; its code. */
static int report(struct db *db, const struct call *call)
{
	const struct sql_stmt *s = call->stmt;
	const struct trouble *t = &call->trouble;
	enum error code = E_INTERNAL;

	switch (t->fault) {
	case FAULT_CONFLICT:
		if (s->unique)
			return SQL_CONFLICT;
		break;
	case FAULT_LOST:
		/* Inside a transaction nothing holds before COMMIT. */
		code = is_read(s) || db->conn != NULL ? E_UNAVAILABLE : E_OUTCOME_UNKNOWN;
		break;
	case FAULT_RETRY:
	case FAULT_UNSENT:
	case FAULT_AWAY:
		code = E_UNAVAILABLE;
		break;
	case FAULT_NONE:
	case FAULT_STALE:
	case FAULT_OTHER:
		break;
	}
	return fail_cause(db->fail, code, "%s (%s): %u %s", s->name, s->source, t->number, t->text);
}

static int run_in_tx(struct db *db, struct call *call)
{
	struct db_conn *conn = call->conn = db->conn;

	if (conn->doom != E_OK)
		return fail_cause(db->fail, conn->doom,
			"%s (%s): the transaction had failed before", call->stmt->name,
			call->stmt->source);
	if (call_run(db, call))
		return call->outcome;
	int rc = report(db, call);
	if (rc > 0)
		conn_doom(conn, (enum error)rc, call->trouble.fault);
	return rc;
}

static int guarded_run(struct db *db, void *call)
{
	return call_run(db, call) ? 1 : 0;
}

/* Every statement is its own transaction here. Run again: a deadlock or lock wait (nothing of it
 * happened), any statement that did not reach the server, and a read whose connection broke. A
 * write whose connection broke after it was sent may have happened: E_OUTCOME_UNKNOWN. */
static int run_alone(struct db *db, struct call *call)
{
	bool fresh = false, was_lost = false;

	for (unsigned tries = 0;;) {
		TRY(conn_take(db, fresh, &call->conn));
		bool ok = conn_guard(db, call->conn, guarded_run, call) != 0;
		enum sql_fault fault = ok ? FAULT_NONE : call->trouble.fault;
		bool lost = fault == FAULT_UNSENT || fault == FAULT_LOST;
		call->conn->broken = lost;
		conn_give(call->conn);
		if (ok)
			return call->outcome;
		fresh = lost && !was_lost && (fault == FAULT_UNSENT || is_read(call->stmt));
		was_lost |= lost;
		if (!fresh && !(fault == FAULT_RETRY && tx_wait(tries++)))
			return report(db, call);
	}
}

static int run(struct db *db, struct call *call)
{
	return db->conn != NULL ? run_in_tx(db, call) : run_alone(db, call);
}

int stmt_one(struct db *db, const struct sql_stmt *s, const void *in, void *ret_row)
{
	return run(db, &(struct call){.stmt = s, .in = in, .ret_row = ret_row});
}

int stmt_many(
	struct db *db, const struct sql_stmt *s, const void *in, void *ret_rows, size_t *ret_n)
{
	return run(db, &(struct call){.stmt = s, .in = in, .ret_rows = ret_rows, .ret_n = ret_n});
}

int stmt_exec(struct db *db, const struct sql_stmt *s, const void *in, u64 *ret_affected)
{
	return run(db, &(struct call){.stmt = s, .in = in, .ret_number = ret_affected});
}

int stmt_insert(struct db *db, const struct sql_stmt *s, const void *in, u64 *ret_id)
{
	return run(db, &(struct call){.stmt = s, .in = in, .ret_number = ret_id});
}
