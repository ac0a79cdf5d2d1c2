/* How moments are written, and that durations do not run backwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "fcgi/core/clock.h"

#include <cmocka.h>

static const struct {
	i64 at_us;
	const char *date, *iso8601;
} moments[] = {
	{0, "1970-01-01", "1970-01-01T00:00:00Z"},
	{999999, "1970-01-01", "1970-01-01T00:00:00Z"},
	{1000000, "1970-01-01", "1970-01-01T00:00:01Z"},
	{-1, "1969-12-31", "1969-12-31T23:59:59Z"},
	{S_TO_US(86400) - 1, "1970-01-01", "1970-01-01T23:59:59Z"},
	{S_TO_US(951782400), "2000-02-29", "2000-02-29T00:00:00Z"},
	{S_TO_US(1709164799), "2024-02-28", "2024-02-28T23:59:59Z"},
	{S_TO_US(2147483648), "2038-01-19", "2038-01-19T03:14:08Z"},
	{S_TO_US(4107542400), "2100-03-01", "2100-03-01T00:00:00Z"},
	{S_TO_US(253402300799), "9999-12-31", "9999-12-31T23:59:59Z"},
};

static void test_formats(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 64 * 1024);
	for (size_t i = 0; i < ARRAY_LEN(moments); i++) {
		print_message("  %s\n", moments[i].iso8601);
		assert_string_equal(clock_date(&a, moments[i].at_us), moments[i].date);
		assert_string_equal(clock_iso8601(&a, moments[i].at_us), moments[i].iso8601);
	}
	assert_string_equal(clock_http_date(&a, 784111777000000), "Sun, 06 Nov 1994 08:49:37 GMT");
	arena_free(&a);
}

static const struct {
	const char *text;
	bool is_fine;
	i64 at_us;
} texts[] = {
	{"1970-01-01T00:00:00Z", true, 0},
	{"2026-01-31T12:34:56Z", true, 1769862896000000},
	{"2026-01-31T12:34:56.5Z", true, 1769862896500000},
	{"2026-01-31T12:34:56.123456789Z", true, 1769862896123456},
	{"2026-01-31T13:34:56+01:00", true, 1769862896000000},
	{"2026-01-31T12:04:56.000-00:30", true, 1769862896000000},
	{"2024-02-29T00:00:00Z", true, 1709164800000000},
	{"1969-12-31T23:59:59.5Z", true, -500000},
	{"2025-02-29T00:00:00Z", false, 0},
	{"2026-13-01T00:00:00Z", false, 0},
	{"2026-00-01T00:00:00Z", false, 0},
	{"2026-01-00T00:00:00Z", false, 0},
	{"2026-01-01T24:00:00Z", false, 0},
	{"2026-01-01T00:60:00Z", false, 0},
	{"2026-01-01T00:00:60Z", false, 0},
	{"2026-01-01T00:00:00", false, 0},
	{"2026-01-01T00:00:00.Z", false, 0},
	{"2026-01-01T00:00:00Zx", false, 0},
	{"2026-01-01T00:00:00+1:00", false, 0},
	{"2026-01-01 00:00:00Z", false, 0},
	{"2026-1-1T00:00:00Z", false, 0},
	{"+026-01-01T00:00:00Z", false, 0},
	{"2026-01", false, 0},
	{"", false, 0},
};

static void test_times_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		i64 at_us = 0;
		print_message("  %s\n", texts[i].text);
		assert_int_equal(clock_from_iso8601(texts[i].text, &at_us), texts[i].is_fine);
		if (texts[i].is_fine)
			assert_int_equal(at_us, texts[i].at_us);
	}
}

static void test_clocks(void **state)
{
	i64 before_us = clock_mono_us();

	(void)state;
	clock_sleep_us(3 * US_PER_MS);
	i64 after_us = clock_mono_us();
	assert_true(after_us - before_us >= 3 * US_PER_MS);
	for (int i = 0; i < 1000; i++) {
		before_us = clock_mono_us();
		assert_true(before_us >= after_us);
		after_us = before_us;
	}
	assert_true(clock_now_us() > S_TO_US(1700000000)); /* microseconds, not milliseconds */
	assert_true(clock_now_us() < S_TO_US(253402300799));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_times_read),
		cmocka_unit_test(test_clocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
