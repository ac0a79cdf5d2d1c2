/* What calls have used in a month, UTC (gateway.md section 4). */
#include "../../domain/usage.h"

#include "../../domain/money.h"
#include "../../fcgi/core/clock.h"
#include "../../fcgi/http/request.h"
#include "gateway.h"

struct gateway_usage_in {
	const char *period;
};
SCHEMA(gateway_usage_in,
	STR(gateway_usage_in, period, QUERY, .max = 16,
		DOC("A month: current (also without it), previous, or like 2026-01")));

struct gateway_period {
	const char *start, *end;
};
SCHEMA(gateway_period, STR(gateway_period, start, REQUIRED, DOC("ISO 8601")),
	STR(gateway_period, end, REQUIRED, DOC("ISO 8601; not in it any more")));

struct gateway_usage_totals {
	i64 requests, input_tokens, output_tokens, credits;
};
#define USAGE_FIELDS(T)                                                  \
	I64(T, requests, REQUIRED),                                      \
		I64(T, input_tokens, REQUIRED, .json = "inputTokens",    \
			DOC("Of all kinds, also from and to a cache")),  \
		I64(T, output_tokens, REQUIRED, .json = "outputTokens"), \
		HUNDREDTHS(T, credits, REQUIRED, .json = "creditsUsed")
SCHEMA(gateway_usage_totals, USAGE_FIELDS(gateway_usage_totals));

struct gateway_usage_model {
	const char *model;
	i64 requests, input_tokens, output_tokens, credits;
};
SCHEMA(gateway_usage_model, STR(gateway_usage_model, model, REQUIRED),
	USAGE_FIELDS(gateway_usage_model));

struct gateway_usage_day {
	const char *date;
	i64 credits, requests;
};
SCHEMA(gateway_usage_day, STR(gateway_usage_day, date, REQUIRED, DOC("UTC, like 2026-01-31")),
	HUNDREDTHS(gateway_usage_day, credits, REQUIRED, .json = "creditsUsed"),
	I64(gateway_usage_day, requests, REQUIRED));

struct gateway_period_usage {
	struct gateway_period *period;
	struct gateway_usage_totals *totals;
	struct gateway_usage_model *by_model;
	struct gateway_usage_day *by_day;
	size_t n_by_model, n_by_day;
};
SCHEMA(gateway_period_usage, OBJECT(gateway_period_usage, period, gateway_period, REQUIRED),
	OBJECT(gateway_period_usage, totals, gateway_usage_totals, REQUIRED),
	ARRAY(gateway_period_usage, by_model, gateway_usage_model, REQUIRED, .json = "byModel",
		DOC("The dearest first")),
	ARRAY(gateway_period_usage, by_day, gateway_usage_day, REQUIRED, .json = "byDay",
		DOC("Days with calls")));

static int fill_models(
	struct req *r, const struct usage_month *month, struct gateway_period_usage *out)
{
	struct gateway_usage_totals *totals = arena_new(r->arena, struct gateway_usage_totals);
	struct call_usage_models_row *row;
	i64 cost_micro = 0;

	TRY(sql_call_usage_models(&r->db, r->caller.user_id, month->first_day, month->last_day,
		&row, &out->n_by_model));
	out->by_model = arena_array(r->arena, struct gateway_usage_model, out->n_by_model);
	for (size_t i = 0; i < out->n_by_model; i++) {
		out->by_model[i] = (struct gateway_usage_model){
			.model = row[i].model,
			.requests = row[i].requests,
			.input_tokens = row[i].input_tokens,
			.output_tokens = row[i].output_tokens,
			.credits = money_charge_hundredths(row[i].cost_micro),
		};
		totals->requests += row[i].requests;
		totals->input_tokens += row[i].input_tokens;
		totals->output_tokens += row[i].output_tokens;
		cost_micro += row[i].cost_micro;
	}
	totals->credits = money_charge_hundredths(cost_micro);
	out->totals = totals;
	return 0;
}

static int fill_days(
	struct req *r, const struct usage_month *month, struct gateway_period_usage *out)
{
	struct call_usage_days_row *row;

	TRY(sql_call_usage_days(&r->db, r->caller.user_id, month->first_day, month->last_day, &row,
		&out->n_by_day));
	out->by_day = arena_array(r->arena, struct gateway_usage_day, out->n_by_day);
	for (size_t i = 0; i < out->n_by_day; i++)
		out->by_day[i] = (struct gateway_usage_day){
			.date = clock_date(r->arena, usage_day_start_us(row[i].day)),
			.credits = money_charge_hundredths(row[i].cost_micro),
			.requests = row[i].requests,
		};
	return 0;
}

int gateway_usage_get(struct req *r, const void *in_, void *out_)
{
	const struct gateway_usage_in *in = in_;
	struct gateway_period_usage *out = out_;
	struct usage_month month;

	if (!usage_month(in->period, r->now_us, &month)) {
		fail_fault(r->fail, "period", "values");
		return fail(r->fail, E_INVALID_FIELD, NULL);
	}
	out->period = arena_new(r->arena, struct gateway_period);
	*out->period = (struct gateway_period){
		clock_iso8601_ms(r->arena, usage_day_start_us(month.first_day)),
		clock_iso8601_ms(r->arena, usage_day_start_us(month.last_day + 1)),
	};
	TRY(fill_models(r, &month, out));
	return fill_days(r, &month, out);
}
