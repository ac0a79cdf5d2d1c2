/* Tokens of the IDE: "cgx_" and 43 base64url characters, good for 90 days after their last use
 * (gateway.md 0.1). Only their SHA-256 is kept. */
#ifndef TURNPIKE_IDE_TOKEN_H
#define TURNPIKE_IDE_TOKEN_H

#include "audit.h"
#include "gen/sql.h"

#define IDE_TOKEN_PREFIX "cgx_"

struct ide_token {
	const char *token; /* given out once, kept nowhere */
	const char *public_id;
	u64 ide_token_id;
	i64 expires_at_us;
};

/* A new token; name (may be NULL) is what the user's list calls it. mfa_at_us: when whoever lets it
 * in has proved the second factor. */
int ide_token_mint(struct db *db, u64 user_id, const char *name, struct opt_i64 mfa_at_us,
	i64 now_us, struct ide_token *ret);
/* The live token with its user; a use pushes the expiry forward (written at most once an hour). 0,
 * E_UNAUTHORIZED or E_SUSPENDED. */
int ide_token_resolve(
	struct db *db, const char *token, i64 now_us, struct ide_token_caller_row *ret);
/* Ends a token, given itself or its public id; *ret_found: there was one. */
int ide_token_revoke(struct db *db, const char *token_or_id, bool *ret_found);
/* Its holder signs out: ends the token, if there is one. */
int ide_token_sign_out(struct db *db, const char *token, const struct visitor *visitor, i64 now_us);

#endif
