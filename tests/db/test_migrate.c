/* Migrations against a real server: order, refusals, and going on after an interruption. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi/db/migrate.h"
#include "support.h"

#include <cmocka.h> /* after ours: its macro fail() would hide our function */

static struct support s;
static char dir[32];
static char *said;

static const char *const names[] = {"0001_one.sql", "0002_two.sql", "0003_three.sql"};

static const char *path(const char *name)
{
	return arena_printf(&s.arena, "%s/%s", dir, name);
}

/* Makes a file of the folder, or removes it when text is NULL. */
static void put(const char *name, const char *text)
{
	unlink(path(name));
	if (text == NULL)
		return;
	FILE *f = fopen(path(name), "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void drop_all(void)
{
	support_admin("DROP TABLE IF EXISTS a");
	support_admin("DROP TABLE IF EXISTS b");
	support_admin("DROP TABLE IF EXISTS schema_migration");
}

static int set_up(void **state)
{
	(void)state;
	support_open(&s, 1);
	drop_all();
	strcpy(dir, "/tmp/test_migrate.XXXXXX");
	assert_non_null(mkdtemp(dir));
	put(names[0], "CREATE TABLE a (x INT PRIMARY KEY);\nINSERT INTO a VALUES (1);\n");
	put(names[1], "-- Twice as much.\nINSERT INTO a VALUES (2);\n");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		put(names[i], NULL);
	rmdir(dir);
	free(said);
	said = NULL;
	drop_all();
	support_close(&s);
	return 0;
}

/* Runs and compares the exit code and a part of what was printed. */
static void run(bool dry_run, int rc, const char *expected)
{
	size_t size;

	free(said);
	FILE *f = open_memstream(&said, &size);
	int got = migrate_run(&s.options, dir, dry_run, f, f);
	fclose(f);
	if (got != rc || strstr(said, expected) == NULL)
		fail_msg("%d, said: %s, expected: %s", got, said, expected);
}

static void test_order(void **state)
{
	(void)state;
	run(true, 0, "0001_one: would run 2 statements\n0002_two: would run 1 statement\n");
	assert_int_equal(support_admin("SELECT COUNT(*) FROM information_schema.TABLES"
				       " WHERE TABLE_SCHEMA = DATABASE()"
				       " AND TABLE_NAME IN ('a', 'schema_migration')"),
		0);
	run(false, 0, "0001_one: 2 statements, ");
	assert_non_null(strstr(said, "0002_two: 1 statement, "));
	assert_int_equal(support_admin("SELECT SUM(x) FROM a"), 3);
	run(false, 0, "The database is up to date: 0002_two\n");
	put(names[2], "INSERT INTO a VALUES (3);\n");
	run(true, 0, "0003_three: would run 1 statement\n");
	run(false, 0, "0003_three: 1 statement, ");
	assert_int_equal(support_admin("SELECT SUM(x) FROM a"), 6);
	assert_int_equal(support_admin("SELECT COUNT(*) FROM schema_migration"
				       " WHERE finished_at >= started_at"),
		3);
}

static void test_refusals(void **state)
{
	(void)state;
	run(false, 0, "0002_two");
	put(names[1], "-- Another remark is no change.\nINSERT INTO a VALUES (2);\n");
	run(false, 0, "up to date");
	put(names[1], "INSERT INTO a VALUES (4);\n");
	run(false, 1, "0002_two.sql was changed after it had been applied");
	put(names[1], "INSERT INTO a VALUES (2);\nINSERT INTO a VALUES (4);\n");
	run(false, 1, "0002_two.sql was changed after it had been applied");
	put(names[1], NULL);
	run(false, 1,
		"belongs to a newer version: it has migration 2 (0002_two), the newest here is"
		" 0001_one.");
	put(names[1], "INSERT INTO a VALUES (2);\n");
	support_admin("DELETE FROM schema_migration WHERE number = 1");
	run(false, 1, "0002_two is recorded in schema_migration although an earlier");
	drop_all();
	s.options.db_name = "turnpike_nowhere";
	run(false, 1, "[database] in turnpike.conf"); /* no right to see whether it exists */
	s.options.db_user = "root";
	s.options.db_password = "";
	run(false, 1, "Make it: CREATE DATABASE `turnpike_nowhere`");
}

static void test_fault(void **state)
{
	(void)state;
	put(names[1], "INSERT INTO a VALUES (2);\nINSERT INTO nowhere VALUES (1);\n"
		      "INSERT INTO a VALUES (3);\n");
	run(false, 1, "0002_two.sql, statement 2 of 3: 1146 Table");
	assert_non_null(strstr(said, "goes on at this statement"));
	assert_int_equal(support_admin("SELECT SUM(x) FROM a"), 3);
	/* What is done is fixed, what is not may be corrected. */
	put(names[1], "INSERT INTO a VALUES (4);\nINSERT INTO a VALUES (3);\n");
	run(false, 1, "was changed");
	put(names[1], "INSERT INTO a VALUES (2);\nINSERT INTO a VALUES (3);\n");
	run(false, 0, "0002_two: 1 statement (resumed)");
	assert_int_equal(support_admin("SELECT SUM(x) FROM a"), 6);
}

/* The process died after a statement and before its record; a fault of the file is no such case. */
static void test_interrupted(void **state)
{
	(void)state;
	put(names[1], "CREATE TABLE b (x INT PRIMARY KEY);\nINSERT INTO a VALUES (2);\n");
	support_admin("CREATE TABLE b (x INT)");
	run(false, 1, "statement 1 of 2: 1050 Table 'b' already exists");
	run(false, 1, "statement 1 of 2: 1050 Table 'b' already exists");
	support_admin("UPDATE schema_migration SET statements_started = 1 WHERE number = 2");
	run(true, 0, "0002_two: would run 2 statements");
	run(false, 0, "0002_two: 2 statements (resumed)");
	assert_int_equal(support_admin("SELECT SUM(x) FROM a"), 3);
}

static void test_lost(void **state)
{
	static const struct {
		const char *name, *command;
		enum cut cut;
		i64 started, done;
	} cases[] = {
		{"INSERT not sent", "INSERT INTO a VALUES (1)", CUT_BEFORE, 2, 1},
		{"its answer lost", "INSERT INTO a VALUES (1)", CUT_AFTER, 2, 1},
		{"COMMIT not sent", "COMMIT", CUT_BEFORE, 1, 1},
		{"its answer lost", "COMMIT", CUT_AFTER, 1, 1},
		{"CREATE not sent", "CREATE TABLE a", CUT_BEFORE, 1, 0},
		{"its answer lost", "CREATE TABLE a", CUT_AFTER, 1, 0},
		{"record not sent", "UPDATE schema_migration SET statements_done", CUT_BEFORE, 1,
			0},
		{"its answer lost", "UPDATE schema_migration SET statements_done", CUT_AFTER, 1, 1},
	};

	(void)state;
	support_proxy(&s);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		printf("%s: %s\n", cases[i].command, cases[i].name);
		drop_all();
		support_cut(cases[i].cut, COMMAND_QUERY, cases[i].command);
		run(false, 1, "2013");
		assert_int_equal(support_admin("SELECT statements_started FROM schema_migration"),
			cases[i].started);
		assert_int_equal(support_admin("SELECT statements_done FROM schema_migration"),
			cases[i].done);
		run(false, 0, "0001_one: ");
		assert_int_equal(support_admin("SELECT SUM(x) FROM a"), 3);
	}
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		CASE(test_order),
		CASE(test_refusals),
		CASE(test_fault),
		CASE(test_interrupted),
		CASE(test_lost),
	};

	if (!support_database())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
