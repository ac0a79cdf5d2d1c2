/* What the tests of the ledger share: users, short words for what it does, and the proof after
 * every test. */
#ifndef TURNPIKE_LEDGER_WORLD_H
#define TURNPIKE_LEDGER_WORLD_H

#include "domain/ledger.h"
#include "fcgi/core/clock.h"
#include "support.h"

enum { WORLD_NOW_S = 1750000000 };

#define WORLD_NOW S_TO_US(WORLD_NOW_S)
#define WORLD_LATER (WORLD_NOW + S_TO_US(300)) /* the deadline of world_hold()'s holds */

/* The database with the product's tables; false when there is no server. */
bool world_database(void);
u64 world_user(struct support *s);
/* Fails the test when the books are wrong. */
void world_verify(struct support *s);
/* A change of credit under a key; note and reference are filled in. */
struct ledger_change world_change(u64 user_id, i64 amount, const char *key);
/* Gives credit that must come through. */
void world_grant(struct support *s, u64 user_id, i64 amount);
int world_hold(struct support *s, u64 user_id, i64 amount, const char **ret_id);
struct ledger_balance world_balance(struct support *s, u64 user_id);
/* The account of one of a user's funds. */
u64 world_account(u64 user_id, enum fund fund);
/* Runs SQL as root, who may do everything; false when the database refuses. */
bool world_try(const char *sql);
/* A key that was not used before. */
const char *world_key(struct support *s);

#endif
