/* Fixed windows: they begin with the first hit, end by themselves, and count what they refuse. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
	return window_hit_fixed(map, key, strlen(key), COUNT, WINDOW_S, noon_us + at_us);
}

static const struct {
	const char *name;
	i64 at_us;
	bool admitted;
	i64 remaining, reset_s;
} steps[] = {
	{"the first hit begins the window", 0, true, 2, 60},
	{"the second", 1, true, 1, 60},
	{"the third, a second later", 1000000, true, 0, 59},
	{"the fourth is too much", 1000001, false, 0, 59},
	{"so is the fifth", 59000000, false, 0, 1},
	{"to the last millisecond", 59999000, false, 0, 1},
	{"at the end another begins", 60000000, true, 2, 60},
	{"which has its own start", 119000000, true, 1, 1},
	{"after a pause, too", 500000000, true, 2, 60},
	{"overtaken by another hit", 499950000, true, 1, 60},
	{"a clock that was set back begins anew", 400000000, true, 2, 60},
};

static void test_steps(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		print_message("  %s\n", steps[i].name);
		struct window_answer got = hit("ai/192.0.2.1", steps[i].at_us);
		assert_int_equal(got.admitted, steps[i].admitted);
		assert_int_equal(got.remaining, steps[i].remaining);
		assert_int_equal(got.reset_s, steps[i].reset_s);
		assert_int_equal(got.retry_after_s, steps[i].admitted ? 0 : steps[i].reset_s);
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

/* It is counted in the file: whoever opens it next goes on. */
static void test_reopened(void **state)
{
	(void)state;
	assert_int_equal(hit("a", 0).remaining, 2);
	window_close(map);
	map = window_open(file, 100);
	assert_non_null(map);
	assert_int_equal(hit("a", 1).remaining, 1);
	assert_true(window_health(map).sound);
}

static void test_a_changed_limit_holds_at_once(void **state)
{
	(void)state;
	for (int i = 0; i < COUNT; i++)
		hit("a", 0);
	assert_false(hit("a", 1000000).admitted);
	assert_true(window_hit_fixed(map, "a", 1, 100, WINDOW_S, noon_us + 1000000).admitted);
	/* 3 s old, and now windows have 2. */
	assert_int_equal(window_hit_fixed(map, "a", 1, 5, 2, noon_us + 3000000).remaining, 4);
}

/* Of sliding keys beside them nothing is lost, also when keys give way. */
static void test_beside_sliding_ones(void **state)
{
	char key[24];

	(void)state;
	for (int i = 0; i < 2000; i++) {
		snprintf(key, sizeof(key), "%d", i);
		if (i % 2 == 0)
			assert_true(hit(key, i).admitted);
		else
			assert_true(window_hit(map, key, strlen(key), 2, 60, noon_us + i).admitted);
	}
	assert_true(window_health(map).evictions > 0);
	assert_true(window_health(map).sound);
	assert_int_equal(hit("1998", 2000).remaining, 1);
	assert_int_equal(window_hit(map, "1999", 4, 2, 60, noon_us + 2000).remaining, 0);
	/* One that gave way begins anew. */
	assert_int_equal(hit("0", 2000).remaining, 2);
}

static void *hit_often(void *arg)
{
	i64 *n = arg;

	for (int i = 0; i < HITS; i++)
		*n += window_hit_fixed(map, "k", 1, THREADS * HITS / 2, WINDOW_S, noon_us).admitted;
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

static void *answers(void *arg)
{
	*(bool *)arg = window_answers(map, 1000);
	return NULL;
}

static void test_whether_it_answers(void **state)
{
	bool answered[THREADS] = {false};
	pthread_t thread[THREADS];

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, answers, &answered[i]), 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(thread[i], NULL);
		assert_true(answered[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_steps, window_new, window_gone),
		cmocka_unit_test_setup_teardown(test_keys_are_apart, window_new, window_gone),
		cmocka_unit_test_setup_teardown(test_reopened, window_new, window_gone),
		cmocka_unit_test_setup_teardown(
			test_a_changed_limit_holds_at_once, window_new, window_gone),
		cmocka_unit_test_setup_teardown(test_beside_sliding_ones, window_new, window_gone),
		cmocka_unit_test_setup_teardown(test_threads, window_new, window_gone),
		cmocka_unit_test_setup_teardown(test_whether_it_answers, window_new, window_gone),
	};

	snprintf(file, sizeof(file), "/tmp/test_window_fixed.%d", (int)getpid());
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(file);
	return failed;
}
