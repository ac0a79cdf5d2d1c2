/* What mailed links carry: 32 random bytes, used once, for one purpose; only their SHA-256 is kept
 * (account.md sections 4.1 to 4.5). */
#ifndef TURNPIKE_EMAIL_TOKEN_H
#define TURNPIKE_EMAIL_TOKEN_H

#include "gen/sql.h"

enum email_token_purpose { EMAIL_TOKEN_VERIFY, EMAIL_TOKEN_RESET };

enum {
	EMAIL_TOKENS_LIVE_MAX = 5,	 /* of a user and a purpose; the oldest give way */
	EMAIL_TOKEN_KEEP_S = 30 * 86400, /* after it has expired: to tell a used link from none */
};

struct email_token {
	enum email_token_purpose purpose;
	u64 user_id;
	const char *password_hash, *display_name; /* of a sign-up, else NULL */
	const char *ip;				  /* who asked */
};

/* Inside a transaction that has locked the user. */
int email_token_issue(struct db *db, const struct email_token *token, i64 now_us,
	const char **ret_text, i64 *ret_expires_at_us);
/* Ends what is open for a purpose, for a token that replaces it. */
int email_token_retire(struct db *db, u64 user_id, enum email_token_purpose purpose, i64 now_us);

/* 0; E_NOT_FOUND: unknown, or for another purpose; used: E_CONSUMED, or E_ALREADY_VERIFIED;
 * E_EXPIRED. */
int email_token_find(struct db *db, const char *text, enum email_token_purpose purpose, i64 now_us,
	struct email_token_get_row *ret);
/* Uses a token that was found, once among all who try. */
int email_token_claim(
	struct db *db, const char *text, enum email_token_purpose purpose, i64 now_us);

#endif
