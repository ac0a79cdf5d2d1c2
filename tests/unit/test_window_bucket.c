/* Buckets: as many at once as they hold, then one per drop; refused hits take nothing. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fcgi/core/clock.h"
#include "fcgi/limit/window.h"

#include <cmocka.h>

enum { COUNT = 3, WINDOW_S = 60, THREADS = 4, HITS = 5000 };

static const i64 noon_us = 1800000000LL * US_PER_S;
static char file[64];
static struct window_map *map;

static int window_new(void **state)
{
	(void)state;
	unlink(file);
	map = window_open(file, 100);
	return map == NULL ? -1 : 0;
}

static int window_gone(void **state)
{
	(void)state;
	window_close(map);
	return 0;
}

static struct window_answer hit(const char *key, i64 at_us)
{
	return window_hit_bucket(map, key, strlen(key), COUNT, WINDOW_S, noon_us + at_us);
}

/* A token each 20 s. */
static void test_steps(void **state)
{
	static const struct {
		const char *name;
		i64 at_us;
		bool admitted;
		i64 remaining, retry_after_s;
	} steps[] = {
		{"a full bucket", 0, true, 2, 0},
		{"the second token", 1, true, 1, 0},
		{"the last, a second later", 1000000, true, 0, 0},
		{"the fourth is too much", 1000001, false, 0, 19},
		{"a refused hit takes nothing", 1000002, false, 0, 19},
		{"to the last second", 19000001, false, 0, 1},
		{"to almost the last", 19899999, false, 0, 1},
		{"the first token has come", 20000000, true, 0, 0},
		{"and was taken", 20000001, false, 0, 20},
		{"the next comes 20 s later", 40000000, true, 0, 0},
		{"half a token is none", 50000000, false, 0, 10},
		{"two in 45 s, and a part of a third", 85000000, true, 1, 0},
		{"of which one is left", 85000001, true, 0, 0},
		{"the part stays", 85000002, false, 0, 15},
		{"after a long pause it is full, not fuller", 9999000000, true, 2, 0},
		{"overtaken by another hit", 9998950000, true, 1, 0},
		{"a clock that was set back", 8000000000, false, 0, 20},
		{"locks nobody out for longer than a token takes", 8020000000, true, 0, 0},
		{"and goes on from there", 8039899999, false, 0, 1},
		{"as before", 8040000000, true, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		print_message("  %s\n", steps[i].name);
		struct window_answer got = hit("mfa/1", steps[i].at_us);
		assert_int_equal(got.admitted, steps[i].admitted);
		assert_int_equal(got.remaining, steps[i].remaining);
		assert_int_equal(got.retry_after_s, steps[i].retry_after_s);
	}
}

/* Counts that do not divide the window, up to the largest: exactly `count` at once, then the time
 * that Retry-After says and not a second less. */
static void test_exactly(void **state)
{
	static const struct {
		i64 count, window_s;
	} cases[] = {{1, 1}, {1, 86400}, {5, 3600}, {7, 60}, {10, 900}, {100, 3600}, {1000, 1},
		{999983, 1}, {1000000, 1}, {1000000, 86400}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		i64 count = cases[i].count, window_s = cases[i].window_s, n = 0;
		struct window_answer got;
		print_message("  %lld/%lld\n", (long long)count, (long long)window_s);
		for (;;) {
			got = window_hit_bucket(map, &i, sizeof(i), count, window_s, noon_us);
			if (!got.admitted)
				break;
			n++;
			assert_int_equal(got.remaining, count - n);
		}
		assert_int_equal(n, count);
		assert_int_equal(got.retry_after_s, (window_s + count - 1) / count);
		i64 then_us = noon_us + S_TO_US(got.retry_after_s);
		i64 token_us = S_TO_US(window_s) / count;
		if (token_us > 1)
			assert_false(window_hit_bucket(
				map, &i, sizeof(i), count, window_s, noon_us + token_us / 2 - 1)
					     .admitted);
		assert_true(
			window_hit_bucket(map, &i, sizeof(i), count, window_s, then_us).admitted);
	}
}

/* Against one that keeps its tokens as a fraction, over random times. */
static void test_as_a_bucket(void **state)
{
	(void)state;
	srandom(7);
	for (int round = 0; round < 200; round++) {
		/* In units of tokens * window_us, so that the model is exact. */
		i64 count = 1 + random() % 20, window_us = count * (1 + random() % 1000) * 1000;
		i64 now_us = noon_us, window_s = window_us / US_PER_S;
		if (window_s == 0 || S_TO_US(window_s) % count != 0)
			continue;
		window_us = S_TO_US(window_s);
		i64 tokens = count * window_us;
		for (int i = 0; i < 300; i++) {
			i64 step_us = random() % (2 * window_us / count + 1);
			now_us += step_us;
			tokens += step_us * count;
			tokens = tokens < count * window_us ? tokens : count * window_us;
			i64 early_us = window_us / count / 2;
			early_us = early_us < 100000 ? early_us : 100000;
			bool due = tokens + early_us * count >= window_us;
			struct window_answer got = window_hit_bucket(
				map, &round, sizeof(round), count, window_s, now_us);
			assert_int_equal(got.admitted, due);
			if (due)
				tokens -= window_us;
			else
				assert_int_equal(got.retry_after_s,
					((window_us - tokens + count - 1) / count + US_PER_S - 1) /
						US_PER_S);
		}
	}
}

static void test_keys_are_apart(void **state)
{
	(void)state;
	for (int i = 0; i < COUNT; i++)
		assert_true(hit("a", 0).admitted);
	assert_false(hit("a", 0).admitted);
	assert_true(hit("b", 0).admitted);
}

static void test_taken_back(void **state)
{
	(void)state;
	window_undo_bucket(map, "a", 1, COUNT, WINDOW_S); /* nothing there */
	for (int i = 0; i < 10; i++) {
		assert_true(hit("a", 0).admitted);
		window_undo_bucket(map, "a", 1, COUNT, WINDOW_S);
	}
	for (int i = 0; i < COUNT; i++)
		assert_true(hit("a", 0).admitted);
	assert_false(hit("a", 0).admitted);
	window_undo_bucket(map, "a", 1, COUNT, WINDOW_S);
	assert_true(hit("a", 0).admitted);
	assert_false(hit("a", 0).admitted);
	/* Long after it was taken, a token put back makes the bucket no larger. */
	window_undo_bucket(map, "a", 1, COUNT, WINDOW_S);
	for (int i = 0; i < COUNT; i++)
		assert_true(hit("a", 1000 * US_PER_S).admitted);
	assert_false(hit("a", 1000 * US_PER_S).admitted);
}

static void test_a_changed_limit_holds_at_once(void **state)
{
	(void)state;
	for (int i = 0; i < COUNT; i++)
		hit("a", 0);
	assert_false(hit("a", 0).admitted);
	/* 60 s are missing of 60: of a larger bucket in the same time, too. In a longer one, not
	 * all of it is. */
	assert_true(window_hit_bucket(map, "a", 1, COUNT, 120, noon_us).admitted);
	/* Lowered: at most the new bucket is empty. */
	assert_int_equal(window_hit_bucket(map, "a", 1, 1, 5, noon_us).retry_after_s, 5);
	assert_true(window_hit_bucket(map, "a", 1, 1, 5, noon_us + S_TO_US(5)).admitted);
	assert_false(window_hit_bucket(map, "a", 1, 0, 5, noon_us + S_TO_US(9)).admitted);
}

/* What a process had counted holds when it is killed, and for whoever opens the file. */
static void test_killed(void **state)
{
	int status;

	(void)state;
	for (int i = 0; i < COUNT; i++) {
		pid_t child = fork();
		if (child == 0) {
			if (hit("a", 0).admitted)
				raise(SIGKILL);
			_exit(1);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
	}
	assert_false(hit("a", 0).admitted);
	window_close(map);
	map = window_open(file, 100);
	assert_non_null(map);
	assert_int_equal(hit("a", 0).retry_after_s, 20);
	assert_true(window_health(map).sound);
}

/* Keys of all kinds live side by side, also when keys give way. */
static void test_beside_the_others(void **state)
{
	char key[24];

	(void)state;
	for (int i = 0; i < 3000; i++) {
		size_t n = (size_t)snprintf(key, sizeof(key), "%d", i);
		if (i % 3 == 0)
			assert_true(hit(key, i).admitted);
		else if (i % 3 == 1)
			assert_true(window_hit(map, key, n, 2, 60, noon_us + i).admitted);
		else
			assert_true(window_hit_fixed(map, key, n, 2, 60, noon_us + i).admitted);
	}
	assert_true(window_health(map).evictions > 0);
	assert_true(window_health(map).sound);
	assert_int_equal(hit("2997", 3000).remaining, 1);
	assert_int_equal(window_hit(map, "2998", 4, 2, 60, noon_us + 3000).remaining, 0);
	assert_int_equal(window_hit_fixed(map, "2999", 4, 2, 60, noon_us + 3000).remaining, 0);
	assert_int_equal(hit("0", 3000).remaining, 2); /* gave way, begins anew */
}

static void *hit_often(void *arg)
{
	i64 *n = arg;

	for (int i = 0; i < HITS; i++)
		*n += window_hit_bucket(map, "k", 1, THREADS * HITS / 2, WINDOW_S, noon_us)
			      .admitted;
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t thread[THREADS];
	i64 n[THREADS] = {0}, sum = 0;

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, hit_often, &n[i]), 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(thread[i], NULL);
		sum += n[i];
	}
	assert_int_equal(sum, THREADS * HITS / 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, window_new, window_gone)
	const struct CMUnitTest tests[] = {
		TEST(steps),
		TEST(exactly),
		TEST(as_a_bucket),
		TEST(keys_are_apart),
		TEST(taken_back),
		TEST(a_changed_limit_holds_at_once),
		TEST(killed),
		TEST(beside_the_others),
		TEST(threads),
	};

	snprintf(file, sizeof(file), "/tmp/test_window_bucket.%d", (int)getpid());
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(file);
	return failed;
}
