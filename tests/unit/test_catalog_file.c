/* The catalog's file: what is taken for granted, what is refused and in which words, and what two
 * files are told apart by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain/catalog.h"
#include "fcgi/core/str.h"

#include <cmocka.h>

static struct arena arena = {.ceiling_bytes = 16 * 1024 * 1024};
static struct options options;

/* A file around what a case is about. */
#define FREE                                                                                   \
	"{\"id\":\"free\",\"name\":\"F\",\"price_cents\":0,\"interval\":\"month\",\"rank\":0," \
	"\"features\":[]}"
#define PRO                                                                                   \
	"{\"id\":\"pro\",\"name\":\"P\",\"price_cents\":9,\"interval\":\"month\",\"rank\":1," \
	"\"features\":[\"x\"]}"
#define YEAR                                                                                  \
	"{\"id\":\"year\",\"name\":\"Y\",\"price_cents\":9,\"interval\":\"year\",\"rank\":2," \
	"\"features\":[]}"
#define FILE_OF(more) "{\"plans\":[" FREE "," PRO "," YEAR "],\"topups\":[]" more "}"
#define TIERS(more) \
	FILE_OF(",\"tiers\":[{\"id\":\"free\",\"plan\":\"free\",\"description\":\"\"}" more "]")
#define TIER(id, plan) ",{\"id\":\"" id "\",\"plan\":\"" plan "\",\"description\":\"\"}"
#define KEY(label) "{\"label\":\"" label "\",\"secret_file\":\"/k\"}"
#define PROVIDER(id, dialect, more)                                \
	"{\"id\":\"" id "\",\"name\":\"N\",\"dialect\":\"" dialect \
	"\",\"base_url\":\"http://h/v1\",\"keys\":[" KEY("a") "]" more "}"
#define PROVIDERS(text) FILE_OF(",\"providers\":[" text "]")
#define ROUTE_TO(provider, more) "{\"provider\":\"" provider "\",\"upstream_model\":\"u\"" more "}"
#define MODEL_WITH(id, capability, routes, more)                                                   \
	"{\"id\":\"" id "\",\"name\":\"M\",\"owned_by\":\"o\",\"tier\":\"balanced\","              \
	"\"capabilities\":[\"" capability "\"],\"context_window\":1000,\"max_output_tokens\":100," \
	"\"input_usd_per_mtok\":3,\"output_usd_per_mtok\":15,\"created_at\":1,\"routes\":[" routes \
	"]" more "}"
#define MODEL(id, more) MODEL_WITH(id, "chat", ROUTE_TO("p", ""), more)
#define MODELS(text)                                                                     \
	FILE_OF(",\"tiers\":[{\"id\":\"free\",\"plan\":\"free\",\"description\":\"\"}]," \
		"\"providers\":[" PROVIDER("p", "openai", "") "," PROVIDER(              \
			"f", "fim_openai", "") "],\"models\":[" text "]")

