/* The public catalog and the tiers of accounts (gateway.md section 3), encoded once per version. */
#include "encoded.h"

#include <string.h>

#include "../../domain/money.h"
#include "../../fcgi/core/clock.h"
#include "../../fcgi/core/str.h"
#include "../../fcgi/http/request.h"
#include "gateway.h"

struct gateway_plan_limits {
	struct opt_i64 per_request, per_day;
};
SCHEMA(gateway_plan_limits,
	OPT_I64(gateway_plan_limits, per_request, REQUIRED, NULLABLE, .json = "perRequest",
		DOC("Credits; null: no limit")),
	OPT_I64(gateway_plan_limits, per_day, REQUIRED, NULLABLE, .json = "perDay",
		DOC("Credits; null: no limit")));

/* Prices for display are dollars, made of the cents beside them. */
struct gateway_plan {
	const char *id, *tier, *name, *description, *currency, *features;
	i64 monthly_cents, monthly_micro, credits;
	struct opt_i64 yearly_cents, yearly_micro;
	struct gateway_plan_limits *limits;
	bool active;
};
#define PRICE_FIELDS(T)                                                                   \
	USD_MICRO(T, monthly_micro, REQUIRED, .json = "monthlyPrice"),                    \
		I64(T, monthly_cents, REQUIRED, .json = "monthlyPriceCents"),             \
		OPT_USD_MICRO(T, yearly_micro, REQUIRED, NULLABLE, .json = "yearlyPrice", \
			DOC("null: not sold by the year")),                               \
		OPT_I64(T, yearly_cents, REQUIRED, NULLABLE, .json = "yearlyPriceCents"), \
		STR(T, currency, REQUIRED, .values = "usd"),                              \
		I64(T, credits, REQUIRED, .json = "creditsPerMonth"),                     \
		JSON(T, features, REQUIRED, DOC("Array of text"))

SCHEMA(gateway_plan, STR(gateway_plan, id, REQUIRED), STR(gateway_plan, tier, REQUIRED),
	STR(gateway_plan, name, REQUIRED), STR(gateway_plan, description, REQUIRED),
	PRICE_FIELDS(gateway_plan), OBJECT(gateway_plan, limits, gateway_plan_limits, REQUIRED),
	BOOL(gateway_plan, active, REQUIRED));

/* The same as a tier of accounts: its id is the tier. */
struct gateway_tier {
	const char *id, *name, *currency, *features;
	i64 monthly_cents, monthly_micro, credits;
	struct opt_i64 yearly_cents, yearly_micro;
	bool active;
};
SCHEMA(gateway_tier, STR(gateway_tier, id, REQUIRED), STR(gateway_tier, name, REQUIRED),
	PRICE_FIELDS(gateway_tier), BOOL(gateway_tier, active, REQUIRED));

struct gateway_pack {
	const char *id, *name, *currency;
	i64 credits, price_cents, price_micro;
	bool active;
};
SCHEMA(gateway_pack, STR(gateway_pack, id, REQUIRED), STR(gateway_pack, name, REQUIRED),
	I64(gateway_pack, credits, REQUIRED),
	USD_MICRO(gateway_pack, price_micro, REQUIRED, .json = "price"),
	I64(gateway_pack, price_cents, REQUIRED, .json = "priceCents"),
	STR(gateway_pack, currency, REQUIRED, .values = "usd"),
	BOOL(gateway_pack, active, REQUIRED));

/* Whom models are shown to come from. */
struct gateway_provider {
	const char *id, *name, *status;
};
SCHEMA(gateway_provider, STR(gateway_provider, id, REQUIRED), STR(gateway_provider, name, REQUIRED),
	STR(gateway_provider, status, REQUIRED, .values = "available|unavailable",
		DOC("unavailable: none of its models has a route with a key")));

struct gateway_catalog_plans {
	struct gateway_plan *plans;
	size_t n_plans;
};
SCHEMA(gateway_catalog_plans, ARRAY(gateway_catalog_plans, plans, gateway_plan, REQUIRED));

