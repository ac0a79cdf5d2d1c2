/* The export's pages of calls of hosted models. */
#include <stdio.h>

#include "../../domain/usage.h"
#include "../../fcgi/core/clock.h"
#include "../../fcgi/http/request.h"
#include "export.h"

SCHEMA(export_call, STR(export_call, id, REQUIRED), STR(export_call, request_id, REQUIRED),
	TIME_S(export_call, at_us, REQUIRED, .json = "ts"), STR(export_call, endpoint, REQUIRED),
	STR(export_call, mode, REQUIRED), STR(export_call, model, REQUIRED),
	STR(export_call, status, REQUIRED),
	BOOL(export_call, is_estimated, REQUIRED, .json = "estimated"),
	I64(export_call, input_tokens, REQUIRED), I64(export_call, cached_tokens, REQUIRED),
	I64(export_call, cache_write_tokens, REQUIRED),
	I64(export_call, cache_write_1h_tokens, REQUIRED),
	I64(export_call, output_tokens, REQUIRED), I64(export_call, reasoning_tokens, REQUIRED),
	USD_MICRO(export_call, cost_micro, REQUIRED, .json = "cost_usd"),
	I64(export_call, latency_ms, REQUIRED));

SCHEMA(export_call_day, STR(export_call_day, day, REQUIRED, DOC("UTC, like 2026-01-31")),
	STR(export_call_day, model, REQUIRED), I64(export_call_day, calls, REQUIRED),
	I64(export_call_day, input_tokens, REQUIRED), I64(export_call_day, output_tokens, REQUIRED),
	USD_MICRO(export_call_day, cost_micro, REQUIRED, .json = "cost_usd"));

int export_call_page(struct req *r, struct export_place *at, const void **ret, size_t *ret_n)
{
	struct call_export_page_row *row;

	TRY(sql_call_export_page(
		&r->db, r->caller.user_id, at->is_start ? INT64_MAX : at->id, &row, ret_n));
	struct export_call *item = arena_array(r->arena, struct export_call, *ret_n);
	for (size_t i = 0; i < *ret_n; i++) {
		item[i] = (struct export_call){
			.id = row[i].public_id,
			.request_id = row[i].request_id,
			.endpoint = row[i].endpoint,
			.mode = row[i].mode,
			.model = row[i].model,
			.status = row[i].status,
			.is_estimated = row[i].is_estimated,
			.input_tokens = row[i].input_tokens,
			.cached_tokens = row[i].cached_tokens,
			.cache_write_tokens = row[i].cache_write_tokens,
			.cache_write_1h_tokens = row[i].cache_write_1h_tokens,
			.output_tokens = row[i].output_tokens,
			.reasoning_tokens = row[i].reasoning_tokens,
			.cost_micro = row[i].cost_micro,
			.at_us = row[i].started_at_us,
			.latency_ms = row[i].latency_us / US_PER_MS,
		};
		at->id = row[i].call_id;
	}
	*ret = item;
	return 0;
}

int export_call_day_page(struct req *r, struct export_place *at, const void **ret, size_t *ret_n)
{
	struct call_day_page_row *row;

	TRY(sql_call_day_page(&r->db, r->caller.user_id, at->is_start ? 0 : at->day,
		at->is_start ? "" : at->text[0], &row, ret_n));
	struct export_call_day *item = arena_array(r->arena, struct export_call_day, *ret_n);
	for (size_t i = 0; i < *ret_n; i++)
		item[i] = (struct export_call_day){
			.day = clock_date(r->arena, usage_day_start_us(row[i].day)),
			.model = row[i].model,
			.calls = row[i].requests,
			.input_tokens = row[i].input_tokens,
			.output_tokens = row[i].output_tokens,
			.cost_micro = row[i].cost_micro,
		};
	*ret = item;
	if (*ret_n > 0) {
		at->day = row[*ret_n - 1].day;
		snprintf(at->text[0], sizeof(at->text[0]), "%s", row[*ret_n - 1].model);
	}
	return 0;
}
