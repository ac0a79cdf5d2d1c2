/* Calls admitted from leased credit: never more than there is, never less, and nothing lost with a
 * process that is killed. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "domain/purse.h"
#include "fcgi/core/crypto.h"
#include "ledger_world.h"

#include <cmocka.h> /* after ours: its macro fail() would hide our function */

enum { CONNECTIONS = 12, THREADS = 200, CHILDREN = 4, CALLS = 3000 };

static struct support s;
static struct options options;
static u64 user;
static char dir[] = "/tmp/turnpike-purse.XXXXXX";

static void begin(struct support *support)
{
	char why[200];

	if (purses_start(&options, support->db.pool, "test", CALLS, why, sizeof(why)) != 0) {
		fprintf(stderr, "%s\n", why);
		abort();
	}
}

static int set_up(void **state)
{
	(void)state;
	support_connect(&s, CONNECTIONS);
	user = world_user(&s);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	world_verify(&s);
	assert_int_equal(support_admin("SELECT COUNT(*) FROM hold WHERE state = 'open'"), 0);
	support_close(&s);
	return 0;
}

static struct opt_i64 day_max;

static int admit(struct support *support, u64 user_id, i64 estimate, struct call_record **ret)
{
	return purse_admit(&support->db,
		&(struct call_request){
			.user_id = user_id,
			.estimate = estimate,
			.day_max = day_max,
			.request_id = "req_test",
			.mode = "chat",
			.model = "test",
			.catalog_id = 1,
			.price = {1000000, 1000000, 1000000, 1000000, 1000000, 1000000, 1000000},
			.now_us = clock_now_us(),
		},
		ret);
}

static void end(struct call_record *r, i64 cost)
{
	r->tokens.output = cost;
	assert_int_equal(call_price(r), 0);
	assert_int_equal(r->cost, cost);
	purse_finish(r);
}

/* Now, not in the ledger's test world: leases run by the clock. */
static void grant(i64 amount)
{
	struct ledger_change c = world_change(user, amount, world_key(&s));
	struct ledger_posted posted;

	c.now_us = clock_now_us();
	support_expect(&s, ledger_grant(&s.db, &c, &posted), 0, NULL);
}

static i64 number(const char *format, u64 id)
{
	char sql[300];

	snprintf(sql, sizeof(sql), format, (unsigned long long)id);
	return support_admin(sql);
}

struct worker {
	struct support s;
	pthread_t thread;
	pthread_barrier_t *barrier;
	i64 amount;
	unsigned n_calls, n_done, n_refused, n_other;
};

static void *spend(void *arg)
{
	struct worker *w = arg;
	struct call_record *r;

	pthread_barrier_wait(w->barrier);
	for (unsigned i = 0; i < w->n_calls; i++) {
		int rc = admit(&w->s, user, w->amount, &r);
		if (rc == E_UNAVAILABLE) { /* these calls take no time: the settler is behind */
			fail_clear(&w->s.fail);
			arena_reset(&w->s.arena);
			i--;
			continue;
		}
		w->n_done += rc == 0;
		bool is_refused = rc == (day_max.has ? E_RATE_LIMITED : E_INSUFFICIENT_BALANCE);
		w->n_refused += is_refused;
		w->n_other += rc != 0 && !is_refused;
		if (rc != 0 && !is_refused)
			fprintf(stderr, "%d %s\n", rc,
				w->s.fail.cause != NULL ? w->s.fail.cause : "");
		if (rc == 0) {
			purse_running(r);
			end(r, w->amount);
		}
		fail_clear(&w->s.fail);
		arena_reset(&w->s.arena);
	}
	return NULL;
}

/* n threads, each with n_calls calls of this amount; the sums. */
static struct worker run(struct support *support, size_t n, unsigned n_calls, i64 amount)
{
	struct worker *worker = calloc(n, sizeof(*worker)), sum = {.n_done = 0};
	pthread_barrier_t barrier;

	pthread_barrier_init(&barrier, NULL, (unsigned)n);
	for (size_t i = 0; i < n; i++) {
		worker[i].barrier = &barrier;
		worker[i].amount = amount;
		worker[i].n_calls = n_calls;
		support_share(&worker[i].s, support);
		if (pthread_create(&worker[i].thread, NULL, spend, &worker[i]) != 0)
			abort();
	}
	for (size_t i = 0; i < n; i++) {
		pthread_join(worker[i].thread, NULL);
		support_unshare(&worker[i].s);
		sum.n_done += worker[i].n_done;
		sum.n_refused += worker[i].n_refused;
		sum.n_other += worker[i].n_other;
	}
	free(worker);
	return sum;
}

