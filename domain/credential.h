/* All that opens an account, whatever its family: sessions, browsers, tokens of the IDE. */
#ifndef TURNPIKE_CREDENTIAL_H
#define TURNPIKE_CREDENTIAL_H

#include "audit.h"
#include "gen/sql.h"

/* The live ones, the newest first. */
int credential_list(
	struct db *db, u64 user_id, i64 now_us, struct credential_list_row **ret, size_t *ret_n);
/* Ends the one with this public id; E_NOT_FOUND when it is not the user's. */
int credential_end(struct db *db, u64 user_id, const char *public_id, const struct visitor *visitor,
	i64 now_us);
/* Ends all sessions and browsers but session_id, and what they have begun. Tokens of the IDE stay:
 * they were let in one by one, and end one by one. */
int credential_end_others(struct db *db, u64 user_id, u64 session_id, const struct visitor *visitor,
	i64 now_us, u64 *ret_n);

#endif
