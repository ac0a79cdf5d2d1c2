/* The ledger under many hands at once: spends, keys, transfers, and processes that are killed. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fcgi/core/clock.h"
#include "fcgi/core/crypto.h"
#include "ledger_world.h"

#include <cmocka.h> /* after ours: its macro fail() would hide our function */

enum { CONNECTIONS = 66, WORKERS = 200, PAIRS = 64, ROUNDS = 15, CHILDREN = 4 };

static struct support s;
static u64 user, other;

static int set_up(void **state)
{
	(void)state;
	support_connect(&s, CONNECTIONS);
	user = world_user(&s);
	other = world_user(&s);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	world_verify(&s);
	support_close(&s);
	return 0;
}

/* One of many threads on the same pool. */
struct worker {
	struct support s;
	pthread_t thread;
	pthread_barrier_t *barrier;
	size_t number;
	const char *key;
	unsigned n_done, n_refused, n_other;
	u64 transfer_id;
};

static void count(struct worker *w, int rc)
{
	if (rc == 0)
		w->n_done++;
	else if (rc == E_INSUFFICIENT_BALANCE)
		w->n_refused++;
	else
		fprintf(stderr, "%d %s\n", rc, w->s.fail.cause != NULL ? w->s.fail.cause : "");
	w->n_other += rc != 0 && rc != E_INSUFFICIENT_BALANCE;
	fail_clear(&w->s.fail);
}

static struct worker *start(size_t n, void *(*run)(void *), const char *key)
{
	struct worker *worker = calloc(n, sizeof(*worker));
	static pthread_barrier_t barrier;

	pthread_barrier_init(&barrier, NULL, (unsigned)n);
	for (size_t i = 0; i < n; i++) {
		worker[i].barrier = &barrier;
		worker[i].number = i;
		worker[i].key = key;
		support_share(&worker[i].s, &s);
		assert_int_equal(pthread_create(&worker[i].thread, NULL, run, &worker[i]), 0);
	}
	return worker;
}

/* Waits for all; the sums are in the first. */
static void join(struct worker *worker, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		pthread_join(worker[i].thread, NULL);
		support_unshare(&worker[i].s);
		if (i == 0)
			continue;
		worker[0].n_done += worker[i].n_done;
		worker[0].n_refused += worker[i].n_refused;
		worker[0].n_other += worker[i].n_other;
	}
}

static void *spend(void *arg)
{
	struct worker *w = arg;
	struct ledger_receipt receipt;
	const char *hold;

	pthread_barrier_wait(w->barrier);
	int rc = world_hold(&w->s, user, 5, &hold);
	if (rc == 0)
		rc = ledger_settle(&w->s.db, user, hold, 5, WORLD_NOW, &receipt);
	count(w, rc);
	return NULL;
}

/* A balance for 10, 200 spends at once, readers all the while (F-01). */
static void test_exactly_ten(void **state)
{
	(void)state;
	world_grant(&s, user, 54);
	struct worker *worker = start(WORKERS, spend, NULL);
	for (i64 spendable = 1; spendable > 0 || world_balance(&s, user).reserved[0] > 0;) {
		struct ledger_balance b = world_balance(&s, user);
		spendable = b.spendable >= 5 ? b.spendable : 0;
		assert_true(b.spendable >= 0);
		assert_true(b.balance[FUND_TOPUP] - b.reserved[FUND_TOPUP] >= 0);
		arena_reset(&s.arena);
	}
	join(worker, WORKERS);
	assert_int_equal(worker->n_done, 10);
	assert_int_equal(worker->n_refused, WORKERS - 10);
	assert_int_equal(world_balance(&s, user).balance[FUND_TOPUP], 4);
	free(worker);
}

static void *grant(void *arg)
{
	struct worker *w = arg;
	struct ledger_change c = world_change(user, 100, w->key);
	struct ledger_posted posted = {0};

	pthread_barrier_wait(w->barrier);
	count(w, ledger_grant(&w->s.db, &c, &posted));
	w->transfer_id = posted.transfer_id;
	return NULL;
}

static void test_one_key(void **state)
{
	struct worker *worker = start(PAIRS, grant, world_key(&s));

	(void)state;
	join(worker, PAIRS);
	assert_int_equal(worker->n_done, PAIRS);
	for (size_t i = 1; i < PAIRS; i++)
		assert_int_equal(worker[i].transfer_id, worker[0].transfer_id);
	assert_int_equal(world_balance(&s, user).balance[FUND_TOPUP], 100);
	free(worker);
}

/* The same hold settled and released by many at once. */
static const char *contested;

static void *finish(void *arg)
{
	struct worker *w = arg;
	struct ledger_receipt receipt;
	size_t n;
	int rc = 0;

	pthread_barrier_wait(w->barrier);
	switch (w->number % 3) {
	case 0:
		rc = ledger_settle(&w->s.db, user, contested, 30, WORLD_LATER, &receipt);
		break;
	case 1:
		rc = ledger_release(&w->s.db, user, contested, WORLD_LATER);
		break;
	default:
		rc = ledger_sweep(&w->s.db, WORLD_LATER, &n);
	}
	if (rc == E_CONFLICT && w->number % 3 == 1) /* it was settled already */
		rc = 0;
	count(w, rc);
	return NULL;
}

static void test_one_hold(void **state)
{
	(void)state;
	world_grant(&s, user, 100);
	assert_int_equal(world_hold(&s, user, 50, &contested), 0);
	struct worker *worker = start(PAIRS, finish, NULL);
	join(worker, PAIRS);
	assert_int_equal(worker->n_done, PAIRS);
	struct ledger_balance b = world_balance(&s, user);
	assert_int_equal(b.balance[FUND_TOPUP], 70);
	assert_int_equal(b.spendable, 70);
	free(worker);
}