struct gateway_catalog_packs {
	struct gateway_pack *packs;
	size_t n_packs;
};
SCHEMA(gateway_catalog_packs, ARRAY(gateway_catalog_packs, packs, gateway_pack, REQUIRED));

struct gateway_tiers {
	struct gateway_tier *tiers;
	size_t n_tiers;
};
SCHEMA(gateway_tiers, ARRAY(gateway_tiers, tiers, gateway_tier, REQUIRED));

#define MODELS(T)                                             \
	FIELD(T, models, FIELD_ARRAY, struct gateway_model *, \
		.schema = &gateway_catalog_model_schema,      \
		.n_offset = FIELD_OFFSET(T, n_models, size_t), REQUIRED)

struct gateway_catalog_models {
	struct gateway_model *models;
	size_t n_models;
};
SCHEMA(gateway_catalog_models, MODELS(gateway_catalog_models));

struct gateway_manifest {
	i64 version;
	const char *updated_at;
	struct gateway_model *models;
	struct gateway_provider *providers;
	struct gateway_plan *plans;
	struct gateway_pack *packs;
	size_t n_models, n_providers, n_plans, n_packs;
};
SCHEMA(gateway_manifest, I64(gateway_manifest, version, REQUIRED, DOC("Rises with every change")),
	STR(gateway_manifest, updated_at, REQUIRED, .json = "updatedAt", DOC("ISO 8601")),
	MODELS(gateway_manifest), ARRAY(gateway_manifest, providers, gateway_provider, REQUIRED),
	ARRAY(gateway_manifest, plans, gateway_plan, REQUIRED),
	ARRAY(gateway_manifest, packs, gateway_pack, REQUIRED, .json = "creditPacks"));

static struct opt_i64 micro_of(struct opt_i64 cents)
{
	return (struct opt_i64){cents.has, cents.value * MICRO_PER_CENT};
}

static void fill_plans(struct arena *a, const struct models *models, struct gateway_manifest *ret)
{
	ret->n_plans = models->n_plans;
	ret->plans = arena_array(a, struct gateway_plan, models->n_plans);
	for (size_t i = 0; i < models->n_plans; i++) {
		const struct model_plan *p = &models->plan[i];
		struct gateway_plan_limits *limits = arena_new(a, struct gateway_plan_limits);
		*limits = (struct gateway_plan_limits){p->credits_per_request, p->credits_per_day};
		ret->plans[i] = (struct gateway_plan){
			.id = p->plan_id,
			.tier = p->tier,
			.name = p->name,
			.description = p->description,
			.currency = "usd",
			.features = p->features,
			.monthly_cents = p->monthly_price_cents,
			.monthly_micro = p->monthly_price_cents * MICRO_PER_CENT,
			.credits = p->credits_per_month,
			.yearly_cents = p->yearly_price_cents,
			.yearly_micro = micro_of(p->yearly_price_cents),
			.limits = limits,
			.active = p->is_active,
		};
	}
}

static struct gateway_tiers tiers_of(struct arena *a, const struct gateway_manifest *all)
{
	struct gateway_tiers ret = {
		arena_array(a, struct gateway_tier, all->n_plans), all->n_plans};

	for (size_t i = 0; i < all->n_plans; i++) {
		const struct gateway_plan *p = &all->plans[i];
		ret.tiers[i] = (struct gateway_tier){
			.id = p->tier,
			.name = p->name,
			.currency = p->currency,
			.features = p->features,
			.monthly_cents = p->monthly_cents,
			.monthly_micro = p->monthly_micro,
			.credits = p->credits,
			.yearly_cents = p->yearly_cents,
			.yearly_micro = p->yearly_micro,
			.active = p->active,
		};
	}
	return ret;
}

