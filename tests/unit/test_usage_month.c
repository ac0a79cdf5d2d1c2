/* Months that usage is asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "domain/usage.h"
#include "fcgi/core/clock.h"

#include <cmocka.h> /* after ours: its macro fail() would hide our function */

static void test_months(void **state)
{
	static const struct {
		const char *period, *now, *first, *last;
	} cases[] = {
		{NULL, "2026-08-02T12:00:00Z", "2026-08-01", "2026-08-31"},
		{"current", "2026-08-31T23:59:59Z", "2026-08-01", "2026-08-31"},
		{"current", "2026-02-01T00:00:00Z", "2026-02-01", "2026-02-28"},
		{"previous", "2026-03-31T12:00:00Z", "2026-02-01", "2026-02-28"},
		{"previous", "2024-03-01T00:00:00Z", "2024-02-01", "2024-02-29"},
		{"previous", "2026-01-15T00:00:00Z", "2025-12-01", "2025-12-31"},
		{"2025-12", "2026-08-02T12:00:00Z", "2025-12-01", "2025-12-31"},
		{"1970-01", "2026-08-02T12:00:00Z", "1970-01-01", "1970-01-31"},
		{"9999-12", "2026-08-02T12:00:00Z", "9999-12-01", "9999-12-31"},
	};
	static const char *const refused[] = {"", "Current", "next", "2026", "2026-1", "2026-00",
		"2026-13", "1969-12", "0000-01", "2026-01-01", "2026-01 ", " 2026-01", "26-01",
		"2026/01", "-026-01", "2026-+1", "99999-01"};
	struct usage_month month;
	struct arena arena;
	i64 now_us;

	(void)state;
	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		printf("%s at %s\n", cases[i].period, cases[i].now);
		assert_true(clock_from_iso8601(cases[i].now, &now_us));
		assert_true(usage_month(cases[i].period, now_us, &month));
		assert_string_equal(
			clock_date(&arena, usage_day_start_us(month.first_day)), cases[i].first);
		assert_string_equal(
			clock_date(&arena, usage_day_start_us(month.last_day)), cases[i].last);
	}
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		printf("\"%s\"\n", refused[i]);
		assert_false(usage_month(refused[i], now_us, &month));
	}
	arena_free(&arena);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(test_months)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
