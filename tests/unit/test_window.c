/* Sliding windows: exact against a naive model, shared by processes and threads, unharmed by
 * processes that are killed inside. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "fcgi/core/clock.h"
#include "fcgi/limit/window.h"

enum {
	SEQUENCES = 10000,
	STEPS = 40,
	MODEL_KEYS = 3,
	MODEL_HITS = 64,
	PROCESSES = 8,
	HITS_EACH = 5000,
	SHARED_COUNT = 777,
	KILLS = 200,
	OVERTAKEN_US = 100 * US_PER_MS, /* as in window.c */
};

#define NOON_US S_TO_US(1800000000)

static char folder[64], file[96];

static struct window_answer hit(
	struct window_map *map, const char *key, i64 count, i64 window_s, i64 now_us)
{
	return window_hit(map, key, strlen(key), count, window_s, now_us);
}

static struct window_map *fresh(size_t n_keys)
{
	unlink(file);
	struct window_map *map = window_open(file, n_keys);
	assert_non_null(map);
	return map;
}

/* The promise of window.h in its plainest form: all times of a key, looked through every time. */
struct model {
	i64 time_us[MODEL_HITS];
	size_t n;
};

static struct window_answer model_hit(struct model *m, i64 count, i64 window_s, i64 now_us)
{
	i64 latest_us = m->n > 0 ? m->time_us[m->n - 1] : now_us, nth_us = 0;
	size_t kept = 0;

	if (latest_us > now_us && latest_us - now_us <= OVERTAKEN_US)
		now_us = latest_us;
	for (size_t i = 0; i < m->n; i++) {
		if (m->time_us[i] > now_us)
			m->time_us[i] = now_us;
		if (m->time_us[i] + S_TO_US(window_s) > now_us)
			m->time_us[kept++] = m->time_us[i];
	}
	m->n = kept;
	if ((i64)m->n < count) {
		m->time_us[m->n++] = now_us;
		return (struct window_answer){.admitted = true, .remaining = count - (i64)m->n};
	}
	nth_us = m->time_us[m->n - (size_t)count] + S_TO_US(window_s) - now_us;
	i64 retry_after_s = nth_us / US_PER_S + (nth_us % US_PER_S != 0);
	return (struct window_answer){.retry_after_s = retry_after_s};
}

/* Steps of time that meet the edges of windows often, seldom go back. */
static i64 random_step_us(i64 window_s)
{
	static const i64 back_s[] = {3600, 86400};

	switch (random() % 40) {
	case 0:
		return -random() % (2 * OVERTAKEN_US);
	case 1:
		return -OVERTAKEN_US - random() % 2;
	case 2:
		return (random() % 2 == 0 ? 1 : -1) * S_TO_US(back_s[random() % 2]);
	case 3:
		return S_TO_US(window_s) - 1 + random() % 3;
	case 4:
	case 5:
	case 6:
		return random() % S_TO_US(window_s);
	case 7:
	case 8:
	case 9:
		return 0;
	default:
		return US_PER_S * (random() % window_s) / 4;
	}
}

static void run_sequence(struct window_map *map, unsigned sequence)
{
	struct model model[MODEL_KEYS] = {0};
	i64 count = 1 + random() % 30, window_s = 1 + random() % 120, now_us = NOON_US;

	for (unsigned step = 0; step < STEPS; step++) {
		char key[32];
		unsigned which = (unsigned)random() % MODEL_KEYS;
		snprintf(key, sizeof(key), "%u/%u", sequence, which);
		now_us += random_step_us(window_s);
		if (random() % 10 == 0) {
			window_undo(map, key, strlen(key));
			if (model[which].n > 0)
				model[which].n--;
			continue;
		}
		if (random() % 100 == 0) /* the operator changed the limit */
			count = 1 + random() % 30;
		struct window_answer got = hit(map, key, count, window_s, now_us);
		struct window_answer due = model_hit(&model[which], count, window_s, now_us);
		if (got.admitted != due.admitted || got.remaining != due.remaining ||
			got.retry_after_s != due.retry_after_s)
			fail_msg("sequence %u step %u: %d %lld %lld, due %d %lld %lld", sequence,
				step, got.admitted, (long long)got.remaining,
				(long long)got.retry_after_s, due.admitted,
				(long long)due.remaining, (long long)due.retry_after_s);
	}
}

static void test_as_model(void **state)
{
	const char *given = getenv("TEST_SEED");
	unsigned seed = given != NULL ? (unsigned)atoi(given) : (unsigned)clock_now_us();
	/* Keys of former sequences are always there to give way. */
	struct window_map *map = fresh(40);

	(void)state;
	print_message("  TEST_SEED=%u\n", seed);
	srandom(seed);
	for (unsigned i = 0; i < SEQUENCES; i++)
		run_sequence(map, i);
	struct window_health health = window_health(map);
	assert_true(health.sound);
	assert_int_equal(health.keys, 40);
	assert_true(health.evictions > SEQUENCES);
	window_close(map);
}

