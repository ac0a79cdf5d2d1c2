/* What was spent: totals, by day, provider and model (product.md section 3). Reads only the daily
 * sums. */
#include "../../domain/usage.h"
#include "../../fcgi/core/clock.h"
#include "../../fcgi/http/request.h"
#include "product.h"

enum { WALLET_DAYS = 30 };

struct wallet_call {
	i64 ts_us, input_tokens, output_tokens, cost_micro;
	const char *model, *provider;
};
SCHEMA(wallet_call, TIME_S(wallet_call, ts_us, REQUIRED, .json = "ts"),
	STR(wallet_call, model, REQUIRED), STR(wallet_call, provider, REQUIRED),
	I64(wallet_call, input_tokens, REQUIRED), I64(wallet_call, output_tokens, REQUIRED),
	CENTS_EXACT(wallet_call, cost_micro, REQUIRED, .json = "cost_cents"));

struct wallet_provider {
	const char *provider;
	i64 micro;
};
SCHEMA(wallet_provider, STR(wallet_provider, provider, REQUIRED),
	CENTS_EXACT(wallet_provider, micro, REQUIRED, .json = "cents"));

struct wallet_model {
	const char *model, *provider;
	i64 micro, calls;
};
SCHEMA(wallet_model, STR(wallet_model, model, REQUIRED), STR(wallet_model, provider, REQUIRED),
	CENTS_EXACT(wallet_model, micro, REQUIRED, .json = "cents"),
	I64(wallet_model, calls, REQUIRED));

struct wallet_day {
	const char *day;
	i64 micro;
};
SCHEMA(wallet_day, STR(wallet_day, day, REQUIRED, DOC("UTC, like 2026-01-31")),
	CENTS_EXACT(wallet_day, micro, REQUIRED, .json = "cents"));

struct product_wallet {
	i64 lifetime_micro, last_30d_micro;
	struct wallet_call *last_call;
	struct wallet_provider *by_provider;
	struct wallet_model *top_models;
	struct wallet_day *daily;
	size_t n_by_provider, n_top_models, n_daily;
};
SCHEMA(product_wallet,
	CENTS_EXACT(product_wallet, lifetime_micro, REQUIRED, .json = "lifetime_cents"),
	CENTS_EXACT(product_wallet, last_30d_micro, REQUIRED, .json = "last_30d_cents"),
	OBJECT(product_wallet, last_call, wallet_call, REQUIRED, NULLABLE),
	ARRAY(product_wallet, by_provider, wallet_provider, REQUIRED),
	ARRAY(product_wallet, top_models, wallet_model, REQUIRED),
	ARRAY(product_wallet, daily, wallet_day, REQUIRED, DOC("The last 30 days, oldest first")));

static int fill_totals(struct req *r, i64 since_day, struct product_wallet *out)
{
	struct usage_totals_row totals;
	struct usage_last_row last;

	TRY(sql_usage_totals(&r->db, since_day, r->caller.user_id, &totals));
	out->lifetime_micro = totals.lifetime_micro;
	out->last_30d_micro = totals.recent_micro;
	int rc = sql_usage_last(&r->db, r->caller.user_id, &last);
	if (rc == SQL_NONE)
		return 0;
	TRY(rc);
	out->last_call = arena_new(r->arena, struct wallet_call);
	*out->last_call = (struct wallet_call){
		.ts_us = last.at_us,
		.model = last.model,
		.provider = last.provider,
		.input_tokens = last.input_tokens,
		.output_tokens = last.output_tokens,
		.cost_micro = last.cost_micro,
	};
	return 0;
}

static int fill_providers(struct req *r, struct product_wallet *out)
{
	struct usage_by_provider_row *row;

	TRY(sql_usage_by_provider(&r->db, r->caller.user_id, &row, &out->n_by_provider));
	out->by_provider = arena_array(r->arena, struct wallet_provider, out->n_by_provider);
	for (size_t i = 0; i < out->n_by_provider; i++)
		out->by_provider[i] = (struct wallet_provider){row[i].provider, row[i].cost_micro};
	return 0;
}

static int fill_models(struct req *r, struct product_wallet *out)
{
	struct usage_top_models_row *row;

	TRY(sql_usage_top_models(&r->db, r->caller.user_id, &row, &out->n_top_models));
	out->top_models = arena_array(r->arena, struct wallet_model, out->n_top_models);
	for (size_t i = 0; i < out->n_top_models; i++)
		out->top_models[i] = (struct wallet_model){
			row[i].model, row[i].provider, row[i].cost_micro, row[i].calls};
	return 0;
}

/* Every day has its entry, also one without spend. */
static int fill_days(struct req *r, i64 since_day, struct product_wallet *out)
{
	struct usage_daily_row *row;
	size_t n, next = 0;

	TRY(sql_usage_daily(&r->db, r->caller.user_id, since_day, &row, &n));
	out->n_daily = WALLET_DAYS;
	out->daily = arena_array(r->arena, struct wallet_day, WALLET_DAYS);
	for (i64 i = 0; i < WALLET_DAYS; i++) {
		out->daily[i].day = clock_date(r->arena, usage_day_start_us(since_day + i));
		while (next < n && row[next].day < since_day + i)
			next++;
		if (next < n && row[next].day == since_day + i)
			out->daily[i].micro = row[next].cost_micro;
	}
	return 0;
}

int product_wallet_get(struct req *r, const void *in, void *out)
{
	i64 since_day = usage_day(r->now_us) - WALLET_DAYS + 1;

	(void)in;
	TRY(fill_totals(r, since_day, out));
	TRY(fill_providers(r, out));
	TRY(fill_models(r, out));
	return fill_days(r, since_day, out);
}
