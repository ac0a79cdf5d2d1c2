/* The database: connections borrowed per need, typed named statements (generated from sql/queries),
 * transactions that retry. SQL text exists only under sql/. */
#ifndef TURNPIKE_DB_H
#define TURNPIKE_DB_H

#include "../core/arena.h"
#include "../core/errors.h"
#include "../core/options.h"

struct db_pool;
struct db_conn;

/* What a request, a job or a command works with. Outside a transaction it holds no connection: each
 * statement borrows one and gives it back. One thread at a time. */
struct db {
	struct db_pool *pool;
	struct arena *arena; /* rows live here */
	struct fail *fail;
	struct db_conn *conn; /* only inside a transaction */
	struct db_conn *held; /* only under a named lock: all statements run on it */
	/* Called with the open transaction just before COMMIT (idempotent answers); may be NULL. */
	int (*before_commit)(struct db *db, void *arg);
	void *before_commit_arg;
};

/* A statement's outcomes besides 0 and an enum error. */
enum { SQL_NONE = -1, SQL_CONFLICT = -2 };

/* Connections are made when first needed, at most n_connections; nothing is done here that can
 * fail. */
struct db_pool *db_pool_new(const struct options *options, size_t n_connections);
void db_pool_free(struct db_pool *pool);
/* Busy and open connections right now. */
void db_pool_counts(struct db_pool *pool, size_t *ret_busy, size_t *ret_open);

/* Runs body(db, arg) in a transaction and commits. Deadlock (1213), changed row (1020) and lock
 * wait (1205, after ROLLBACK) are tried again, up to 4 tries after 5, 20 and 80 ms plus jitter;
 * before each try the arena is rewound and the fail record cleared. A body that returns an error is
 * rolled back. A connection lost before COMMIT was sent: once more on a fresh one. Lost during
 * COMMIT: E_OUTCOME_UNKNOWN. No connection to be had, or the database away or read-only:
 * E_UNAVAILABLE. Calls nest: an inner db_tx is part of the outer one, and
 * when its body returns an error the outer one can only be rolled back. A body that hides the error
 * of a statement is rolled back, too, with that error (SQL_NONE and SQL_CONFLICT are outcomes, not
 * errors). */
int db_tx(struct db *db, int (*body)(struct db *db, void *arg), void *arg);
/* Runs body(db, arg) while no other process does the same under this name (letters, at most 20);
 * all that the body asks runs on the lock's own connection, so that nothing goes on when the lock
 * is lost with it. SQL_NONE: somebody else has it, and nothing was done. Outside of transactions.
 */
int db_locked(struct db *db, const char *name, int (*body)(struct db *db, void *arg), void *arg);
/* SELECT 1 on a borrowed connection: 0 or E_UNAVAILABLE. */
int db_ping(struct db *db);

#endif
