/* What is sold, as one file and as versions of it in the database: read, checked, compared, stored.
 * The file's members are those of the schemas here (catalog_file.c); README tells of it. */
#ifndef TURNPIKE_CATALOG_H
#define TURNPIKE_CATALOG_H

#include "../fcgi/db/db.h"
#include "../fcgi/http/schema.h"

struct catalog_file_plan {
	const char *id, *name, *interval;
	struct opt_bool listed;
	i64 price_cents, rank, allowance_cents;
	struct opt_i64 founding_price_cents, daily_turns;
	const char *const *features;
	size_t n_features;
};

struct catalog_file_topup {
	const char *id;
	i64 price_cents, credits_cents;
};

/* What the gateway calls a plan. */
struct catalog_file_tier {
	const char *id, *plan, *description;
	struct opt_i64 yearly_price_cents, credits_per_request, credits_per_day;
	struct opt_bool active;
};

struct catalog_file_pack {
	const char *id, *name;
	i64 credits, price_cents;
	struct opt_bool active;
};

struct catalog_file_key {
	const char *label, *secret_file;
	struct opt_i64 weight, max_concurrent;
};

struct catalog_file_provider {
	const char *id, *name, *dialect, *auth, *base_url, *path, *api_version;
	struct opt_i64 connect_ms;
	struct opt_bool max_completion_tokens, stream_usage;
	struct catalog_file_key *keys;
	size_t n_keys;
};

/* Micro-dollars per million tokens; a multiplier in millionths. */
struct catalog_file_price {
	struct opt_i64 input, cached_input, cache_write, cache_write_1h, output, reasoning,
		multiplier;
};

struct catalog_file_route {
	const char *provider, *key, *upstream_model;
	struct opt_i64 position, weight, max_concurrent, requests_per_minute;
	struct catalog_file_price price; /* what is absent is as the model has it */
};

struct catalog_file_model {
	const char *id, *name, *owned_by, *tier, *requires_tier, *sampling, *fim_template;
	const char *const *aliases, *const *capabilities;
	size_t n_aliases, n_capabilities;
	i64 context_window, max_output_tokens, created_at_us;
	struct opt_i64 default_max_output;
	struct opt_bool reasoning, json_schema, prefill, deprecated, enabled;
	struct catalog_file_price price;
	struct catalog_file_route *routes;
	size_t n_routes;
};

/* Everything; whoever reads one finds all that has a default set. */
struct catalog_file {
	struct opt_i64 effective_at; /* Unix seconds; absent: now */
	struct catalog_file_plan *plans;
	struct catalog_file_topup *topups;
	struct catalog_file_tier *tiers;
	struct catalog_file_pack *packs;
	struct catalog_file_provider *providers;
	struct catalog_file_model *models;
	size_t n_plans, n_topups, n_tiers, n_packs, n_providers, n_models;
	unsigned char checksum[32]; /* of the bytes, with their placeholders replaced */
};
SCHEMA_DECLARE(catalog_file);

/* What is wrong, and where: {"models[2].routes[0].provider", "there is no provider 'x'"}. */
struct catalog_fault {
	const char *path, *text;
};
struct catalog_faults {
	struct arena *arena;
	struct catalog_fault *fault;
	size_t n, capacity;
};
void catalog_fault(struct catalog_faults *faults, const char *path, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Reads and checks a file's text. ${section.key} in it stands for that option of turnpike.conf,
 * which may be no secret. Notes all faults; false when there are any. */
bool catalog_parse(struct arena *arena, const struct options *options, const char *text,
	size_t length, struct catalog_file *ret, struct catalog_faults *ret_faults);
/* As if the file said this (Unix seconds); it is another file then. */
void catalog_set_effective(struct catalog_file *file, i64 at_s);
/* For catalog_parse(): what the schemas cannot say, of a file that fits them (catalog_check.c). */
void catalog_check(const struct catalog_file *file, struct catalog_faults *faults);

/* A version as the file that it was loaded from; also the rows of its plans and top-ups. */
int catalog_fetch(struct db *db, u64 catalog_id, struct catalog_file *ret);

/* One line for each thing that is new, gone or different in `to`: "model x: name \"A\" -> \"B\"".
 */
size_t catalog_diff(struct arena *arena, const struct catalog_file *from,
	const struct catalog_file *to, struct buf *out);

/* What became of a file: its version, new unless the newest one is this very file already. */
struct catalog_stored {
	bool is_new;
	u64 catalog_id, current_id; /* equal: it is in force */
	i64 effective_at_us;
};

/* E_CONFLICT for a file whose time lies before that of the version in force: it would never be. */
int catalog_check_time(struct db *db, const struct catalog_file *file, i64 now_us);
/* Checks the time and stores the file as a new version. */
int catalog_store(
	struct db *db, const struct catalog_file *file, i64 now_us, struct catalog_stored *ret);

#endif
