/* Migration files: how one is taken apart, and which folders are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi/db/migrate_file.h"

#include <cmocka.h> /* after ours: its macro fail() would hide our function */

static struct arena arena;

static void test_split(void **state)
{
	static const struct {
		const char *name, *text;
		bool ok;
		const char *statements[4];
	} cases[] = {
		{"empty", "", true, {NULL}},
		{"only comments", "-- a;\n\n  -- b\n", true, {NULL}},
		{"one", "CREATE TABLE a (x INT);\n", true, {"CREATE TABLE a (x INT)"}},
		{"no newline at the end", "A;", true, {"A"}},
		{"several lines", "A\n  b\n;\nC;\n", true, {"A\n  b\n", "C"}},
		{"comments inside", "A -- x;\n-- y;\nB; -- z\n", true, {"A\n\nB"}},
		{"semicolon within a line", "A; B\nC;\n", true, {"A; B\nC"}},
		{"semicolon in quotes", "A 'x;\ny' `;\n`;\n", true, {"A 'x;\ny' `;\n`"}},
		{"comment in quotes", "A '-- x;' ;\n", true, {"A '-- x;' "}},
		{"quote in a comment", "A; -- don't;\nB;\n", true, {"A", "B"}},
		{"escaped quote", "A 'it\\'s;\n' 'it''s;\n';\n", true,
			{"A 'it\\'s;\n' 'it''s;\n'"}},
		{"minus minus", "A 5--3;\n", true, {"A 5--3"}},
		{"carriage returns", "A;\r\nB;\r\n", true, {"A", "B"}},
		{"no end", "A;\nB\n", false, {"A"}},
		{"open quote", "A 'x;\n", false, {NULL}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct migration m = {.number = 1};
		printf("%s\n", cases[i].name);
		assert_int_equal(migration_split(&arena, arena_strdup(&arena, cases[i].text), &m),
			cases[i].ok);
		for (size_t k = 0; k < m.n_statements; k++) {
			assert_non_null(cases[i].statements[k]);
			assert_string_equal(m.statements[k], cases[i].statements[k]);
		}
		assert_null(cases[i].statements[m.n_statements]);
	}
}

static struct sha256 sum(const char *text, size_t n)
{
	struct migration m = {.number = 1};

	assert_true(migration_split(&arena, arena_strdup(&arena, text), &m));
	return migration_checksum(&m, n);
}

static void test_checksum(void **state)
{
	struct sha256 two = sum("A;\nB;\n", 2), layout = sum("-- new remark\n\nA;\n\nB; -- x\n", 2),
		      longer = sum("A;\nB;\nC;\n", 2), other = sum("A;\nC;\n", 2),
		      one = sum("A;\nB;\n", 1), joined = sum("A\nB;\n", 1);

	(void)state;
	assert_memory_equal(&two, &layout, sizeof(two));
	assert_memory_equal(&two, &longer, sizeof(two));
	assert_memory_not_equal(&two, &other, sizeof(two));
	assert_memory_not_equal(&two, &one, sizeof(two));
	assert_memory_not_equal(&two, &joined, sizeof(two));
}

static void test_folder(void **state)
{
	static const struct {
		const char *name, *files[3], *said;
	} cases[] = {
		{"fine", {"0001_a.sql", "0002_b_2.sql", "README"}, NULL},
		{"empty", {NULL}, "holds no migrations"},
		{"gap", {"0001_a.sql", "0003_b.sql"}, "0003_b.sql: number 0002 was expected"},
		{"twice", {"0001_a.sql", "0001_b.sql"}, "0001_b.sql: number 0002 was expected"},
		{"from zero", {"0000_a.sql"}, "number 0001 was expected"},
		{"name", {"0001-a.sql"}, "name it like 0007_add_payouts.sql"},
		{"no name", {"0001_.sql"}, "name it like"},
		{"capital", {"0001_A.sql"}, "name it like"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char dir[] = "/tmp/test_migrate.XXXXXX", *said = NULL;
		size_t size, n = 0;
		struct migration *m = NULL;
		FILE *err = open_memstream(&said, &size);

		printf("%s\n", cases[i].name);
		assert_non_null(mkdtemp(dir));
		for (size_t k = 0; k < 3 && cases[i].files[k] != NULL; k++) {
			FILE *f = fopen(arena_printf(&arena, "%s/%s", dir, cases[i].files[k]), "w");
			fputs("SELECT 1;\n", f);
			fclose(f);
		}
		bool ok = migrations_read(&arena, dir, &m, &n, err);
		fclose(err);
		for (size_t k = 0; k < 3 && cases[i].files[k] != NULL; k++)
			unlink(arena_printf(&arena, "%s/%s", dir, cases[i].files[k]));
		rmdir(dir);
		assert_int_equal(ok, cases[i].said == NULL);
		if (cases[i].said != NULL && strstr(said, cases[i].said) == NULL)
			fail_msg("said: %s", said);
		if (ok) {
			assert_int_equal(n, 2);
			assert_string_equal(m[1].name, "0002_b_2");
			assert_int_equal(m[1].number, 2);
		}
		free(said);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_checksum),
		cmocka_unit_test(test_folder),
	};

	arena_init(&arena, 16 * 1024 * 1024);
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	arena_free(&arena);
	return rc;
}
