/* sqlgen: what it says about bad input, and what it makes of good input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/test_sqlgen.XXXXXX";

static char *in_dir(const char *name, char *ret, size_t size)
{
	snprintf(ret, size, "%s/%s", dir, name);
	return ret;
}

static char *slurp(FILE *f)
{
	static char text[65536];

	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	return text;
}

/* Runs ./sqlgen on the text; its exit status, and what it said. */
static int generate(const char *sql, const char **ret_said)
{
	char path[64], command[256];
	FILE *f = fopen(in_dir("q.sql", path, sizeof(path)), "w");

	assert_non_null(f);
	fputs(sql, f);
	fclose(f);
	snprintf(command, sizeof(command), "b=$PWD; cd %s && $b/sqlgen q.h q.c q.sql 2>&1", dir);
	FILE *p = popen(command, "r");
	assert_non_null(p);
	*ret_said = slurp(p);
	return pclose(p);
}

static const struct {
	const char *name, *sql, *said;
} bad[] = {
	{"no name", "SELECT 1;\n", "q.sql:1: SQL without a line \"-- name :kind\" above it\n"},
	{"kind", "-- a :some\n-- out: x u64\nSELECT 1 AS x;\n",
		"q.sql:1: unknown kind :some: use :one :many :exec :insert\n"},
	{"word", "-- a :exec uniqe\nDELETE FROM t;\n",
		"q.sql:1: unknown word uniqe: use unique, scan\n"},
	{"rest of heading", "-- a :exec unique!\nDELETE FROM t;\n",
		"q.sql:1: \"!\" after the kind is not understood\n"},
	{"type", "-- a :exec\n-- in: x int\nDELETE FROM t WHERE x = ?;\n",
		"q.sql:2: unknown type int: use u64 i64 bool double str(N) bytes(N) "
		"text\n"},
	{"no type", "-- a :exec\n-- in: x, y u64\nDELETE FROM t WHERE x = ?;\n",
		"q.sql:2: x has no type\n"},
	{"no length", "-- a :one\n-- out: x str\nSELECT x FROM t;\n",
		"q.sql:2: x: str needs a length, as str(64)\n"},
	{"empty length", "-- a :exec\n-- in: x str()\nDELETE FROM t WHERE x = ?;\n",
		"q.sql:2: x: str needs a length, as str(64)\n"},
	{"length too much", "-- a :exec\n-- in: x u64(8)\nDELETE FROM t WHERE x = ?;\n",
		"q.sql:2: x: u64 takes no length\n"},
	{"comma", "-- a :exec\n-- in: x u64 y u64\nDELETE FROM t WHERE x = ?;\n",
		"q.sql:2: a comma is missing before \"y u64\"\n"},
	{"capitals", "-- a :exec\n-- in: X u64\nDELETE FROM t WHERE x = 1;\n",
		"q.sql:2: a name in lower case is missing before \"X u64\"\n"},
	{"reserved", "-- a :exec\n-- in: ret u64\nDELETE FROM t WHERE x = ?;\n",
		"q.sql:2: the name ret is reserved\n"},
	{"twice", "-- a :exec scan\nDELETE FROM t;\n-- a :exec\nDELETE FROM u;\n",
		"q.sql:3: a exists already: q.sql:1\n"},
	{"out of :exec", "-- a :exec\n-- out: x u64\nDELETE FROM t;\n",
		"q.sql:1: a: :exec has no out: or row:\n"},
	{"no out", "-- a :many\nSELECT 1;\n", "q.sql:1: a: :many needs out:\n"},
	{"too few", "-- a :exec\n\nDELETE FROM t WHERE a = ? AND b = '?';\n",
		"q.sql:1: a: 1 ? in the text, but 0 inputs after in:\n"},
	{"too many", "-- a :exec\n-- in: a u64, b u64\nDELETE FROM t WHERE a = ?; -- ?\n",
		"q.sql:1: a: 1 ? in the text, but 2 inputs after in:\n"},
	{"SELECT as :exec", "-- a :exec\nSELECT 1;\n", "q.sql:1: a: a SELECT is :one or :many\n"},
	{"unique SELECT", "-- a :one unique\n-- out: x u64\nSELECT 1 AS x;\n",
		"q.sql:1: a: a SELECT cannot be unique\n"},
	{"UPDATE as :insert", "-- a :insert\nUPDATE t SET a = 1;\n",
		"q.sql:1: a: :insert needs an INSERT\n"},
	{"out twice", "-- a :one\n-- out: x u64, x u64\nSELECT 1 AS x, 2 AS x;\n",
		"q.sql:1: a: out: has x twice\n"},
	{"in differs", "-- a :exec\n-- in: x u64, x u64?\nDELETE FROM t WHERE a = ? + ?;\n",
		"q.sql:1: a: in: has x twice with different types\n"},
	{"row differs",
		"-- a :one\n-- row: r\n-- out: x u64\nSELECT 1 AS x;\n"
		"-- b :one\n-- row: r\n-- out: x i64\nSELECT 1 AS x;\n",
		"q.sql:5: struct r_row differs from that of a (q.sql:1): name another row, "
		"or make "
		"the out lists equal\n"},
	{"row taken",
		"-- r :one\n-- out: x u64\nSELECT 1 AS x;\n"
		"-- b :one\n-- row: r\n-- out: x u64\nSELECT 1 AS x;\n",
		"q.sql:4: struct r_row differs from that of r (q.sql:1): name another row, "
		"or make "
		"the out lists equal\n"},
	{"row name", "-- a :one\n-- row: R\n-- out: x u64\nSELECT 1 AS x;\n",
		"q.sql:2: row: takes one name in lower case\n"},
	{"no text", "-- a :exec\n-- b :exec\nDELETE FROM t;\n", "q.sql:2: a has no SQL text\n"},
	{"no text at the end", "-- a :exec\n", "q.sql:1: a has no SQL text\n"},
	{"no semicolon", "-- a :exec\nDELETE FROM t\n", "q.sql:2: a: the semicolon is missing\n"},
	{"two statements", "-- a :exec\nDELETE FROM t; DELETE FROM u;\n",
		"q.sql:2: one statement per name: \"DELETE FROM u;\" after the "
		"semicolon\n"},
	{"C comment", "-- a :exec\nDELETE /* all */ FROM t;\n",
		"q.sql:2: write comments with --\n"},
	{"end of C comment", "-- a :exec\n-- Deletes */ all.\nDELETE FROM t;\n",
		"q.sql:2: a comment cannot hold /* or */\n"},
};
static void test_bad(void **state)
{
	const char *said;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		printf("%s\n", bad[i].name);
		int status = generate(bad[i].sql, &said);
		assert_string_equal(said, bad[i].said);
		assert_int_not_equal(status, 0);
	}
}

