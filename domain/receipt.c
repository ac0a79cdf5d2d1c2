/* What a call was charged. */
#include "receipt.h"

#include "../fcgi/core/str.h"

/* How far a position has come into a piece of this length that begins at 0. */
static i64 within(i64 position, i64 length)
{
	if (position < 0)
		return 0;
	return position < length ? position : length;
}

static i64 marked_up(i64 face)
{
	i64 marked = 0;

	money_scale_up(face, 100 + OVERAGE_MARKUP_PERCENT, 100, &marked);
	return marked;
}

struct charge charge_share(const struct charge *transfer, i64 total, i64 before, i64 cost)
{
	i64 topup = transfer->fund[FUND_TOPUP], allowance = transfer->fund[FUND_ALLOWANCE];
	i64 overage = total - topup - allowance - transfer->uncollected; /* at face value */
	i64 from = before, to = before + cost;
	struct charge share = {.fund = {[FUND_TOPUP] = within(to, topup) - within(from, topup)}};

	from -= topup, to -= topup;
	share.fund[FUND_ALLOWANCE] = within(to, allowance) - within(from, allowance);
	from -= allowance, to -= allowance;
	share.fund[FUND_OVERAGE] =
		marked_up(within(to, overage)) - marked_up(within(from, overage));
	from -= overage, to -= overage;
	share.uncollected = within(to, transfer->uncollected) - within(from, transfer->uncollected);
	return share;
}

static int read_transfer(struct db *db, u64 transfer_id, struct charge *ret)
{
	struct ledger_legs_row *leg;
	size_t n;

	*ret = (struct charge){.uncollected = 0};
	TRY(sql_ledger_legs(db, transfer_id, &leg, &n));
	for (size_t i = 0; i < n; i++) {
		bool is_user = str_equal(leg[i].owner_kind, "user");
		for (size_t k = 0; is_user && k < FUND_MAX; k++)
			if (str_equal(leg[i].kind, ledger_fund_names[k]))
				ret->fund[k] = -leg[i].amount;
		if (!is_user && str_equal(leg[i].kind, "uncollected"))
			ret->uncollected = -leg[i].amount;
	}
	return 0;
}

int receipt_get(struct db *db, u64 user_id, const char *call_id, struct receipt *ret)
{
	struct call_share_row share;
	struct charge transfer;
	int rc = sql_call_get(db, call_id, user_id, &ret->call);

	if (rc == SQL_NONE)
		return fail(db->fail, E_NOT_FOUND, "There is no call '%s'", call_id);
	TRY(rc);
	if (!ret->call.transfer_id.has)
		return 0;
	u64 transfer_id = (u64)ret->call.transfer_id.value;
	TRY(sql_call_share(db, ret->call.call_id, transfer_id, &share));
	TRY(read_transfer(db, transfer_id, &transfer));
	ret->n_calls = share.n;
	ret->charge =
		charge_share(&transfer, share.cost_micro, share.before_micro, ret->call.cost_micro);
	return 0;
}
