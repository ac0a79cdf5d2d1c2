/* The circuit breaker: a script of calls per case, with the time given by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "fcgi/core/clock.h"
#include "fcgi/net/breaker.h"

#include <cmocka.h>

/* A script, one letter a step:
 *   f k u   a call that fails, goes well, says nothing
 *   !       the next call opens the breaker
 *   x       a call that is refused
 *   F K U   the same as f k u, but the call is the probe
 *   (       a probe starts and goes on; ) it ends well; ] it fails
 *   4 5     that many seconds pass */
static const struct {
	const char *name, *script;
} cases[] = {
	{"stays closed", "kkkkkkk"},
	{"four failures do not open it", "ffffkffffk"},
	{"five in a row open it", "ffff!fx4x"},
	{"a success in between starts anew", "ffffkffff!fx"},
	{"calls that say nothing do not count", "ffffuuuuu!fx"},
	{"probe after five seconds", "ffff!fx5Kkkk"},
	{"a failed probe opens it again", "ffff!fx5Fx4x5Fx5Kk"},
	{"after a good probe five are needed again", "ffff!f5Kffff!fx"},
	{"one probe at a time", "ffff!f5(xxx5x)kk"},
	{"a failing probe keeps others out", "ffff!f5(xx]xx4x5Kk"},
	{"a probe that says nothing lets the next one try", "ffff!f5UUUKk"},
};

static void step(struct breaker *b, char c, bool opens, i64 *now_us)
{
	static const char origin[] = "https://api.example:443";
	enum breaker_pass pass = BREAKER_PASSED, want = BREAKER_PASSED;
	enum breaker_outcome outcome = BREAKER_OK;

	if (c >= '0' && c <= '9') {
		*now_us += S_TO_US(c - '0');
		return;
	}
	if (strchr("FKU(", c) != NULL)
		want = BREAKER_PROBE;
	if (c == 'x')
		want = BREAKER_REFUSED;
	if (c == ')' || c == ']')
		pass = BREAKER_PROBE;
	else
		assert_int_equal(pass = breaker_enter(b, origin, *now_us), want);
	if (c == 'x' || c == '(')
		return;
	if (c == 'f' || c == 'F' || c == ']')
		outcome = BREAKER_FAILED;
	else if (c == 'u' || c == 'U')
		outcome = BREAKER_UNKNOWN;
	assert_int_equal(breaker_leave(b, origin, pass, outcome, *now_us), opens);
}

static void test_scripts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct breaker b = BREAKER_INIT;
		i64 now_us = S_TO_US(1000);
		bool opens = false;
		print_message("  %s: %s\n", cases[i].name, cases[i].script);
		for (const char *p = cases[i].script; *p != '\0'; p++) {
			if (*p != '!')
				step(&b, *p, opens, &now_us);
			opens = *p == '!';
		}
	}
}

static void fail_times(struct breaker *b, const char *origin, int n, i64 now_us)
{
	for (int i = 0; i < n; i++)
		breaker_leave(b, origin, breaker_enter(b, origin, now_us), BREAKER_FAILED, now_us);
}

static void test_origins_are_apart(void **state)
{
	struct breaker b = BREAKER_INIT;

	(void)state;
	fail_times(&b, "https://a.example:443", 5, 0);
	assert_int_equal(breaker_enter(&b, "https://a.example:443", 1), BREAKER_REFUSED);
	assert_int_equal(breaker_enter(&b, "https://a.example:8443", 1), BREAKER_PASSED);
	assert_int_equal(breaker_enter(&b, "http://a.example:443", 1), BREAKER_PASSED);
}

static void test_late_results(void **state)
{
	static const char origin[] = "https://a.example:443";
	struct breaker b = BREAKER_INIT;

	(void)state;
	/* Calls that began before it opened and fail later do not put off the probe. */
	for (int i = 0; i < 8; i++)
		assert_int_equal(breaker_enter(&b, origin, 0), BREAKER_PASSED);
	for (int i = 0; i < 5; i++)
		breaker_leave(&b, origin, BREAKER_PASSED, BREAKER_FAILED, 0);
	assert_false(breaker_leave(&b, origin, BREAKER_PASSED, BREAKER_FAILED, S_TO_US(4)));
	assert_int_equal(breaker_enter(&b, origin, S_TO_US(5)), BREAKER_PROBE);
	assert_false(breaker_leave(&b, origin, BREAKER_PASSED, BREAKER_FAILED, S_TO_US(5)));
	assert_int_equal(breaker_enter(&b, origin, S_TO_US(5)), BREAKER_REFUSED);
	/* One that goes well closes it. */
	breaker_leave(&b, origin, BREAKER_PASSED, BREAKER_OK, S_TO_US(5));
	assert_int_equal(breaker_enter(&b, origin, S_TO_US(5)), BREAKER_PASSED);
}

static void test_full_table(void **state)
{
	struct breaker b = BREAKER_INIT;
	char origin[BREAKER_ORIGIN_BYTES];

	(void)state;
	for (int i = 0; i < 3 * BREAKER_SLOTS; i++) {
		snprintf(origin, sizeof(origin), "https://%d.example:443", i);
		fail_times(&b, origin, 5, i);
		assert_int_equal(breaker_enter(&b, origin, i), BREAKER_REFUSED);
	}
	/* The latest are remembered, the earliest forgotten. */
	for (int i = 2 * BREAKER_SLOTS; i < 3 * BREAKER_SLOTS; i++) {
		snprintf(origin, sizeof(origin), "https://%d.example:443", i);
		assert_int_equal(breaker_enter(&b, origin, 1000), BREAKER_REFUSED);
	}
	assert_int_equal(breaker_enter(&b, "https://0.example:443", 1000), BREAKER_PASSED);
}

static void *hammer(void *arg)
{
	char origin[BREAKER_ORIGIN_BYTES];

	for (int i = 0; i < 3000; i++) {
		snprintf(origin, sizeof(origin), "https://%d.example:443", i % 100);
		enum breaker_pass pass = breaker_enter(arg, origin, i);
		if (pass != BREAKER_REFUSED)
			breaker_leave(arg, origin, pass, (enum breaker_outcome)(i % 3), i);
	}
	return NULL;
}

static void test_threads(void **state)
{
	static struct breaker b = BREAKER_INIT;
	pthread_t thread[4];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(thread); i++)
		assert_int_equal(pthread_create(&thread[i], NULL, hammer, &b), 0);
	for (size_t i = 0; i < ARRAY_LEN(thread); i++)
		pthread_join(thread[i], NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scripts),
		cmocka_unit_test(test_origins_are_apart),
		cmocka_unit_test(test_late_results),
		cmocka_unit_test(test_full_table),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
