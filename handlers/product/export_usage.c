/* The export's pages of usage and turns. */
#include <string.h>

#include "../../domain/usage.h"
#include "../../fcgi/core/clock.h"
#include "../../fcgi/http/request.h"
#include "export.h"

SCHEMA(export_usage, STR(export_usage, id), TIME_S(export_usage, at_us, REQUIRED, .json = "ts"),
	STR(export_usage, model, REQUIRED), STR(export_usage, provider, REQUIRED),
	I64(export_usage, input_tokens, REQUIRED), I64(export_usage, output_tokens, REQUIRED),
	I64(export_usage, cached_tokens, REQUIRED), I64(export_usage, cache_write_tokens, REQUIRED),
	USD_MICRO(export_usage, cost_micro, REQUIRED, .json = "cost_usd"));

SCHEMA(export_usage_day, STR(export_usage_day, day, REQUIRED, DOC("UTC, like 2026-01-31")),
	STR(export_usage_day, provider, REQUIRED), STR(export_usage_day, model, REQUIRED),
	I64(export_usage_day, calls, REQUIRED),
	USD_MICRO(export_usage_day, cost_micro, REQUIRED, .json = "cost_usd"));

SCHEMA(export_turn, STR(export_turn, id, REQUIRED),
	STR(export_turn, day, REQUIRED, DOC("UTC, like 2026-01-31")));

SCHEMA(export_turn_day, STR(export_turn_day, day, REQUIRED, DOC("UTC, like 2026-01-31")),
	I64(export_turn_day, used, REQUIRED));

static void keep_text(char ret[EXPORT_TEXT_BYTES], const char *text)
{
	size_t length = strnlen(text, EXPORT_TEXT_BYTES - 1);

	memcpy(ret, text, length);
	ret[length] = '\0';
}

static const char *date_of(struct arena *a, i64 day)
{
	return clock_date(a, usage_day_start_us(day));
}

int export_usage_page(struct req *r, struct export_place *at, const void **ret, size_t *ret_n)
{
	struct usage_page_row *row;

	TRY(sql_usage_page(&r->db, r->caller.user_id, at->is_start ? INT64_MAX : at->at_us, at->id,
		&row, ret_n));
	struct export_usage *item = arena_array(r->arena, struct export_usage, *ret_n);
	for (size_t i = 0; i < *ret_n; i++) {
		item[i] = (struct export_usage){
			.id = row[i].client_id,
			.model = row[i].model,
			.provider = row[i].provider,
			.at_us = row[i].at_us,
			.input_tokens = row[i].input_tokens,
			.output_tokens = row[i].output_tokens,
			.cached_tokens = row[i].cached_tokens,
			.cache_write_tokens = row[i].cache_write_tokens,
			.cost_micro = row[i].cost_micro,
		};
		at->at_us = row[i].at_us;
		at->id = row[i].usage_id;
	}
	*ret = item;
	return 0;
}

int export_usage_day_page(struct req *r, struct export_place *at, const void **ret, size_t *ret_n)
{
	struct usage_day_page_row *row;

	TRY(sql_usage_day_page(&r->db,
		&(struct usage_day_page_in){
			.user_id = r->caller.user_id,
			.day = at->is_start ? -1 : at->day,
			.provider = at->text[0],
			.model = at->text[1],
		},
		&row, ret_n));
	struct export_usage_day *item = arena_array(r->arena, struct export_usage_day, *ret_n);
	for (size_t i = 0; i < *ret_n; i++)
		item[i] = (struct export_usage_day){date_of(r->arena, row[i].day), row[i].provider,
			row[i].model, row[i].calls, row[i].cost_micro};
	*ret = item;
	if (*ret_n > 0) {
		at->day = row[*ret_n - 1].day;
		keep_text(at->text[0], row[*ret_n - 1].provider);
		keep_text(at->text[1], row[*ret_n - 1].model);
	}
	return 0;
}

int export_turn_page(struct req *r, struct export_place *at, const void **ret, size_t *ret_n)
{
	struct turn_page_row *row;

	TRY(sql_turn_page(
		&r->db, r->caller.user_id, at->is_start ? NULL : at->text[0], &row, ret_n));
	struct export_turn *item = arena_array(r->arena, struct export_turn, *ret_n);
	for (size_t i = 0; i < *ret_n; i++)
		item[i] = (struct export_turn){row[i].turn_id, date_of(r->arena, row[i].day)};
	*ret = item;
	if (*ret_n > 0)
		keep_text(at->text[0], row[*ret_n - 1].turn_id);
	return 0;
}

/* One row a day, and few days are kept: all at once. */
int export_turn_day_page(struct req *r, struct export_place *at, const void **ret, size_t *ret_n)
{
	struct turn_count_list_row *row;

	*ret_n = 0;
	if (!at->is_start)
		return 0;
	TRY(sql_turn_count_list(&r->db, r->caller.user_id, &row, ret_n));
	struct export_turn_day *item = arena_array(r->arena, struct export_turn_day, *ret_n);
	for (size_t i = 0; i < *ret_n; i++)
		item[i] = (struct export_turn_day){date_of(r->arena, row[i].day), row[i].used};
	*ret = item;
	return 0;
}