static void fill_packs(struct arena *a, const struct models *models, struct gateway_manifest *ret)
{
	ret->n_packs = models->n_packs;
	ret->packs = arena_array(a, struct gateway_pack, models->n_packs);
	for (size_t i = 0; i < models->n_packs; i++)
		ret->packs[i] = (struct gateway_pack){
			.id = models->pack[i].id,
			.name = models->pack[i].name,
			.currency = "usd",
			.credits = models->pack[i].credits,
			.price_cents = models->pack[i].price_cents,
			.price_micro = models->pack[i].price_cents * MICRO_PER_CENT,
			.active = models->pack[i].is_active,
		};
}

/* Those who own an enabled model, in the order of the models. Through whom a model is reached is
 * nobody's business. */
static void fill_providers(
	struct arena *a, const struct models *models, struct gateway_manifest *ret)
{
	ret->providers = arena_array(a, struct gateway_provider, models->n_models);
	for (size_t i = 0; i < models->n_models; i++) {
		const struct model *m = &models->model[i];
		size_t at = 0;
		if (!m->is_enabled)
			continue;
		while (at < ret->n_providers && !str_equal(ret->providers[at].id, m->owned_by))
			at++;
		if (at == ret->n_providers)
			ret->providers[ret->n_providers++] =
				(struct gateway_provider){m->owned_by, m->owned_by, "unavailable"};
		if (model_has_key(m))
			ret->providers[at].status = "available";
		for (size_t p = 0; p < models->n_providers; p++)
			if (str_equal(models->provider[p].id, m->owned_by))
				ret->providers[at].name = models->provider[p].name;
	}
}

static struct encoded encode(struct arena *a, const struct schema *schema, const void *value)
{
	struct buf b;

	buf_init(&b, a, 4096);
	schema_encode(schema, value, &b);
	return gateway_encoded(a, &b);
}

const void *gateway_encode(struct arena *arena, const struct models *models)
{
	struct encoded_catalog *ret = arena_new(arena, struct encoded_catalog);
	struct gateway_manifest all = {
		.version = (i64)models->version,
		.updated_at = clock_iso8601_ms(arena, models->effective_at_us),
		.models = gateway_model_entries(arena, models),
		.n_models = models->n_models,
	};

	fill_plans(arena, models, &all);
	fill_packs(arena, models, &all);
	fill_providers(arena, models, &all);
	struct gateway_tiers tiers = tiers_of(arena, &all);
	ret->manifest = encode(arena, &gateway_manifest_schema, &all);
	ret->plans = encode(arena, &gateway_catalog_plans_schema,
		&(struct gateway_catalog_plans){all.plans, all.n_plans});
	ret->models = encode(arena, &gateway_catalog_models_schema,
		&(struct gateway_catalog_models){all.models, all.n_models});
	ret->packs = encode(arena, &gateway_catalog_packs_schema,
		&(struct gateway_catalog_packs){all.packs, all.n_packs});
	ret->tiers = encode(arena, &gateway_tiers_schema, &tiers);
	gateway_encode_models(arena, models, ret);
	return ret;
}

/* Prices change at once: whoever keeps an answer asks whether it is still the one. */
static int answer(struct req *r, size_t offset)
{
	const struct models *models = NULL;

	TRY(gateway_models(r, &models));
	const char *catalog = models->encoded;
	return gateway_answer(
		r, (const struct encoded *)(const void *)(catalog + offset), "public, no-cache");
}

int gateway_catalog_manifest(struct req *r, const void *in, void *out)
{
	(void)in, (void)out;
	return answer(r, offsetof(struct encoded_catalog, manifest));
}

int gateway_catalog_plans(struct req *r, const void *in, void *out)
{
	(void)in, (void)out;
	return answer(r, offsetof(struct encoded_catalog, plans));
}

int gateway_catalog_models(struct req *r, const void *in, void *out)
{
	(void)in, (void)out;
	return answer(r, offsetof(struct encoded_catalog, models));
}

int gateway_catalog_packs(struct req *r, const void *in, void *out)
{
	(void)in, (void)out;
	return answer(r, offsetof(struct encoded_catalog, packs));
}

int gateway_account_tiers(struct req *r, const void *in, void *out)
{
	(void)in, (void)out;
	return answer(r, offsetof(struct encoded_catalog, tiers));
}
