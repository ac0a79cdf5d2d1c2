/* The catalog's file: its members, what they are when left out, and reading it. */
#include <string.h>

#include "../fcgi/core/crypto.h"
#include "../fcgi/core/str.h"
#include "../fcgi/http/json.h"
#include "catalog.h"
#include "catalog_words.h"
#include "models.h"

enum {
	PRICE_MAX_CENTS = 100 * 1000 * 1000,
	WEIGHT_MAX = 1000 * 1000,
	TOKENS_MAX = 1000 * 1000 * 1000,
	DEFAULT_OUTPUT_TOKENS = 4096, /* gateway.md 2.1 */
};
#define TOKEN_PRICE_MAX 10000000000 /* micro-dollars per million: 10,000 USD */
#define MULTIPLIER_MAX 1000000000
#define CREDITS_MAX 1000000000
#define UNIX_TIME_MAX 253402300799

SCHEMA(catalog_file_plan, STR(catalog_file_plan, id, REQUIRED, .min = 1, .max = 32),
	STR(catalog_file_plan, name, REQUIRED, .min = 1, .max = 64),
	OPT_BOOL(catalog_file_plan, listed),
	I64(catalog_file_plan, price_cents, REQUIRED, .min = 0, .max = PRICE_MAX_CENTS),
	OPT_I64(catalog_file_plan, founding_price_cents, .min = 0, .max = PRICE_MAX_CENTS),
	STR(catalog_file_plan, interval, REQUIRED, .values = "month|year|once"),
	I64(catalog_file_plan, rank, REQUIRED, .min = 0, .max = 100),
	I64(catalog_file_plan, allowance_cents, .min = 0, .max = PRICE_MAX_CENTS),
	OPT_I64(catalog_file_plan, daily_turns, .min = 0, .max = 1000000),
	STR_ARRAY(catalog_file_plan, features, REQUIRED, .min = 0, .max = 50));

SCHEMA(catalog_file_topup, STR(catalog_file_topup, id, REQUIRED, .min = 1, .max = 32),
	I64(catalog_file_topup, price_cents, REQUIRED, .min = 1, .max = PRICE_MAX_CENTS),
	I64(catalog_file_topup, credits_cents, REQUIRED, .min = 1, .max = PRICE_MAX_CENTS));

SCHEMA(catalog_file_tier, STR(catalog_file_tier, id, REQUIRED, .min = 1, .max = 32),
	STR(catalog_file_tier, plan, REQUIRED, .min = 1, .max = 32),
	STR(catalog_file_tier, description, REQUIRED, .min = 0, .max = 500),
	OPT_I64(catalog_file_tier, yearly_price_cents, .min = 0, .max = PRICE_MAX_CENTS),
	OPT_I64(catalog_file_tier, credits_per_request, .min = 0, .max = CREDITS_MAX),
	OPT_I64(catalog_file_tier, credits_per_day, .min = 0, .max = CREDITS_MAX),
	OPT_BOOL(catalog_file_tier, active));

SCHEMA(catalog_file_pack, STR(catalog_file_pack, id, REQUIRED, .min = 1, .max = 32),
	STR(catalog_file_pack, name, REQUIRED, .min = 1, .max = 64),
	I64(catalog_file_pack, credits, REQUIRED, .min = 1, .max = CREDITS_MAX),
	I64(catalog_file_pack, price_cents, REQUIRED, .min = 1, .max = PRICE_MAX_CENTS),
	OPT_BOOL(catalog_file_pack, active));

SCHEMA(catalog_file_key, STR(catalog_file_key, label, REQUIRED, .min = 1, .max = 32),
	STR(catalog_file_key, secret_file, REQUIRED, .min = 2, .max = 500),
	OPT_I64(catalog_file_key, weight, .min = 1, .max = WEIGHT_MAX),
	OPT_I64(catalog_file_key, max_concurrent, .min = 1, .max = 100000));

