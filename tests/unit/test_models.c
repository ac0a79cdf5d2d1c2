/* A catalog as a snapshot: routes in order, prices of routes, ranks, keys from their files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "domain/models_build.h"
#include "fcgi/core/str.h"

#include <cmocka.h>

static struct arena arena = {.ceiling_bytes = 4 * 1024 * 1024};
static char folder[] = "/tmp/turnpike-models-XXXXXX", key_path[64];

static struct catalog_file_plan plans[] = {
	{.id = "free", .name = "Free", .interval = "month", .rank = 0},
	{.id = "pro",
		.name = "Pro",
		.interval = "month",
		.rank = 1,
		.price_cents = 2000,
		.allowance_cents = 1500},
	{.id = "lifetime", .name = "Lifetime", .interval = "once", .rank = 2},
	{.id = "team", .name = "Team", .interval = "month", .rank = 3},
};
/* Not by rank in the file. */
static struct catalog_file_tier tiers[] = {
	{.id = "team", .plan = "team", .description = "t"},
	{.id = "free", .plan = "free", .description = "f"},
	{.id = "pro", .plan = "pro", .description = "p", .yearly_price_cents = {true, 20000}},
};
static struct catalog_file_key keys[] = {
	{.label = "a", .secret_file = key_path, .weight = {true, 3}},
	{.label = "b",
		.secret_file = "/nonexistent/key",
		.weight = {true, 1},
		.max_concurrent = {true, 7}},
};
static struct catalog_file_provider providers[] = {
	{.id = "one",
		.name = "One",
		.dialect = "anthropic",
		.auth = "x-api-key",
		.base_url = "https://one.example",
		.keys = keys,
		.n_keys = 2},
	{.id = "two",
		.name = "Two",
		.dialect = "fim_llamacpp",
		.auth = "none",
		.base_url = "http://127.0.0.1:1"},
};
#define P(i, o)                                                                           \
	{                                                                                 \
		{true, (i)}, {true, (i) / 10}, {true, (i)*2}, {true, (i)*3}, {true, (o)}, \
			{true, (o)},                                                      \
		{                                                                         \
			true, 1000000                                                     \
		}                                                                         \
	}
static struct catalog_file_route routes[] = {
	{.provider = "two", .upstream_model = "late", .position = {true, 5}, .weight = {true, 1}},
	{.provider = "one",
		.upstream_model = "first",
		.position = {true, 0},
		.weight = {true, 9},
		.key = "b",
		.price = {.output = {true, 900}, .multiplier = {true, 2000000}}},
	{.provider = "two",
		.upstream_model = "beside",
		.position = {true, 0},
		.weight = {true, 1},
		.price = {.input = {true, 999}}},
};
static const char *const capabilities[] = {"vision", "chat"}, *const aliases[] = {"a/b:c"};
static struct catalog_file_model models[] = {
	{.id = "m",
		.name = "M",
		.owned_by = "o",
		.tier = "flagship",
		.requires_tier = "pro",
		.sampling = "pass",
		.capabilities = capabilities,
		.n_capabilities = 2,
		.aliases = aliases,
		.n_aliases = 1,
		.price = P(100, 500),
		.routes = routes,
		.n_routes = 3,
		.enabled = {true, true},
		.prefill = {true, false}},
	{.id = "n",
		.name = "N",
		.owned_by = "o",
		.tier = "efficient",
		.sampling = "drop",
		.price = P(1, 2),
		.enabled = {true, false},
		.prefill = {true, true}},
};
static const struct catalog_file file = {.plans = plans,
	.tiers = tiers,
	.providers = providers,
	.models = models,
	.n_plans = ARRAY_LEN(plans),
	.n_tiers = ARRAY_LEN(tiers),
	.n_providers = ARRAY_LEN(providers),
	.n_models = ARRAY_LEN(models)};

