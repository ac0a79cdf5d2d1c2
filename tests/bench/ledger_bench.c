/* What the ledger's transactions take at one connection, the commit included.
 *
 *	TURNPIKE_TEST_SOCKET=... ledger_bench [rounds]
 *
 * How durable a commit is, is the server's: innodb_flush_log_at_trx_commit. */
#include <stdio.h>
#include <stdlib.h>

#include "fcgi/core/clock.h"
#include "tests/db/ledger_world.h"

enum { ROUNDS = 1000 };

static struct support s;
static u64 user, other, account[2];
static const char *hold;

static int bench_ping(void)
{
	return db_ping(&s.db);
}

static int bench_transfer(void)
{
	struct ledger_leg leg[] = {{account[0], -1}, {account[1], 1}};
	struct ledger_change c = world_change(user, 0, world_key(&s));
	struct ledger_posted posted;

	return ledger_transfer(&s.db, "bench", &c.cause, leg, 2, WORLD_NOW, &posted);
}

static int bench_grant(void)
{
	struct ledger_change c = world_change(other, 1, world_key(&s));
	struct ledger_posted posted;

	return ledger_grant(&s.db, &c, &posted);
}

static int bench_hold(void)
{
	return world_hold(&s, user, 100, &hold);
}

static int bench_settle(void)
{
	struct ledger_receipt receipt;
	const char *id;
	int rc = world_hold(&s, user, 100, &id);

	return rc != 0 ? rc : ledger_settle(&s.db, user, id, 60, WORLD_NOW, &receipt);
}

static int by_size(const void *a, const void *b)
{
	i64 x = *(const i64 *)a, y = *(const i64 *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} bench[] = {{"round trip", bench_ping}, {"transfer", bench_transfer},
		{"grant", bench_grant}, {"hold", bench_hold}, {"hold and settle", bench_settle}};
	size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : ROUNDS;
	i64 *us = calloc(rounds, sizeof(*us));

	if (!world_database() || us == NULL || rounds == 0)
		return 77;
	support_connect(&s, 1);
	user = world_user(&s);
	other = world_user(&s);
	world_grant(&s, user, 1000000000);
	world_grant(&s, other, 1);
	account[0] = world_account(user, FUND_TOPUP);
	account[1] = world_account(other, FUND_TOPUP);
	for (size_t i = 0; i < ARRAY_LEN(bench); i++) {
		for (size_t k = 0; k < rounds; k++) {
			i64 from_us = clock_mono_us();
			support_expect(&s, bench[i].run(), 0, NULL);
			us[k] = clock_mono_us() - from_us;
			arena_reset(&s.arena);
		}
		qsort(us, rounds, sizeof(*us), by_size);
		printf("%s: p50 %lld us, p99 %lld us\n", bench[i].name, (long long)us[rounds / 2],
			(long long)us[rounds * 99 / 100]);
	}
	world_verify(&s);
	support_close(&s);
	free(us);
	return 0;
}