SCHEMA(catalog_file_provider, STR(catalog_file_provider, id, REQUIRED, .min = 1, .max = 32),
	STR(catalog_file_provider, name, REQUIRED, .min = 1, .max = 64),
	STR(catalog_file_provider, dialect, REQUIRED,
		.values = "openai|anthropic|fim_openai|fim_mistral|fim_llamacpp"),
	STR(catalog_file_provider, auth, .values = "bearer|x-api-key|none"),
	STR(catalog_file_provider, base_url, REQUIRED, .min = 8, .max = 500),
	STR(catalog_file_provider, path, .min = 2, .max = 200),
	STR(catalog_file_provider, api_version, .min = 1, .max = 32),
	OPT_I64(catalog_file_provider, connect_ms, .min = 100, .max = 60000),
	OPT_BOOL(catalog_file_provider, max_completion_tokens),
	OPT_BOOL(catalog_file_provider, stream_usage),
	ARRAY(catalog_file_provider, keys, catalog_file_key, .min = 0, .max = 50));

/* The prices of a model, where input and output must be, and of a route. */
#define PRICE(T, m, ...)                                                                        \
	OPT_USD_MICRO(T, price.m, .json = #m "_usd_per_mtok", .min = 0, .max = TOKEN_PRICE_MAX, \
		__VA_ARGS__)
#define PRICES(T, ...)                                                                        \
	PRICE(T, input, __VA_ARGS__), PRICE(T, cached_input), PRICE(T, cache_write),          \
		PRICE(T, cache_write_1h), PRICE(T, output, __VA_ARGS__), PRICE(T, reasoning), \
		OPT_USD_MICRO(T, price.multiplier, .json = "multiplier", .min = 1,            \
			.max = MULTIPLIER_MAX)

SCHEMA(catalog_file_route, STR(catalog_file_route, provider, REQUIRED, .min = 1, .max = 32),
	STR(catalog_file_route, key, .min = 1, .max = 32),
	STR(catalog_file_route, upstream_model, REQUIRED, .min = 1, .max = 100),
	OPT_I64(catalog_file_route, position, .min = 0, .max = 1000),
	OPT_I64(catalog_file_route, weight, .min = 1, .max = WEIGHT_MAX),
	OPT_I64(catalog_file_route, max_concurrent, .min = 1, .max = 100000),
	OPT_I64(catalog_file_route, requests_per_minute, .min = 1, .max = 10000000),
	PRICES(catalog_file_route));

SCHEMA(catalog_file_model, STR(catalog_file_model, id, REQUIRED, .min = 1, .max = 100),
	STR(catalog_file_model, name, REQUIRED, .min = 1, .max = 64),
	STR(catalog_file_model, owned_by, REQUIRED, .min = 1, .max = 64),
	STR(catalog_file_model, tier, REQUIRED, .values = "efficient|balanced|flagship"),
	STR_ARRAY(catalog_file_model, aliases, .min = 0, .max = 20),
	STR_ARRAY(catalog_file_model, capabilities, REQUIRED, .min = 1, .max = 6),
	I64(catalog_file_model, context_window, REQUIRED, .min = 1, .max = TOKENS_MAX),
	I64(catalog_file_model, max_output_tokens, REQUIRED, .min = 1, .max = TOKENS_MAX),
	OPT_I64(catalog_file_model, default_max_output, .min = 1, .max = TOKENS_MAX),
	PRICES(catalog_file_model, REQUIRED), STR(catalog_file_model, requires_tier, .max = 32),
	STR(catalog_file_model, sampling, .values = "pass|drop"),
	OPT_BOOL(catalog_file_model, reasoning),
	STR(catalog_file_model, fim_template, .values = "qwen|starcoder|codellama|deepseek"),
	OPT_BOOL(catalog_file_model, json_schema), OPT_BOOL(catalog_file_model, prefill),
	OPT_BOOL(catalog_file_model, deprecated), OPT_BOOL(catalog_file_model, enabled),
	TIME_S(catalog_file_model, created_at_us, REQUIRED, .json = "created_at"),
	ARRAY(catalog_file_model, routes, catalog_file_route, .min = 0, .max = 20));

