/* Usage that the IDE reports, and the daily cap (product.md section 4). */
#include "../../domain/usage.h"

#include "../../fcgi/http/request.h"
#include "product.h"

enum { BATCH_MAX = 100, TOKENS_MAX = 1000000000, COST_MAX_MICRO = 1000000000 };

struct usage_item {
	const char *id, *model, *provider;
	i64 ts_us, input_tokens, output_tokens, cached_tokens, cache_write_tokens, cost_micro;
};
/* No other text is taken: prompts, paths and repository names have no field to go into. */
SCHEMA(usage_item, STR(usage_item, id, .min = 1, .max = 64, DOC("Makes a repeat harmless")),
	TIME_S(usage_item, ts_us, REQUIRED, .json = "ts", .min = 1, .max = 253402300799),
	STR(usage_item, model, REQUIRED, .min = 1, .max = 100),
	STR(usage_item, provider, REQUIRED, .min = 1, .max = 64),
	I64(usage_item, input_tokens, .min = 0, .max = TOKENS_MAX),
	I64(usage_item, output_tokens, .min = 0, .max = TOKENS_MAX),
	I64(usage_item, cached_tokens, .min = 0, .max = TOKENS_MAX),
	I64(usage_item, cache_write_tokens, .min = 0, .max = TOKENS_MAX),
	USD_MICRO(usage_item, cost_micro, .json = "cost_usd", .min = 0, .max = COST_MAX_MICRO,
		DOC("What the client estimates, US dollars")));

struct product_usage_in {
	struct usage_item *items;
	size_t n_items;
};
SCHEMA_LIST(product_usage_in, usage_item, .min = 0, .max = BATCH_MAX);

struct product_recorded {
	bool ok;
	i64 recorded;
};
SCHEMA(product_recorded, BOOL(product_recorded, ok, REQUIRED),
	I64(product_recorded, recorded, REQUIRED, DOC("How many were new")));

struct record {
	struct req *r;
	const struct product_usage_in *in;
	struct product_recorded *out;
};

static int record_apply(struct db *db, void *arg)
{
	struct record *w = arg;

	*w->out = (struct product_recorded){.ok = true};
	for (size_t i = 0; i < w->in->n_items; i++) {
		const struct usage_item *item = &w->in->items[i];
		bool is_new;
		TRY(usage_record(db,
			&(struct usage_insert_in){
				.user_id = w->r->caller.user_id,
				.client_id = item->id,
				.at_us = item->ts_us,
				.model = item->model,
				.provider = item->provider,
				.input_tokens = item->input_tokens,
				.output_tokens = item->output_tokens,
				.cached_tokens = item->cached_tokens,
				.cache_write_tokens = item->cache_write_tokens,
				.cost_micro = item->cost_micro,
			},
			&is_new));
		w->out->recorded += is_new ? 1 : 0;
	}
	return 0;
}

int product_usage_record(struct req *r, const void *in, void *out)
{
	struct record w = {r, in, out};

	return db_tx(&r->db, record_apply, &w);
}

struct product_usage_check {
	bool allowed;
	i64 used, resets_at_us;
	struct opt_i64 limit;
	const char *plan;
};
SCHEMA(product_usage_check, BOOL(product_usage_check, allowed, REQUIRED),
	I64(product_usage_check, used, REQUIRED),
	OPT_I64(product_usage_check, limit, REQUIRED, NULLABLE, DOC("null: unlimited")),
	TIME_S(product_usage_check, resets_at_us, REQUIRED, .json = "resets_at"),
	STR(product_usage_check, plan, REQUIRED));

int product_usage_check(struct req *r, const void *in, void *out_)
{
	struct product_usage_check *out = out_;
	const char *plan = product_account(r)->plan;
	struct usage_turns turns;

	(void)in;
	TRY(usage_turns_get(&r->db, r->caller.user_id, plan, r->now_us, &turns));
	*out = (struct product_usage_check){
		.allowed = !turns.limit.has || turns.used < turns.limit.value,
		.used = turns.used,
		.limit = turns.limit,
		.resets_at_us = usage_day_start_us(usage_day(r->now_us) + 1),
		.plan = plan,
	};
	return 0;
}

struct product_increment_in {
	i64 n;
	const char *turn_id;
};
SCHEMA(product_increment_in,
	I64(product_increment_in, n, .min = 1, .max = 1000, DOC("1 unless told")),
	STR(product_increment_in, turn_id, .min = 1, .max = 64, DOC("Makes a repeat harmless")));

struct product_increment {
	i64 used;
	struct opt_i64 limit;
};
SCHEMA(product_increment, I64(product_increment, used, REQUIRED),
	OPT_I64(product_increment, limit, REQUIRED, NULLABLE, DOC("null: unlimited")));

struct increment {
	struct req *r;
	const struct product_increment_in *in;
	struct product_increment *out;
};

static int increment_apply(struct db *db, void *arg)
{
	struct increment *w = arg;
	struct usage_turns turns;
	i64 n = w->in->n != 0 ? w->in->n : 1;

	TRY(usage_turns_add(db, w->r->caller.user_id, w->in->turn_id, n, w->r->now_us));
	TRY(usage_turns_get(
		db, w->r->caller.user_id, product_account(w->r)->plan, w->r->now_us, &turns));
	*w->out = (struct product_increment){turns.used, turns.limit};
	return 0;
}

int product_usage_increment(struct req *r, const void *in, void *out)
{
	struct increment w = {r, in, out};

	return db_tx(&r->db, increment_apply, &w);
}