static const struct {
	const char *name, *text, *faults; /* "path: words" of each, by lines */
} cases[] = {
	{"the least", FILE_OF(""), ""},
	{"tiers", TIERS(TIER("pro", "pro")), ""},
	{"a model", MODELS(MODEL("m", "")), ""},
	{"a model with all kinds of signs", MODELS(MODEL("Org/a.b-c_d:8b@2+x~", "")), ""},

	{"no JSON", "{", "file: is not valid JSON"},
	{"no object", "[]", "file: must be an object, {...}"},
	{"nothing in it", "{}", "plans: is missing\ntopups: is missing\n"},
	{"lists that are none", "{\"plans\":{},\"topups\":1}",
		"plans: must be a list, [...]\ntopups: must be a list, [...]\n"},
	{"empty list", "{\"plans\":[],\"topups\":[]}", "plans: must have at least 1 entries\n"},
	{"entries that are none", "{\"plans\":[1,\"x\"],\"topups\":[]}",
		"plans[0]: must be an object, {...}\nplans[1]: must be an object, {...}\n"},
	{"every rule of a plan",
		"{\"topups\":[],\"plans\":[{\"id\":\"\",\"name\":1,\"price_cents\":-1,"
		"\"interval\":\"week\",\"rank\":1.5,\"features\":[1],\"listed\":\"no\"}]}",
		"plans[0].id: must have at least 1 characters\n"
		"plans[0].name: must be text, \"...\"\n"
		"plans[0].listed: must be true or false\n"
		"plans[0].price_cents: must be at least 0\n"
		"plans[0].interval: must be one of month, year, once\n"
		"plans[0].rank: must be a whole number\n"
		"plans[0].features: must be a list of text\n"},
	{"unknown members, wherever they are",
		MODELS(MODEL_WITH(
			"m", "chat", ROUTE_TO("p", ",\"wieght\":1"), ",\"multiplyer\":2")),
		"models[0].routes[0].wieght: is not known; is 'weight' meant?\n"
		"models[0].multiplyer: is not known; is 'multiplier' meant?\n"},
	{"an unknown list", FILE_OF(",\"xyzzy\":[]"), "xyzzy: is not known\n"},

	{"ids twice", "{\"topups\":[],\"plans\":[" FREE "," FREE "]}",
		"plans[1].id: 'free' is there twice\n"},
	{"ids with other signs", PROVIDERS(PROVIDER("P!", "openai", "")),
		"providers[0].id: 'P!' may only have small letters, digits, '_' and '-'\n"},
	{"nobody is free", "{\"topups\":[],\"plans\":[" PRO "]}",
		"plans: must have a plan with the id 'free': people without a plan are on it\n"},
	{"top-up named as a plan",
		"{\"plans\":[" FREE
		"],\"topups\":[{\"id\":\"free\",\"price_cents\":1,\"credits_cents\":1}]}",
		"topups[0].id: 'free' is the id of a plan, too\n"},

	{"a tier of no plan", TIERS(TIER("x", "nope")), "tiers[1].plan: there is no plan 'nope'\n"},
	{"a tier of a yearly plan", TIERS(TIER("x", "year")),
		"tiers[1].plan: the plan 'year' is not a monthly one\n"},
	{"two tiers of one rank", TIERS(TIER("x", "free")),
		"tiers[1].plan: has the rank of the plan of tiers[0]\n"},
	{"no lowest tier",
		FILE_OF(",\"tiers\":[{\"id\":\"pro\",\"plan\":\"pro\",\"description\":\"\"}]"),
		"tiers: must have one whose plan has rank 0: people without a plan are in it\n"},

	{"an unknown dialect", PROVIDERS(PROVIDER("p", "grpc", "")),
		"providers[0].dialect: must be one of openai, anthropic, fim_openai, fim_mistral, "
		"fim_llamacpp\n"},
	{"keys and none", PROVIDERS(PROVIDER("p", "openai", ",\"auth\":\"none\"")),
		"providers[0].keys: auth is none, so there is nothing for a key\n"},
	{"a provider without a key",
		PROVIDERS("{\"id\":\"p\",\"name\":\"N\",\"dialect\":\"openai\",\"base_url\":\"http:"
			  "//h\"}"),
		"providers[0].keys: must have one, unless auth is none\n"},
	{"a key twice, and a file that is anywhere",
		PROVIDERS("{\"id\":\"p\",\"name\":\"N\",\"dialect\":\"openai\",\"base_url\":\"http:"
			  "//h\","
			  "\"keys\":[" KEY("a") ",{\"label\":\"a\",\"secret_file\":\"k.txt\"}]}"),
		"providers[0].keys[1].label: 'a' is there twice\n"
		"providers[0].keys[1].secret_file: must be the whole path of the file that holds "
		"the key, from '/' on\n"},
	{"a key in the catalog itself",
		PROVIDERS("{\"id\":\"p\",\"name\":\"N\",\"dialect\":\"openai\",\"base_url\":\"http:"
			  "//h\","
			  "\"keys\":[{\"label\":\"a\",\"secret\":\"sk-1\"}]}"),
		"providers[0].keys[0].secret_file: is missing\n"
		"providers[0].keys[0].secret: is not known\n"},

	{"a route to nowhere", MODELS(MODEL_WITH("m", "chat", ROUTE_TO("q", ""), "")),
		"models[0].routes[0].provider: there is no provider 'q'\n"},
	{"a key that the provider has not",
		MODELS(MODEL_WITH("m", "chat", ROUTE_TO("p", ",\"key\":\"b\""), "")),
		"models[0].routes[0].key: the provider 'p' has no key 'b'\n"},
	{"a chat over a dialect for filling in",
		MODELS(MODEL_WITH("m", "chat", ROUTE_TO("f", ""), "")),
		"models[0].routes[0].provider: 'f' speaks fim_openai, which is only for filling "
		"in\n"},
	{"filling in over a chat", MODELS(MODEL_WITH("m", "fim", ROUTE_TO("p", ""), "")), ""},
	{"no route", MODELS(MODEL_WITH("m", "chat", "", "")),
		"models[0].routes: must have one, unless enabled is false\n"},
	{"no route, and not enabled", MODELS(MODEL_WITH("m", "chat", "", ",\"enabled\":false")),
		""},
	{"no capability of its own", MODELS(MODEL_WITH("m", "tools", ROUTE_TO("p", ""), "")),
		"models[0].capabilities: must have either chat or fim\n"},
	{"an unknown capability", MODELS(MODEL_WITH("m", "chat\",\"flying", ROUTE_TO("p", ""), "")),
		"models[0].capabilities: 'flying' is none of chat, tools, vision, reasoning, fim, "
		"streaming\n"},
	{"reasoning without the capability", MODELS(MODEL("m", ",\"reasoning\":true")),
		"models[0].reasoning: is on, but the model has not the capability 'reasoning'\n"},
	{"a template for a chat", MODELS(MODEL("m", ",\"fim_template\":\"qwen\"")),
		"models[0].fim_template: is for models with the capability 'fim'\n"},
	{"more by default than at most", MODELS(MODEL("m", ",\"default_max_output\":101")),
		"models[0].default_max_output: is more than max_output_tokens\n"},
	{"a tier that there is not", MODELS(MODEL("m", ",\"requires_tier\":\"pro\"")),
		"models[0].requires_tier: there is no tier 'pro'\n"},
	{"prices out of bounds",
		MODELS(MODEL("m", ",\"cached_input_usd_per_mtok\":-1,\"multiplier\":0")),
		"models[0].cached_input_usd_per_mtok: is a number out of range\n"
		"models[0].multiplier: must be at least 1\n"},
	{"two models of one name", MODELS(MODEL("m", "") "," MODEL("n", ",\"aliases\":[\"m\"]")),
		"models[1].aliases[0]: 'm' is there twice, or names another model, too\n"},
	{"an alias as another's id", MODELS(MODEL("m", ",\"aliases\":[\"n\"]") "," MODEL("n", "")),
		"models[1].id: 'n' names another model, too\n"},
	{"reserved", MODELS(MODEL("tiers/x", "")),
		"models[0].id: 'tiers' is an address of its own\n"},
	{"every place is looked at",
		MODELS(MODEL("a b", "") "," MODEL("/a", "") "," MODEL("a//b", "") "," MODEL(
			"a/..", "") "," MODEL("a/", "")),
		"models[0].id: 'a b' must be\nmodels[1].id: '/a' must be\nmodels[2].id: 'a//b' "
		"must be\n"
		"models[3].id: 'a/..' must be\nmodels[4].id: 'a/' must be\n"},

	{"an option that is not there", FILE_OF(",\"packs\":[{\"id\":\"${server.nope}\"}]"),
		"${server.nope}: turnpike.conf has no such option\n"},
	{"a secret", FILE_OF(",\"packs\":[{\"id\":\"${database.password}\"}]"),
		"${database.password}: only an option that is text can stand here\n"},
};