static void test_good(void **state)
{
	static const struct {
		const char *name, *sql, *header, *source;
	} cases[] = {
		{"nothing", "-- Only a remark.\n", "#endif", "const size_t sql_n_stmts = 0;"},
		{"one, nullable",
			"-- a :one\n-- out: x u64?, y double?, z bool?\nSELECT x, y, z FROM t;\n",
			"struct a_row {\n\tstruct opt_i64 x;\n\tstruct opt_double y;\n\tstruct "
			"opt_bool z;\n",
			"{\"x\", SQL_U64, true, 0, offsetof(struct a_row, x)},"},
		{"many",
			"-- a :many\n-- in: n str(9), h bytes(4)\n-- out: x i64\nSELECT x FROM t "
			"WHERE ?=?;\n",
			"int sql_a(struct db *db, const char *n, struct sql_bytes h, "
			"struct a_row **ret_rows, size_t *ret_n);",
			"return stmt_many(db, &sql_stmts[0], &(struct a_in){n, h}, ret_rows, "
			"ret_n);"},
		{"four inputs",
			"-- a :insert unique\n-- in: a u64, b u64,\n--      c text, d u64\n"
			"INSERT INTO t VALUES (?, ?, ?, ?);\n",
			"struct a_in {\n\tu64 a;\n\tu64 b;\n\tconst char *c;\n\tu64 d;\n};\n\n"
			"int sql_a(struct db *db, const struct a_in *in, u64 *ret_id);",
			"return stmt_insert(db, &sql_stmts[0], in, ret_id);"},
		{"same input twice",
			"-- a :exec\n-- in: x u64?, x u64?\nDELETE FROM t WHERE ? IS NULL OR y = "
			"?;\n",
			"int sql_a(struct db *db, struct opt_i64 x, u64 *ret_affected);",
			"&(struct a_in){x}"},
		{"comment", "-- a :exec scan\n-- Deletes\n-- all.\nDELETE FROM t;\n",
			"/* Deletes\n * all. */\nint sql_a(struct db *db, u64 *ret_affected);",
			"SQL_EXEC, false, true, NULL, NULL, 0, 0, 0,"},
		{"quotes", "-- a :exec\nUPDATE t SET x = 'a\\';?', y = \"--\", z = 5--3 -- ?\n;\n",
			"", "\"UPDATE t SET x = 'a\\\\';\\?', y = \\\"--\\\", z = 5--3 \\n\""},
		{"shared row",
			"-- a :one\n-- row: r\n-- out: x u64\nSELECT 1 AS x;\n"
			"-- b :many\n-- row: r\n-- out: x u64\nSELECT 1 AS x;\n",
			"int sql_b(struct db *db, struct r_row **ret_rows, size_t *ret_n);",
			"r_row_columns, 0, 1, sizeof(struct r_row),\n\t\t\"q.sql:5\"}"},
	};
	const char *said;
	char path[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		printf("%s\n", cases[i].name);
		int status = generate(cases[i].sql, &said);
		assert_string_equal(said, "");
		assert_int_equal(status, 0);
		for (unsigned k = 0; k < 2; k++) {
			FILE *f = fopen(in_dir(k == 0 ? "q.h" : "q.c", path, sizeof(path)), "r");
			assert_non_null(f);
			const char *text = slurp(f);
			fclose(f);
			const char *want = k == 0 ? cases[i].header : cases[i].source;
			if (strstr(text, want) == NULL)
				fail_msg("missing: %s\nin: %s", want, text);
		}
	}
}

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(dir) == NULL;
}

static int tear_down(void **state)
{
	static const char *const names[] = {"q.sql", "q.h", "q.c"};
	char path[64];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(in_dir(names[i], path, sizeof(path)));
	return rmdir(dir);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_good),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