static atomic_uint n_trading;

/* 64 pairs of hands move money between two users in both directions, settle calls of theirs and
 * give them credit. */
static void *trade(void *arg)
{
	struct worker *w = arg;
	u64 from = w->number % 2 == 0 ? user : other, to = w->number % 2 == 0 ? other : user;
	struct ledger_leg leg[] = {
		{world_account(from, FUND_TOPUP), -3}, {world_account(to, FUND_TOPUP), 3}};

	pthread_barrier_wait(w->barrier);
	for (size_t i = 0; i < ROUNDS; i++) {
		struct ledger_change c = world_change(from, 1, world_key(&w->s));
		struct ledger_posted posted;
		count(w, ledger_transfer(&w->s.db, "test", &c.cause, leg, 2, WORLD_NOW, &posted));
		c.cause.key = world_key(&w->s);
		count(w, ledger_grant(&w->s.db, &c, &posted));
		arena_reset(&w->s.arena);
	}
	atomic_fetch_sub(&n_trading, 1);
	return NULL;
}

/* Opposite orders: nothing lost, nothing doubled, nothing that a client would see (F-19, F-08). */
static void test_opposite_orders(void **state)
{
	static const char newest[] = "SELECT MAX(transfer_id) FROM ledger_transfer";
	unsigned n_meanwhile = 0;

	(void)state;
	world_grant(&s, user, 10000);
	world_grant(&s, other, 10000);
	atomic_store(&n_trading, PAIRS);
	struct worker *worker = start(PAIRS, trade, NULL);
	while (atomic_load(&n_trading) > 0) {
		i64 before = support_admin(newest);
		world_verify(&s); /* also while they are written */
		n_meanwhile += support_admin(newest) != before;
		arena_reset(&s.arena);
	}
	join(worker, PAIRS);
	assert_true(n_meanwhile > 0);
	assert_int_equal(worker->n_done, PAIRS * ROUNDS * 2);
	assert_int_equal(worker->n_other, 0);
	assert_int_equal(world_balance(&s, user).balance[FUND_TOPUP], 10000 + PAIRS / 2 * ROUNDS);
	assert_int_equal(world_balance(&s, other).balance[FUND_TOPUP], 10000 + PAIRS / 2 * ROUNDS);
	printf("retries: %lld\n", atomic_load(&support_metric[METRIC_DB_RETRIES]));
	free(worker);
}

/* Holds and settles until it is killed. */
__attribute__((noreturn)) static void child(u64 id, int ready)
{
	struct support own;
	struct ledger_receipt receipt;
	const char *hold;

	support_connect(&own, 1);
	for (size_t i = 0;; i++) {
		if (world_hold(&own, id, 10, &hold) != 0)
			_exit(1);
		if (i % 3 == 0)
			ledger_hold_note(&own.db, id, hold, 4);
		else if (i % 3 == 1)
			ledger_settle(&own.db, id, hold, 6, WORLD_NOW, &receipt);
		if (write(ready, "x", 1) != 1)
			_exit(1);
		arena_reset(&own.arena);
	}
}

/* Processes killed between hold and settle leave nothing that the sweep does not close (F-03). */
static void test_killed(void **state)
{
	struct ledger_balance b;
	size_t n;

	(void)state;
	world_grant(&s, user, 1000000000);
	for (size_t round = 0; round < 25; round++) {
		pid_t pid[CHILDREN];
		int pipes[2];
		char seen[CHILDREN * 4];
		assert_int_equal(pipe(pipes), 0);
		for (size_t i = 0; i < CHILDREN; i++) {
			pid[i] = fork();
			if (pid[i] == 0)
				child(user, pipes[1]);
		}
		close(pipes[1]);
		for (size_t i = 0; i < sizeof(seen); i++)
			assert_int_equal(read(pipes[0], seen, 1), 1);
		clock_sleep_us(random_below(3000));
		for (size_t i = 0; i < CHILDREN; i++)
			kill(pid[i], SIGKILL);
		for (size_t i = 0; i < CHILDREN; i++) {
			int status;
			assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
			assert_true(WIFSIGNALED(status));
		}
		close(pipes[0]);
	}
	do
		support_expect(&s, ledger_sweep(&s.db, WORLD_LATER, &n), 0, NULL);
	while (n > 0);
	b = world_balance(&s, user);
	assert_int_equal(b.reserved[FUND_TOPUP], 0);
	assert_int_equal(b.spendable, b.balance[FUND_TOPUP]);
	assert_int_equal(support_admin("SELECT COUNT(*) FROM hold WHERE state = 'open'"), 0);
	i64 swept = support_admin("SELECT COUNT(*) FROM hold WHERE state = 'swept'");
	i64 released = support_admin("SELECT COUNT(*) FROM hold WHERE state = 'released'");
	printf("%lld settled at what was noted, %lld released\n", (long long)swept,
		(long long)released);
	assert_true(swept > 0 && released > 0);
	assert_int_equal(support_admin(arena_printf(&s.arena,
				 "SELECT COUNT(*) FROM hold WHERE user_id = %llu AND cost <>"
				 " IF(state = 'swept', 4, 6)",
				 (unsigned long long)user)),
		0);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		CASE(test_exactly_ten),
		CASE(test_one_key),
		CASE(test_one_hold),
		CASE(test_opposite_orders),
		CASE(test_killed),
	};

	if (!world_database())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