static bool parse(const char *text, struct catalog_file *file, struct catalog_faults *faults)
{
	return catalog_parse(&arena, &options, text, strlen(text), file, faults);
}

/* Each line of `expected` begins one of the faults, and no fault is without one. Those of a file
 * that does not fit its schemas may come with others that follow from them. */
static void test_faults(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct catalog_file file;
		struct catalog_faults faults;
		size_t n_expected = 0;
		print_message("  %s\n", cases[i].name);
		bool fine = parse(cases[i].text, &file, &faults);
		for (size_t k = 0; k < faults.n; k++)
			print_message("    %s: %s\n", faults.fault[k].path, faults.fault[k].text);
		for (const char *line = cases[i].faults; *line != '\0'; n_expected++) {
			size_t length = strcspn(line, "\n");
			bool found = false;
			for (size_t k = 0; k < faults.n; k++)
				found = found ||
					strncmp(arena_printf(&arena, "%s: %s", faults.fault[k].path,
							faults.fault[k].text),
						line, length) == 0;
			if (!found)
				fail_msg("missing: %.*s", (int)length, line);
			line += length + (line[length] == '\n' ? 1 : 0);
		}
		assert_int_equal(fine, n_expected == 0);
		if (strchr(cases[i].text, '$') == NULL)
			assert_int_equal(faults.n, n_expected);
		arena_reset(&arena);
	}
}

/* More faults than a request's record could hold. */
static void test_many_faults(void **state)
{
	struct catalog_file file;
	struct catalog_faults faults;
	struct buf b;

	(void)state;
	buf_init(&b, &arena, 4096);
	buf_str(&b, "{\"topups\":[],\"plans\":[" FREE);
	for (int i = 0; i < 99; i++)
		buf_str(&b, ",{\"id\":\"x\"}");
	buf_str(&b, "]}");
	assert_false(parse(b.data, &file, &faults));
	assert_int_equal(faults.n, 99 * 5);
	arena_reset(&arena);
}

