/* The catalog in the database and in memory: a file comes back as it was stored, versions take
 * effect when their time comes, and a reader keeps the version that it took while others replace
 * it. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain/catalog.h"
#include "domain/models.h"
#include "fcgi/core/clock.h"
#include "fcgi/core/str.h"
#include "support.h"

#include <cmocka.h>

static struct support s;

#define PLAN(id, rank)                                                              \
	"{\"id\":\"" id                                                             \
	"\",\"name\":\"N\",\"price_cents\":0,\"interval\":\"month\",\"rank\":" rank \
	",\"features\":[\"a\",\"b \\\"c\\\"\"]}"
static const char head[] = "{\"plans\":[" PLAN("free", "0") "," PLAN("pro",
	"1") "],\"topups\":[{\"id\":\"t\","
	     "\"price_cents\":1,\"credits_cents\":2}],\"tiers\":[{\"id\":\"free\",\"plan\":"
	     "\"free\","
	     "\"description\":\"d\",\"credits_per_day\":5},{\"id\":\"pro\",\"plan\":\"pro\","
	     "\"description\":\"\",\"yearly_price_cents\":7,\"active\":false}],\"packs\":[{\"id\":"
	     "\"k\","
	     "\"name\":\"K\",\"credits\":10,\"price_cents\":1}],\"providers\":[{\"id\":\"z\","
	     "\"name\":\"Z\",\"dialect\":\"openai\",\"base_url\":\"https://z.example/"
	     "v1\",\"keys\":["
	     "{\"label\":\"b\",\"secret_file\":\"/nonexistent\",\"weight\":3},{\"label\":\"a\","
	     "\"secret_file\":\"/"
	     "nonexistent\",\"max_concurrent\":2}]},{\"id\":\"a\",\"name\":\"A\","
	     "\"dialect\":\"fim_llamacpp\",\"auth\":\"none\",\"base_url\":\"http://127.0.0.1:1\","
	     "\"path\":\"/x\",\"connect_ms\":500,\"stream_usage\":false}],\"models\":[";
static const char model[] =
	"{\"id\":\"%s\",\"name\":\"M %s\",\"owned_by\":\"o\",\"tier\":\"balanced\",\"aliases\":["
	"\"%s/2\",\"%s/1\"],\"capabilities\":[\"chat\",\"vision\"],\"context_window\":1000,"
	"\"max_output_tokens\":100,\"input_usd_per_mtok\":%d,\"output_usd_per_mtok\":15.25,"
	"\"cached_input_usd_per_mtok\":0,\"created_at\":1714000000,\"requires_tier\":\"pro\","
	"\"routes\":[{\"provider\":\"z\",\"key\":\"a\",\"upstream_model\":\"u\",\"weight\":2,"
	"\"multiplier\":1.5},{\"provider\":\"z\",\"upstream_model\":\"u2\",\"position\":0,"
	"\"requests_per_minute\":60}]}";
static const char tail[] =
	"%s{\"id\":\"tab\",\"name\":\"Tab\",\"owned_by\":\"o\",\"tier\":\"efficient\","
	"\"capabilities\":[\"fim\"],\"fim_template\":\"qwen\",\"context_window\":9,"
	"\"max_output_tokens\":9,\"input_usd_per_mtok\":1,\"output_usd_per_mtok\":1,"
	"\"created_at\":1,\"enabled\":false,\"prefill\":false,\"json_schema\":true}]}";

/* A catalog whose models are called m0, m1, ... and cost `price` dollars. */
static const char *catalog_text(int n_models, int price)
{
	struct buf b;

	buf_init(&b, &s.arena, 4096);
	buf_str(&b, head);
	for (int i = 0; i < n_models; i++) {
		const char *id = arena_printf(&s.arena, "m%d", i);
		if (i > 0)
			buf_char(&b, ',');
		buf_printf(&b, model, id, id, id, id, price);
	}
	buf_printf(&b, tail, n_models > 0 ? "," : "");
	return b.data;
}

static void parse(const char *text, struct catalog_file *ret)
{
	struct catalog_faults faults;

	if (!catalog_parse(&s.arena, &s.options, text, strlen(text), ret, &faults))
		fail_msg("%s: %s", faults.fault[0].path, faults.fault[0].text);
}

static struct catalog_stored store(const struct catalog_file *file, i64 now_us)
{
	struct catalog_stored stored;

	support_expect(&s, catalog_store(&s.db, file, now_us, &stored), 0, NULL);
	return stored;
}

static void load(int n_models, int price)
{
	struct catalog_file file;

	parse(catalog_text(n_models, price), &file);
	store(&file, clock_now_us());
	models_refresh(&s.db, NULL);
}

static void test_comes_back_as_it_was(void **state)
{
	struct catalog_file file, fetched;
	struct buf diff;

	(void)state;
	for (int n = 0; n < 4; n++) {
		parse(catalog_text(n, n), &file);
		struct catalog_stored stored = store(&file, clock_now_us());
		assert_true(stored.is_new);
		support_expect(&s, catalog_fetch(&s.db, stored.catalog_id, &fetched), 0, NULL);
		buf_init(&diff, &s.arena, 200);
		size_t n_differences = catalog_diff(&s.arena, &file, &fetched, &diff);
		print_message("%s", diff.data);
		assert_int_equal(n_differences, 0);
		assert_int_equal(fetched.n_models, n + 1);
		assert_false(store(&file, clock_now_us()).is_new);
	}
}

