/* One execution of a statement on one connection, and the cache of prepared statements. Only
 * fcgi/db includes it. */
#ifndef TURNPIKE_CALL_H
#define TURNPIKE_CALL_H

#include "conn.h"
#include "stmt.h"

/* Where a result column lands. */
struct cell {
	union {
		i64 i;
		u64 u;
		double d;
	} number;
	char *text;
	size_t capacity;
	unsigned long length;
	my_bool is_null, error;
};

struct prepared {
	MYSQL_STMT *handle;
	bool has_out; /* the result is bound */
	MYSQL_BIND *in;
	struct cell *cell;
};

/* What goes in and where the outcome goes. */
struct call {
	const struct sql_stmt *stmt;
	const void *in;
	void *ret_row;	 /* :one */
	void **ret_rows; /* :many */
	size_t *ret_n;
	u64 *ret_number; /* :exec, :insert; may be NULL */
	struct db_conn *conn;
	int outcome;		/* after true: 0 or SQL_NONE */
	struct trouble trouble; /* after false */
};

/* The statement in the connection's cache, prepared if it was not; NULL: call->trouble says why. */
struct prepared *prepared_get(struct call *call);
/* Binds the columns of p's result to its cells, once they are known (p->has_out). */
bool prepared_bind_result(struct call *call, struct prepared *p);
/* Takes the statement out of the connection's cache. */
void prepared_drop(struct db_conn *conn, const struct sql_stmt *s);
bool prepared_is_text(const struct sql_column *c);

/* Fill call->trouble, return false: a bug of ours; the handle's error. */
bool call_bug(struct call *call, const char *what, const char *which);
bool call_failed(struct call *call, MYSQL_STMT *handle);

/* Prepares the statement unless call->conn has it, runs it and reads the whole result. Prepares and
 * runs it again when the server had forgotten it. */
bool call_run(struct db *db, struct call *call);

#endif
