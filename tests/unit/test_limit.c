/* The limit stage: which limits the worker counts, under which keys, and what a dry run lets pass.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi/core/clock.h"
#include "fcgi/limit/limit.h"
#include "fcgi/limit/window.h"
#include "req_world.h"

#include <cmocka.h>

/* Both stages, as serve.c runs them. */
static int limit_check(struct req *r)
{
	int rc = limit_check_address(r);

	return rc != 0 ? rc : limit_check_caller(r);
}

static struct world world;
static char folder[64], file[96];

static struct req *request(const char *address, u64 user_id, enum limit_id limit)
{
	static struct route route;
	struct req *r = world_request(&world, "GET", "/");

	route.limit = limit;
	r->route = &route;
	r->remote_addr = address;
	r->caller.user_id = user_id;
	return r;
}

static int windows_open(void **state)
{
	(void)state;
	unlink(file);
	world.worker.windows = window_open(file, 100);
	world.worker.limits_dry_run = false;
	return world.worker.windows == NULL ? -1 : 0;
}

static int windows_close(void **state)
{
	(void)state;
	window_close(world.worker.windows);
	return 0;
}

/* How many of n requests of `limit` pass. */
static int passed(const char *address, u64 user_id, enum limit_id limit, int n)
{
	int n_passed = 0;

	for (int i = 0; i < n; i++)
		n_passed += limit_check(request(address, user_id, limit)) == 0 ? 1 : 0;
	return n_passed;
}

static void test_who_is_counted(void **state)
{
	static const struct {
		const char *name;
		enum limit_id limit;
		int n, n_passed;
	} cases[] = {
		{"no limit", LIMIT_NONE, 1000, 1000},
		{"nginx counts it", LIMIT_GENERAL, 1000, 1000},
		{"both count it", LIMIT_AUTH, 8, 5},
		{"by account", LIMIT_BILLING, 15, 10},
		{"a bucket by account", LIMIT_EXPORT, 9, 6},
		{"by e-mail: the handler counts", LIMIT_CODE_EMAIL, 50, 50},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		print_message("  %s\n", cases[i].name);
		assert_int_equal(
			passed("192.0.2.1", 1, cases[i].limit, cases[i].n), cases[i].n_passed);
	}
}

static void test_keys_are_apart(void **state)
{
	(void)state;
	assert_int_equal(passed("192.0.2.1", 1, LIMIT_AUTH, 6), 5);
	assert_int_equal(passed("192.0.2.2", 1, LIMIT_AUTH, 6), 5);
	assert_int_equal(passed("::ffff:192.0.2.2", 1, LIMIT_AUTH, 6), 0);
	assert_int_equal(passed("2001:db8::1", 1, LIMIT_AUTH, 6), 5);
	assert_int_equal(passed("2001:db8:0:ff::1", 1, LIMIT_AUTH, 6), 0);
	assert_int_equal(passed("2001:db8:0:100::1", 1, LIMIT_AUTH, 6), 5);
	assert_int_equal(passed("192.0.2.1", 1, LIMIT_BILLING, 11), 10);
	assert_int_equal(passed("192.0.2.1", 2, LIMIT_BILLING, 11), 10);
	assert_int_equal(passed("192.0.2.1", 2, LIMIT_DISCORD, 11), 11);
}

static void test_refusal(void **state)
{
	struct req *r;

	(void)state;
	for (int i = 0; i < 5; i++) {
		r = request("192.0.2.1", 0, LIMIT_AUTH);
		r->now_us += S_TO_US(i);
		assert_int_equal(limit_check(r), 0);
	}
	r = request("192.0.2.1", 0, LIMIT_AUTH);
	r->now_us += S_TO_US(30);
	assert_int_equal(limit_check(r), E_RATE_LIMITED);
	assert_int_equal(world.fail.code, E_RATE_LIMITED);
	assert_in_range(world.fail.retry_after_s, 30, 31); /* the first hit leaves at 60 s */
	i64 retry_after_s = world.fail.retry_after_s;
	r = request("192.0.2.1", 0, LIMIT_AUTH);
	r->now_us += S_TO_US(30 + retry_after_s);
	assert_int_equal(limit_check(r), 0);
}

static void test_dry_run(void **state)
{
	(void)state;
	world.worker.limits_dry_run = true;
	assert_int_equal(passed("192.0.2.1", 1, LIMIT_AUTH, 20), 20);
	world.worker.limits_dry_run = false;
	assert_int_equal(passed("192.0.2.1", 1, LIMIT_AUTH, 20), 0);
	/* What nginx would have refused is only noted. */
	struct req *r = request("192.0.2.9", 1, LIMIT_GENERAL);
	r->limit_status = "REJECTED_DRY_RUN";
	assert_int_equal(limit_check(r), 0);
}

static void test_inside_handlers(void **state)
{
	static char long_key[500];

	(void)state;
	for (int i = 0; i < 7; i++)
		assert_int_equal(limit_hit(request(NULL, 0, LIMIT_NONE), LIMIT_CODE_EMAIL,
					 "ada@example.com"),
			i < 5 ? 0 : E_RATE_LIMITED);
	assert_int_equal(
		limit_hit(request(NULL, 0, LIMIT_NONE), LIMIT_CODE_EMAIL, "eve@example.com"), 0);
	for (int i = 0; i < 12; i++)
		assert_int_equal(
			limit_hit_address(request("192.0.2.7", 0, LIMIT_NONE), LIMIT_CODE_IP),
			i < 10 ? 0 : E_RATE_LIMITED);
	/* One limit's hits are not another's, even under the same key. */
	assert_int_equal(limit_hit_address(request("192.0.2.7", 0, LIMIT_NONE), LIMIT_AUTH), 0);
	memset(long_key, 'k', sizeof(long_key) - 1);
	for (int i = 0; i < 6; i++)
		assert_int_equal(
			limit_hit(request(NULL, 0, LIMIT_NONE), LIMIT_CODE_EMAIL, long_key),
			i < 5 ? 0 : E_RATE_LIMITED);
}