SCHEMA(catalog_file, OPT_I64(catalog_file, effective_at, .min = 0, .max = UNIX_TIME_MAX),
	ARRAY(catalog_file, plans, catalog_file_plan, REQUIRED, .min = 1, .max = 100),
	ARRAY(catalog_file, topups, catalog_file_topup, REQUIRED, .min = 0, .max = 100),
	ARRAY(catalog_file, tiers, catalog_file_tier, .min = 0, .max = 20),
	ARRAY(catalog_file, packs, catalog_file_pack, .min = 0, .max = 100),
	ARRAY(catalog_file, providers, catalog_file_provider, .min = 0, .max = 200),
	ARRAY(catalog_file, models, catalog_file_model, .min = 0, .max = 2000));

static void default_i64(struct opt_i64 *o, i64 value)
{
	if (!o->has)
		*o = (struct opt_i64){true, value};
}

static void default_bool(struct opt_bool *o, bool value)
{
	if (!o->has)
		*o = (struct opt_bool){true, value};
}

static void provider_defaults(struct catalog_file_provider *p)
{
	if (p->auth == NULL)
		p->auth = str_equal(p->dialect, "anthropic") ? "x-api-key" : "bearer";
	default_bool(&p->max_completion_tokens, false);
	default_bool(&p->stream_usage, true);
	for (size_t i = 0; i < p->n_keys; i++)
		default_i64(&p->keys[i].weight, 1);
}

static void model_defaults(struct catalog_file_model *m)
{
	bool reasons = false;

	for (size_t i = 0; i < m->n_capabilities; i++)
		reasons = reasons || str_equal(m->capabilities[i], "reasoning");
	default_i64(&m->default_max_output, m->max_output_tokens < DEFAULT_OUTPUT_TOKENS
						    ? m->max_output_tokens
						    : DEFAULT_OUTPUT_TOKENS);
	default_i64(&m->price.cached_input, m->price.input.value);
	default_i64(&m->price.cache_write, m->price.input.value);
	default_i64(&m->price.cache_write_1h, m->price.cache_write.value);
	default_i64(&m->price.reasoning, m->price.output.value);
	default_i64(&m->price.multiplier, MODEL_MULTIPLIER_ONE);
	m->sampling = m->sampling != NULL ? m->sampling : "drop";
	default_bool(&m->reasoning, reasons);
	default_bool(&m->json_schema, false);
	default_bool(&m->prefill, true);
	default_bool(&m->deprecated, false);
	default_bool(&m->enabled, true);
	for (size_t i = 0; i < m->n_routes; i++) {
		default_i64(&m->routes[i].position, (i64)i);
		default_i64(&m->routes[i].weight, 1);
	}
}

/* Sets what the file leaves out. */
static void set_defaults(struct catalog_file *file)
{
	for (size_t i = 0; i < file->n_plans; i++)
		default_bool(&file->plans[i].listed, true);
	for (size_t i = 0; i < file->n_tiers; i++)
		default_bool(&file->tiers[i].active, true);
	for (size_t i = 0; i < file->n_packs; i++)
		default_bool(&file->packs[i].active, true);
	for (size_t i = 0; i < file->n_providers; i++)
		provider_defaults(&file->providers[i]);
	for (size_t i = 0; i < file->n_models; i++)
		model_defaults(&file->models[i]);
}

/* Writes the value of the option that "section.key" names, as the inside of a JSON text. */
static void put_option(const struct options *options, const char *name, struct buf *out,
	struct catalog_faults *faults)
{
	const struct option_row *o = option_find_dotted(name);
	struct buf quoted;

	if (o == NULL || o->type != OPTION_TEXT) {
		catalog_fault(faults, arena_printf(faults->arena, "${%s}", name),
			o == NULL ? "turnpike.conf has no such option"
				  : "only an option that is text can stand here");
		return;
	}
	const char *value = *(const char *const *)(const void *)((const char *)options + o->offset);
	buf_init(&quoted, faults->arena, 200);
	buf_json(&quoted, value);
	buf_bytes(out, quoted.data + 1, quoted.length - 2);
}

