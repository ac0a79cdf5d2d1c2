/* The models: a list, one, those of a tier (gateway.md 2.6). Every kind of answer is made when the
 * catalog changes; a request only chooses. */
#include "encoded.h"

#include <string.h>

#include "../../fcgi/core/str.h"
#include "../../fcgi/http/request.h"
#include "../../fcgi/http/response.h"
#include "gateway.h"

enum { ENTRY_BYTES = 700, US_PER_SECOND = 1000000 };
#define MULTIPLY_BY ((__int128)MODEL_MULTIPLIER_ONE)

/* US dollars. */
struct gateway_pricing {
	i64 input, cached_input, cache_write, cache_write_1h, output, reasoning;
};
SCHEMA(gateway_pricing, USD_MICRO(gateway_pricing, input, REQUIRED, .json = "input_per_mtok"),
	USD_MICRO(gateway_pricing, output, REQUIRED, .json = "output_per_mtok"),
	USD_MICRO(gateway_pricing, cached_input, REQUIRED, .json = "cached_input_per_mtok"),
	USD_MICRO(gateway_pricing, cache_write, REQUIRED, .json = "cache_write_per_mtok"),
	USD_MICRO(gateway_pricing, cache_write_1h, REQUIRED, .json = "cache_write_1h_per_mtok"),
	USD_MICRO(gateway_pricing, reasoning, REQUIRED, .json = "reasoning_per_mtok"));

#define MODEL_FIELDS(T)                                                                         \
	STR(T, id, REQUIRED), STR(T, object, REQUIRED, .values = "model"),                      \
		TIME_S(T, created_us, REQUIRED, .json = "created"), STR(T, owned_by, REQUIRED), \
		STR(T, name, REQUIRED), STR(T, provider, REQUIRED),                             \
		STR(T, tier, REQUIRED, .values = "efficient|balanced|flagship"),                \
		I64(T, context_window, REQUIRED), I64(T, max_output_tokens, REQUIRED),          \
		STR_ARRAY(T, capabilities, REQUIRED,                                            \
			DOC("Of chat, tools, vision, reasoning, fim, streaming")),              \
		OBJECT(T, pricing, gateway_pricing, REQUIRED), STR_ARRAY(T, aliases, REQUIRED), \
		BOOL(T, deprecated, REQUIRED)

SCHEMA(gateway_model, MODEL_FIELDS(gateway_model),
	OPT_BOOL(gateway_model, entitled,
		DOC("Whether the caller's plan includes it; only for who signed in")),
	STR(gateway_model, requires_tier, NULLABLE,
		DOC("The lowest tier that includes it, null: all do; only for who signed in")));
/* Nobody has signed in: without the last, which would be null. */
static const struct schema anonymous_schema = {"gateway_model", gateway_model_fields,
	ARRAY_LEN(gateway_model_fields) - 1, sizeof(struct gateway_model), false};

static const struct field catalog_model_fields[] = {
	MODEL_FIELDS(gateway_model), BOOL(gateway_model, enabled, REQUIRED)};
const struct schema gateway_catalog_model_schema = {"gateway_catalog_model", catalog_model_fields,
	ARRAY_LEN(catalog_model_fields), sizeof(struct gateway_model), false};

struct gateway_model_list {
	const char *object;
	struct gateway_model *data;
	size_t n_data;
};
SCHEMA(gateway_model_list, STR(gateway_model_list, object, REQUIRED, .values = "list"),
	ARRAY(gateway_model_list, data, gateway_model, REQUIRED));

/* A price with its multiplier in it, rounded up. */
static i64 multiplied(i64 price, i64 multiplier)
{
	return (i64)(((__int128)price * multiplier + MULTIPLY_BY - 1) / MULTIPLY_BY);
}

static struct gateway_model entry_of(struct arena *a, const struct model *m)
{
	static const char *const names[] = {
		"chat", "tools", "vision", "reasoning", "fim", "streaming"};
	struct gateway_model entry = {
		.id = m->id,
		.object = "model",
		.created_us = m->created_at_us,
		.owned_by = m->owned_by,
		.name = m->name,
		.provider = m->owned_by,
		.tier = model_tier_names[m->tier],
		.context_window = m->context_window,
		.max_output_tokens = m->max_output_tokens,
		.pricing = arena_new(a, struct gateway_pricing),
		.aliases = m->alias,
		.n_aliases = m->n_aliases,
		.deprecated = m->is_deprecated,
		.enabled = m->is_enabled,
		.requires_tier = m->requires_tier,
	};
	const char **capability = arena_array(a, const char *, ARRAY_LEN(names));

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if ((m->capabilities & 1U << i) != 0)
			capability[entry.n_capabilities++] = names[i];
	entry.capabilities = capability;
	*entry.pricing = (struct gateway_pricing){
		.input = multiplied(m->price.input, m->price.multiplier),
		.cached_input = multiplied(m->price.cached_input, m->price.multiplier),
		.cache_write = multiplied(m->price.cache_write, m->price.multiplier),
		.cache_write_1h = multiplied(m->price.cache_write_1h, m->price.multiplier),
		.output = multiplied(m->price.output, m->price.multiplier),
		.reasoning = multiplied(m->price.reasoning, m->price.multiplier),
	};
	return entry;
}

struct gateway_model *gateway_model_entries(struct arena *arena, const struct models *models)
{
	struct gateway_model *entry = arena_array(arena, struct gateway_model, models->n_models);

	for (size_t i = 0; i < models->n_models; i++)
		entry[i] = entry_of(arena, &models->model[i]);
	return entry;
}

