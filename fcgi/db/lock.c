/* Named locks: work that only one process of all may do at a time. A lock belongs to its
 * connection, so the server ends it with whoever dies. */
#include <stdio.h>
#include <string.h>

#include "conn.h"

/* Whether the value of `SELECT function(name rest)` is 1. Names are of the whole server, hence the
 * database in it. A connection that gave no answer is not used any more. */
static bool ask(struct db_conn *conn, const char *function, const char *name, const char *rest,
	bool *ret_is_one, struct trouble *ret)
{
	char sql[160];

	snprintf(sql, sizeof(sql), "SELECT %s(CONCAT('turnpike_%s_', MD5(DATABASE()))%s)", function,
		name, rest);
	if (mysql_query(conn->mysql, sql) == 0) {
		MYSQL_RES *result = mysql_store_result(conn->mysql);
		MYSQL_ROW row = result != NULL ? mysql_fetch_row(result) : NULL;
		bool is_answered = row != NULL;
		*ret_is_one = is_answered && row[0] != NULL && strcmp(row[0], "1") == 0;
		mysql_free_result(result);
		if (is_answered)
			return true;
	}
	trouble_set(ret, mysql_errno(conn->mysql), mysql_error(conn->mysql));
	conn->broken = true;
	return false;
}

/* A connection with the lock, or SQL_NONE. One that died while it was idle is replaced once. */
static int acquire(struct db *db, const char *name, struct db_conn **ret)
{
	struct trouble t = {.fault = FAULT_NONE};

	for (unsigned tries = 0; tries < 2; tries++) {
		bool is_ours;
		TRY(conn_take(db, tries > 0, ret));
		bool is_answered = ask(*ret, "GET_LOCK", name, ", 0", &is_ours, &t);
		if (is_answered && is_ours)
			return 0;
		conn_give(*ret);
		if (is_answered)
			return SQL_NONE;
	}
	return fail_cause(db->fail, E_UNAVAILABLE, "lock %s: %u %s", name, t.number, t.text);
}

/* A connection that cannot say so is closed, which gives the lock back as well. */
static void release(struct db *db, const char *name)
{
	struct db_conn *conn = db->held;
	struct trouble t;
	bool was_ours;

	db->held = NULL;
	conn->is_held = false;
	if (!conn->broken)
		ask(conn, "RELEASE_LOCK", name, "", &was_ours, &t);
	conn_give(conn);
}

/* The arena may run full and jump out of the body. */
static int run_held(
	struct db *db, const char *name, int (*body)(struct db *db, void *arg), void *arg)
{
	struct arena *arena = db->arena;
	jmp_buf *const outer = arena->on_full;
	jmp_buf here;

	if (outer != NULL && setjmp(here) != 0) {
		arena->on_full = outer;
		release(db, name);
		longjmp(*outer, 1);
	}
	if (outer != NULL)
		arena->on_full = &here;
	int rc = body(db, arg);
	arena->on_full = outer;
	release(db, name);
	return rc;
}

int db_locked(struct db *db, const char *name, int (*body)(struct db *db, void *arg), void *arg)
{
	struct db_conn *conn;

	TRY(acquire(db, name, &conn));
	conn->is_held = true;
	db->held = conn;
	return run_held(db, name, body, arg);
}
