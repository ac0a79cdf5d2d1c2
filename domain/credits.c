/* A user's credit as people are shown it. */
#include "credits.h"

#include "ledger.h"

int credits_get(struct db *db, u64 user_id, i64 now_us, struct credits *ret)
{
	struct credits_get_row row;
	int rc = sql_credits_get(db, user_id, &row);

	if (rc == SQL_NONE)
		return fail(db->fail, E_UNAUTHORIZED, NULL);
	TRY(rc);
	i64 balance = row.topup + row.allowance;
	i64 free = balance - row.topup_reserved - row.allowance_reserved;
	/* Accounts are made with the first credit. */
	i64 ceiling = row.overage_floor.has ? -row.overage_floor.value
					    : (i64)OVERAGE_CEILING_CENTS * MICRO_PER_CENT;
	bool has_period = row.allowance_amount.has && row.allowance_ends_at_us.value > now_us;
	*ret = (struct credits){
		.balance = money_credit_hundredths(balance),
		.available = money_credit_hundredths(free),
		.purchased = money_credit_hundredths(row.topup),
		.period = {has_period, money_credit_hundredths(row.allowance_amount.value)},
		.resets_at_us = has_period ? row.allowance_ends_at_us : row.renews_at_us,
		.overage_enabled = row.overage_enabled,
		.overage = money_charge_hundredths(-row.overage),
		.overage_ceiling = money_credit_hundredths(ceiling),
		.renews_at_us = row.renews_at_us,
	};
	ret->reserved = ret->balance - ret->available;
	return 0;
}
