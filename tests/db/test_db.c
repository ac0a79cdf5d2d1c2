/* Statements against a real server: values, rows, conflicts, what does not fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gen/sample.h"
#include "support.h"

#include <cmocka.h> /* after ours: its macro fail() would hide our function */

static struct support s;

static int set_up(void **state)
{
	(void)state;
	support_open(&s, 2);
	return 0;
}

static int tear_down(void **state)
{
	size_t busy, n_open;

	(void)state;
	support_admin("SET GLOBAL read_only = 0");
	db_pool_counts(s.db.pool, &busy, &n_open);
	assert_int_equal(busy, 0);
	support_close(&s);
	return 0;
}

static u64 add(const char *name)
{
	u64 id = 0;

	assert_int_equal(sql_item_add(&s.db, &(struct item_add_in){.name = name}, &id), 0);
	return id;
}

static char *repeat(const char *what, size_t times)
{
	size_t n = strlen(what);
	char *text = arena_alloc(&s.arena, n * times + 1);

	for (size_t i = 0; i < times; i++)
		memcpy(text + i * n, what, n);
	return text;
}

static void same_text(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		assert_ptr_equal(a, b);
	else
		assert_string_equal(a, b);
}

static void check_values(const char *what, const struct item_add_in *in)
{
	struct item_row row;
	u64 id;

	printf("%s\n", what);
	assert_int_equal(sql_item_add(&s.db, in, &id), 0);
	memset(&row, 0xff, sizeof(row));
	assert_int_equal(sql_item_get(&s.db, id, &row), 0);
	assert_int_equal(row.item_id, id);
	same_text(row.name, in->name);
	assert_int_equal(row.size.has, in->size.has);
	assert_int_equal(row.size.value, in->size.value);
	assert_int_equal(row.serial, in->serial);
	assert_int_equal(row.ratio.has, in->ratio.has);
	assert_true(row.ratio.value == in->ratio.value);
	assert_int_equal(row.is_open, in->is_open);
	assert_false(row.was_open.has);
	same_text(row.note, in->note);
	same_text(row.tag, in->tag);
	assert_int_equal(row.hash.length, in->hash.length);
	if (in->hash.data != NULL)
		assert_memory_equal(row.hash.data, in->hash.data, in->hash.length);
	else
		assert_null(row.hash.data);
}

static void test_values(void **state)
{
	static const char hash[32] = "\0\1\2quotes'\"\\and \xff\xfe";
	char *face = repeat("\xf0\x9f\x99\x82", 64);

	(void)state;
	check_values("nothing", &(struct item_add_in){.name = "a"});
	check_values("empty is not NULL", &(struct item_add_in){.name = "", .note = "", .tag = ""});
	check_values("largest", &(struct item_add_in){.name = face,
					.size = {true, INT64_MAX},
					.serial = UINT64_MAX,
					.ratio = {true, 1e300},
					.is_open = true,
					.hash = {hash, 32},
					.tag = repeat("x", 300)});
	check_values(
		"smallest", &(struct item_add_in){
				    .name = "b", .size = {true, INT64_MIN}, .ratio = {true, -0.5}});
	check_values("text as long as the buffer",
		&(struct item_add_in){.name = "c", .note = repeat("n", 1024)});
	check_values("text longer by one",
		&(struct item_add_in){.name = "d", .note = repeat("n", 1025)});
	check_values("long text",
		&(struct item_add_in){.name = "e", .note = repeat("\xc3\xa4", 200000), .tag = "t"});
	check_values("short text after it", &(struct item_add_in){.name = "f", .note = "n"});
	check_values("quotes", &(struct item_add_in){.name = "'; DROP TABLE item; -- \\\""});
}

static void test_one(void **state)
{
	struct item_row row;
	struct item_any_row any;
	struct item_take_row taken;
	struct item_count_row count;
	u64 id = add("a"), n = 9;

	(void)state;
	assert_int_equal(sql_item_find(&s.db, "missing", &row), SQL_NONE);
	assert_int_equal(sql_item_find(&s.db, "a", &row), 0);
	assert_int_equal(sql_item_any(&s.db, &any), 0);
	u64 other = add("b");
	support_expect(&s, sql_item_any(&s.db, &any), E_INTERNAL, "more than one row");
	for (unsigned i = 0; i < 2; i++) {
		/* Columns of RETURNING are known only after the first run. */
		assert_int_equal(sql_item_take(&s.db, i == 0 ? id : other, &taken), 0);
		assert_string_equal(taken.name, i == 0 ? "a" : "b");
	}
	assert_int_equal(sql_item_take(&s.db, id, &taken), SQL_NONE);
	assert_int_equal(sql_item_count(&s.db, &count), 0);
	assert_int_equal(count.items, 0);
	assert_int_equal(sql_item_resize(&s.db, (struct opt_i64){true, 1}, id, &n), 0);
	assert_int_equal(n, 0);
}

