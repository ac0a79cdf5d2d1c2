/* Random operations against a model that is too simple to be wrong: balances, lots and holds as
 * plain arrays. TURNPIKE_SEED replays a run, TURNPIKE_STEPS makes it longer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/core/crypto.h"
#include "fcgi/core/str.h"
#include "ledger_world.h"

#include <cmocka.h> /* after ours: its macro fail() would hide our function */

enum { USERS = 6, LOTS_MAX = 4000, HOLDS_MAX = 40, STEPS = 16000, CHECK_EVERY = 1000 };

struct lot {
	i64 remaining, expires_at_us;
};

struct model_hold {
	const char *id; /* NULL: free */
	i64 held[FUND_MAX], deadline_at_us, noted;
};

struct model_user {
	u64 user_id, account_id;
	struct lot lot[2][LOTS_MAX];
	size_t n_lots[2];
	i64 debt;
	bool overage;
	struct model_hold hold[HOLDS_MAX];
};

static struct support s;
static struct model_user *model;
static u64 seed, number;
static i64 now_us = WORLD_NOW;
static size_t n_done, n_refused;

/* SplitMix64, so that the seed says it all. */
static u64 next(void)
{
	u64 z = (seed += 0x9e3779b97f4a7c15U);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
	return z ^ (z >> 31);
}

static i64 below(i64 bound)
{
	return (i64)(next() % (u64)bound);
}

static i64 balance(const struct model_user *u, enum fund fund)
{
	i64 sum = 0;

	if (fund == FUND_OVERAGE)
		return -u->debt;
	for (size_t i = 0; i < u->n_lots[fund]; i++)
		sum += u->lot[fund][i].remaining;
	return sum;
}

static i64 reserved(const struct model_user *u, enum fund fund)
{
	i64 sum = 0;

	for (size_t i = 0; i < HOLDS_MAX; i++)
		if (u->hold[i].id != NULL)
			sum += u->hold[i].held[fund];
	return sum;
}

static i64 room(const struct model_user *u, enum fund fund)
{
	i64 floor = fund == FUND_OVERAGE ? -(i64)OVERAGE_CEILING_CENTS * MICRO_PER_CENT : 0;

	return balance(u, fund) - reserved(u, fund) - floor;
}

static void add(struct model_user *u, enum fund fund, i64 amount, i64 expires_at_us)
{
	if (u->n_lots[fund] == LOTS_MAX)
		abort();
	u->lot[fund][u->n_lots[fund]++] = (struct lot){amount, expires_at_us};
}

static void burn(struct model_user *u, enum fund fund, i64 amount)
{
	if (fund == FUND_OVERAGE)
		u->debt += amount;
	for (size_t i = 0; fund != FUND_OVERAGE && i < u->n_lots[fund]; i++) {
		struct lot *lot = &u->lot[fund][i];
		i64 take = lot->remaining < amount ? lot->remaining : amount;
		lot->remaining -= take;
		amount -= take;
	}
}

static void expire(struct model_user *u)
{
	for (size_t fund = 0; fund < FUND_OVERAGE; fund++)
		for (size_t i = 0; i < u->n_lots[fund]; i++) {
			struct lot *lot = &u->lot[fund][i];
			i64 left = room(u, (enum fund)fund);
			if (lot->expires_at_us <= now_us)
				lot->remaining -= lot->remaining < left ? lot->remaining : left;
		}
}

/* As the contract says it: top-ups, allowance, then overage at 1.15, what is left is not paid. */
static i64 split(const struct model_user *u, i64 amount, i64 own, i64 ret[FUND_MAX])
{
	for (size_t i = 0; i < FUND_OVERAGE; i++) {
		i64 free = room(u, (enum fund)i);
		ret[i] = amount < free ? amount : free;
		amount -= ret[i];
	}
	i64 free = room(u, FUND_OVERAGE);
	if (!u->overage && own < free)
		free = own;
	i64 face = free * 100 / 115;
	if (face > amount)
		face = amount;
	ret[FUND_OVERAGE] = (face * 115 + 99) / 100;
	return amount - face;
}

/* The ledger's answer must be the model's. */
static void expect(int rc, int expected)
{
	if (rc == expected)
		n_done++;
	n_refused += expected != 0;
	support_expect(&s, rc, expected, NULL);
}

static struct ledger_change change(const struct model_user *u, i64 amount)
{
	struct ledger_change c = world_change(
		u->user_id, amount, arena_printf(&s.arena, "key %llu", (unsigned long long)number));

	number++;
	c.now_us = now_us;
	return c;
}

/* Sometimes the same again, which must change nothing. */
static void twice(int (*run)(struct db *, const struct ledger_change *, struct ledger_posted *),
	const struct ledger_change *c)
{
	struct ledger_posted first, again;

	expect(run(&s.db, c, &first), 0);
	if (below(4) > 0)
		return;
	expect(run(&s.db, c, &again), 0);
	assert_true(again.is_replay && again.transfer_id == first.transfer_id);
}

