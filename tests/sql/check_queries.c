/* sql-gate: migrates an empty database and holds every statement against it: number of parameters,
 * columns (names, types, lengths, NULL), and the plan.
 *
 *	sql-gate SOCKET MIGRATIONS_DIR [USER [PASSWORD]]
 *
 * Makes and drops the database turnpike_gate_PID; USER must be allowed to. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fcgi/db/conn.h"
#include "fcgi/db/migrate.h"
#include "gate.h"

enum { ARENA_BYTES = 256 * 1024 * 1024 };

void gate_fault(struct gate *g, const char *format, ...)
{
	va_list args;

	printf("FAIL %s %s: ", g->stmt->source, g->stmt->name);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	g->n_faults++;
}

/* INSERT and DELETE ... RETURNING tell their columns only when they run; undone afterwards. */
static void check_returning(struct gate *g)
{
	MYSQL_RES *result = NULL;

	if (mysql_query(g->mysql, "START TRANSACTION") == 0 &&
		mysql_query(g->mysql, gate_literals(g, 1, false)) == 0)
		result = mysql_store_result(g->mysql);
	if (result != NULL)
		gate_columns(g, mysql_fetch_fields(result), mysql_num_fields(result));
	else
		gate_fault(g, "no columns: %s", mysql_error(g->mysql));
	mysql_free_result(result);
	mysql_query(g->mysql, "ROLLBACK");
}

static void check_prepared(struct gate *g)
{
	const struct sql_stmt *s = g->stmt;
	MYSQL_STMT *handle = mysql_stmt_init(g->mysql);

	if (mysql_stmt_prepare(handle, s->text, strlen(s->text)) != 0) {
		gate_fault(g, "%s", mysql_stmt_error(handle));
	} else if (mysql_stmt_param_count(handle) != s->n_in) {
		gate_fault(g, "%lu parameters, in: names %zu", mysql_stmt_param_count(handle),
			s->n_in);
	} else if (s->n_out > 0 && mysql_stmt_field_count(handle) == 0) {
		check_returning(g);
	} else if (s->n_out > 0) {
		MYSQL_RES *result = mysql_stmt_result_metadata(handle);
		gate_columns(g, mysql_fetch_fields(result), mysql_num_fields(result));
		mysql_free_result(result);
	} else if (mysql_stmt_field_count(handle) != 0) {
		gate_fault(g, "has columns, but no out:");
	}
	mysql_stmt_close(handle);
}

static int check_all(struct gate *g)
{
	unsigned n_failed = 0;

	if (!gate_fill(g))
		return 1;
	for (size_t i = 0; i < sql_n_stmts; i++) {
		g->stmt = &sql_stmts[i];
		g->n_faults = 0;
		check_prepared(g);
		if (g->n_faults == 0)
			gate_plan(g);
		n_failed += g->n_faults > 0;
		arena_reset(g->arena);
	}
	printf("%zu passed, %u failed\n", sql_n_stmts - n_failed, n_failed);
	return n_failed > 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fputs("usage: sql-gate SOCKET MIGRATIONS_DIR [USER [PASSWORD]]\n", stderr);
		return 2;
	}
	struct options options = {
		.db_socket = argv[1],
		.db_user = argc > 3 ? argv[3] : "root",
		.db_password = argc > 4 ? argv[4] : "",
		.db_name = "",
	};
	struct arena arena;
	struct trouble t;
	char name[32], sql[96];
	int rc = 1;

	arena_init(&arena, ARENA_BYTES);
	snprintf(name, sizeof(name), "turnpike_gate_%d", (int)getpid());
	struct gate g = {.arena = &arena, .mysql = conn_open(&options, 0, &t)};
	if (g.mysql == NULL) {
		printf("FAIL no connection: %u %s\n", t.number, t.text);
		return 1;
	}
	snprintf(sql, sizeof(sql), "CREATE DATABASE %s CHARACTER SET utf8mb4", name);
	if (mysql_query(g.mysql, sql) == 0 && mysql_select_db(g.mysql, name) == 0) {
		options.db_name = name;
		rc = migrate_run(&options, argv[2], false, stdout, stdout);
		if (rc == 0)
			rc = check_all(&g);
	} else {
		printf("FAIL %s: %s\n", sql, mysql_error(g.mysql));
	}
	snprintf(sql, sizeof(sql), "DROP DATABASE IF EXISTS %s", name);
	mysql_query(g.mysql, sql);
	mysql_close(g.mysql);
	arena_free(&arena);
	return rc;
}
