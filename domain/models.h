/* The models that are sold, in memory: what each costs, where it is served, which tier it is for.
 * An immutable snapshot of the catalog in force; its prices and its arithmetic of money. What the
 * tables mean is sql/migrations/0008_models.sql. */
#ifndef TURNPIKE_MODELS_H
#define TURNPIKE_MODELS_H

#include "../fcgi/ai/chat.h"
#include "../fcgi/db/db.h"
#include "money.h"

enum { MODEL_MULTIPLIER_ONE = 1000000 };

/* Micro-dollars per million tokens; every member is set. A multiplier of 1000000 is 1. */
struct model_price {
	i64 input, cached_input, cache_write, output, reasoning, multiplier;
	i64 cache_write_1h; /* kept for an hour instead of five minutes */
};

/* What a provider speaks. A completion over the first two asks a chat model to fill in. */
enum provider_dialect {
	PROVIDER_OPENAI,
	PROVIDER_ANTHROPIC,
	PROVIDER_FIM_OPENAI,   /* POST completions with prompt and suffix */
	PROVIDER_FIM_MISTRAL,  /* POST fim/completions */
	PROVIDER_FIM_LLAMACPP, /* POST infill */
	PROVIDER_DIALECT_MAX
};
extern const char *const provider_dialect_names[PROVIDER_DIALECT_MAX]; /* "fim_openai" */

enum provider_auth { PROVIDER_BEARER, PROVIDER_X_API_KEY, PROVIDER_NO_AUTH };

struct provider_key {
	const char *label;
	const char *secret; /* NULL: its file could not be read, so it is never used */
	i64 weight;	    /* at least 1 */
	i64 max_concurrent; /* 0: no limit */
	u64 identity;	    /* of provider and label; the same in every version of the catalog */
};

struct provider {
	const char *id, *name;
	enum provider_dialect dialect;
	enum provider_auth auth;
	const char *base_url;	    /* as the vendor's client has it; without a slash at its end */
	const char *path;	    /* below base_url; NULL: the dialect's own */
	const char *api_version;    /* anthropic-version; NULL: the dialect's own */
	i64 connect_ms;		    /* 0: as the mode says */
	bool max_completion_tokens; /* wants that name instead of max_tokens */
	bool stream_usage;	    /* takes stream_options.include_usage */
	const struct provider_key *key; /* may all be without a secret */
	size_t n_keys;
	u64 identity;
};

struct model_route {
	const struct provider *provider;
	const struct provider_key *key; /* only this one; NULL: any of the provider's */
	const char *upstream_model;
	i64 position;		  /* equal ones share by weight; the next are for when these fail */
	i64 weight;		  /* at least 1 */
	i64 max_concurrent;	  /* 0: no limit */
	i64 requests_per_minute;  /* 0: no limit */
	struct model_price price; /* what a call over this route costs the caller */
	u64 identity;		  /* of model, provider, upstream model and key */
};

enum model_tier { MODEL_EFFICIENT, MODEL_BALANCED, MODEL_FLAGSHIP, MODEL_TIER_MAX };
extern const char *const model_tier_names[MODEL_TIER_MAX];

enum model_capability {
	MODEL_CHAT = 1,
	MODEL_TOOLS = 2,
	MODEL_VISION = 4,
	MODEL_REASONING = 8,
	MODEL_FIM = 16,
	MODEL_STREAMING = 32,
};

struct model {
	const char *id, *name, *owned_by;
	const char *const *alias;
	size_t n_aliases;
	enum model_tier tier;
	unsigned capabilities;					   /* of enum model_capability */
	i64 context_window, max_output_tokens, default_max_output; /* tokens */
	struct model_price price;				   /* list price */
	struct model_price price_limit; /* the dearest of each class over the routes: for holds */
	const char *requires_tier;	/* lowest tier that may use it; NULL: all may */
	i64 min_rank;			/* rank of that tier's plan; 0 without */
	bool passes_sampling;		/* temperature and the like go to the provider */
	bool allows_reasoning;		/* reasoning_effort goes to the provider */
	const char
		*fim_template; /* "qwen", "starcoder", "codellama", "deepseek"; NULL: by suffix */
	bool has_json_schema;  /* Anthropic: output_config.format is understood */
	bool no_prefill;       /* Anthropic: the last message must not be the assistant's */
	bool is_deprecated, is_enabled;
	i64 created_at_us;
	const struct model_route *route; /* by position */
	size_t n_routes;
};

/* What the gateway calls a plan. Credits are thousandths of a dollar. */
struct model_plan {
	const char *tier;				     /* "free" */
	const char *plan_id, *name, *description, *features; /* features: JSON array of text */
	i64 rank, monthly_price_cents, credits_per_month;
	struct opt_i64 yearly_price_cents;
	struct opt_i64 credits_per_request, credits_per_day; /* absent: no limit */
	bool is_active;
};

struct model_pack {
	const char *id, *name;
	i64 credits, price_cents;
	bool is_active;
};

/* Everything of one version of the catalog. Immutable, valid until it is put. */
struct models {
	u64 version; /* catalog_id: the price version of receipts */
	i64 effective_at_us;
	const struct model *model; /* by position, also those that are not enabled */
	size_t n_models;
	const struct provider *provider;
	size_t n_providers;
	const struct model_plan *plan; /* by rank */
	size_t n_plans;
	const struct model_pack *pack;
	size_t n_packs;
	const void *encoded; /* what models_refresh()'s encode() made of it */
};

/* The catalog in force, or NULL: nothing was loaded yet. Every get has its put; a long call keeps
 * the version that it began with until then. Both are cheap and for any thread. */
const struct models *models_get(void);
void models_put(const struct models *models); /* NULL is fine */

/* The enabled model of this id or alias, or NULL. */
const struct model *models_find(const struct models *models, const char *id);
/* The rank of any plan of the catalog, by its id; 0 for one that is not in it. */
i64 models_rank(const struct models *models, const char *plan_id);
/* The tier of people on this plan: the highest whose rank theirs reaches. NULL: none is sold. */
const struct model_plan *models_plan_of(const struct models *models, i64 plan_rank);
static inline bool model_entitled(const struct model *model, i64 plan_rank)
{
	return plan_rank >= model->min_rank;
}

/* How calls over this route are written and their answers read. */
const struct dialect_upstream *model_route_dialect(const struct model_route *route);
/* Whether it has a key, or needs none; and of a model, whether one of its routes does. */
bool provider_has_key(const struct provider *provider);
bool model_has_key(const struct model *model);

/* Looks which version is in force and whether a key's file has changed, and loads anew when so;
 * once a second by the worker's tick. encode() may prepare answers in the new snapshot's arena
 * before anybody sees it; NULL: none. */
typedef const void *models_encode_fn(struct arena *arena, const struct models *models);
void models_refresh(struct db *db, models_encode_fn *encode);

/* Micro-dollars of a call: exact, rounded up once at the end. Reasoning beyond output, and what is
 * kept for an hour beyond what was written, do not count. 0, or -1 when a number is negative or the
 * sum does not fit. */
int model_cost(const struct model_price *price, const struct token_counts *tokens, i64 *ret_micro);
/* What to hold for a call (gateway.md section 6): a token for each 3 bytes begun of messages and
 * tools, 1600 for each image, and all of max_tokens, at price_limit. As model_cost(). */
int model_estimate(
	const struct model *model, i64 input_bytes, i64 n_images, i64 max_tokens, i64 *ret_micro);

#endif
