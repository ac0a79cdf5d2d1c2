/* Leases: holds that are charged and resized while many calls run on them. */
#include "ledger_book.h"

#include "../fcgi/core/str.h"
#include "usage.h"

enum { EXTRA_SHARE = 16 };

struct change {
	const struct ledger_lease *in;
	struct ledger_leased *ret;
	struct book book;
	struct hold_get_row hold;
	bool exists;
	i64 held; /* until now, with the markup of overage */
};

/* The hold as it is; what it reserves is free for what follows. */
static int take_back(struct change *c)
{
	int rc = sql_hold_get(c->book.db, c->in->hold_id, c->in->user_id, &c->hold);

	if (rc == SQL_NONE)
		return 0;
	TRY(rc);
	c->exists = true;
	const i64 held[] = {
		[FUND_TOPUP] = c->hold.held_topup,
		[FUND_ALLOWANCE] = c->hold.held_allowance,
		[FUND_OVERAGE] = c->hold.held_overage,
	};
	if (!str_equal(c->hold.state, "open")) {
		c->hold.held_overage = 0;
		return 0;
	}
	c->held = held[FUND_TOPUP] + held[FUND_ALLOWANCE] + held[FUND_OVERAGE];
	return book_reserve(&c->book, held, -1);
}

static int charge(struct change *c)
{
	struct ledger_cause cause = {.key = c->in->charge_key,
		.reference_kind = "calls",
		.reference_id = c->in->hold_id};
	struct hold_get_row *hold = &c->hold;
	u64 transfer_id;

	if (c->in->charge == 0)
		return 0;
	struct payment p = book_split(&c->book, c->in->charge, hold->held_overage);
	TRY(book_charge(&c->book, &p, &cause, &transfer_id));
	if (!money_add(hold->cost.value, c->in->charge, &hold->cost.value))
		return fail(c->book.db->fail, E_BAD_REQUEST, "The cost is too large.");
	hold->cost.has = true;
	hold->transfer_id = c->ret->transfer_id = (struct opt_i64){true, (i64)transfer_id};
	/* No overflow: together they are at most the cost with its markup. */
	hold->charged_topup += p.from[FUND_TOPUP];
	hold->charged_allowance += p.from[FUND_ALLOWANCE];
	hold->charged_overage += p.from[FUND_OVERAGE];
	hold->uncollected += p.left;
	return 0;
}

/* What to reserve on top of keep: nothing when money is short, so that none lies idle here that a
 * call elsewhere needs. */
static i64 extra(struct change *c, i64 left_today)
{
	i64 left = 0;

	for (size_t i = 0; i < FUND_OVERAGE; i++)
		if (!money_add(left, book_headroom(c->book.fund[i]), &left))
			left = INT64_MAX;
	if (left > left_today)
		left = left_today;
	left = left > c->in->keep ? (left - c->in->keep) / EXTRA_SHARE : 0;
	c->ret->has_more = left >= c->in->extra_unit;
	if (!c->ret->has_more)
		return 0;
	return left < c->in->extra_max ? left : c->in->extra_max;
}

/* What keep and extra may come to by the day's bound. */
static int day_left(struct change *c, i64 *ret)
{
	struct ai_usage_day_cost_row today;

	*ret = INT64_MAX;
	if (!c->in->day_max.has || c->in->keep <= c->held)
		return 0;
	TRY(sql_ai_usage_day_cost(c->book.db, c->in->user_id, usage_day(c->in->now_us), &today));
	*ret = c->in->day_max.value - today.cost_micro - c->ret->others;
	return c->in->keep <= *ret ? 0 : fail(c->book.db->fail, E_RATE_LIMITED, NULL);
}

static int keep(struct change *c, struct payment *ret)
{
	i64 want, left_today;

	TRY(book_expire(&c->book));
	for (size_t i = 0; i < FUND_MAX; i++)
		c->ret->others += c->book.fund[i]->reserved;
	TRY(day_left(c, &left_today));
	if (!money_add(c->in->keep, extra(c, left_today), &want))
		return fail(c->book.db->fail, E_BAD_REQUEST, "The amount is too large.");
	*ret = book_split(&c->book, want, c->hold.held_overage);
	if (ret->left > 0 && c->in->charge == 0 && c->in->keep > c->held)
		return fail(c->book.db->fail, E_INSUFFICIENT_BALANCE, NULL);
	c->ret->held = want - ret->left;
	return book_reserve(&c->book, ret->from, 1);
}

static int write_hold(struct change *c, const struct payment *held)
{
	const struct hold_get_row *hold = &c->hold;
	const char *closed = hold->cost.has ? "settled" : "released";

	if (!c->exists)
		TRY(sql_hold_insert(c->book.db,
			&(struct hold_insert_in){
				.public_id = c->in->hold_id,
				.user_id = c->in->user_id,
				.reference_kind = "lease",
				.reference_id = c->in->hold_id,
				.deadline_at_us = c->in->deadline_at_us,
				.created_at_us = c->in->now_us,
			},
			NULL));
	return sql_hold_lease_set(c->book.db,
		&(struct hold_lease_set_in){
			.state = c->ret->held > 0 ? "open" : closed,
			.held_topup = held->from[FUND_TOPUP],
			.held_allowance = held->from[FUND_ALLOWANCE],
			.held_overage = held->from[FUND_OVERAGE],
			.cost = hold->cost,
			.charged_topup = hold->charged_topup,
			.charged_allowance = hold->charged_allowance,
			.charged_overage = hold->charged_overage,
			.uncollected = hold->uncollected,
			.transfer_id = hold->transfer_id,
			.deadline_at_us = c->in->deadline_at_us,
			.closed_at_us = {c->ret->held == 0, c->in->now_us},
			.public_id = c->in->hold_id,
		},
		NULL);
}

static int apply(struct db *db, void *arg)
{
	struct change *c = arg;
	struct payment held;

	*c = (struct change){.in = c->in, .ret = c->ret};
	*c->ret = (struct ledger_leased){.held = 0};
	TRY(book_open(&c->book, db, c->in->user_id, c->in->now_us));
	TRY(take_back(c));
	TRY(charge(c));
	TRY(keep(c, &held));
	TRY(write_hold(c, &held));
	return book_close(&c->book);
}

int ledger_lease_set(struct db *db, const struct ledger_lease *in, struct ledger_leased *ret)
{
	struct change c = {.in = in, .ret = ret};

	if (in->charge < 0 || in->keep < 0)
		return fail(db->fail, E_BAD_REQUEST, "An amount cannot be negative.");
	return db_tx(db, apply, &c);
}