static void test_defaults(void **state)
{
	struct catalog_file file;
	struct catalog_faults faults;

	(void)state;
	assert_true(parse(MODELS(MODEL("m", "") "," MODEL("n",
				  ",\"cached_input_usd_per_mtok\":0,\"multiplier\":1.25,"
				  "\"cache_write_usd_per_mtok\":0.000001")),
		&file, &faults));
	const struct catalog_file_model *m = &file.models[0], *n = &file.models[1];
	assert_int_equal(m->price.input.value, 3000000);
	assert_int_equal(m->price.cached_input.value, 3000000);
	assert_int_equal(m->price.cache_write.value, 3000000);
	assert_int_equal(m->price.reasoning.value, 15000000);
	assert_int_equal(m->price.multiplier.value, 1000000);
	assert_int_equal(m->default_max_output.value, 100);
	assert_string_equal(m->sampling, "drop");
	assert_true(m->enabled.value && !m->deprecated.value && !m->reasoning.value);
	assert_false(m->routes[0].price.input.has);
	assert_int_equal(m->routes[0].weight.value, 1);
	assert_string_equal(file.providers[0].auth, "bearer");
	assert_int_equal(n->price.cached_input.value, 0); /* given, so it is not the input's */
	assert_int_equal(n->price.cache_write.value, 1);
	assert_int_equal(n->price.cache_write_1h.value, 1);
	assert_int_equal(n->price.multiplier.value, 1250000);
	arena_reset(&arena);
}

static void test_placeholders(void **state)
{
	static const char text[] = PROVIDERS(
		"{\"id\":\"p\",\"name\":\"${server.public_url}\",\"dialect\":\"anthropic\","
		"\"base_url\":\"${server.public_url}/v1\",\"keys\":["
		"{\"label\":\"a\",\"secret_file\":\"${server.state_dir}/k\"}]}");
	struct catalog_file file, other;
	struct catalog_faults faults;

	(void)state;
	options.public_url = "https://a.example";
	options.state_dir = "/var/\"x\\";
	assert_true(parse(text, &file, &faults));
	assert_string_equal(file.providers[0].base_url, "https://a.example/v1");
	assert_string_equal(file.providers[0].keys[0].secret_file, "/var/\"x\\/k");
	assert_string_equal(file.providers[0].auth, "x-api-key");
	options.public_url = "https://b.example";
	assert_true(parse(text, &other, &faults));
	assert_memory_not_equal(file.checksum, other.checksum, sizeof(file.checksum));
	arena_reset(&arena);
	options_defaults(&options);
}

static void test_diff(void **state)
{
	struct catalog_file a, b;
	struct catalog_faults faults;
	struct buf out;

	(void)state;
	assert_true(parse(MODELS(MODEL("gone", "") "," MODEL("m", "")), &a, &faults));
	assert_true(
		parse(MODELS(MODEL("m", ",\"multiplier\":2,\"requires_tier\":\"free\"") "," MODEL(
			      "new", "")),
			&b, &faults));
	buf_init(&out, &arena, 100);
	assert_int_equal(catalog_diff(&arena, &a, &a, &out), 0);
	assert_string_equal(out.data, "");
	assert_int_equal(catalog_diff(&arena, &a, &b, &out), 4);
	assert_non_null(strstr(out.data, "  model m: multiplier 1 -> 2\n"));
	assert_non_null(strstr(out.data, "  model m: requires_tier none -> \"free\"\n"));
	assert_non_null(strstr(out.data, "  model new: new, {\"id\":\"new\","));
	assert_non_null(strstr(out.data, "  model gone: no longer there\n"));
	buf_init(&out, &arena, 100);
	assert_int_equal(catalog_diff(&arena, &(struct catalog_file){0}, &a, &out), 8);
	arena_reset(&arena);
}

static void test_effective(void **state)
{
	struct catalog_file file, same, later;
	struct catalog_faults faults;

	(void)state;
	assert_true(parse(FILE_OF(",\"effective_at\":7"), &file, &faults));
	assert_int_equal(file.effective_at.value, 7);
	same = later = file;
	catalog_set_effective(&same, 9);
	catalog_set_effective(&later, 10);
	assert_int_equal(same.effective_at.value, 9);
	assert_memory_not_equal(same.checksum, file.checksum, sizeof(file.checksum));
	assert_memory_not_equal(same.checksum, later.checksum, sizeof(file.checksum));
	arena_reset(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_many_faults),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_placeholders),
		cmocka_unit_test(test_diff),
		cmocka_unit_test(test_effective),
	};

	options_defaults(&options);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_free(&arena);
	return failed;
}