static void write_key(const char *text)
{
	FILE *f = fopen(key_path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static const struct models_parts *build(void)
{
	struct models_parts *parts = arena_new(&arena, struct models_parts);

	models_build(&arena, &file, parts);
	return parts;
}

static void test_routes(void **state)
{
	(void)state;
	const struct model *m = &build()->models.model[0];
	static const char *const order[] = {"first", "beside", "late"};
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(m->route[i].upstream_model, order[i]);
	assert_string_equal(m->route[0].provider->id, "one");
	assert_string_equal(m->route[0].key->label, "b");
	assert_null(m->route[1].key);
	assert_int_equal(m->route[0].weight, 9);
	assert_int_equal(m->capabilities, MODEL_CHAT | MODEL_VISION);
	assert_int_equal(m->tier, MODEL_FLAGSHIP);
	assert_true(m->passes_sampling && m->is_enabled && m->no_prefill);
	assert_int_equal(m->route[0].provider->dialect, PROVIDER_ANTHROPIC);
	assert_int_equal(m->route[1].provider->dialect, PROVIDER_FIM_LLAMACPP);
	assert_int_equal(m->route[1].provider->auth, PROVIDER_NO_AUTH);
	assert_true(m->route[0].identity != m->route[1].identity);
	arena_reset(&arena);
}

static void test_prices(void **state)
{
	(void)state;
	const struct model *m = &build()->models.model[0];
	const struct model_price *own = &m->price, *first = &m->route[0].price,
				 *beside = &m->route[1].price, *limit = &m->price_limit;
	assert_int_equal(own->input, 100);
	assert_int_equal(own->cached_input, 10);
	assert_int_equal(own->cache_write, 200);
	assert_int_equal(own->cache_write_1h, 300);
	assert_int_equal(own->output, 500);
	assert_int_equal(first->output, 900);
	assert_int_equal(first->input, 100);
	assert_int_equal(first->reasoning, 500);
	assert_int_equal(first->multiplier, 2000000);
	assert_int_equal(beside->input, 999);
	assert_int_equal(beside->cached_input, 10);
	assert_int_equal(limit->input, 999);
	assert_int_equal(limit->output, 900);
	assert_int_equal(limit->cache_write_1h, 300);
	assert_int_equal(limit->multiplier, 2000000);
	const struct model *n = &build()->models.model[1]; /* without a route: its own */
	assert_int_equal(n->price_limit.output, 2);
	arena_reset(&arena);
}

static void test_plans(void **state)
{
	(void)state;
	const struct models_parts *parts = build();
	const struct models *m = &parts->models;
	assert_int_equal(m->n_plans, 3);
	assert_string_equal(m->plan[0].tier, "free");
	assert_string_equal(m->plan[1].tier, "pro");
	assert_string_equal(m->plan[2].tier, "team");
	assert_int_equal(m->plan[1].credits_per_month, 15000);
	assert_int_equal(m->plan[1].monthly_price_cents, 2000);
	assert_int_equal(m->plan[1].yearly_price_cents.value, 20000);
	assert_string_equal(models_plan_of(m, 0)->tier, "free");
	assert_string_equal(models_plan_of(m, 1)->tier, "pro");
	assert_string_equal(
		models_plan_of(m, 2)->tier, "pro"); /* lifetime has no tier of its own */
	assert_string_equal(models_plan_of(m, 99)->tier, "team");
	assert_null(models_plan_of(m, -1));
	assert_int_equal(m->model[0].min_rank, 1);
	assert_false(model_entitled(&m->model[0], 0));
	assert_true(model_entitled(&m->model[0], 1));
	assert_int_equal(m->model[1].min_rank, 0);
	assert_int_equal(parts->n_ranks, 4);
	arena_reset(&arena);
}

static const struct {
	const char *name, *content, *secret; /* secret NULL: refused */
} secrets[] = {
	{"plain", "sk-123", "sk-123"},
	{"a newline at its end", "sk-123\r\n \n", "sk-123"},
	{"empty", "", NULL},
	{"only white space", " \n", NULL},
	{"two lines", "sk-1\nsk-2\n", NULL},
	{"a blank", "sk 1", NULL},
	{"a header", "sk\r\nX: y", NULL},
	{"not ASCII", "sk-é", NULL},
};

static void test_secrets(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
		print_message("  %s\n", secrets[i].name);
		write_key(secrets[i].content);
		const struct provider *p = &build()->models.provider[0];
		if (secrets[i].secret == NULL)
			assert_null(p->key[0].secret);
		else
			assert_string_equal(p->key[0].secret, secrets[i].secret);
		assert_null(p->key[1].secret);
		assert_int_equal(p->key[1].max_concurrent, 7);
		arena_reset(&arena);
	}
}

static void test_secret_too_long(void **state)
{
	char text[5000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	write_key(text);
	assert_null(build()->models.provider[0].key[0].secret);
	text[4096] = '\0';
	write_key(text);
	assert_string_equal(build()->models.provider[0].key[0].secret, text);
	arena_reset(&arena);
}

/* A key that comes, changes or goes is seen, without a new catalog; its identity stays. */
static void test_key_files(void **state)
{
	(void)state;
	write_key("sk-1");
	const struct models_parts *parts = build();
	u64 identity = parts->models.provider[0].key[0].identity;
	assert_true(identity != parts->models.provider[0].key[1].identity);
	assert_int_equal(parts->n_key_files, 2);
	assert_false(models_key_file_changed(&parts->key_file[0]));
	assert_false(models_key_file_changed(&parts->key_file[1]));
	write_key("sk-12");
	assert_true(models_key_file_changed(&parts->key_file[0]));
	parts = build();
	assert_false(models_key_file_changed(&parts->key_file[0]));
	assert_true(parts->models.provider[0].key[0].identity == identity);
	assert_int_equal(unlink(key_path), 0);
	assert_true(models_key_file_changed(&parts->key_file[0]));
	parts = build();
	assert_null(parts->models.provider[0].key[0].secret);
	write_key("sk-1");
	assert_true(models_key_file_changed(&parts->key_file[0]));
	arena_reset(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_prices),
		cmocka_unit_test(test_plans),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_secret_too_long),
		cmocka_unit_test(test_key_files),
	};

	if (mkdtemp(folder) == NULL)
		return 1;
	snprintf(key_path, sizeof(key_path), "%s/key", folder);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_free(&arena);
	unlink(key_path);
	rmdir(folder);
	return failed;
}
