/* Users and their money, on a real server. */
#include "ledger_world.h"

#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>

#include "domain/ledger_verify.h"
#include "fcgi/core/clock.h"
#include "fcgi/core/crypto.h"

bool world_database(void)
{
	return support_database_of(PRODUCT_MIGRATIONS);
}

u64 world_user(struct support *s)
{
	u64 id;

	support_expect(s,
		sql_user_insert(&s->db,
			&(struct user_insert_in){
				.public_id = public_id(&s->arena, "usr_"),
				.email = arena_printf(
					&s->arena, "%s@example.org", random_token(&s->arena)),
				.email_verified_at_us = {true, WORLD_NOW},
				.created_at_us = WORLD_NOW,
			},
			&id),
		0, NULL);
	return id;
}

void world_verify(struct support *s)
{
	struct ledger_proof proof;

	support_expect(s, ledger_verify(&s->db, &proof), 0, NULL);
	if (proof.fault != NULL) {
		fprintf(stderr, "the books are wrong: %s\n", proof.fault);
		abort();
	}
}

struct ledger_change world_change(u64 user_id, i64 amount, const char *key)
{
	return (struct ledger_change){
		.user_id = user_id,
		.amount = amount,
		.cause = {.key = key, .reference_kind = "test", .reference_id = "1"},
		.now_us = WORLD_NOW,
	};
}

void world_grant(struct support *s, u64 user_id, i64 amount)
{
	struct ledger_change c = world_change(user_id, amount, world_key(s));
	struct ledger_posted posted;

	support_expect(s, ledger_grant(&s->db, &c, &posted), 0, NULL);
}

int world_hold(struct support *s, u64 user_id, i64 amount, const char **ret_id)
{
	struct ledger_hold h = {
		.user_id = user_id,
		.amount = amount,
		.deadline_at_us = WORLD_LATER,
		.reference_kind = "test",
		.reference_id = "1",
		.request_id = "req-1",
		.now_us = WORLD_NOW,
	};

	return ledger_hold(&s->db, &h, ret_id);
}

struct ledger_balance world_balance(struct support *s, u64 user_id)
{
	struct ledger_balance balance;

	support_expect(s, ledger_balance_get(&s->db, user_id, &balance), 0, NULL);
	return balance;
}

u64 world_account(u64 user_id, enum fund fund)
{
	char sql[200];

	snprintf(sql, sizeof(sql),
		"SELECT account_id FROM ledger_account WHERE owner_kind = 'user'"
		" AND owner_id = %llu AND kind = '%s'",
		(unsigned long long)user_id, ledger_fund_names[fund]);
	return (u64)support_admin(sql);
}

const char *world_key(struct support *s)
{
	return random_token(&s->arena);
}

bool world_try(const char *sql)
{
	MYSQL *mysql = mysql_init(NULL);

	if (mysql_real_connect(mysql, NULL, "root", "", "turnpike_test", 0,
		    getenv("TURNPIKE_TEST_SOCKET"), 0) == NULL)
		abort();
	bool ok = mysql_query(mysql, sql) == 0;
	mysql_close(mysql);
	return ok;
}
