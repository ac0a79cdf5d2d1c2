/* Who is offered a build: the rollout's draw, the system's version, the names of platforms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "domain/release.h"

#include <cmocka.h>

static const char commit[] = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00";

static size_t networks_in(const char *of_commit, i64 percent)
{
	size_t n = 0;

	for (int a = 0; a < 100; a++)
		for (int b = 0; b < 100; b++) {
			char address[32];
			snprintf(address, sizeof(address), "198.%d.%d.7", a, b);
			n += release_in_rollout(address, of_commit, percent) ? 1 : 0;
		}
	return n;
}

static void test_share(void **state)
{
	static const i64 percents[] = {0, 1, 10, 25, 50, 90, 99, 100};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(percents); i++) {
		i64 n = (i64)networks_in(commit, percents[i]), expected = percents[i] * 100;
		print_message(
			"  %lld%%: %lld of 10000 networks\n", (long long)percents[i], (long long)n);
		if (percents[i] == 0 || percents[i] == 100)
			assert_int_equal(n, expected);
		assert_in_range(n, expected > 300 ? expected - 300 : 0, expected + 300);
	}
}

/* Once in, always in: a growing rollout takes nothing back. */
static void test_growing_is_monotonic(void **state)
{
	(void)state;
	for (int a = 0; a < 256; a++) {
		char address[32];
		bool was_in = false;
		snprintf(address, sizeof(address), "203.0.%d.1", a);
		for (i64 percent = 0; percent <= 100; percent++) {
			bool is_in = release_in_rollout(address, commit, percent);
			assert_true(is_in || !was_in);
			was_in = is_in;
		}
		assert_true(was_in);
	}
}

static void test_each_build_draws_anew(void **state)
{
	size_t n_both = 0;

	(void)state;
	for (int a = 0; a < 100; a++)
		for (int b = 0; b < 100; b++) {
			char address[32];
			snprintf(address, sizeof(address), "198.%d.%d.7", a, b);
			n_both += release_in_rollout(address, commit, 50) &&
						  release_in_rollout(address, "deadbeef", 50)
					  ? 1
					  : 0;
		}
	assert_in_range(n_both, 2300, 2700); /* a quarter: the draws are independent */
}

static void test_same_network(void **state)
{
	static const struct {
		const char *name, *a, *b;
		bool same;
	} cases[] = {
		{"one /24", "203.0.113.1", "203.0.113.254", true},
		{"the /24 beside it", "203.0.113.1", "203.0.114.1", false},
		{"IPv4 in IPv6", "203.0.113.1", "::ffff:203.0.113.9", true},
		{"one /56", "2001:db8:0:12::1", "2001:db8:0:12ff::2", false},
		{"same /56", "2001:db8:0:1200::1", "2001:db8:0:12ff::2", true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool all_same = true;
		print_message("  %s\n", cases[i].name);
		for (i64 percent = 0; percent < 100; percent++)
			all_same =
				all_same && release_in_rollout(cases[i].a, commit, percent) ==
						    release_in_rollout(cases[i].b, commit, percent);
		assert_int_equal(all_same, cases[i].same);
	}
}

static void test_unknown_addresses_wait(void **state)
{
	static const char *const addresses[] = {NULL, "", "unix:", "example.org", "1.2.3"};
	char long_commit[200];

	(void)state;
	memset(long_commit, 'a', sizeof(long_commit) - 1);
	long_commit[sizeof(long_commit) - 1] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
		assert_false(release_in_rollout(addresses[i], commit, 99));
		assert_true(release_in_rollout(addresses[i], commit, 100));
	}
	release_in_rollout("203.0.113.1", long_commit, 50); /* is within bounds */
	assert_false(release_in_rollout("203.0.113.1", "", 0));
}

static const struct {
	const char *user_agent, *min_os;
	bool too_old;
} systems[] = {
	{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) Electron/30", "10.0", false},
	{"Mozilla/5.0 (Windows NT 10.0; Win64; x64)", "10.0.0", false},
	{"Mozilla/5.0 (Windows NT 10.0; Win64; x64)", "10.0.19045", true},
	{"Mozilla/5.0 (Windows NT 10.0.22631)", "10.0.19045", false},
	{"Mozilla/5.0 (Windows NT 6.1)", "10.0", true},
	{"Mozilla/5.0 (Windows NT 6.1)", "6.1", false},
	{"Mozilla/5.0 (Windows NT 11)", "10.0.19045", false},
	{"IDE/1.0 CFNetwork/1410 Darwin/22.6.0", "22.1", false},
	{"IDE/1.0 CFNetwork/1410 Darwin/22.0.1", "22.1", true},
	{"Darwin/9.8", "22.1", true},
	{"Darwin/22.10", "22.9", false},
	{"Darwin/", "22.1", true},
	{"Darwin/22", "22", false},
	{"Darwin/99999999999999999999999.1", "22.1", false},
	{"Mozilla/5.0 (X11; Linux x86_64)", "22.1", false},
	{"", "22.1", false},
	{NULL, "22.1", false},
};

static void test_min_os(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(systems); i++) {
		print_message("  %s, at least %s\n",
			systems[i].user_agent != NULL ? systems[i].user_agent : "nothing",
			systems[i].min_os);
		assert_int_equal(release_os_too_old(systems[i].user_agent, systems[i].min_os),
			systems[i].too_old);
	}
}

static void test_names(void **state)
{
	static const char *const known[] = {"win32-x64", "win32-x64-user", "win32-x64-archive",
		"win32-arm64", "win32-arm64-user", "win32-arm64-archive", "darwin", "darwin-x64",
		"darwin-arm64", "darwin-universal", "linux-x64", "linux-arm64", "linux-armhf"};
	static const char *const unknown[] = {
		"", "win32", "WIN32-X64", "linux", "linux-x64 ", "freebsd", "darwin-x64-user"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		print_message("  %s\n", known[i]);
		assert_true(release_platform_known(known[i]));
	}
	for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
		print_message("  not '%s'\n", unknown[i]);
		assert_false(release_platform_known(unknown[i]));
	}
	assert_true(release_quality_known("stable"));
	assert_true(release_quality_known("insider"));
	assert_false(release_quality_known("Stable"));
	assert_false(release_quality_known("exploration"));
	assert_false(release_quality_known(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_share),
		cmocka_unit_test(test_growing_is_monotonic),
		cmocka_unit_test(test_each_build_draws_anew),
		cmocka_unit_test(test_same_network),
		cmocka_unit_test(test_unknown_addresses_wait),
		cmocka_unit_test(test_min_os),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