static struct buf replace_placeholders(const struct options *options, const char *text,
	size_t length, struct catalog_faults *faults)
{
	struct buf out;
	const char *end = text + length;

	buf_init(&out, faults->arena, length + 200);
	while (text < end) {
		const char *start = memmem(text, (size_t)(end - text), "${", 2);
		const char *close =
			start != NULL ? memchr(start, '}', (size_t)(end - start)) : NULL;
		if (close == NULL)
			break;
		buf_bytes(&out, text, (size_t)(start - text));
		size_t name_length = (size_t)(close - start) - 2;
		put_option(options, arena_strndup(faults->arena, start + 2, name_length), &out,
			faults);
		text = close + 1;
	}
	buf_bytes(&out, text, (size_t)(end - text));
	return out;
}

/* Binds one member of the file; every entry of a list notes its own faults, so that none of a later
 * one is lost. */
static void bind_member(const struct field *f, struct json_object *value, struct catalog_file *ret,
	struct catalog_faults *faults)
{
	struct arena *arena = faults->arena;
	size_t n = f->type == FIELD_ARRAY && json_object_is_type(value, json_type_array)
			   ? json_object_array_length(value)
			   : 0;

	for (size_t i = 0; i < n; i++) {
		struct fail failure = {.arena = arena};
		void *item = arena_alloc(arena, f->schema->size);
		failure.path = arena_printf(arena, "%s[%zu].", field_name(f), i);
		schema_bind_body(
			f->schema, json_object_array_get_idx(value, i), item, arena, &failure);
		catalog_words_add(faults, &catalog_file_schema, &failure);
	}
	const struct schema alone = {"catalog_file", f, 1, sizeof(*ret), false};
	scoped(json_object) *object = json_object_new_object();
	struct fail failure = {.arena = arena, .path = ""};
	json_object_object_add(object, field_name(f), json_object_get(value));
	schema_bind_body(&alone, object, ret, arena, &failure);
	/* A fault of the list itself comes alone; those of entries were noted above. */
	if (failure.n_fault == 1 && str_equal(failure.fault[0].field, field_name(f)))
		catalog_words_add(faults, &catalog_file_schema, &failure);
}

static void bind(struct json_object *doc, struct catalog_file *ret, struct catalog_faults *faults)
{
	if (!json_object_is_type(doc, json_type_object)) {
		catalog_fault(faults, "file", "must be an object, {...}");
		return;
	}
	for (size_t i = 0; i < catalog_file_schema.n_fields; i++) {
		const struct field *f = &catalog_file_schema.field[i];
		struct json_object *value = NULL;
		json_object_object_get_ex(doc, field_name(f), &value);
		bind_member(f, value, ret, faults);
	}
	catalog_words_unknown(faults, &catalog_file_schema, doc, "");
}

bool catalog_parse(struct arena *arena, const struct options *options, const char *text,
	size_t length, struct catalog_file *ret, struct catalog_faults *ret_faults)
{
	const char *why = NULL;

	*ret = (struct catalog_file){0};
	*ret_faults = (struct catalog_faults){.arena = arena};
	struct buf full = replace_placeholders(options, text, length, ret_faults);
	scoped(json_object) *doc = json_read(arena, full.data, full.length, &why);
	if (why != NULL)
		catalog_fault(ret_faults, "file", "is not valid JSON: %s", why);
	else
		bind(doc, ret, ret_faults);
	if (ret_faults->n > 0)
		return false;
	set_defaults(ret);
	catalog_check(ret, ret_faults);
	struct sha256 hash = sha256(full.data, full.length);
	memcpy(ret->checksum, &hash, sizeof(hash));
	return ret_faults->n == 0;
}

void catalog_set_effective(struct catalog_file *file, i64 at_s)
{
	unsigned char text[SHA256_BYTES + sizeof(at_s)];

	memcpy(text, file->checksum, SHA256_BYTES);
	memcpy(text + SHA256_BYTES, &at_s, sizeof(at_s));
	struct sha256 hash = sha256(text, sizeof(text));
	memcpy(file->checksum, &hash, sizeof(hash));
	file->effective_at = (struct opt_i64){true, at_s};
}
