/* The inside of fcgi/db: connections on loan and what a failed command means. Only fcgi/db includes
 * it. */
#ifndef TURNPIKE_CONN_H
#define TURNPIKE_CONN_H

#include <mysql.h>

#include "db.h"

enum sql_fault {
	FAULT_NONE,
	FAULT_CONFLICT, /* a unique key says no */
	FAULT_RETRY,	/* deadlock, changed row, lock wait: roll back and try again */
	FAULT_UNSENT,	/* the connection is dead and the command did not reach the server */
	FAULT_LOST,	/* the connection broke after the command was sent: it may have run */
	FAULT_STALE,	/* the server forgot the prepared statement; nothing ran */
	FAULT_AWAY,	/* no room, no time, read-only: later it may work */
	FAULT_OTHER,	/* a bug of ours */
};

/* Why a command failed. Kept apart from struct fail until it is sure that it is not tried again. */
struct trouble {
	enum sql_fault fault;
	unsigned number; /* the server's or the library's; 0: found by us */
	char text[256];
};

struct prepared;

struct db_conn {
	struct db_pool *pool;
	struct db_conn *next;
	MYSQL *mysql;		    /* NULL: not open */
	struct prepared **prepared; /* by statement index; NULL until the first one */
	i64 used_at_us;		    /* monotonic */
	bool broken;		    /* closed when given back */
	bool is_held;		    /* by a named lock: it is not given back yet */
	/* Inside a transaction: what ended it. From then on no command may run, because the server
	 * may have rolled back already and would execute it on its own. */
	enum error doom;
	enum sql_fault doom_fault;
};

/* Borrows a connection that works as far as can be told without a round trip; fresh: a newly opened
 * one. Waits a short while for one to come back. E_UNAVAILABLE when there is none. */
int conn_take(struct db *db, bool fresh, struct db_conn **ret);
void conn_give(struct db_conn *conn);
/* Ends the transaction on conn: from now on it can only be rolled back. */
void conn_doom(struct db_conn *conn, enum error code, enum sql_fault fault);
/* Calls fn(db, arg) such that a full arena (which jumps out) does not lose the connection. */
int conn_guard(struct db *db, struct db_conn *conn, int (*fn)(struct db *, void *), void *arg);
/* Runs a command without parameters and drops its result. */
bool conn_command(struct db_conn *conn, const char *sql, struct trouble *ret);
/* Opens a session with our settings; timeout_s 0: a statement may take for ever. */
MYSQL *conn_open(const struct options *options, i64 timeout_s, struct trouble *ret);

/* Fills *ret; texts of errors that quote the values of a row are left out: they may be secrets. */
void trouble_set(struct trouble *ret, unsigned number, const char *text);

/* Waits before try number tries + 1 (tries counts from 0); false when the tries are used up. */
bool tx_wait(unsigned tries);
/* Frees the statements of a connection whose MYSQL is closed. */
void stmt_forget(struct db_conn *conn);

#endif
