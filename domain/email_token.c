/* What mailed links carry. */
#include "email_token.h"

#include <string.h>

#include "../fcgi/core/clock.h"
#include "../fcgi/core/crypto.h"

static const struct {
	const char *name;
	i64 lifetime_s;
	enum error used;
} purposes[] = {
	[EMAIL_TOKEN_VERIFY] = {"verify", 86400, E_ALREADY_VERIFIED},
	[EMAIL_TOKEN_RESET] = {"reset", 3600, E_CONSUMED},
};

/* Makes room for another one. */
static int retire_oldest(struct db *db, u64 user_id, enum email_token_purpose purpose, i64 now_us)
{
	struct email_token_waiting_row *row;
	size_t n, n_live = 0;

	TRY(sql_email_token_waiting(db, user_id, purposes[purpose].name, &row, &n));
	for (size_t i = 0; i < n; i++)
		if (row[i].expires_at_us > now_us && ++n_live >= EMAIL_TOKENS_LIVE_MAX)
			TRY(sql_email_token_retire(db, now_us, row[i].token_hash, NULL));
	return 0;
}

int email_token_retire(struct db *db, u64 user_id, enum email_token_purpose purpose, i64 now_us)
{
	return sql_email_token_retire_all(db, now_us, user_id, purposes[purpose].name, NULL);
}

int email_token_issue(struct db *db, const struct email_token *token, i64 now_us,
	const char **ret_text, i64 *ret_expires_at_us)
{
	const char *text = random_token(db->arena);
	struct sha256 hash = sha256(text, strlen(text));

	TRY(retire_oldest(db, token->user_id, token->purpose, now_us));
	*ret_text = text;
	*ret_expires_at_us = now_us + S_TO_US(purposes[token->purpose].lifetime_s);
	return sql_email_token_insert(db,
		&(struct email_token_insert_in){
			.token_hash = {&hash, sizeof(hash)},
			.purpose = purposes[token->purpose].name,
			.user_id = token->user_id,
			.password_hash = token->password_hash,
			.display_name = token->display_name,
			.ip = token->ip,
			.created_at_us = now_us,
			.expires_at_us = *ret_expires_at_us,
		},
		NULL);
}

int email_token_find(struct db *db, const char *text, enum email_token_purpose purpose, i64 now_us,
	struct email_token_get_row *ret)
{
	struct sha256 hash = sha256(text, strlen(text));
	int rc = sql_email_token_get(
		db, (struct sql_bytes){&hash, sizeof(hash)}, purposes[purpose].name, ret);

	if (rc == SQL_NONE)
		return fail(db->fail, E_NOT_FOUND, "This link is not known. Ask for a new one.");
	TRY(rc);
	if (ret->consumed_at_us.has)
		return fail(db->fail, purposes[purpose].used, NULL);
	return ret->expires_at_us <= now_us ? fail(db->fail, E_EXPIRED, NULL) : 0;
}

int email_token_claim(struct db *db, const char *text, enum email_token_purpose purpose, i64 now_us)
{
	struct sha256 hash = sha256(text, strlen(text));
	u64 n;

	TRY(sql_email_token_claim(db,
		&(struct email_token_claim_in){
			.consumed_at_us = now_us,
			.token_hash = {&hash, sizeof(hash)},
			.purpose = purposes[purpose].name,
			.now_us = now_us,
		},
		&n));
	return n == 0 ? fail(db->fail, purposes[purpose].used, NULL) : 0;
}