/* A balance for 10, 200 at once (F-01); the first half is refused without asking for each. */
static void test_exactly_ten(void **state)
{
	(void)state;
	grant(54);
	begin(&s);
	struct worker sum = run(&s, THREADS, 1, 5);
	purses_stop();
	assert_int_equal(sum.n_other, 0);
	assert_int_equal(sum.n_done, 10);
	assert_int_equal(sum.n_refused, THREADS - 10);
	assert_int_equal(world_balance(&s, user).balance[FUND_TOPUP], 4);
	assert_int_equal(number("SELECT COUNT(*) FROM ai_call WHERE user_id = %llu", user), 10);
	assert_int_equal(
		number("SELECT SUM(cost_micro) FROM ai_call WHERE user_id = %llu", user), 50);
	assert_int_equal(
		number("SELECT requests FROM ai_usage_day WHERE user_id = %llu", user), 10);
	assert_int_equal(number("SELECT cost_micro FROM usage_day WHERE user_id = %llu", user), 50);
}

/* Plenty of money and a bound for the day: the same, also when calls were paid before. */
static void test_day(void **state)
{
	static const struct {
		i64 max;
		unsigned n_done;
	} cases[] = {{54, 10}, {54, 0}, {55, 1}, {70, 3}, {1000, 186}};

	(void)state;
	grant(1000000);
	begin(&s);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		day_max = (struct opt_i64){true, cases[i].max};
		struct worker sum = run(&s, THREADS, 1, 5);
		printf("%lld: %u of %u\n", (long long)cases[i].max, sum.n_done, THREADS);
		assert_int_equal(sum.n_other, 0);
		assert_int_equal(sum.n_done, cases[i].n_done);
		assert_int_equal(sum.n_refused, THREADS - cases[i].n_done);
	}
	day_max = (struct opt_i64){.has = false};
	assert_int_equal(run(&s, THREADS, 1, 5).n_done, THREADS);
	purses_stop();
}

/* Plenty of money: few commits, all of it charged (F-04, F-12). */
static void test_many(void **state)
{
	(void)state;
	grant(10000000);
	begin(&s);
	struct worker sum = run(&s, 16, 500, 7);
	purses_stop();
	assert_int_equal(sum.n_refused, 0);
	assert_int_equal(sum.n_other, 0);
	assert_int_equal(sum.n_done, 16 * 500);
	assert_int_equal(world_balance(&s, user).balance[FUND_TOPUP], 10000000 - 7 * 16 * 500);
	i64 n = number(
		"SELECT COUNT(DISTINCT transfer_id) FROM ai_call WHERE user_id = %llu", user);
	printf("8000 calls in %lld settlements\n", (long long)n);
	assert_true(n < 2000);
	assert_int_equal(
		number("SELECT COUNT(*) FROM ai_call c JOIN ledger_transfer t USING"
		       " (transfer_id) WHERE c.user_id = %llu AND t.reference_id <> c.hold_id",
			user),
		0);
}

/* Four processes on a balance for 400: each call finds the credit that another has leased and does
 * not need. */
static void test_processes(void **state)
{
	int status;
	unsigned n = 0;
	pid_t pid[CHILDREN];

	(void)state;
	grant(400 * 5 + 4);
	for (size_t i = 0; i < CHILDREN; i++) {
		pid[i] = fork();
		if (pid[i] != 0)
			continue;
		struct support own;
		support_connect(&own, 4);
		begin(&own);
		struct worker sum = run(&own, 8, 25, 5); /* 200 of the 800 */
		purses_stop();
		printf("%u done, %u refused\n", sum.n_done, sum.n_refused);
		fflush(stdout);
		_exit(sum.n_other > 0 ? 255 : (int)sum.n_done);
	}
	for (size_t i = 0; i < CHILDREN; i++) {
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 255);
		n += (unsigned)WEXITSTATUS(status);
	}
	assert_int_equal(n, 400);
	assert_int_equal(world_balance(&s, user).balance[FUND_TOPUP], 4);
}

/* What a lease has on top goes back by itself, and so does an idle lease. */
static void test_idle(void **state)
{
	struct call_record *r;
	struct ledger_balance b;

	(void)state;
	grant(100000);
	begin(&s);
	assert_int_equal(admit(&s, user, 10, &r), 0);
	assert_int_equal(world_balance(&s, user).reserved[FUND_TOPUP], 650);
	for (int i = 0; i < 100 && world_balance(&s, user).reserved[FUND_TOPUP] != 10; i++)
		clock_sleep_us(20000);
	assert_int_equal(world_balance(&s, user).reserved[FUND_TOPUP], 10);
	end(r, 0);
	do {
		clock_sleep_us(10000);
		b = world_balance(&s, user);
	} while (b.reserved[FUND_TOPUP] != 0);
	assert_int_equal(b.balance[FUND_TOPUP], 100000);
	purses_stop();
}

/* More was used than reserved: charged, and what is missing is written off. */
static void test_dearer(void **state)
{
	struct call_record *r;

	(void)state;
	grant(20);
	begin(&s);
	assert_int_equal(admit(&s, user, 15, &r), 0);
	end(r, 25);
	purses_stop();
	assert_int_equal(world_balance(&s, user).balance[FUND_TOPUP], 0);
	assert_int_equal(number("SELECT uncollected FROM hold WHERE user_id = %llu", user), 5);
}

