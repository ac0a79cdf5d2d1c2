/* Which build is offered, from a table of builds in memory in the place of the database's rows:
 * platforms that stand in for others, pauses, rollouts, systems too old, and never back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "domain/release.h"
#include "gen/sql.h"

#include <cmocka.h>

static struct arena arena = {.ceiling_bytes = 1024 * 1024};
static struct fail failure = {.arena = &arena};
static struct db db = {.arena = &arena, .fail = &failure};

static unsigned char hash[32];

/* Newest first, as the statement orders them. */
static struct release_all_row rows[] = {
	{.platform = "linux-x64", .quality = "stable", .commit_id = "cccc03", .is_paused = true},
	{.platform = "linux-x64", .quality = "stable", .commit_id = "cccc02"},
	{.platform = "linux-x64", .quality = "stable", .commit_id = "cccc01"},
	{.platform = "linux-x64", .quality = "insider", .commit_id = "dddd01"},
	{.platform = "linux-arm64",
		.quality = "stable",
		.commit_id = "eeee02",
		.rollout_percent = -1},
	{.platform = "linux-arm64", .quality = "stable", .commit_id = "eeee01"},
	{.platform = "win32-x64", .quality = "stable", .commit_id = "ffff02", .min_os = "10.0"},
	{.platform = "win32-x64", .quality = "stable", .commit_id = "ffff01"},
	{.platform = "win32-x64-user", .quality = "insider", .commit_id = "abab01"},
	{.platform = "darwin-x64", .quality = "stable", .commit_id = "bbbb01"},
};
static u64 version = 1;
static bool is_away;

int sql_release_version(struct db *of, struct release_version_row *ret)
{
	(void)of;
	ret->version = version;
	return is_away ? E_UNAVAILABLE : 0;
}

int sql_release_all(struct db *of, struct release_all_row **ret_rows, size_t *ret_n)
{
	(void)of;
	*ret_rows = rows;
	*ret_n = ARRAY_LEN(rows);
	return 0;
}

/* What operators' commands use; not called here. */
int db_tx(struct db *of, int (*body)(struct db *db, void *arg), void *arg)
{
	(void)of, (void)body, (void)arg;
	return E_INTERNAL;
}

int sql_release_insert(struct db *of, const struct release_insert_in *in, u64 *ret_id)
{
	(void)of, (void)in, (void)ret_id;
	return E_INTERNAL;
}

int sql_release_pause(struct db *of, const struct release_pause_in *in, u64 *ret_affected)
{
	(void)of, (void)in, (void)ret_affected;
	return E_INTERNAL;
}

int sql_release_rollout(struct db *of, const struct release_rollout_in *in, u64 *ret_affected)
{
	(void)of, (void)in, (void)ret_affected;
	return E_INTERNAL;
}

int sql_release_changed(struct db *of, u64 *ret_affected)
{
	(void)of, (void)ret_affected;
	return E_INTERNAL;
}

static const struct {
	const char *name, *platform, *quality, *commit, *user_agent, *offered; /* NULL: nothing */
} cases[] = {
	{"the newest that is not paused", "linux-x64", "stable", "0000", NULL, "cccc02"},
	{"an older one gets it", "linux-x64", "stable", "cccc01", NULL, "cccc02"},
	{"has it", "linux-x64", "stable", "cccc02", NULL, NULL},
	{"has it, in capitals", "linux-x64", "stable", "CCCC02", NULL, NULL},
	{"has it, shortened", "linux-x64", "stable", "cccc", NULL, NULL},
	{"has one paused since: never back", "linux-x64", "stable", "cccc03", NULL, NULL},
	{"the other quality", "linux-x64", "insider", "cccc02", NULL, "dddd01"},
	{"not in the rollout: the one before", "linux-arm64", "stable", "0000", NULL, "eeee01"},
	{"in the rollout already", "linux-arm64", "stable", "eeee02", NULL, NULL},
	{"new enough", "win32-x64", "stable", "0000", "Windows NT 10.0", "ffff02"},
	{"too old: the one before", "win32-x64", "stable", "0000", "Windows NT 6.1", "ffff01"},
	{"another platform's builds", "win32-x64-user", "stable", "0000", NULL, "ffff02"},
	{"builds of its own", "win32-x64-user", "insider", "0000", NULL, "abab01"},
	{"has its own: not another's", "win32-x64-user", "insider", "abab01", NULL, NULL},
	{"darwin is darwin-x64", "darwin", "stable", "0000", NULL, "bbbb01"},
	{"universal is darwin-x64", "darwin-universal", "stable", "0000", NULL, "bbbb01"},
	{"arm64 is not", "darwin-arm64", "stable", "0000", NULL, NULL},
	{"nothing published", "linux-armhf", "stable", "0000", NULL, NULL},
	{"unknown", "beos", "stable", "0000", NULL, NULL},
};

static const struct release_build *offer(size_t i)
{
	const struct release_query query = {cases[i].platform, cases[i].quality, cases[i].commit,
		"192.0.2.1", cases[i].user_agent};

	return release_for(&arena, &query);
}

static void test_offers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct release_build *build = offer(i);
		print_message("  %s\n", cases[i].name);
		if (cases[i].offered == NULL) {
			assert_null(build);
		} else {
			assert_non_null(build);
			assert_string_equal(build->commit, cases[i].offered);
			assert_int_equal(strlen(build->sha256_hex), 64);
		}
		arena_reset(&arena);
	}
}

/* After the worker's tick. */
static const char *offered_after_a_look(size_t i)
{
	release_refresh(&db);
	const struct release_build *build = offer(i);
	return build != NULL ? build->commit : NULL;
}

static void test_changes(void **state)
{
	(void)state;
	rows[0].is_paused = false;
	assert_string_equal(offer(0)->commit, "cccc02");	/* from memory */
	assert_string_equal(offered_after_a_look(0), "cccc02"); /* the version is the same */
	version++;
	assert_string_equal(offer(0)->commit, "cccc02");
	assert_string_equal(offered_after_a_look(0), "cccc03");
	is_away = true;
	assert_null(offered_after_a_look(0)); /* better nothing than something that was paused */
	is_away = false;
	assert_string_equal(offered_after_a_look(0), "cccc03");
	assert_int_equal(failure.code, E_OK);
}

static int rows_complete(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		rows[i].name = rows[i].product_version = "1.0";
		rows[i].url = "https://dl.example/x";
		rows[i].sha256 = (struct sql_bytes){hash, sizeof(hash)};
		rows[i].rollout_percent = rows[i].rollout_percent == 0 ? 100 : 0;
	}
	assert_null(offer(0)); /* nothing was read yet */
	release_refresh(&db);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offers),
		cmocka_unit_test(test_changes),
	};
	int failed = cmocka_run_group_tests(tests, rows_complete, NULL);

	arena_free(&arena);
	return failed;
}
