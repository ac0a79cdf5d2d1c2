/* Session tokens: 32 random bytes for the client, their SHA-256 for us. */
#include "session.h"

#include <string.h>

#include "../fcgi/core/clock.h"
#include "../fcgi/core/crypto.h"
#include "../fcgi/core/str.h"

enum { TOKEN_CHARS = 43, LIFETIME_S = 30 * 86400, SLIDE_EVERY_S = 60, USER_AGENT_MAX = 200 };

static bool token_is_formed(const char *opaque)
{
	return strlen(opaque) == TOKEN_CHARS && base64url_span(opaque) == TOKEN_CHARS;
}

/* A session that cannot be pushed forward (a read-only database) still counts: the next use tries
 * again. */
static void session_slide(struct db *db, const char *ip, i64 now_us, struct session_caller_row *row)
{
	struct fail *outer = db->fail, scratch = {.arena = db->arena};

	db->fail = &scratch;
	int rc = sql_session_slide(db,
		&(struct session_slide_in){
			.last_seen_at_us = now_us,
			.expires_at_us = now_us + S_TO_US(LIFETIME_S),
			.ip = ip,
			.session_id = row->session_id,
		},
		NULL);
	db->fail = outer;
	if (rc != 0)
		return;
	row->last_seen_at_us = now_us;
	row->expires_at_us = now_us + S_TO_US(LIFETIME_S);
}

int session_resolve(struct db *db, const char *token, const char *ip, i64 now_us,
	struct session_caller_row *ret)
{
	if (str_starts(token, SESSION_PREFIX))
		token += strlen(SESSION_PREFIX);
	if (!token_is_formed(token))
		return fail(db->fail, E_UNAUTHORIZED, NULL);
	struct sha256 hash = sha256(token, TOKEN_CHARS);
	int rc = sql_session_caller(db, (struct sql_bytes){&hash, sizeof(hash)}, ret);
	if (rc == SQL_NONE || (rc == 0 && ret->expires_at_us <= now_us))
		return fail(db->fail, E_UNAUTHORIZED, NULL);
	TRY(rc);
	if (ret->suspended_at_us.has)
		return fail(db->fail, E_SUSPENDED, NULL);
	if (now_us - ret->last_seen_at_us >= S_TO_US(SLIDE_EVERY_S))
		session_slide(db, ip, now_us, ret);
	return 0;
}

int session_create(struct db *db, u64 user_id, const struct session_proof *proof,
	const struct session_device *device, i64 now_us, struct session_token *ret)
{
	const char *opaque = random_token(db->arena);
	struct sha256 hash = sha256(opaque, strlen(opaque));

	TRY(sql_session_insert(db,
		&(struct session_insert_in){
			.public_id = public_id(db->arena, "sess_"),
			.user_id = user_id,
			.token_hash = {&hash, sizeof(hash)},
			.device = device->device,
			.device_name = device->device_name,
			.user_agent =
				utf8_clipped(db->arena, device->visitor.user_agent, USER_AGENT_MAX),
			.ip = device->visitor.ip,
			.created_at_us = proof->signed_in_at_us,
			.last_seen_at_us = now_us,
			.expires_at_us = now_us + S_TO_US(LIFETIME_S),
			.mfa_at_us = proof->mfa_at_us,
		},
		NULL));
	ret->token = arena_printf(db->arena, SESSION_PREFIX "%s", opaque);
	ret->expires_at_us = now_us + S_TO_US(LIFETIME_S);
	return 0;
}