static void step_credit(struct model_user *u)
{
	struct ledger_change c = change(u, 1 + below(5000000));

	twice(below(2) == 0 ? ledger_grant : ledger_purchase, &c);
	add(u, FUND_TOPUP, c.amount, now_us + TOPUP_LIFETIME_US);
}

static void step_adjust(struct model_user *u)
{
	struct ledger_change c = change(u, -1 - below(5000000));
	struct ledger_posted posted;
	bool fits = -c.amount <= room(u, FUND_TOPUP);

	if (!fits) {
		expect(ledger_adjust(&s.db, &c, &posted), E_INSUFFICIENT_BALANCE);
		return;
	}
	twice(ledger_adjust, &c);
	burn(u, FUND_TOPUP, -c.amount);
}

static void step_transfer(struct model_user *u)
{
	struct model_user *to = &model[below(USERS)];
	i64 amount = 1 + below(2000000);
	struct ledger_leg leg[] = {{u->account_id, -amount}, {to->account_id, amount}};
	struct ledger_change c = change(u, 0);
	struct ledger_posted posted;
	int expected = to == u			      ? E_BAD_REQUEST
		       : amount > room(u, FUND_TOPUP) ? E_INSUFFICIENT_BALANCE
						      : 0;

	expect(ledger_transfer(&s.db, "test", &c.cause, leg, 2, now_us, &posted), expected);
	if (expected != 0)
		return;
	burn(u, FUND_TOPUP, amount);
	add(to, FUND_TOPUP, amount, now_us + TOPUP_LIFETIME_US);
}

static void step_reset(struct model_user *u)
{
	struct ledger_change c = change(u, below(3) == 0 ? 0 : 1 + below(9000000));
	i64 expires_at_us = now_us + S_TO_US(30 * 86400);
	struct ledger_posted posted;

	expect(ledger_reset_allowance(&s.db, &c, expires_at_us, &posted), 0);
	for (size_t i = 0; i < u->n_lots[FUND_ALLOWANCE]; i++)
		u->lot[FUND_ALLOWANCE][i].expires_at_us = now_us;
	if (c.amount > 0)
		add(u, FUND_ALLOWANCE, c.amount, expires_at_us);
	expire(u);
}

static void step_bill(struct model_user *u)
{
	struct ledger_change c = change(u, 0);
	struct ledger_posted posted;
	i64 amount;

	expect(ledger_bill_overage(&s.db, &c, &amount, &posted), 0);
	assert_int_equal(amount, u->debt);
	u->debt = 0;
}

static void step_overage(struct model_user *u)
{
	u->overage = !u->overage;
	expect(sql_user_update(&s.db, NULL, (struct opt_bool){true, u->overage}, u->user_id, NULL),
		0);
}

static void step_hold(struct model_user *u)
{
	struct model_hold *hold = &u->hold[below(HOLDS_MAX)];
	struct ledger_hold in = {
		.user_id = u->user_id,
		.amount = 1 + below(3000000),
		.deadline_at_us = now_us + 1 + below(S_TO_US(5 * 86400)),
		.reference_kind = "test",
		.reference_id = "1",
		.now_us = now_us,
	};
	const char *id;
	i64 held[FUND_MAX];

	if (hold->id != NULL)
		return;
	struct model_user before = *u;
	expire(u);
	if (split(u, in.amount, 0, held) > 0) {
		expect(ledger_hold(&s.db, &in, &id), E_INSUFFICIENT_BALANCE);
		*u = before; /* refused as a whole */
		return;
	}
	expect(ledger_hold(&s.db, &in, &id), 0);
	*hold = (struct model_hold){.id = strdup(id), .deadline_at_us = in.deadline_at_us};
	memcpy(hold->held, held, sizeof(held));
}

/* Closes the model's hold at a cost. */
static i64 pay(struct model_user *u, struct model_hold *hold, i64 cost, i64 charged[FUND_MAX])
{
	free((void *)(uintptr_t)hold->id);
	hold->id = NULL;
	i64 left = split(u, cost, hold->held[FUND_OVERAGE], charged);
	for (size_t i = 0; i < FUND_MAX; i++)
		burn(u, (enum fund)i, charged[i]);
	return left;
}

static struct model_hold *any_hold(struct model_user *u)
{
	struct model_hold *hold = &u->hold[below(HOLDS_MAX)];

	return hold->id != NULL ? hold : NULL;
}