static void test_finding(void **state)
{
	(void)state;
	load(3, 2);
	const struct models *m = models_get();
	assert_int_equal(m->n_models, 4);
	const struct model *found = models_find(m, "m1");
	assert_string_equal(found->id, "m1");
	assert_ptr_equal(models_find(m, "m1/2"), found);
	assert_ptr_equal(models_find(m, "m1/1"), found);
	assert_string_equal(found->alias[0], "m1/2");
	assert_string_equal(found->requires_tier, "pro");
	assert_int_equal(found->min_rank, 1);
	assert_int_equal(found->price.input, 2000000);
	assert_int_equal(found->price.cached_input, 0);
	assert_int_equal(found->price.output, 15250000);
	assert_int_equal(found->n_routes, 2);
	assert_string_equal(found->route[0].key->label, "a");
	assert_int_equal(found->route[0].price.multiplier, 1500000);
	assert_int_equal(found->route[1].requests_per_minute, 60);
	assert_null(models_find(m, "m3"));
	assert_null(models_find(m, ""));
	assert_null(models_find(m, "tab")); /* not enabled */
	assert_string_equal(m->model[3].fim_template, "qwen");
	assert_int_equal(models_rank(m, "pro"), 1);
	assert_int_equal(models_rank(m, "free"), 0);
	assert_int_equal(models_rank(m, "nope"), 0);
	models_put(m);
}

static void test_takes_effect_in_time(void **state)
{
	struct catalog_file file;

	(void)state;
	load(1, 1);
	parse(catalog_text(2, 1), &file);
	i64 now_s = clock_now_us() / US_PER_S;
	catalog_set_effective(&file, now_s + 2);
	struct catalog_stored stored = store(&file, clock_now_us());
	assert_true(stored.is_new && stored.current_id != stored.catalog_id);
	do {
		models_refresh(&s.db, NULL);
		const struct models *m = models_get();
		bool is_new = m->version == stored.catalog_id;
		assert_int_equal(is_new ? 3 : 2, m->n_models);
		assert_false(is_new && clock_now_us() < S_TO_US(now_s + 2));
		models_put(m);
		if (is_new)
			return;
		clock_sleep_us(20000);
	} while (clock_now_us() < S_TO_US(now_s + 10));
	fail_msg("it never took effect");
}

/* The database away: what is known stays. */
static void test_without_database(void **state)
{
	struct support away;

	(void)state;
	load(1, 3);
	const struct models *before = models_get();
	support_share(&away, &s);
	away.options.db_socket = "/nonexistent";
	away.db.pool = db_pool_new(&away.options, 1);
	models_refresh(&away.db, NULL);
	const struct models *after = models_get();
	assert_ptr_equal(before, after);
	models_put(before);
	models_put(after);
	db_pool_free(away.db.pool);
	away.db.pool = s.db.pool;
	support_unshare(&away);
}

static const void *encode(struct arena *arena, const struct models *models)
{
	return arena_printf(arena, "version %llu", (unsigned long long)models->version);
}

static atomic_bool stop;
static atomic_llong n_reads;

/* Takes a version, holds it for a while, and finds it unchanged. */
static void *reader(void *arg)
{
	char expected[40];

	(void)arg;
	while (!atomic_load(&stop)) {
		const struct models *m = models_get();
		const struct model *found = models_find(m, "m0/1");
		i64 price = found->price.input;
		snprintf(
			expected, sizeof(expected), "version %llu", (unsigned long long)m->version);
		for (int i = 0; i < 20; i++) {
			if (found->price.input != price || !str_equal(m->encoded, expected) ||
				models_find(m, "m0") != found)
				abort();
			sched_yield();
		}
		models_put(m);
		atomic_fetch_add(&n_reads, 1);
	}
	return NULL;
}

static void test_readers_keep_their_version(void **state)
{
	enum { READERS = 4, VERSIONS = 40 };
	pthread_t thread[READERS];
	struct catalog_file file;

	(void)state;
	parse(catalog_text(2, 1), &file);
	store(&file, clock_now_us());
	models_refresh(&s.db, encode);
	const struct models *first = models_get();
	/* It may have been built without encode() by a test before: then another version. */
	if (first->encoded == NULL) {
		models_put(first);
		parse(catalog_text(5, 77), &file);
		store(&file, clock_now_us());
		models_refresh(&s.db, encode);
		first = models_get();
	}
	i64 price = models_find(first, "m0")->price.input;
	for (int i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, reader, NULL), 0);
	for (int i = 0; i < VERSIONS; i++) {
		long long before = atomic_load(&n_reads);
		parse(catalog_text(1 + i % 3, 2 + i), &file);
		store(&file, clock_now_us());
		models_refresh(&s.db, encode);
		while (atomic_load(&n_reads) < before + READERS)
			sched_yield();
	}
	atomic_store(&stop, true);
	for (int i = 0; i < READERS; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(models_find(first, "m0")->price.input, price);
	const struct models *last = models_get();
	assert_int_equal(models_find(last, "m0")->price.input, (2 + VERSIONS - 1) * 1000000);
	assert_true(last->version > first->version);
	models_put(last);
	models_put(first);
}

static int open_world(void **state)
{
	(void)state;
	support_connect(&s, 4);
	return 0;
}

static int close_world(void **state)
{
	(void)state;
	support_close(&s);
	return 0;
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)
	const struct CMUnitTest tests[] = {
		IN_WORLD(test_comes_back_as_it_was),
		IN_WORLD(test_finding),
		IN_WORLD(test_takes_effect_in_time),
		IN_WORLD(test_without_database),
		IN_WORLD(test_readers_keep_their_version),
	};

	if (!support_database_of(PRODUCT_MIGRATIONS))
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