static void list_begin(struct buf *b, struct arena *a, size_t n)
{
	buf_init(b, a, n * ENTRY_BYTES + 64);
	buf_str(b, "{\"object\":\"list\",\"data\":[");
}

/* The list, with the place of each model in it; plan_rank absent: anonymous. */
static void encode_list(struct arena *a, const struct models *models, struct opt_i64 plan_rank,
	struct encoded_models *ret)
{
	struct buf b;
	bool first = true;

	ret->piece = arena_array(a, struct encoded_piece, models->n_models);
	list_begin(&b, a, models->n_models);
	for (size_t i = 0; i < models->n_models; i++) {
		const struct model *m = &models->model[i];
		struct gateway_model entry = entry_of(a, m);
		if (!m->is_enabled)
			continue;
		if (!first)
			buf_char(&b, ',');
		first = false;
		entry.entitled =
			(struct opt_bool){plan_rank.has, model_entitled(m, plan_rank.value)};
		ret->piece[i].start = b.length;
		schema_encode(
			plan_rank.has ? &gateway_model_schema : &anonymous_schema, &entry, &b);
		ret->piece[i].length = b.length - ret->piece[i].start;
	}
	buf_str(&b, "]}");
	ret->list = gateway_encoded(a, &b);
}

static void encode_tiers(struct arena *a, const struct models *models, struct encoded_models *ret)
{
	for (int tier = 0; tier < MODEL_TIER_MAX; tier++) {
		struct buf b;
		bool first = true;
		list_begin(&b, a, models->n_models);
		for (size_t i = 0; i < models->n_models; i++) {
			if ((int)models->model[i].tier != tier || ret->piece[i].length == 0)
				continue;
			if (!first)
				buf_char(&b, ',');
			first = false;
			buf_bytes(&b, ret->list.body + ret->piece[i].start, ret->piece[i].length);
		}
		buf_str(&b, "]}");
		ret->tier[tier] = gateway_encoded(a, &b);
	}
}

static void encode_variant(struct arena *a, const struct models *models, struct opt_i64 plan_rank,
	struct encoded_models *ret)
{
	encode_list(a, models, plan_rank, ret);
	encode_tiers(a, models, ret);
}

/* What a caller is entitled to changes at the ranks of the tiers only; rank 0 is always one. */
void gateway_encode_models(
	struct arena *arena, const struct models *models, struct encoded_catalog *ret)
{
	encode_variant(arena, models, (struct opt_i64){false, 0}, &ret->anonymous);
	ret->n_ranks = 1;
	for (size_t i = 0; i < models->n_plans && ret->n_ranks < ENCODED_RANKS_MAX; i++)
		if (models->plan[i].rank > ret->rank[ret->n_ranks - 1])
			ret->rank[ret->n_ranks++] = models->plan[i].rank;
	for (size_t i = 0; i < ret->n_ranks; i++)
		encode_variant(
			arena, models, (struct opt_i64){true, ret->rank[i]}, &ret->by_rank[i]);
}

/* What this caller sees. */
static const struct encoded_models *variant_for(const struct req *r, const struct models *models)
{
	const struct encoded_catalog *e = models->encoded;
	const struct gateway_account *account = gateway_account(r);
	size_t i = e->n_ranks - 1;

	if (account == NULL)
		return &e->anonymous;
	i64 rank = models_rank(models, account->plan);
	while (i > 0 && e->rank[i] > rank)
		i--;
	return &e->by_rank[i];
}

/* An answer that depends on who asks; nobody stores what is for one account. */
static int answer(struct req *r, const struct encoded *encoded)
{
	bool is_personal = gateway_account(r) != NULL;

	resp_header(r, "Vary", "Authorization");
	return gateway_answer(r, encoded, is_personal ? "no-store" : "public, no-cache");
}

int gateway_models_list(struct req *r, const void *in, void *out)
{
	const struct models *models = NULL;

	(void)in, (void)out;
	TRY(gateway_models(r, &models));
	return answer(r, &variant_for(r, models)->list);
}

struct gateway_model_in {
	const char *model_id;
};
SCHEMA(gateway_model_in, STR(gateway_model_in, model_id, REQUIRED, PATH, .min = 1, .max = 100,
				 .error = E_MODEL_NOT_FOUND));

int gateway_model_get(struct req *r, const void *in_, void *out)
{
	const struct gateway_model_in *in = in_;
	const struct models *models = NULL;

	(void)out;
	TRY(gateway_models(r, &models));
	const struct model *m = models_find(models, in->model_id);
	if (m == NULL)
		return fail(r->fail, E_MODEL_NOT_FOUND, "There is no model '%s'", in->model_id);
	const struct encoded_models *variant = variant_for(r, models);
	const struct encoded_piece *piece = &variant->piece[m - models->model];
	const struct encoded encoded = {
		variant->list.body + piece->start, variant->list.tag, piece->length};
	return answer(r, &encoded);
}

struct gateway_model_tier_in {
	const char *tier;
};
SCHEMA(gateway_model_tier_in, STR(gateway_model_tier_in, tier, REQUIRED, PATH, .min = 1, .max = 32,
				      .error = E_NOT_FOUND));

int gateway_model_tier_get(struct req *r, const void *in_, void *out)
{
	const struct gateway_model_tier_in *in = in_;
	const struct models *models = NULL;

	(void)out;
	TRY(gateway_models(r, &models));
	for (size_t tier = 0; tier < MODEL_TIER_MAX; tier++)
		if (str_equal(model_tier_names[tier], in->tier))
			return answer(r, &variant_for(r, models)->tier[tier]);
	return fail(r->fail, E_NOT_FOUND, "There is no tier '%s': efficient, balanced, flagship",
		in->tier);
}
