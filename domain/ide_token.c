/* Tokens of the IDE. */
#include "ide_token.h"

#include <string.h>

#include "../fcgi/core/clock.h"
#include "../fcgi/core/crypto.h"
#include "../fcgi/core/str.h"

enum { TOKEN_CHARS = 43, LIFETIME_S = 90 * 86400, SLIDE_EVERY_S = 3600 };

static bool token_is_formed(const char *token)
{
	if (!str_starts(token, IDE_TOKEN_PREFIX))
		return false;
	token += strlen(IDE_TOKEN_PREFIX);
	return strlen(token) == TOKEN_CHARS && base64url_span(token) == TOKEN_CHARS;
}

int ide_token_mint(struct db *db, u64 user_id, const char *name, struct opt_i64 mfa_at_us,
	i64 now_us, struct ide_token *ret)
{
	ret->token = arena_printf(db->arena, IDE_TOKEN_PREFIX "%s", random_token(db->arena));
	ret->public_id = public_id(db->arena, "dev_");
	ret->expires_at_us = now_us + S_TO_US(LIFETIME_S);
	struct sha256 hash = sha256(ret->token, strlen(ret->token));
	return sql_ide_token_insert(db,
		&(struct ide_token_insert_in){
			.public_id = ret->public_id,
			.user_id = user_id,
			.token_hash = {&hash, sizeof(hash)},
			.name = name,
			.created_at_us = now_us,
			.last_used_at_us = now_us,
			.expires_at_us = ret->expires_at_us,
			.mfa_at_us = mfa_at_us,
		},
		&ret->ide_token_id);
}

/* A token that cannot be pushed forward (a read-only database) still counts. */
static void slide(struct db *db, u64 ide_token_id, i64 now_us)
{
	struct fail *outer = db->fail, scratch = {.arena = db->arena};

	db->fail = &scratch;
	sql_ide_token_slide(db, now_us, now_us + S_TO_US(LIFETIME_S), ide_token_id, NULL);
	db->fail = outer;
}

int ide_token_resolve(
	struct db *db, const char *token, i64 now_us, struct ide_token_caller_row *ret)
{
	if (!token_is_formed(token))
		return fail(db->fail, E_UNAUTHORIZED, NULL);
	struct sha256 hash = sha256(token, strlen(token));
	int rc = sql_ide_token_caller(db, (struct sql_bytes){&hash, sizeof(hash)}, ret);
	if (rc == SQL_NONE || (rc == 0 && ret->expires_at_us <= now_us))
		return fail(db->fail, E_UNAUTHORIZED, NULL);
	TRY(rc);
	if (ret->suspended_at_us.has)
		return fail(db->fail, E_SUSPENDED, NULL);
	if (now_us - ret->last_used_at_us >= S_TO_US(SLIDE_EVERY_S))
		slide(db, ret->ide_token_id, now_us);
	return 0;
}

int ide_token_revoke(struct db *db, const char *token_or_id, bool *ret_found)
{
	u64 n;

	if (str_starts(token_or_id, IDE_TOKEN_PREFIX)) {
		struct sha256 hash = sha256(token_or_id, strlen(token_or_id));
		TRY(sql_ide_token_revoke(db, (struct sql_bytes){&hash, sizeof(hash)}, &n));
	} else {
		TRY(sql_ide_token_revoke_id(db, token_or_id, &n));
	}
	*ret_found = n > 0;
	return 0;
}

struct sign_out {
	struct sha256 hash;
	const struct visitor *visitor;
	i64 now_us;
};

static int sign_out_apply(struct db *db, void *arg)
{
	const struct sign_out *w = arg;
	struct ide_token_owner_row row;
	u64 n;
	int rc = sql_ide_token_owner(db, (struct sql_bytes){&w->hash, sizeof(w->hash)}, &row);

	if (rc == SQL_NONE)
		return 0;
	TRY(rc);
	TRY(sql_ide_token_end(db, row.ide_token_id, &n));
	if (n == 0) /* just ended by somebody else */
		return 0;
	return audit_add(db, AUDIT_SIGNED_OUT, row.user_id, row.public_id, w->visitor, w->now_us);
}

int ide_token_sign_out(struct db *db, const char *token, const struct visitor *visitor, i64 now_us)
{
	struct sign_out w = {sha256(token, strlen(token)), visitor, now_us};

	return token_is_formed(token) ? db_tx(db, sign_out_apply, &w) : 0;
}
