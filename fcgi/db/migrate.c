/* Applies migrations and keeps the record of them, the table schema_migration. */
#include "migrate.h"

#include <mysqld_error.h>
#include <stdlib.h>
#include <string.h>

#include "../core/clock.h"
#include "../core/str.h"
#include "conn.h"
#include "migrate_file.h"

/* Waiting for a table that a long transaction uses blocks everyone behind us, hence the bound. */
enum { LOCK_S = 30, TABLE_LOCK_S = 10, ARENA_BYTES = 256 * 1024 * 1024 };

/* What the table knows about a migration. started counts the statement that runs, done does not:
 * they differ only when a run was interrupted. */
struct record {
	bool exists, is_finished;
	unsigned long started, done;
	const char *checksum; /* hexadecimal, of the statements done */
};

struct run {
	struct arena *arena;
	MYSQL *mysql;
	const char *dir;
	struct migration *migrations;
	struct record *records; /* as many */
	size_t n;
	FILE *out, *err;
};

static bool query(struct run *run, const char *sql)
{
	return mysql_query(run->mysql, sql) == 0;
}

static bool refuse(struct run *run)
{
	fprintf(run->err, "The database refused: %u %s\n", mysql_errno(run->mysql),
		mysql_error(run->mysql));
	return false;
}

static bool connect_to(struct run *run, const struct options *o)
{
	struct trouble t;

	run->mysql = conn_open(o, 0, &t);
	if (run->mysql != NULL)
		return query(run, arena_printf(run->arena, "SET lock_wait_timeout = %d",
					  TABLE_LOCK_S)) ||
		       refuse(run);
	fprintf(run->err, "No connection to the database %s as %s: %u %s\n", o->db_name, o->db_user,
		t.number, t.text);
	if (t.number == ER_BAD_DB_ERROR)
		fprintf(run->err, "Make it: CREATE DATABASE `%s` CHARACTER SET utf8mb4;\n",
			o->db_name);
	else
		fprintf(run->err, "Look at [database] in turnpike.conf.\n");
	return false;
}

/* One run at a time, in all of the server. */
static bool lock(struct run *run)
{
	MYSQL_RES *result = NULL;
	MYSQL_ROW row = NULL;

	if (query(run, arena_printf(run->arena, "SELECT GET_LOCK('turnpike_migrate', %d)", LOCK_S)))
		result = mysql_store_result(run->mysql);
	if (result != NULL)
		row = mysql_fetch_row(result);
	bool ok = row != NULL && row[0] != NULL && str_equal(row[0], "1");
	mysql_free_result(result);
	if (!ok)
		fprintf(run->err,
			"Another migration holds the lock turnpike_migrate, for %d s now. Wait "
			"until "
			"it is done; SHOW PROCESSLIST shows it.\n",
			LOCK_S);
	return ok;
}

static bool make_table(struct run *run)
{
	return query(run, "CREATE TABLE IF NOT EXISTS schema_migration ("
			  "number INT UNSIGNED NOT NULL PRIMARY KEY,"
			  "name VARCHAR(255) CHARACTER SET ascii NOT NULL,"
			  "checksum BINARY(32) NOT NULL COMMENT 'of the statements done',"
			  "statements_started INT UNSIGNED NOT NULL,"
			  "statements_done INT UNSIGNED NOT NULL,"
			  "started_at DATETIME(6) NOT NULL,"
			  "finished_at DATETIME(6) NULL) ENGINE = InnoDB") ||
	       refuse(run);
}

/* One row of the table; false when no file belongs to it. */
static bool take_record(struct run *run, char **row)
{
	unsigned long number = strtoul(row[0], NULL, 10);

	if (number == 0 || number > run->n) {
		fprintf(run->err,
			"This database belongs to a newer version: it has migration %s (%s), the "
			"newest here is %s. Install that version, or restore a backup.\n",
			row[0], row[1], run->migrations[run->n - 1].name);
		return false;
	}
	run->records[number - 1] = (struct record){
		.exists = true,
		.is_finished = row[5] != NULL,
		.started = strtoul(row[3], NULL, 10),
		.done = strtoul(row[4], NULL, 10),
		.checksum = arena_strdup(run->arena, row[2]),
	};
	return true;
}

static bool read_table(struct run *run)
{
	bool ok = true;

	if (!query(run, "SELECT number, name, LOWER(HEX(checksum)), statements_started,"
			" statements_done, finished_at FROM schema_migration ORDER BY number"))
		return mysql_errno(run->mysql) == ER_NO_SUCH_TABLE || refuse(run);
	MYSQL_RES *result = mysql_store_result(run->mysql);
	if (result == NULL)
		return refuse(run);
	for (MYSQL_ROW row; ok && (row = mysql_fetch_row(result)) != NULL;)
		ok = take_record(run, row);
	mysql_free_result(result);
	return ok;
}

static const char *checksum(struct run *run, const struct migration *m, size_t n)
{
	struct sha256 sum = migration_checksum(m, n);

	return hex_encode(run->arena, &sum, sizeof(sum));
}

