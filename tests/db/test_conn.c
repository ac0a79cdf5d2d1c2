/* Connections to a real server: killed, cut, too slow, read-only, away, all busy. */
#include <pthread.h>
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

static void test_killed_between(void **state)
{
	static const i64 idle_us[] = {0, 200 * US_PER_MS};
	struct item_row row;

	(void)state;
	u64 id = add("a");
	for (size_t i = 0; i < ARRAY_LEN(idle_us); i++) {
		assert_int_equal(sql_item_get(&s.db, id, &row), 0);
		assert_true(support_kill() > 0);
		clock_sleep_us(idle_us[i]);
		assert_int_equal(sql_item_get(&s.db, id, &row), 0);
		assert_true(support_kill() > 0);
		clock_sleep_us(idle_us[1]); /* so that the server has closed it */
		assert_int_equal(sql_item_resize(&s.db, (struct opt_i64){true, 1}, id, NULL), 0);
		assert_true(support_kill() > 0);
		clock_sleep_us(idle_us[1]);
		assert_int_equal(db_ping(&s.db), 0);
	}
	assert_true(atomic_load(&support_metric[METRIC_DB_LOST]) >= 6);
}

static void test_lost_answer(void **state)
{
	struct item_row row;
	u64 id = add("a");

	(void)state;
	support_proxy(&s);
	support_kill();
	assert_int_equal(sql_item_get(&s.db, id, &row), 0);
	assert_int_equal(sql_item_resize(&s.db, (struct opt_i64){true, 0}, id, NULL), 0);

	/* A read runs again, once. */
	support_cut(CUT_AFTER, COMMAND_EXECUTE, NULL);
	assert_int_equal(sql_item_get(&s.db, id, &row), 0);
	support_cut(CUT_BEFORE, COMMAND_EXECUTE, NULL);
	assert_int_equal(sql_item_get(&s.db, id, &row), 0);
	/* A write does not: it may have happened, or not. */
	assert_int_equal(sql_item_resize(&s.db, (struct opt_i64){true, 0}, id, NULL), 0);
	support_cut(CUT_AFTER, COMMAND_EXECUTE, NULL);
	support_expect(&s, sql_item_resize(&s.db, (struct opt_i64){true, 5}, id, NULL),
		E_OUTCOME_UNKNOWN, "2013");
	assert_int_equal(support_admin("SELECT size FROM item"), 5);
	assert_int_equal(sql_item_resize(&s.db, (struct opt_i64){true, 0}, id, NULL), 0);
	support_cut(CUT_BEFORE, COMMAND_EXECUTE, NULL);
	support_expect(&s, sql_item_resize(&s.db, (struct opt_i64){true, 6}, id, NULL),
		E_OUTCOME_UNKNOWN, "2013");
	assert_int_equal(support_admin("SELECT size FROM item"), 0);
	/* Preparing changes nothing: also a write goes on. */
	support_cut(CUT_AFTER, COMMAND_PREPARE, "UPDATE");
	assert_int_equal(sql_item_resize(&s.db, (struct opt_i64){true, 7}, id, NULL), 0);
	support_cut(CUT_AFTER, COMMAND_QUERY, "SELECT 1");
	assert_int_equal(db_ping(&s.db), 0);
}

static void test_too_slow(void **state)
{
	struct nap_row row;
	i64 from_us = clock_mono_us();

	(void)state;
	support_expect(&s, sql_nap(&s.db, 30, &row), E_UNAVAILABLE, "1969");
	assert_true(clock_mono_us() - from_us < S_TO_US(5));
	assert_int_equal(db_ping(&s.db), 0);
}

static void test_read_only(void **state)
{
	struct item_row row;
	u64 id = add("a");

	(void)state;
	support_admin("SET GLOBAL read_only = 1");
	support_expect(&s, sql_item_resize(&s.db, (struct opt_i64){true, 5}, id, NULL),
		E_UNAVAILABLE, "1290");
	assert_int_equal(sql_item_get(&s.db, id, &row), 0);
	support_admin("SET GLOBAL read_only = 0");
	assert_int_equal(sql_item_resize(&s.db, (struct opt_i64){true, 5}, id, NULL), 0);
}

static void test_away(void **state)
{
	struct item_row row;

	(void)state;
	s.options.db_socket = "/nonexistent";
	support_expect(
		&s, sql_item_get(&s.db, 1, &row), E_UNAVAILABLE, "no database connection: 2002");
	support_expect(&s, db_ping(&s.db), E_UNAVAILABLE, "2002");
}

struct nap {
	struct support s;
	pthread_t thread;
	double seconds;
	int rc;
};

static void *nap(void *arg)
{
	struct nap *n = arg;
	struct nap_row row;

	n->rc = sql_nap(&n->s.db, n->seconds, &row);
	return NULL;
}

/* Two naps on the pool's two connections, then a third statement. */
static int statement_during_naps(double seconds)
{
	struct nap naps[2];
	struct item_row row;

	for (size_t i = 0; i < ARRAY_LEN(naps); i++) {
		naps[i].seconds = seconds;
		support_share(&naps[i].s, &s);
		assert_int_equal(pthread_create(&naps[i].thread, NULL, nap, &naps[i]), 0);
	}
	size_t busy = 0, n_open = 0;
	while (busy < ARRAY_LEN(naps)) {
		clock_sleep_us(US_PER_MS);
		db_pool_counts(s.db.pool, &busy, &n_open);
	}
	int rc = sql_item_find(&s.db, "missing", &row);
	for (size_t i = 0; i < ARRAY_LEN(naps); i++) {
		pthread_join(naps[i].thread, NULL);
		assert_int_equal(naps[i].rc, 0);
		support_unshare(&naps[i].s);
	}
	return rc;
}

static void test_pool(void **state)
{
	size_t busy, n_open;

	(void)state;
	db_pool_counts(s.db.pool, &busy, &n_open);
	assert_int_equal(n_open, 0);
	assert_int_equal(statement_during_naps(0.3), SQL_NONE); /* waits for one */
	db_pool_counts(s.db.pool, &busy, &n_open);
	assert_int_equal(n_open, 2);
	support_expect(
		&s, statement_during_naps(2.5), E_UNAVAILABLE, "all 2 database connections busy");
}

/* A full arena jumps out of the statement; the pool loses nothing. */
static void test_arena_full(void **state)
{
	struct item_row row;
	jmp_buf full;
	char *note = arena_alloc(&s.arena, 100001);

	(void)state;
	memset(note, 'n', 100000);
	assert_int_equal(
		sql_item_add(&s.db, &(struct item_add_in){.name = "a", .note = note}, NULL), 0);
	arena_reset(&s.arena);
	s.arena.ceiling_bytes = 50000;
	s.arena.on_full = &full;
	volatile unsigned jumps = 0;
	for (volatile unsigned i = 0; i < 5; i++) {
		if (setjmp(full) == 0) {
			(void)sql_item_find(&s.db, "a", &row);
			fail_msg("the arena was not full");
		}
		jumps++;
	}
	assert_int_equal(jumps, 5);
	assert_ptr_equal(s.arena.on_full, &full);
	s.arena.on_full = NULL;
	assert_int_equal(db_ping(&s.db), 0);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		CASE(test_killed_between),
		CASE(test_lost_answer),
		CASE(test_too_slow),
		CASE(test_read_only),
		CASE(test_away),
		CASE(test_pool),
		CASE(test_arena_full),
	};

	if (!support_database())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
