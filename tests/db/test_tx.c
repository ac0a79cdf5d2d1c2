/* Transactions against a real server: outcomes, lost connections, nesting, the hook. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/core/clock.h"
#include "gen/sample.h"
#include "support.h"

#include <cmocka.h> /* after ours: its macro fail() would hide our function */

static struct support s;
static u64 id_a, id_b;

static const struct opt_i64 zero = {true, 0};

static int set_up(void **state)
{
	(void)state;
	support_open(&s, 8);
	assert_int_equal(
		sql_item_add(&s.db, &(struct item_add_in){.name = "a", .size = zero}, &id_a), 0);
	assert_int_equal(
		sql_item_add(&s.db, &(struct item_add_in){.name = "b", .size = zero}, &id_b), 0);
	return 0;
}

static int tear_down(void **state)
{
	size_t busy, n_open;

	(void)state;
	support_admin("SET GLOBAL read_only = 0");
	db_pool_counts(s.db.pool, &busy, &n_open);
	assert_int_equal(busy, 0);
	assert_null(s.db.conn);
	support_close(&s);
	return 0;
}

static i64 size_of(const char *name)
{
	char sql[96];

	snprintf(sql, sizeof(sql), "SELECT size FROM item WHERE name = '%s'", name);
	return support_admin(sql);
}

/* What a body of these tests does, step by step. */
struct script {
	i64 size;	   /* given to item a */
	int rc;		   /* of the body */
	unsigned kills;	   /* tries whose connection is killed after the update */
	unsigned n_tries;  /* counted */
	bool hide;	   /* goes on after a failed statement */
	bool read_only;	   /* the server becomes it before COMMIT */
	size_t used_bytes; /* of the arena when the first try began */
};

static int run_script(struct db *db, void *arg)
{
	struct script *script = arg;

	if (script->n_tries++ == 0)
		script->used_bytes = db->arena->used_bytes;
	assert_int_equal(db->arena->used_bytes, script->used_bytes);
	assert_int_equal(db->fail->code, E_OK);
	arena_alloc(db->arena, 1000);
	TRY(sql_item_resize(db, (struct opt_i64){true, script->size}, id_a, NULL));
	if (script->hide) {
		(void)sql_item_rename(db, "b", id_a, NULL); /* conflicts, not `unique` */
		fail_clear(db->fail);
	}
	if (script->n_tries <= script->kills) {
		support_kill();
		clock_sleep_us(50 * US_PER_MS);
		TRY(sql_item_resize(db, zero, id_b, NULL));
	}
	if (script->read_only)
		support_admin("SET GLOBAL read_only = 1");
	return script->rc;
}

static void test_outcomes(void **state)
{
	static const struct {
		const char *name;
		struct script script;
		int rc;
		const char *cause;
		unsigned n_tries;
		i64 size;
	} cases[] = {
		{"commits", {.size = 1}, 0, NULL, 1, 1},
		{"an error rolls back", {.size = 1, .rc = E_CONFLICT}, E_CONFLICT, NULL, 1, 0},
		{"so does SQL_NONE", {.size = 1, .rc = SQL_NONE}, SQL_NONE, NULL, 1, 0},
		{"killed once", {.size = 1, .kills = 1}, 0, NULL, 2, 1},
		{"killed twice", {.size = 1, .kills = 2}, E_UNAVAILABLE, "20", 2, 0},
		{"killed once, then refused", {.size = 1, .kills = 1, .rc = E_CONFLICT}, E_CONFLICT,
			NULL, 2, 0},
		{"hides a failed statement", {.size = 1, .hide = true}, E_INTERNAL, "hid", 1, 0},
		{"read-only at COMMIT", {.size = 1, .read_only = true}, E_UNAVAILABLE, "1290", 1,
			0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct script script = cases[i].script;
		printf("%s\n", cases[i].name);
		support_expect(&s, db_tx(&s.db, run_script, &script), cases[i].rc, cases[i].cause);
		assert_int_equal(script.n_tries, cases[i].n_tries);
		support_admin("SET GLOBAL read_only = 0");
		assert_int_equal(size_of("a"), cases[i].size);
		support_admin("UPDATE item SET size = 0");
	}
}

static void test_lost_commit(void **state)
{
	static const struct {
		const char *name, *command;
		enum cut cut;
		int rc;
		unsigned n_tries;
		i64 size;
	} cases[] = {
		{"COMMIT lost", "COMMIT", CUT_BEFORE, E_OUTCOME_UNKNOWN, 1, 0},
		{"its answer lost", "COMMIT", CUT_AFTER, E_OUTCOME_UNKNOWN, 1, 1},
		{"START TRANSACTION lost", "START", CUT_BEFORE, 0, 1, 1},
		{"its answer lost", "START", CUT_AFTER, 0, 1, 1},
		{"ROLLBACK lost", "ROLLBACK", CUT_BEFORE, E_CONFLICT, 1, 0},
	};

	(void)state;
	support_proxy(&s);
	support_kill();
	clock_sleep_us(50 * US_PER_MS);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int rc = cases[i].rc == E_CONFLICT ? E_CONFLICT : 0;
		struct script script = {.size = 1, .rc = rc};
		printf("%s %s\n", cases[i].command, cases[i].name);
		support_cut(cases[i].cut, COMMAND_QUERY, cases[i].command);
		support_expect(&s, db_tx(&s.db, run_script, &script), cases[i].rc, NULL);
		assert_int_equal(script.n_tries, cases[i].n_tries);
		assert_int_equal(size_of("a"), cases[i].size);
		support_admin("UPDATE item SET size = 0");
	}
	/* A statement whose answer is lost inside a transaction. */
	struct script script = {.size = 3};
	support_cut(CUT_AFTER, COMMAND_EXECUTE, NULL);
	support_expect(&s, db_tx(&s.db, run_script, &script), 0, NULL);
	assert_int_equal(script.n_tries, 2);
	assert_int_equal(size_of("a"), 3);
}

