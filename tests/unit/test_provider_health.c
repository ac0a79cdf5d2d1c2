/* What the last calls say of a provider: how many count, how long, and that all processes see them.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "domain/provider_health.h"
#include "fcgi/core/clock.h"

#include <cmocka.h>

static const i64 noon_us = 1000 * (i64)1000000000;

/* calls: g good, b bad, in their order, a second apart; the last one now. */
static void note(u64 provider, const char *calls, i64 now_us)
{
	size_t n = strlen(calls);

	for (size_t i = 0; i < n; i++)
		provider_health_note(provider, calls[i] == 'g', now_us - S_TO_US((i64)(n - 1 - i)));
}

static void test_states(void **state)
{
	static const struct {
		const char *calls;
		i64 after_s;
		size_t n_calls, n_failed;
		enum status_state expected;
	} cases[] = {
		{"", 0, 0, 0, STATUS_OK},
		{"g", 0, 1, 0, STATUS_OK},
		{"b", 0, 1, 1, STATUS_DOWN},
		{"gggggggggb", 0, 10, 1, STATUS_DEGRADED},
		{"ggggggggggb", 0, 11, 1, STATUS_OK},
		{"gb", 0, 2, 1, STATUS_DOWN},
		{"ggb", 0, 3, 1, STATUS_DEGRADED},
		/* The last 20 count: twenty good ones make up for any outage. */
		{"bbbbbbbbbbbbbbbbbbbbbbbbb", 0, 20, 20, STATUS_DOWN},
		{"bbbbbgggggggggggggggggggg", 0, 20, 0, STATUS_OK},
		{"bbbbbgggggggggggggggggggbg", 0, 20, 1, STATUS_OK},
		{"bbbggggggggggggggggggg", 0, 20, 1, STATUS_OK},
		/* And so do five minutes. */
		{"bbbb", 299, 2, 2, STATUS_DOWN},
		{"bbbb", 300, 1, 1, STATUS_DOWN},
		{"bbbb", 301, 0, 0, STATUS_OK},
		/* The host was started anew: the notes lie ahead. */
		{"bbbb", -3600, 0, 0, STATUS_OK},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		note(i + 1, cases[i].calls, noon_us);
		struct provider_health h =
			provider_health_of(i + 1, noon_us + S_TO_US(cases[i].after_s));
		if (h.n_calls != cases[i].n_calls || h.n_failed != cases[i].n_failed ||
			h.state != cases[i].expected)
			fail_msg("%s after %lld s: %zu of %zu failed, %s", cases[i].calls,
				(long long)cases[i].after_s, h.n_failed, h.n_calls,
				status_names[h.state]);
	}
}

static void test_all(void **state)
{
	static const struct {
		const char *calls[3];
		enum status_state expected;
	} cases[] = {
		{{"", "", ""}, STATUS_OK},
		{{"g", "g", ""}, STATUS_OK},
		{{"b", "", ""}, STATUS_DOWN}, /* whom nobody calls does not help */
		{{"b", "g", ""}, STATUS_DEGRADED},
		{{"b", "b", "b"}, STATUS_DOWN},
		{{"g", "ggb", "g"}, STATUS_DEGRADED},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct provider provider[3] = {{.id = "a"}, {.id = "b"}, {.id = "c"}};
		const struct models models = {.provider = provider, .n_providers = 3};
		for (size_t k = 0; k < 3; k++) {
			provider[k].identity = 1000 + 10 * i + k;
			note(provider[k].identity, cases[i].calls[k], noon_us);
		}
		if (provider_health_of_all(&models, noon_us) != cases[i].expected)
			fail_msg("case %zu", i);
	}
	assert_int_equal(provider_health_of_all(NULL, noon_us), STATUS_OK);
}

/* More of the same place than are looked for: those left over are not noted, and nobody's calls are
 * taken for another's. */
static void test_full(void **state)
{
	(void)state;
	for (u64 i = 0; i < 64; i++)
		note(77 + 1024 * 1024 * i, i % 2 == 0 ? "b" : "g", noon_us);
	for (u64 i = 0; i < 64; i++) {
		struct provider_health h = provider_health_of(77 + 1024 * 1024 * i, noon_us);
		assert_int_equal(h.n_failed, h.n_calls == 1 && i % 2 == 0);
	}
}

/* Processes that note at once, one of which is killed; a reader that comes later. */
static void test_shared(void **state)
{
	enum { PROCESSES = 4 };
	char dir[] = "/tmp/turnpike-health.XXXXXX", path[60];
	pid_t pid[PROCESSES];
	int status;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/providers", dir);
	for (u64 i = 0; i < PROCESSES; i++) {
		pid[i] = fork();
		if (pid[i] != 0)
			continue;
		if (!provider_health_share(dir))
			_exit(1);
		note(5001 + i, "gb", noon_us);
		for (size_t k = 0; k < 5; k++)
			provider_health_note(5000, i % 2 == 0, noon_us);
		kill(getpid(), SIGKILL);
	}
	for (size_t i = 0; i < PROCESSES; i++) {
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_true(WIFSIGNALED(status));
	}
	assert_true(provider_health_share(dir));
	struct provider_health h = provider_health_of(5000, noon_us);
	assert_int_equal(h.n_calls, 20);
	assert_int_equal(h.n_failed, 10);
	for (u64 i = 0; i < PROCESSES; i++)
		assert_int_equal(provider_health_of(5001 + i, noon_us).n_failed, 1);

	/* What is no file of ours is replaced. */
	assert_int_equal(truncate(path, 100), 0);
	assert_true(provider_health_share(dir));
	assert_int_equal(provider_health_of(5000, noon_us).n_calls, 0);
	unlink(path);
	rmdir(dir);
	assert_false(provider_health_share(dir));
	note(6000, "b", noon_us);
	assert_int_equal(provider_health_of(6000, noon_us).n_failed, 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
