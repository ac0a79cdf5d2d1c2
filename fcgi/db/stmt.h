/* How a generated statement looks, and the one place that binds, runs and fetches it. */
#ifndef TURNPIKE_STMT_H
#define TURNPIKE_STMT_H

#include "db.h"

/* The types of the annotations: u64, i64, bool, str(N), bytes(N), text, double; a '?' after one:
 * nullable. In C: u64, i64, bool, const char * (NUL-terminated, NULL when null), struct sql_bytes;
 * nullable i64 and u64 are struct opt_i64, nullable bool and double are struct opt_bool and
 * opt_double. text is str without a bound (TEXT, LONGTEXT, JSON). */
enum sql_type { SQL_U64, SQL_I64, SQL_BOOL, SQL_STR, SQL_BYTES, SQL_TEXT, SQL_DOUBLE };

struct sql_bytes {
	const void *data; /* NULL: null */
	size_t length;
};

struct sql_column {
	const char *name;
	enum sql_type type;
	bool nullable;
	size_t max;    /* of str(N) in characters, bytes(N) in bytes */
	size_t offset; /* in the in struct, or in the row struct */
};

enum sql_kind { SQL_ONE, SQL_MANY, SQL_EXEC, SQL_INSERT };

struct sql_stmt {
	unsigned index; /* 0 .. sql_n_stmts - 1: the place in a connection's cache */
	const char *name, *text;
	enum sql_kind kind;
	bool unique; /* a key conflict is an expected outcome: SQL_CONFLICT */
	bool scan;   /* a full scan is intended */
	const struct sql_column *in, *out;
	size_t n_in, n_out, row_size;
	const char *source; /* "sql/queries/user.sql:12" */
};

extern const struct sql_stmt sql_stmts[];
extern const size_t sql_n_stmts;

/* in points to the statement's in struct (NULL when n_in is 0). The generated functions are the
 * callers. 0, SQL_NONE (:one without a row), SQL_CONFLICT (`unique`) or an enum error; a second row
 * of :one is E_INTERNAL: write LIMIT 1 where it is meant.
 * Outside a transaction a statement is tried again after a deadlock or lock wait as db_tx() does,
 * once when it did not reach the server, and once when it is a SELECT whose connection broke; any
 * other that broke is E_OUTCOME_UNKNOWN. Inside one, any error but SQL_NONE and SQL_CONFLICT ends
 * the transaction: later statements fail, nothing is committed. */
int stmt_one(struct db *db, const struct sql_stmt *s, const void *in, void *ret_row);
int stmt_many(
	struct db *db, const struct sql_stmt *s, const void *in, void *ret_rows, size_t *ret_n);
int stmt_exec(struct db *db, const struct sql_stmt *s, const void *in, u64 *ret_affected);
int stmt_insert(struct db *db, const struct sql_stmt *s, const void *in, u64 *ret_id);

#endif
