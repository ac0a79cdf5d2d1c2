/* Named locks against a real server: one at a time, given back on every path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include "fcgi/core/clock.h"
#include "gen/sample.h"
#include "support.h"

#include <cmocka.h> /* after ours: its macro fail() would hide our function */

static struct support s;
static u64 id_a;

static i64 is_free(void)
{
	return support_admin("SELECT IS_FREE_LOCK(CONCAT('turnpike_test_', MD5('turnpike_test')))");
}

static i64 size_of_a(void)
{
	return support_admin("SELECT size FROM item WHERE name = 'a'");
}

static int set_up(void **state)
{
	(void)state;
	support_open(&s, 2);
	return sql_item_add(&s.db,
		&(struct item_add_in){.name = "a", .size = (struct opt_i64){true, 0}}, &id_a);
}

static int tear_down(void **state)
{
	size_t busy, n_open;

	(void)state;
	db_pool_counts(s.db.pool, &busy, &n_open);
	assert_int_equal(busy, 0);
	assert_null(s.db.held);
	assert_int_equal(is_free(), 1);
	support_close(&s);
	return 0;
}

static int resize(struct db *db, void *arg)
{
	return sql_item_resize(db, (struct opt_i64){true, *(i64 *)arg}, id_a, NULL);
}

static int never(struct db *db, void *arg)
{
	(void)db, (void)arg;
	assert_true(false);
	return 0;
}

/* Statements, a transaction, and somebody else who asks for the lock meanwhile. */
static int work(struct db *db, void *arg)
{
	struct support other;
	i64 size = 7;
	int rc = *(int *)arg;

	assert_int_equal(is_free(), 0);
	TRY(resize(db, &(i64){5}));
	TRY(db_tx(db, resize, &size));
	support_share(&other, &s);
	assert_int_equal(db_locked(&other.db, "test", never, NULL), SQL_NONE);
	support_unshare(&other);
	return rc;
}

static void test_outcomes(void **state)
{
	static const int outcomes[] = {0, E_CONFLICT, E_UNAVAILABLE};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
		int rc = outcomes[i];
		assert_int_equal(db_locked(&s.db, "test", work, &rc), rc);
		assert_int_equal(size_of_a(), 7);
		assert_int_equal(is_free(), 1);
		fail_clear(&s.fail);
	}
}

/* The lock is gone with its connection: nothing may go on as if it were not. */
static int lose(struct db *db, void *arg)
{
	(void)arg;
	support_kill();
	clock_sleep_us(50 * US_PER_MS);
	assert_int_equal(resize(db, &(i64){9}), E_UNAVAILABLE);
	fail_clear(db->fail);
	return db_tx(db, resize, &(i64){9});
}

static void test_lost_connection(void **state)
{
	(void)state;
	support_expect(&s, db_locked(&s.db, "test", lose, NULL), E_UNAVAILABLE, NULL);
	assert_int_equal(size_of_a(), 0);
	assert_int_equal(is_free(), 1);
	int rc = 0;
	assert_int_equal(db_locked(&s.db, "test", work, &rc), 0);
}

static int fill_arena(struct db *db, void *arg)
{
	TRY(resize(db, &(i64){3}));
	for (;;)
		arena_alloc(db->arena, *(size_t *)arg);
}

static int fill_in_transaction(struct db *db, void *arg)
{
	return db_tx(db, fill_arena, arg);
}

static void test_full_arena(void **state)
{
	static const struct {
		const char *name;
		int (*body)(struct db *db, void *arg);
		i64 size;
	} cases[] = {
		{"in a transaction", fill_in_transaction, 0},
		{"outside", fill_arena, 3},
	};
	size_t piece = 1024 * 1024;

	(void)state;
	for (volatile size_t i = 0; i < ARRAY_LEN(cases); i++) {
		jmp_buf here;
		if (setjmp(here) == 0) {
			s.arena.on_full = &here;
			db_locked(&s.db, "test", cases[i].body, &piece);
			assert_true(false);
		}
		printf("%s\n", cases[i].name);
		assert_ptr_equal(s.arena.on_full, &here);
		s.arena.on_full = NULL;
		arena_reset(&s.arena);
		assert_null(s.db.conn);
		assert_null(s.db.held);
		assert_int_equal(is_free(), 1);
		assert_int_equal(size_of_a(), cases[i].size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_outcomes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lost_connection, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_full_arena, set_up, tear_down),
	};

	if (!support_database())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