static void test_answers(void **state)
{
	static const struct {
		const char *name;
		i64 at_us, count, window_s;
		struct window_answer due;
	} cases[] = {
		{"first", 0, 2, 60, {true, 1, 0, 0}},
		{"second", 500000, 2, 60, {true, 0, 0, 0}},
		{"third waits the whole window, rounded up", 500001, 2, 60, {false, 0, 60, 0}},
		{"a microsecond before the edge", 60000000 - 1, 2, 60, {false, 0, 1, 0}},
		{"at the edge", 60000000, 2, 60, {true, 0, 0, 0}},
		{"the second one has half a second left", 60000000, 2, 60, {false, 0, 1, 0}},
		{"and goes", 60500000, 2, 60, {true, 0, 0, 0}},
		{"59 s and a little", 61000001, 2, 60, {false, 0, 59, 0}},
		{"exactly 59 s", 61000000, 2, 60, {false, 0, 59, 0}},
		{"count lowered: both must go", 61000000, 1, 60, {false, 0, 60, 0}},
		{"count raised", 61000000, 3, 60, {true, 0, 0, 0}},
		{"window narrowed", 61000001, 1, 1, {false, 0, 1, 0}},
		{"never", 99000000, 0, 30, {false, 0, 30, 0}},
		{"a day later", S_TO_US(86400), 2, 60, {true, 1, 0, 0}},
	};
	struct window_map *map = fresh(100);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		print_message("  %s\n", cases[i].name);
		struct window_answer got = hit(map, "auth/192.0.2.1", cases[i].count,
			cases[i].window_s, NOON_US + cases[i].at_us);
		assert_int_equal(got.admitted, cases[i].due.admitted);
		assert_int_equal(got.remaining, cases[i].due.remaining);
		assert_int_equal(got.retry_after_s, cases[i].due.retry_after_s);
	}
	window_close(map);
}

static void test_clock_steps(void **state)
{
	static const i64 step_s[] = {3600, -3600, 86400, -86400, -1};
	struct window_map *map = fresh(100);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(step_s); i++) {
		char key[16];
		i64 now_us = NOON_US + S_TO_US(step_s[i]);
		snprintf(key, sizeof(key), "%d s", (int)step_s[i]);
		print_message("  %s\n", key);
		for (int j = 0; j < 20; j++)
			assert_true(hit(map, key, 20, 60, NOON_US - S_TO_US(j == 0)).admitted);
		struct window_answer answer = hit(map, key, 20, 60, now_us);
		assert_int_equal(answer.admitted, step_s[i] > 0);
		if (answer.admitted)
			continue;
		assert_int_equal(answer.retry_after_s, 60);
		assert_false(hit(map, key, 20, 60, now_us + S_TO_US(60) - 1).admitted);
		assert_true(hit(map, key, 20, 60, now_us + S_TO_US(60)).admitted);
	}
	window_close(map);
}

static void test_oldest_gives_way(void **state)
{
	struct window_map *map = fresh(3);

	(void)state;
	assert_true(hit(map, "a", 1, 60, NOON_US).admitted);
	assert_true(hit(map, "b", 1, 60, NOON_US).admitted);
	assert_true(hit(map, "c", 1, 60, NOON_US).admitted);
	assert_false(hit(map, "a", 1, 60, NOON_US).admitted); /* b is idle longest now */
	assert_true(hit(map, "d", 1, 60, NOON_US).admitted);
	assert_false(hit(map, "a", 1, 60, NOON_US).admitted);
	assert_false(hit(map, "c", 1, 60, NOON_US).admitted);
	assert_true(hit(map, "b", 1, 60, NOON_US).admitted); /* forgotten, and d now is */
	assert_int_equal(window_health(map).evictions, 2);
	window_close(map);
}

static void test_room_for_all(void **state)
{
	enum { KEYS = 20000 };
	struct window_map *map = fresh(KEYS);
	struct stat st;

	(void)state;
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < KEYS; i++)
			assert_int_equal(window_hit(map, &i, sizeof(i), 1, 60, NOON_US).admitted,
				round == 0);
	assert_int_equal(window_health(map).evictions, 0);
	assert_int_equal(window_health(map).keys, KEYS);
	assert_int_equal(stat(file, &st), 0);
	print_message("  %d bytes per key\n", (int)(st.st_size / KEYS));
	window_close(map);
}