static void test_many(void **state)
{
	static const struct opt_bool either = {false, false}, closed = {true, false};
	struct item_list_row *rows = NULL;
	size_t n = 9;

	(void)state;
	assert_int_equal(sql_item_list(&s.db, either, 0, 1000, &rows, &n), 0);
	assert_int_equal(n, 0);
	for (unsigned i = 0; i < 100; i++)
		add(arena_printf(&s.arena, "item %u", i));
	assert_int_equal(sql_item_list(&s.db, either, 0, 1000, &rows, &n), 0);
	assert_int_equal(n, 100);
	for (unsigned i = 0; i < 100; i++)
		assert_string_equal(rows[i].name, arena_printf(&s.arena, "item %u", i));
	assert_int_equal(sql_item_list(&s.db, either, rows[49].item_id, 8, &rows, &n), 0);
	assert_int_equal(n, 8);
	assert_string_equal(rows[0].name, "item 50");
	assert_int_equal(sql_item_list(&s.db, closed, 0, 1000, &rows, &n), 0);
	assert_int_equal(n, 100);
}

static void test_affected(void **state)
{
	u64 id = add("a"), n = 0;

	(void)state;
	for (unsigned i = 0; i < 2; i++) { /* the second changes nothing, but finds the row */
		assert_int_equal(sql_item_resize(&s.db, (struct opt_i64){true, 5}, id, &n), 0);
		assert_int_equal(n, 1);
	}
	assert_int_equal(sql_item_delete(&s.db, "a", &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(sql_item_delete(&s.db, "a", NULL), 0);
}

static void test_conflict(void **state)
{
	u64 id = add("b"), other = 77;

	(void)state;
	add("ada@example.org");
	assert_int_equal(
		sql_item_add(&s.db, &(struct item_add_in){.name = "b"}, &other), SQL_CONFLICT);
	assert_int_equal(s.fail.code, E_OK);
	assert_int_equal(other, 77);
	int rc = sql_item_rename(&s.db, "ada@example.org", id, NULL);
	assert_null(strstr(s.fail.cause, "ada")); /* it goes into the log */
	support_expect(&s, rc, E_INTERNAL, "1062 for key 'item_name'");
}

/* Statements that do not fit the schema, made from one that does. */
static void test_mismatch(void **state)
{
	const struct sql_stmt *get = NULL;

	(void)state;
	u64 id = add("a");
	for (size_t i = 0; i < sql_n_stmts; i++)
		if (strcmp(sql_stmts[i].name, "item_get") == 0)
			get = &sql_stmts[i];
	struct sql_stmt bad = *get;
	struct sql_column out[16];
	struct item_row row;

	bad.n_out--;
	support_expect(&s, stmt_one(&s.db, &bad, &id, &row), E_INTERNAL, "number of columns");
	bad = *get;
	bad.text = "SELECT 1, 2, 3, 4, 5, 6, 7, 8, 9, 10";
	support_expect(&s, stmt_one(&s.db, &bad, &id, &row), E_INTERNAL, "number of parameters");
	bad = *get;
	bad.text = "SELECT nothing FROM item WHERE item_id = ?";
	support_expect(&s, stmt_one(&s.db, &bad, &id, &row), E_INTERNAL, "1054 Unknown column");
	bad = *get;
	memcpy(out, get->out, get->n_out * sizeof(*out));
	out[2].nullable = false;
	bad.out = out;
	support_expect(&s, stmt_one(&s.db, &bad, &id, &row), E_INTERNAL, "NULL came for size");
	struct huge_row huge;
	support_expect(&s, sql_huge(&s.db, &huge), E_INTERNAL, "does not fit came for n");
	support_expect(&s, sql_item_find(&s.db, NULL, &row), E_INTERNAL, "NULL given for name");
	/* The connection is as good as before. */
	assert_int_equal(sql_item_get(&s.db, id, &row), 0);
}

static void test_schema_changes(void **state)
{
	struct item_row row;
	u64 id = add("a");

	(void)state;
	assert_int_equal(sql_item_get(&s.db, id, &row), 0);
	support_admin("ALTER TABLE item ADD COLUMN extra INT NULL AFTER item_id");
	assert_int_equal(sql_item_get(&s.db, id, &row), 0);
	assert_string_equal(row.name, "a");
	support_admin("ALTER TABLE item MODIFY COLUMN serial INT UNSIGNED NOT NULL DEFAULT 0");
	assert_int_equal(sql_item_get(&s.db, id, &row), 0);
	support_admin("FLUSH TABLES");
	assert_int_equal(sql_item_get(&s.db, id, &row), 0);
	support_admin("ALTER TABLE item MODIFY COLUMN serial BIGINT UNSIGNED NOT NULL DEFAULT 0,"
		      " DROP COLUMN extra");
	assert_int_equal(sql_item_get(&s.db, id, &row), 0);
}

/* 1467 says that the lock on the numbers was not to be had, or, as here, that none are left. */
static void test_no_number(void **state)
{
	const struct item_add_in item = {.name = "numberless"};
	i64 before = atomic_load(&support_metric[METRIC_DB_RETRIES]);

	(void)state;
	support_admin("ALTER TABLE item AUTO_INCREMENT = 18446744073709551615");
	support_expect(&s, sql_item_add(&s.db, &item, NULL), E_UNAVAILABLE, "1467");
	assert_int_equal(atomic_load(&support_metric[METRIC_DB_RETRIES]) - before, 3);
	support_admin("ALTER TABLE item AUTO_INCREMENT = 1");
	assert_int_equal(sql_item_add(&s.db, &item, NULL), 0);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		CASE(test_values),
		CASE(test_one),
		CASE(test_many),
		CASE(test_affected),
		CASE(test_conflict),
		CASE(test_mismatch),
		CASE(test_schema_changes),
		CASE(test_no_number),
	};

	if (!support_database())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
