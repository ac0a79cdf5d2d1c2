/* Browser sessions. */
#include "web_session.h"

#include <string.h>

#include "../fcgi/core/clock.h"
#include "../fcgi/core/crypto.h"
#include "../fcgi/core/str.h"

enum { TOKEN_CHARS = 43, USER_AGENT_MAX = 200 };

static struct sha256 token_hash(const char *token)
{
	return sha256(token, strlen(token));
}

int web_session_create(struct db *db, u64 user_id, const struct visitor *visitor, i64 now_us,
	const char **ret_token)
{
	const char *token = random_token(db->arena);
	struct sha256 hash = token_hash(token);

	*ret_token = token;
	return sql_web_session_insert(db,
		&(struct web_session_insert_in){
			.public_id = public_id(db->arena, "web_"),
			.user_id = user_id,
			.token_hash = {&hash, sizeof(hash)},
			.auth_at_us = now_us / US_PER_MS * US_PER_MS,
			.last_seen_at_us = now_us,
			.expires_at_us = now_us + S_TO_US(WEB_SESSION_S),
			.ip = visitor->ip,
			.user_agent = utf8_clipped(db->arena, visitor->user_agent, USER_AGENT_MAX),
		},
		NULL);
}

static bool is_live(const struct web_session_caller_row *row, i64 now_us)
{
	return row->expires_at_us > now_us &&
	       row->last_seen_at_us > now_us - S_TO_US(WEB_SESSION_IDLE_S);
}

int web_session_resolve(struct db *db, const char *token, const char *ip, i64 now_us,
	struct web_session_caller_row *ret)
{
	if (strlen(token) != TOKEN_CHARS || base64url_span(token) != TOKEN_CHARS)
		return fail(db->fail, E_UNAUTHORIZED, NULL);
	struct sha256 hash = token_hash(token);
	int rc = sql_web_session_caller(db, (struct sql_bytes){&hash, sizeof(hash)}, ret);
	if (rc == SQL_NONE || (rc == 0 && !is_live(ret, now_us)))
		return fail(db->fail, E_UNAUTHORIZED, NULL);
	TRY(rc);
	if (ret->suspended_at_us.has)
		return fail(db->fail, E_SUSPENDED, NULL);
	if (now_us - ret->last_seen_at_us < S_TO_US(WEB_SESSION_TOUCH_S))
		return 0;
	return sql_web_session_touch(db, now_us, ip, ret->web_session_id, NULL);
}

int web_session_end(struct db *db, const char *token)
{
	struct sha256 hash = token_hash(token);

	return sql_web_session_end(db, (struct sql_bytes){&hash, sizeof(hash)}, NULL);
}

/* The signature covers what the value does not show: the session, and since when the account asks
 * for a second factor. */
static const char *signature(struct arena *a, const struct options *options, const char *fields,
	const struct web_session_caller_row *session)
{
	const char *text = arena_printf(a, "mfa-cookie\n%s\n%s\n%lld", fields,
		session->session_public_id, (long long)session->mfa_since_us.value);
	struct sha256 mac =
		hmac_sha256(options->config_key, strlen(options->config_key), text, strlen(text));

	return base64url_encode(a, mac.byte, sizeof(mac.byte));
}

static const char *cookie_fields(
	struct arena *a, const struct web_session_caller_row *session, i64 expires_ms)
{
	return arena_printf(a, "%s.%lld.%lld", session->public_id,
		(long long)(session->auth_at_us / US_PER_MS), (long long)expires_ms);
}

const char *mfa_cookie_make(struct arena *a, const struct options *options,
	const struct web_session_caller_row *session, i64 now_us)
{
	const char *fields = cookie_fields(a, session, now_us / US_PER_MS + MFA_COOKIE_S * 1000LL);

	return arena_printf(a, "%s.%s", fields, signature(a, options, fields, session));
}

bool mfa_cookie_fits(struct arena *a, const struct options *options, const char *value,
	const struct web_session_caller_row *session, i64 now_us)
{
	const char *end = value != NULL ? strrchr(value, '.') : NULL, *p;
	i64 expires_ms;

	if (end == NULL)
		return false;
	const char *fields = arena_strndup(a, value, (size_t)(end - value));
	p = strrchr(fields, '.');
	if (p == NULL || !str_to_i64(p + 1, &expires_ms) || expires_ms <= now_us / US_PER_MS)
		return false;
	const char *expected = cookie_fields(a, session, expires_ms);
	const char *mac = signature(a, options, expected, session);
	if (!str_equal(fields, expected))
		return false;
	return strlen(end + 1) == strlen(mac) && equal_ct(end + 1, mac, strlen(mac));
}