static void test_undo(void **state)
{
	struct window_map *map = fresh(10);

	(void)state;
	window_undo(map, "a", 1); /* nothing there */
	for (int i = 0; i < 20; i++) {
		assert_true(hit(map, "a", 8, 60, NOON_US + i).admitted);
		if (i >= 7)
			window_undo(map, "a", 1);
	}
	for (int i = 0; i < 30; i++)
		window_undo(map, "a", 1);
	assert_int_equal(hit(map, "a", 8, 60, NOON_US).remaining, 7);
	window_close(map);
}

static void test_reopened(void **state)
{
	struct window_map *map = fresh(100);

	(void)state;
	assert_true(hit(map, "a", 2, 60, NOON_US).admitted);
	struct window_map *other = window_open(file, 100); /* beside the first */
	assert_true(hit(other, "a", 2, 60, NOON_US).admitted);
	assert_false(hit(map, "a", 2, 60, NOON_US).admitted);
	window_close(map);
	assert_false(hit(other, "a", 2, 60, NOON_US).admitted);
	window_close(other);
	map = window_open(file, 100); /* after all have gone */
	assert_false(hit(map, "a", 2, 60, NOON_US).admitted);

	other = window_open(file, 200); /* another size: made anew, the old one lives on */
	assert_true(hit(other, "a", 1, 60, NOON_US).admitted);
	assert_false(hit(map, "a", 2, 60, NOON_US).admitted);
	window_close(map);
	window_close(other);
}

static void test_other_content(void **state)
{
	struct stat st;

	(void)state;
	window_close(fresh(100));
	assert_int_equal(stat(file, &st), 0);
	for (int i = 0; i < 3; i++) {
		int fd = open(file, O_WRONLY);
		if (i == 0) /* another version */
			assert_int_equal(pwrite(fd, "\7", 1, 8), 1);
		if (i == 1) /* cut short while being written */
			assert_int_equal(ftruncate(fd, st.st_size / 2), 0);
		if (i == 2) /* something else */
			assert_int_equal(ftruncate(fd, 0) + ftruncate(fd, st.st_size), 0);
		close(fd);
		struct window_map *map = window_open(file, 100);
		assert_non_null(map);
		assert_true(hit(map, "a", 1, 60, NOON_US).admitted);
		assert_true(window_health(map).sound);
		window_close(map);
	}
	unlink(file);
	assert_int_equal(mkdir(file, 0700), 0);
	assert_null(window_open(file, 100));
	assert_int_equal(rmdir(file), 0);
	errno = 0;
	assert_null(window_open("/nonexistent/windows", 100));
	assert_int_equal(errno, ENOENT);
}

/* A machine that lost power leaves locks whose owner no kernel remembers. */
static void test_lock_left_by_power_loss(void **state)
{
	struct window_map *map = fresh(10);
	int fd = open(file, O_RDWR);
	unsigned owner = 0x3ffffffe;

	(void)state;
	assert_true(hit(map, "a", 1, 60, NOON_US).admitted);
	window_close(map);
	/* struct window_head ends at 128; __lock and __owner of glibc's mutex */
	assert_int_equal(pwrite(fd, &owner, sizeof(owner), 128), sizeof(owner));
	assert_int_equal(pwrite(fd, &owner, sizeof(owner), 136), sizeof(owner));
	close(fd);
	map = window_open(file, 10);
	alarm(20);
	assert_false(hit(map, "a", 1, 60, NOON_US).admitted);
	alarm(0);
	window_close(map);
}

static void wait_for(pid_t *child, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int status;
		assert_int_equal(waitpid(child[i], &status, 0), child[i]);
		assert_int_equal(status, 0);
	}
}

/* Each opens the file by itself, all at once: who makes it is decided there too. */
static void test_processes_share_a_key(void **state)
{
	pid_t child[PROCESSES];
	int *n_admitted = mmap(NULL, sizeof(*n_admitted), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	(void)state;
	unlink(file);
	for (size_t i = 0; i < PROCESSES; i++) {
		child[i] = fork();
		if (child[i] != 0)
			continue;
		struct window_map *map = window_open(file, 1000);
		if (map == NULL)
			_exit(1);
		for (int j = 0; j < HITS_EACH; j++)
			if (hit(map, "one", SHARED_COUNT, 3600, clock_now_us()).admitted)
				__atomic_fetch_add(n_admitted, 1, __ATOMIC_RELAXED);
		_exit(0);
	}
	wait_for(child, PROCESSES);
	assert_int_equal(*n_admitted, SHARED_COUNT);
	munmap(n_admitted, sizeof(*n_admitted));
}

static void *hammer(void *arg)
{
	i64 n_admitted = 0;

	for (int j = 0; j < HITS_EACH; j++) {
		char key[8];
		snprintf(key, sizeof(key), "%d", j % 50);
		n_admitted += hit(arg, "one", SHARED_COUNT, 3600, clock_now_us()).admitted;
		hit(arg, key, 5, 1, clock_now_us());
		window_undo(arg, key, strlen(key));
	}
	return (void *)n_admitted;
}

static void test_threads_share_a_key(void **state)
{
	pthread_t thread[4];
	struct window_map *map = fresh(300);
	i64 n_admitted = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(thread); i++)
		assert_int_equal(pthread_create(&thread[i], NULL, hammer, map), 0);
	for (size_t i = 0; i < ARRAY_LEN(thread); i++) {
		void *n;
		assert_int_equal(pthread_join(thread[i], &n), 0);
		n_admitted += (i64)n;
	}
	assert_int_equal(n_admitted, SHARED_COUNT);
	assert_true(window_health(map).sound);
	window_close(map);
}

