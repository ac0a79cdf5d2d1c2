/* Reported usage and the daily cap on turns. Days are UTC, counted from 1970. */
#ifndef TURNPIKE_USAGE_H
#define TURNPIKE_USAGE_H

#include "gen/sql.h"

i64 usage_day(i64 at_us);
i64 usage_day_start_us(i64 day);

struct usage_month {
	i64 first_day, last_day;
};

/* "current" (also NULL), "previous" or "2026-01". False when period is anything else. */
bool usage_month(const char *period, i64 now_us, struct usage_month *ret);

/* Stores one event and adds it to the sums of its day; a client_id that is stored already changes
 * nothing
 * (*ret_is_new). Inside a transaction. */
int usage_record(struct db *db, const struct usage_insert_in *event, bool *ret_is_new);

struct usage_turns {
	i64 used;
	struct opt_i64 limit; /* absent: unlimited */
};

int usage_turns_get(
	struct db *db, u64 user_id, const char *plan, i64 now_us, struct usage_turns *ret);
/* Counts n turns today; a turn_id counts once. Inside a transaction. */
int usage_turns_add(struct db *db, u64 user_id, const char *turn_id, i64 n, i64 now_us);

#endif
