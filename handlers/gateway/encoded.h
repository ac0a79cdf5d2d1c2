/* What the catalog's routes answer, encoded once for each version of the catalog. */
#ifndef TURNPIKE_GATEWAY_ENCODED_H
#define TURNPIKE_GATEWAY_ENCODED_H

#include "../../domain/models.h"
#include "../../fcgi/http/schema.h"

struct req;

struct encoded {
	const char *body, *tag; /* tag: its ETag */
	size_t length;
};

/* One model, as a piece of the list's body. */
struct encoded_piece {
	size_t start, length;
};

/* The models as one kind of caller sees them. */
struct encoded_models {
	struct encoded list, tier[MODEL_TIER_MAX];
	struct encoded_piece *piece; /* by the model's place; not enabled: length 0 */
};

enum { ENCODED_RANKS_MAX = 24 }; /* a file has at most 20 tiers */

struct encoded_catalog {
	/* Callers of rank[i] or more, up to the next, see by_rank[i]. */
	struct encoded_models anonymous, by_rank[ENCODED_RANKS_MAX];
	i64 rank[ENCODED_RANKS_MAX];
	size_t n_ranks;
	struct encoded manifest, plans, models, packs, tiers;
};

/* The whole, for models_refresh(). */
const void *gateway_encode(struct arena *arena, const struct models *models);
void gateway_encode_models(
	struct arena *arena, const struct models *models, struct encoded_catalog *ret);

/* One model as the routes show it. */
struct gateway_pricing;
struct gateway_model {
	const char *id, *object, *name, *provider, *owned_by, *tier, *requires_tier;
	i64 created_us, context_window, max_output_tokens;
	const char *const *capabilities, *const *aliases;
	size_t n_capabilities, n_aliases;
	struct gateway_pricing *pricing;
	bool deprecated, enabled;
	struct opt_bool entitled;
};
extern const struct schema gateway_catalog_model_schema; /* with `enabled`, without entitlements */
/* All models, also those that are not enabled. */
struct gateway_model *gateway_model_entries(struct arena *arena, const struct models *models);

struct encoded gateway_encoded(struct arena *arena, const struct buf *body);

/* The catalog in force, kept until the answer is sent. 0 or E_UNAVAILABLE. */
int gateway_models(struct req *r, const struct models **ret);
/* The answer: this body with its ETag, or 304. */
int gateway_answer(struct req *r, const struct encoded *encoded, const char *cache_control);

#endif
