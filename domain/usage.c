/* Usage events with their daily sums, and turns. */
#include "usage.h"

#include <string.h>
#include <time.h>

#include "../fcgi/core/clock.h"
#include "../fcgi/core/str.h"

static const i64 day_us = 86400LL * US_PER_S;

i64 usage_day(i64 at_us)
{
	return at_us / day_us;
}

i64 usage_day_start_us(i64 day)
{
	return day * day_us;
}

static i64 month_start_day(i64 month)
{
	struct tm tm = {
		.tm_year = (int)(month / 12) - 1900, .tm_mon = (int)(month % 12), .tm_mday = 1};

	return usage_day(S_TO_US(timegm(&tm)));
}

/* "2026-01" as the months since the year 0; -1: not one since 1970. */
static i64 read_month(const char *text)
{
	i64 year, month;
	char part[5] = "";

	if (strspn(text, "0123456789") != 4 || text[4] != '-' ||
		strspn(text + 5, "0123456789") != 2 || text[7] != '\0')
		return -1;
	memcpy(part, text, 4);
	str_to_i64(part, &year);
	str_to_i64(text + 5, &month);
	return year >= 1970 && month >= 1 && month <= 12 ? year * 12 + month - 1 : -1;
}

bool usage_month(const char *period, i64 now_us, struct usage_month *ret)
{
	time_t now_s = now_us / US_PER_S;
	struct tm now;

	gmtime_r(&now_s, &now);
	i64 month = (now.tm_year + 1900LL) * 12 + now.tm_mon;
	if (period != NULL && str_equal(period, "previous"))
		month--;
	else if (period != NULL && !str_equal(period, "current"))
		month = read_month(period);
	if (month < 0)
		return false;
	ret->first_day = month_start_day(month);
	ret->last_day = month_start_day(month + 1) - 1;
	return true;
}

int usage_record(struct db *db, const struct usage_insert_in *event, bool *ret_is_new)
{
	int rc = sql_usage_insert(db, event, NULL);

	*ret_is_new = rc == 0;
	if (rc == SQL_CONFLICT)
		return 0;
	TRY(rc);
	return sql_usage_day_add(db,
		&(struct usage_day_add_in){
			.user_id = event->user_id,
			.day = usage_day(event->at_us),
			.provider = event->provider,
			.model = event->model,
			.calls = 1,
			.cost_micro = event->cost_micro,
		},
		NULL);
}

int usage_turns_get(
	struct db *db, u64 user_id, const char *plan, i64 now_us, struct usage_turns *ret)
{
	struct turn_count_get_row count = {0};
	struct plan_daily_turns_row cap = {0};
	int rc = sql_turn_count_get(db, user_id, usage_day(now_us), &count);

	if (rc != SQL_NONE)
		TRY(rc);
	rc = sql_plan_daily_turns(db, now_us, plan, &cap);
	if (rc == SQL_NONE) /* a plan that is no longer sold keeps working */
		rc = 0;
	TRY(rc);
	*ret = (struct usage_turns){count.used, cap.daily_turns};
	return 0;
}

int usage_turns_add(struct db *db, u64 user_id, const char *turn_id, i64 n, i64 now_us)
{
	i64 day = usage_day(now_us);

	if (turn_id != NULL) {
		int rc = sql_turn_insert(db, user_id, turn_id, day, NULL);
		if (rc == SQL_CONFLICT)
			return 0;
		TRY(rc);
	}
	return sql_turn_count_add(db, user_id, day, n, NULL);
}