/* Hits of all kinds on a table that is always full, until killed. *n_kept: admitted hits of the key
 * "kept", as far as they could still be noted. */
static void hammer_until_killed(struct window_map *map, unsigned seed, int *n_kept)
{
	i64 now_us = clock_now_us();

	srandom(seed);
	for (;;) {
		long key = random() % 60;
		now_us += random() % 100000;
		window_hit(map, &key, sizeof(key), 1 + key, 1 + key % 5, now_us);
		if (hit(map, "kept", 1000, 86400, NOON_US).admitted)
			__atomic_fetch_add(n_kept, 1, __ATOMIC_RELAXED);
		if (key % 7 == 0)
			window_undo(map, &key, sizeof(key));
	}
}

static pid_t start_hammer(struct window_map *map, unsigned seed, int *n_kept)
{
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		alarm(60); /* should the test itself die */
		hammer_until_killed(map, seed, n_kept);
	}
	return child;
}

/* Two others hammer on while one after another is killed wherever it is. */
static void test_killed_processes_block_nobody(void **state)
{
	struct window_map *map = fresh(40);
	pid_t other[2];
	int *n_kept = mmap(
		NULL, sizeof(*n_kept), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	(void)state;
	srandom(7);
	for (unsigned i = 0; i < ARRAY_LEN(other); i++)
		other[i] = start_hammer(map, 1000 + i, n_kept);
	for (unsigned i = 0; i < KILLS; i++) {
		pid_t child = start_hammer(map, i, n_kept);
		clock_sleep_us(500 + random() % 4000);
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, NULL, 0), child);
		alarm(20);
		hit(map, "mine", 5, 1, clock_now_us());
		assert_true(window_health(map).sound);
		alarm(0);
	}
	for (size_t i = 0; i < ARRAY_LEN(other); i++) {
		assert_int_equal(waitpid(other[i], NULL, WNOHANG), 0); /* still at it */
		kill(other[i], SIGKILL);
		waitpid(other[i], NULL, 0);
	}
	assert_true(window_health(map).sound);
	print_message("  %d kills, %d of them inside\n", KILLS, (int)window_health(map).repairs);
	assert_true(window_health(map).repairs > 0);
	/* A killed process may have been admitted without noting it, no more. */
	assert_false(hit(map, "kept", 1000, 86400, NOON_US).admitted);
	assert_in_range(*n_kept, 1000 - KILLS - ARRAY_LEN(other), 1000);
	munmap(n_kept, sizeof(*n_kept));
	window_close(map);
}

/* Not a check: what a hit costs here. */
static void test_speed(void **state)
{
	enum { ROUNDS = 200000, KEYS = 5000 };
	struct window_map *map = fresh(2 * KEYS);
	static const struct {
		const char *name;
		i64 count, step_us;
	} cases[] = {{"refused", 5, 0}, {"admitted", 1000, 1000}, {"admitted, expiring", 5, 5000}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		i64 start_us = clock_mono_us();
		for (unsigned j = 0; j < ROUNDS; j++) {
			char key[20] = "auth\0";
			unsigned number = j % KEYS * 2654435761U;
			memcpy(key + 5, &number, sizeof(number));
			window_hit(map, key, 9, cases[i].count, 60,
				NOON_US + S_TO_US(100 * (i64)i) + j * cases[i].step_us);
		}
		print_message("  %s: %d ns\n", cases[i].name,
			(int)((clock_mono_us() - start_us) * 1000 / ROUNDS));
	}
	window_close(map);
}

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/test_window.XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(file, sizeof(file), "%s/windows", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(file);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_model),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_clock_steps),
		cmocka_unit_test(test_oldest_gives_way),
		cmocka_unit_test(test_room_for_all),
		cmocka_unit_test(test_undo),
		cmocka_unit_test(test_reopened),
		cmocka_unit_test(test_other_content),
		cmocka_unit_test(test_lock_left_by_power_loss),
		cmocka_unit_test(test_processes_share_a_key),
		cmocka_unit_test(test_threads_share_a_key),
		cmocka_unit_test(test_killed_processes_block_nobody),
		cmocka_unit_test(test_speed),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