/* Whether what is applied is what the files say. */
static bool check_records(struct run *run)
{
	bool pending = false;

	for (size_t i = 0; i < run->n; i++) {
		const struct migration *m = &run->migrations[i];
		const struct record *r = &run->records[i];
		if (r->exists && pending) {
			fprintf(run->err,
				"%s is recorded in schema_migration although an earlier migration "
				"is "
				"not finished. Restore a backup.\n",
				m->name);
			return false;
		}
		pending |= !r->is_finished;
		if (!r->exists)
			continue;
		if (r->done > m->n_statements || (r->is_finished && r->done != m->n_statements) ||
			!str_equal(r->checksum, checksum(run, m, r->done))) {
			fprintf(run->err,
				"%s/%s.sql was changed after it had been applied. Put the released "
				"file back, and write the change as a new migration.\n",
				run->dir, m->name);
			return false;
		}
	}
	return true;
}

/* What a DDL statement says that had been done already, just before the run was interrupted. */
static bool says_done(unsigned number)
{
	static const unsigned numbers[] = {
		ER_TABLE_EXISTS_ERROR,
		ER_BAD_TABLE_ERROR,
		ER_DUP_FIELDNAME,
		ER_DUP_KEYNAME,
		ER_CANT_DROP_FIELD_OR_KEY,
		ER_MULTIPLE_PRI_KEY,
		ER_DUP_CONSTRAINT_NAME,
		ER_TRG_ALREADY_EXISTS,
		ER_TRG_DOES_NOT_EXIST,
		ER_SP_ALREADY_EXISTS,
		ER_SP_DOES_NOT_EXIST,
	};

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		if (numbers[i] == number)
			return true;
	return false;
}

static bool set_started(struct run *run, const struct migration *m, size_t n)
{
	return query(run, arena_printf(run->arena,
				  "UPDATE schema_migration SET statements_started = %zu"
				  " WHERE number = %u",
				  n, m->number));
}

static void explain_failure(struct run *run, const struct migration *m, size_t i)
{
	unsigned number = mysql_errno(run->mysql);

	fprintf(run->err, "%s/%s.sql, statement %zu of %zu: %u %s\n", run->dir, m->name, i + 1,
		m->n_statements, number, mysql_error(run->mysql));
	fputs(number == ER_LOCK_WAIT_TIMEOUT
			? "A long transaction uses the table; SHOW PROCESSLIST shows it. Run again"
			: "Correct it and run again",
		run->err);
	fputs(": what was done before is kept, and it goes on at this statement.\n", run->err);
}

/* Runs statement i and records it. A statement that changes rows and its record are one
 * transaction; DDL ends that transaction itself, which is what started is for. */
static bool apply_statement(struct run *run, const struct migration *m, size_t i, bool interrupted)
{
	if (!set_started(run, m, i + 1) || !query(run, "START TRANSACTION"))
		return refuse(run);
	if (!query(run, m->statements[i]) && !(interrupted && says_done(mysql_errno(run->mysql)))) {
		explain_failure(run, m, i);
		if (query(run, "ROLLBACK"))
			set_started(run, m, i);
		return false;
	}
	const char *record = arena_printf(run->arena,
		"UPDATE schema_migration SET statements_done = %zu, checksum = UNHEX('%s'),"
		" finished_at = %s WHERE number = %u",
		i + 1, checksum(run, m, i + 1), i + 1 == m->n_statements ? "NOW(6)" : "NULL",
		m->number);
	return (query(run, record) && query(run, "COMMIT")) || refuse(run);
}

static bool apply(struct run *run, const struct migration *m, const struct record *r)
{
	i64 from_us = clock_mono_us();

	if (!r->exists && !query(run, arena_printf(run->arena,
					      "INSERT INTO schema_migration VALUES"
					      " (%u, '%s', UNHEX('%s'), 0, 0, NOW(6), NULL)",
					      m->number, m->name, checksum(run, m, 0))))
		return refuse(run);
	for (size_t i = r->done; i < m->n_statements; i++)
		if (!apply_statement(run, m, i, i == r->done && r->started > r->done))
			return false;
	fprintf(run->out, "%s: %zu statement%s%s, %.2f s\n", m->name, m->n_statements - r->done,
		m->n_statements - r->done == 1 ? "" : "s", r->exists ? " (resumed)" : "",
		(double)(clock_mono_us() - from_us) / US_PER_S);
	return true;
}

static bool apply_all(struct run *run, bool dry_run)
{
	size_t n_applied = 0;

	for (size_t i = 0; i < run->n; i++) {
		const struct migration *m = &run->migrations[i];
		const struct record *r = &run->records[i];
		if (r->is_finished)
			continue;
		n_applied++;
		if (dry_run)
			fprintf(run->out, "%s: would run %zu statement%s\n", m->name,
				m->n_statements - r->done,
				m->n_statements - r->done == 1 ? "" : "s");
		else if (!apply(run, m, r))
			return false;
	}
	if (n_applied == 0)
		fprintf(run->out, "The database is up to date: %s\n",
			run->migrations[run->n - 1].name);
	return true;
}

int migrate_run(const struct options *options, const char *dir, bool dry_run, FILE *out, FILE *err)
{
	struct arena arena;
	struct run run = {.arena = &arena, .dir = dir, .out = out, .err = err};

	arena_init(&arena, ARENA_BYTES);
	bool ok = migrations_read(&arena, dir, &run.migrations, &run.n, err) &&
		  connect_to(&run, options);
	if (ok) {
		run.records = arena_array(&arena, struct record, run.n);
		ok = (dry_run || (lock(&run) && make_table(&run))) && read_table(&run) &&
		     check_records(&run) && apply_all(&run, dry_run);
		mysql_close(run.mysql); /* gives the lock back, too */
	}
	arena_free(&arena);
	return ok ? 0 : 1;
}