static void step_settle(struct model_user *u)
{
	struct model_hold *hold = any_hold(u);
	i64 cost = below(8) == 0 ? below(9000000) : below(1000000), charged[FUND_MAX];
	struct ledger_receipt receipt, again;

	if (hold == NULL)
		return;
	const char *id = arena_strdup(&s.arena, hold->id);
	expect(ledger_settle(&s.db, u->user_id, id, cost, now_us, &receipt), 0);
	i64 left = pay(u, hold, cost, charged);
	assert_int_equal(receipt.uncollected, left);
	assert_memory_equal(receipt.charged, charged, sizeof(charged));
	expect(ledger_settle(&s.db, u->user_id, id, cost, now_us, &again), 0);
	assert_true(again.is_replay);
	expect(ledger_release(&s.db, u->user_id, id, now_us), E_CONFLICT);
}

static void step_release(struct model_user *u)
{
	struct model_hold *hold = any_hold(u);

	if (hold == NULL)
		return;
	expect(ledger_release(&s.db, u->user_id, hold->id, now_us), 0);
	free((void *)(uintptr_t)hold->id);
	hold->id = NULL;
}

static void step_note(struct model_user *u)
{
	struct model_hold *hold = any_hold(u);

	if (hold == NULL)
		return;
	hold->noted = below(2000000);
	expect(ledger_hold_note(&s.db, u->user_id, hold->id, hold->noted), 0);
}

/* The earliest deadline of all users' holds that has passed. */
static struct model_hold *overdue(struct model_user **ret)
{
	struct model_hold *first = NULL;

	for (size_t i = 0; i < USERS; i++)
		for (size_t k = 0; k < HOLDS_MAX; k++) {
			struct model_hold *hold = &model[i].hold[k];
			if (hold->id == NULL || hold->deadline_at_us > now_us ||
				(first != NULL && first->deadline_at_us <= hold->deadline_at_us))
				continue;
			first = hold;
			*ret = &model[i];
		}
	return first;
}

static void step_time(struct model_user *u)
{
	struct model_user *owner;
	struct model_hold *hold;
	i64 charged[FUND_MAX];
	size_t n;

	(void)u;
	now_us += below(20) == 0 ? S_TO_US(below(60 * 86400)) : S_TO_US(below(86400));
	do
		expect(ledger_sweep(&s.db, now_us, &n), 0);
	while (n > 0);
	while ((hold = overdue(&owner)) != NULL)
		pay(owner, hold, hold->noted, charged);
	for (size_t i = 0; i < USERS; i++)
		expire(&model[i]);
}

static void compare(const struct model_user *u)
{
	struct ledger_balance b = world_balance(&s, u->user_id);

	for (size_t i = 0; i < FUND_MAX; i++) {
		assert_int_equal(b.balance[i], balance(u, (enum fund)i));
		assert_int_equal(b.reserved[i], reserved(u, (enum fund)i));
	}
	assert_true(b.spendable >= 0);
}

static void test_random(void **state)
{
	static void (*const step[])(struct model_user * u) = {step_credit, step_adjust,
		step_transfer, step_reset, step_bill, step_overage, step_hold, step_hold, step_hold,
		step_hold, step_settle, step_settle, step_settle, step_settle, step_release,
		step_note, step_note, step_time};
	const char *given = getenv("TURNPIKE_SEED"), *longer = getenv("TURNPIKE_STEPS");
	i64 n_steps = STEPS, wanted;

	(void)state;
	random_bytes(&seed, sizeof(seed));
	if (given != NULL && str_to_i64(given, &wanted))
		seed = (u64)wanted;
	if (longer != NULL)
		assert_true(str_to_i64(longer, &n_steps));
	printf("TURNPIKE_SEED=%lld\n", (long long)seed);
	fflush(stdout);
	for (i64 i = 0; i < n_steps; i++) {
		struct model_user *u = &model[below(USERS)];
		step[below(ARRAY_LEN(step))](u);
		compare(u);
		if (i % CHECK_EVERY == 0)
			world_verify(&s);
		arena_reset(&s.arena);
	}
	world_verify(&s);
	for (size_t i = 0; i < USERS; i++)
		compare(&model[i]);
	printf("%zu operations as the model, %zu of them refused\n", n_done, n_refused);
	assert_true(n_done >= 10000 || n_steps < STEPS);
}

static int set_up(void **state)
{
	struct ledger_posted posted;

	(void)state;
	support_connect(&s, 2);
	model = calloc(USERS, sizeof(*model));
	for (size_t i = 0; i < USERS; i++) {
		model[i].user_id = world_user(&s);
		struct ledger_change c = change(&model[i], 1000);
		assert_int_equal(ledger_grant(&s.db, &c, &posted), 0);
		add(&model[i], FUND_TOPUP, 1000, now_us + TOPUP_LIFETIME_US);
		model[i].account_id = world_account(model[i].user_id, FUND_TOPUP);
	}
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < USERS; i++)
		for (size_t k = 0; k < HOLDS_MAX; k++)
			free((void *)(uintptr_t)model[i].hold[k].id);
	free(model);
	support_close(&s);
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_random, set_up, tear_down),
	};

	if (!world_database())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
