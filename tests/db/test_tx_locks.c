/* Transactions that wait for each other: deadlock, lock wait, many threads. */
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

/* Two bodies that lock a and b in opposite order, and wait for each other the first time. */
struct pair {
	struct support s;
	pthread_t thread;
	u64 first, second;
	pthread_barrier_t *barrier;
	unsigned n_tries;
	int rc;
};

static int add_one(struct db *db, u64 id)
{
	struct item_lock_row row;

	TRY(sql_item_lock(db, id, &row));
	return sql_item_resize(db, (struct opt_i64){true, row.size.value + 1}, id, NULL);
}

static int pair_body(struct db *db, void *arg)
{
	struct pair *p = arg;

	p->n_tries++;
	TRY(add_one(db, p->first));
	if (p->n_tries == 1)
		pthread_barrier_wait(p->barrier);
	return add_one(db, p->second);
}

static void *pair_run(void *arg)
{
	struct pair *p = arg;

	p->rc = db_tx(&p->s.db, pair_body, p);
	return NULL;
}

static void test_deadlock(void **state)
{
	pthread_barrier_t barrier;
	struct pair pairs[2] = {{.first = id_a, .second = id_b}, {.first = id_b, .second = id_a}};
	i64 before = atomic_load(&support_metric[METRIC_DB_RETRIES]);

	(void)state;
	pthread_barrier_init(&barrier, NULL, 2);
	for (size_t i = 0; i < 2; i++) {
		pairs[i].barrier = &barrier;
		support_share(&pairs[i].s, &s);
		assert_int_equal(pthread_create(&pairs[i].thread, NULL, pair_run, &pairs[i]), 0);
	}
	for (size_t i = 0; i < 2; i++) {
		pthread_join(pairs[i].thread, NULL);
		assert_int_equal(pairs[i].rc, 0);
		assert_int_equal(pairs[i].s.fail.code, E_OK);
		support_unshare(&pairs[i].s);
	}
	pthread_barrier_destroy(&barrier);
	assert_int_equal(pairs[0].n_tries + pairs[1].n_tries, 3);
	assert_int_equal(atomic_load(&support_metric[METRIC_DB_RETRIES]) - before, 1);
	assert_int_equal(size_of("a"), 2);
	assert_int_equal(size_of("b"), 2);
}

struct holder {
	struct support s;
	pthread_t thread;
	pthread_barrier_t *barrier;
	i64 hold_us;
};

static int hold_body(struct db *db, void *arg)
{
	struct holder *h = arg;

	TRY(add_one(db, id_a));
	pthread_barrier_wait(h->barrier);
	clock_sleep_us(h->hold_us);
	return 0;
}

static void *hold(void *arg)
{
	struct holder *h = arg;

	assert_int_equal(db_tx(&h->s.db, hold_body, h), 0);
	return NULL;
}

static int count_body(struct db *db, void *arg)
{
	*(unsigned *)arg += 1;
	TRY(sql_item_resize(db, (struct opt_i64){true, 70}, id_b, NULL));
	return add_one(db, id_a);
}

/* Waits for a's lock while another transaction holds it; ret: tries. Statements time out after 3 s,
 * hence locks after 2 s. */
static unsigned wait_for_lock(i64 hold_us, int rc)
{
	pthread_barrier_t barrier;
	struct holder h = {.barrier = &barrier, .hold_us = hold_us};
	unsigned n_tries = 0;

	pthread_barrier_init(&barrier, NULL, 2);
	support_share(&h.s, &s);
	assert_int_equal(pthread_create(&h.thread, NULL, hold, &h), 0);
	pthread_barrier_wait(&barrier);
	support_expect(&s, db_tx(&s.db, count_body, &n_tries), rc, rc == 0 ? NULL : "1205");
	pthread_join(h.thread, NULL);
	support_unshare(&h.s);
	pthread_barrier_destroy(&barrier);
	return n_tries;
}

static void test_lock_wait(void **state)
{
	(void)state;
	assert_int_equal(wait_for_lock(S_TO_US(3), 0), 2);
	assert_int_equal(size_of("a"), 2);
	support_admin("UPDATE item SET size = 0");
	assert_int_equal(wait_for_lock(S_TO_US(10), E_UNAVAILABLE), 4);
	assert_int_equal(size_of("a"), 1);
	assert_int_equal(size_of("b"), 0); /* nothing of what 1205 leaves open was committed */
}

/* Eight threads, one pool of five connections: no update is lost, no connection is shared. */
enum { THREADS = 8, ROUNDS = 60 };

static int both_body(struct db *db, void *arg)
{
	(void)arg;
	TRY(add_one(db, id_a));
	return add_one(db, id_b);
}

static void *hammer(void *arg)
{
	struct pair *p = arg;

	for (unsigned i = 0; i < ROUNDS && p->rc == 0; i++) {
		struct item_row row;
		p->rc = db_tx(&p->s.db, both_body, NULL);
		if (p->rc == 0)
			p->rc = sql_item_find(&p->s.db, "a", &row);
		if (p->rc != 0)
			fprintf(stderr, "%d %s\n", p->rc, p->s.fail.cause);
		arena_reset(&p->s.arena);
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct pair threads[THREADS] = {0};
	struct db_pool *pool = db_pool_new(&s.options, 5);
	struct support base = {.options = s.options, .db.pool = pool};

	(void)state;
	for (size_t i = 0; i < THREADS; i++) {
		support_share(&threads[i].s, &base);
		assert_int_equal(pthread_create(&threads[i].thread, NULL, hammer, &threads[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(threads[i].thread, NULL);
		assert_int_equal(threads[i].rc, 0);
		support_unshare(&threads[i].s);
	}
	size_t busy, n_open;
	db_pool_counts(pool, &busy, &n_open);
	assert_int_equal(busy, 0);
	assert_true(n_open <= 5);
	db_pool_free(pool);
	assert_int_equal(size_of("a"), THREADS * ROUNDS);
	assert_int_equal(size_of("b"), THREADS * ROUNDS);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		CASE(test_deadlock),
		CASE(test_lock_wait),
		CASE(test_threads),
	};

	if (!support_database())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