/* Money that comes is seen by the next call. */
static void test_top_up(void **state)
{
	struct call_record *r;

	(void)state;
	begin(&s);
	for (i64 i = 1; i < 20; i++) {
		support_expect(&s, admit(&s, user, 3, &r), E_INSUFFICIENT_BALANCE, NULL);
		grant(3);
		assert_int_equal(admit(&s, user, 3, &r), 0);
		end(r, 3);
	}
	purses_stop();
}

/* Sessions of the database are killed all the while: each call is charged once. */
static void test_database(void **state)
{
	(void)state;
	grant(10000000);
	begin(&s);
	pid_t pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 60; i++) {
			support_kill();
			clock_sleep_us(20000);
		}
		_exit(0);
	}
	struct worker sum = {.n_done = 0};
	int status = 0;
	while (waitpid(pid, &status, WNOHANG) == 0) {
		struct worker more = run(&s, 8, 50, 7);
		sum.n_done += more.n_done;
	}
	purses_stop();
	printf("%u calls\n", sum.n_done);
	assert_int_equal(
		number("SELECT COUNT(*) FROM ai_call WHERE user_id = %llu", user), sum.n_done);
	assert_int_equal(world_balance(&s, user).balance[FUND_TOPUP], 10000000 - 7 * sum.n_done);
}

/* Makes calls until it is killed; a byte for each that is over. */
__attribute__((noreturn)) static void child(int ready)
{
	struct support own;
	struct call_record *r;

	support_connect(&own, 4);
	begin(&own);
	for (size_t i = 0;; i++) {
		if (admit(&own, user, 10, &r) != 0)
			_exit(1);
		purse_running(r);
		if (i % 3 != 0) { /* last what makes the rest count */
			r->tokens.input = 1;
			r->relayed_chars = i % 3 == 1 ? 12 : 8;
			atomic_signal_fence(memory_order_release);
			r->has_first_token = true;
			r->has_begun = i % 3 == 1; /* else nothing of it was passed on */
		}
		if (write(ready, "x", 1) != 1)
			_exit(1);
		if (i % 7 != 0) {
			r->tokens.input = 0;
			end(r, 6);
		}
		arena_reset(&own.arena);
		if (i > CALLS / 2)
			pause();
	}
}

/* Killed processes: what they had begun is settled from their journals, once, and nothing stays
 * reserved (F-03). */
static void test_killed(void **state)
{
	(void)state;
	grant(1000000000);
	for (size_t round = 0; round < 20; round++) {
		pid_t pid[CHILDREN];
		int pipes[2], status;
		char seen;
		assert_int_equal(pipe(pipes), 0);
		for (size_t i = 0; i < CHILDREN; i++) {
			pid[i] = fork();
			if (pid[i] == 0)
				child(pipes[1]);
		}
		close(pipes[1]);
		for (size_t i = 0; i < 100; i++)
			assert_int_equal(read(pipes[0], &seen, 1), 1);
		clock_sleep_us(random_below(30000));
		for (size_t i = 0; i < CHILDREN; i++)
			kill(pid[i], SIGKILL);
		for (size_t i = 0; i < CHILDREN; i++) {
			assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
			assert_true(WIFSIGNALED(status));
		}
		close(pipes[0]);
		begin(&s);
		purses_tick(&s.db);
		purses_stop();
		arena_reset(&s.arena);
	}
	struct ledger_balance b = world_balance(&s, user);
	i64 cost = number("SELECT SUM(cost_micro) FROM ai_call WHERE user_id = %llu", user);
	assert_int_equal(b.reserved[FUND_TOPUP], 0);
	assert_int_equal(b.balance[FUND_TOPUP], 1000000000 - cost);
	/* Delivered in part: 1 of input and 12 bytes, which are 3 of output. What was read and not
	 * passed on costs nothing. */
	i64 part = number("SELECT COUNT(*) FROM ai_call WHERE user_id = %llu AND status = 'crashed'"
			  " AND cost_micro = 4 AND is_estimated",
		user);
	i64 none = number("SELECT COUNT(*) FROM ai_call WHERE user_id = %llu AND status = 'crashed'"
			  " AND cost_micro = 0 AND transfer_id IS NULL",
		user);
	i64 all = number(
		"SELECT COUNT(*) FROM ai_call WHERE user_id = %llu AND status = 'crashed'", user);
	printf("%lld calls cut off: %lld in part, %lld not begun\n", (long long)all,
		(long long)part, (long long)none);
	assert_true(part > 0 && none > 0);
	assert_int_equal(all, part + none);
	assert_int_equal(
		number("SELECT COUNT(*) FROM ai_call WHERE user_id = %llu AND status = 'ok'"
		       " AND cost_micro <> 6",
			user),
		0);
}

int main(void)
{
	char shm[100];
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		CASE(test_exactly_ten),
		CASE(test_day),
		CASE(test_many),
		CASE(test_processes),
		CASE(test_idle),
		CASE(test_dearer),
		CASE(test_top_up),
		CASE(test_database),
		CASE(test_killed),
	};

	if (!world_database())
		return 77;
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(shm, sizeof(shm), "%s/shm", dir);
	mkdir(shm, 0700);
	options.state_dir = dir;
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(shm); /* empty: each journal was removed */
	return rmdir(dir) == 0 ? rc : rc + 1;
}