/* A hit that another limit made pointless does not count. */
static void test_taken_back(void **state)
{
	struct req *r;

	(void)state;
	for (int i = 0; i < 30; i++) {
		r = request("192.0.2.7", 0, LIMIT_NONE);
		assert_int_equal(limit_hit_address(r, LIMIT_CODE_IP), 0);
		limit_undo_address(r, LIMIT_CODE_IP);
	}
	for (int i = 0; i < 11; i++) {
		r = request("192.0.2.7", 0, LIMIT_NONE);
		assert_int_equal(limit_hit_address(r, LIMIT_CODE_IP), i < 10 ? 0 : E_RATE_LIMITED);
	}
	limit_undo_address(request(NULL, 0, LIMIT_NONE), LIMIT_CODE_IP); /* nobody's */
}

/* A bucket gives its tokens back one by one: the time to the next is told. */
static void test_bucket(void **state)
{
	struct req *r = NULL;
	i64 start_us = request("192.0.2.7", 0, LIMIT_SENSITIVE)->now_us;

	(void)state;
	for (int i = 0; i < 7; i++) {
		r = request("192.0.2.7", 0, LIMIT_SENSITIVE);
		r->now_us = start_us;
		assert_int_equal(limit_check(r), i < 5 ? 0 : E_RATE_LIMITED);
	}
	assert_int_equal(world.fail.retry_after_s, 720);
	r = request("192.0.2.7", 0, LIMIT_SENSITIVE);
	r->now_us = start_us + S_TO_US(720);
	assert_int_equal(limit_check(r), 0);
	limit_undo_address(r, LIMIT_SENSITIVE);
	for (int i = 0; i < 2; i++) {
		r = request("192.0.2.7", 0, LIMIT_SENSITIVE);
		r->now_us = start_us + S_TO_US(720);
		assert_int_equal(limit_check(r), i < 1 ? 0 : E_RATE_LIMITED);
	}
	world.worker.limits_dry_run = true;
	assert_int_equal(passed("192.0.2.7", 0, LIMIT_SENSITIVE, 3), 3);
}

/* A family's limit counts every request with a limit, before the route's; what the narrower one
 * leaves is told. */
static void test_of_a_family(void **state)
{
	static const struct family family = {.limit = LIMIT_GATEWAY};
	struct req *r = NULL;

	(void)state;
	for (int i = 0; i < 200 - 10; i++) {
		r = request("192.0.2.1", 0, LIMIT_GATEWAY);
		r->family = &family;
		assert_int_equal(limit_check(r), 0);
	}
	assert_int_equal(r->rate.remaining, 10);
	for (int i = 0; i < 10; i++) {
		r = request("192.0.2.1", 0, LIMIT_FEEDBACK);
		r->family = &family;
		assert_int_equal(limit_check(r), 0);
		assert_string_equal(r->rate.row->name, "feedback");
		assert_int_equal(r->rate.remaining, 9 - i);
		assert_int_equal(r->rate.reset_s, 60);
	}
	r = request("192.0.2.1", 0, LIMIT_AI);
	r->family = &family;
	assert_int_equal(limit_check(r), E_RATE_LIMITED);
	assert_string_equal(r->rate.row->name, "gateway");
	assert_int_equal(r->rate.remaining, 0);
	assert_int_equal(world.fail.retry_after_s, 60);
	r = request("192.0.2.1", 0, LIMIT_NONE); /* exempt */
	r->family = &family;
	assert_int_equal(limit_check(r), 0);
	assert_null(r->rate.row);
	r = request("192.0.2.2", 0, LIMIT_AI); /* what was refused did not count there */
	r->family = &family;
	assert_int_equal(limit_check(r), 0);
	assert_int_equal(r->rate.remaining, 29);
}

static void test_without_an_address(void **state)
{
	static const char *const addresses[] = {NULL, "", "unix:", "192.0.2", "localhost"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
		print_message("  '%s'\n", addresses[i] != NULL ? addresses[i] : "none");
		assert_int_equal(limit_check(request(addresses[i], 1, LIMIT_AUTH)), E_INTERNAL);
		assert_int_equal(limit_check(request(addresses[i], 1, LIMIT_DISCORD)), 0);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, windows_open, windows_close)
	const struct CMUnitTest tests[] = {
		TEST(who_is_counted),
		TEST(keys_are_apart),
		TEST(refusal),
		TEST(dry_run),
		TEST(inside_handlers),
		TEST(taken_back),
		TEST(bucket),
		TEST(of_a_family),
		TEST(without_an_address),
	};

	snprintf(folder, sizeof(folder), "/tmp/test_limit.XXXXXX");
	if (mkdtemp(folder) == NULL)
		return 1;
	snprintf(file, sizeof(file), "%s/windows", folder);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(file);
	rmdir(folder);
	world_close(&world);
	return failed;
}