static int add_one(struct db *db, u64 id)
{
	struct item_lock_row row;

	TRY(sql_item_lock(db, id, &row));
	return sql_item_resize(db, (struct opt_i64){true, row.size.value + 1}, id, NULL);
}

struct nest {
	int inner_rc, outer_rc;
	bool hide;
};

static int inner(struct db *db, void *arg)
{
	struct nest *n = arg;

	TRY(add_one(db, id_b));
	return n->inner_rc;
}

static int outer(struct db *db, void *arg)
{
	struct nest *n = arg;

	TRY(add_one(db, id_a));
	int rc = db_tx(db, inner, n);
	if (rc != 0 && !n->hide)
		return rc;
	return n->outer_rc;
}

static void test_nested(void **state)
{
	static const struct {
		const char *name;
		struct nest nest;
		int rc;
		i64 size;
	} cases[] = {
		{"both fine", {0, 0, false}, 0, 1},
		{"inner fails", {E_CONFLICT, 0, false}, E_CONFLICT, 0},
		{"inner fails, outer hides it", {E_CONFLICT, 0, true}, E_CONFLICT, 0},
		{"outer fails", {0, E_NOT_FOUND, false}, E_NOT_FOUND, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct nest nest = cases[i].nest;
		printf("%s\n", cases[i].name);
		support_expect(&s, db_tx(&s.db, outer, &nest), cases[i].rc, NULL);
		assert_int_equal(size_of("a"), cases[i].size);
		assert_int_equal(size_of("b"), cases[i].size);
		support_admin("UPDATE item SET size = 0");
	}
}

struct hook {
	int rc;
	unsigned n_calls;
};

static int before_commit(struct db *db, void *arg)
{
	struct hook *h = arg;

	h->n_calls++;
	assert_non_null(db->conn);
	TRY(sql_item_resize(db, (struct opt_i64){true, 9}, id_b, NULL));
	return h->rc;
}

static void test_before_commit(void **state)
{
	struct hook hook = {.rc = 0};

	(void)state;
	s.db.before_commit = before_commit;
	s.db.before_commit_arg = &hook;
	struct nest nest = {0};
	support_expect(&s, db_tx(&s.db, outer, &nest), 0, NULL);
	assert_int_equal(hook.n_calls, 1); /* not by the inner one */
	assert_int_equal(size_of("b"), 9);
	support_admin("UPDATE item SET size = 0");
	hook.rc = E_IDEMPOTENCY_MISMATCH;
	support_expect(&s, db_tx(&s.db, outer, &nest), E_IDEMPOTENCY_MISMATCH, NULL);
	nest.outer_rc = E_NOT_FOUND;
	support_expect(&s, db_tx(&s.db, outer, &nest), E_NOT_FOUND, NULL);
	assert_int_equal(hook.n_calls, 2); /* not for a failed body */
	assert_int_equal(size_of("a"), 0);
	assert_int_equal(size_of("b"), 0);
	s.db.before_commit = NULL;
}

static int fill_arena(struct db *db, void *arg)
{
	(void)arg;
	TRY(add_one(db, id_a));
	arena_alloc(db->arena, db->arena->ceiling_bytes + 1);
	return 0;
}

static void test_arena_full(void **state)
{
	jmp_buf full;

	(void)state;
	s.arena.on_full = &full;
	if (setjmp(full) == 0) {
		(void)db_tx(&s.db, fill_arena, NULL);
		fail_msg("the arena was not full");
	}
	s.arena.on_full = NULL;
	assert_int_equal(size_of("a"), 0);
	support_expect(&s, db_tx(&s.db, outer, &(struct nest){0}), 0, NULL);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		CASE(test_outcomes),
		CASE(test_lost_commit),
		CASE(test_nested),
		CASE(test_before_commit),
		CASE(test_arena_full),
	};

	if (!support_database())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
