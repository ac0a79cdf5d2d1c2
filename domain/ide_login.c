/* Logins of IDEs. Lock order: the user who decided, then the login. */
#include "ide_login.h"

#include <string.h>
#include <strings.h>

#include "../fcgi/core/clock.h"
#include "../fcgi/core/crypto.h"
#include "../fcgi/core/str.h"

enum { USER_AGENT_MAX = 200, PORT_DIGITS = 5, PORT_MAX = 65535 };

/* Whether the list, words separated by blanks, has text[0 .. length - 1] in any case. */
static bool list_has(const char *list, const char *text, size_t length)
{
	for (const char *p = list; *p != '\0';) {
		size_t n = strcspn(p, " ");
		if (n > 0 && n == length && strncasecmp(p, text, length) == 0)
			return true;
		p += n;
		p += strspn(p, " ");
	}
	return false;
}

/* "" or ":" and a port. */
static bool is_port(const char *text, size_t length)
{
	i64 port = 0;

	if (length == 0)
		return true;
	if (text[0] != ':' || length == 1 || length > 1 + PORT_DIGITS)
		return false;
	for (size_t i = 1; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		port = port * 10 + (text[i] - '0');
	}
	return port > 0 && port <= PORT_MAX;
}

/* This machine, by the names that RFC 8252 section 7.3 gives it. */
static bool is_loopback(const char *authority, size_t length)
{
	static const char *const names[] = {"127.0.0.1", "localhost", "[::1]"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		size_t n = strlen(names[i]);
		if (length >= n && strncasecmp(authority, names[i], n) == 0 &&
			is_port(authority + n, length - n))
			return true;
	}
	return false;
}

bool ide_redirect_allowed(const struct options *options, const char *uri)
{
	size_t scheme = strcspn(uri, ":");

	if (strlen(uri) > REDIRECT_MAX || strncmp(uri + scheme, "://", 3) != 0)
		return false;
	for (const char *p = uri; *p != '\0'; p++)
		if (*p <= 0x20 || *p >= 0x7f || strchr("\"#<>\\^`{|}", *p) != NULL)
			return false;
	const char *authority = uri + scheme + 3;
	size_t length = strcspn(authority, "/?");
	if (scheme == 4 && strncasecmp(uri, "http", 4) == 0)
		return is_loopback(authority, length);
	if (scheme == 5 && strncasecmp(uri, "https", 5) == 0)
		return list_has(options->gateway_redirect_hosts, authority, length);
	return list_has(options->gateway_ide_schemes, uri, scheme);
}

static struct sha256 hash_of(const char *code)
{
	return sha256(code, strlen(code));
}

int ide_login_start(struct db *db, const struct login_client *client, const struct ide_start *start,
	i64 now_us, const char **ret_code)
{
	const char *code = random_token(db->arena);
	struct sha256 hash = hash_of(code);

	*ret_code = code;
	return sql_ide_login_insert(db,
		&(struct ide_login_insert_in){
			.code_hash = {&hash, sizeof(hash)},
			.challenge = start->challenge,
			.redirect_uri = start->redirect_uri,
			.platform = client->platform,
			.version = client->version,
			.ip = client->visitor.ip,
			.user_agent =
				utf8_clipped(db->arena, client->visitor.user_agent, USER_AGENT_MAX),
			.created_at_us = now_us,
			.expires_at_us = now_us + S_TO_US(IDE_LOGIN_S),
		},
		NULL);
}

static int no_such_code(struct db *db)
{
	return fail(db->fail, E_NOT_FOUND, "This code is not known, or it has expired");
}

int ide_login_show(struct db *db, const char *code, i64 now_us, struct login_view_row *ret)
{
	struct sha256 hash = hash_of(code);
	int rc = sql_ide_login_show(db, (struct sql_bytes){&hash, sizeof(hash)}, ret);

	if (rc == SQL_NONE || (rc == 0 && ret->expires_at_us <= now_us))
		return no_such_code(db);
	return rc;
}

struct decision {
	struct sha256 hash;
	bool approves;
	const struct login_decider *decider;
	i64 now_us;
	const char *redirect_uri;
};

static int decide_apply(struct db *db, void *arg)
{
	struct decision *w = arg;
	struct sql_bytes hash = {&w->hash, sizeof(w->hash)};
	const struct login_decider *decider = w->decider;
	struct ide_login_lock_row row;

	TRY(login_decider_lock(db, decider, w->now_us));
	int rc = sql_ide_login_lock(db, hash, &row);
	if (rc == SQL_NONE || (rc == 0 && row.expires_at_us <= w->now_us))
		return no_such_code(db);
	TRY(rc);
	if (!str_equal(row.state, "pending"))
		return fail(db->fail, E_ALREADY_DECIDED, NULL);
	w->redirect_uri = row.redirect_uri;
	TRY(sql_ide_login_decide(db,
		&(struct ide_login_decide_in){
			.state = w->approves ? "approved" : "denied",
			.user_id = decider->user_id,
			.decided_at_us = w->now_us,
			.code_hash = hash,
		},
		NULL));
	return audit_add(db, w->approves ? AUDIT_DEVICE_APPROVED : AUDIT_DEVICE_DENIED,
		decider->user_id, "ide", &decider->visitor, w->now_us);
}

int ide_login_decide(struct db *db, const char *code, bool approves,
	const struct login_decider *decider, i64 now_us, const char **ret_redirect_uri)
{
	struct decision w = {hash_of(code), approves, decider, now_us, NULL};

	TRY(db_tx(db, decide_apply, &w));
	*ret_redirect_uri = w.redirect_uri;
	return 0;
}

struct exchange {
	struct sha256 hash;
	const char *verifier;
	const struct visitor *visitor;
	i64 now_us;
	struct login_grant *ret;
};

/* A verifier that nothing was said of beforehand is as wrong as a missing one: somebody has taken
 * the challenge away on its way here. */
static bool verifier_fits(struct arena *a, const char *challenge, const char *verifier)
{
	if (challenge == NULL || verifier == NULL)
		return challenge == NULL && verifier == NULL;
	struct sha256 hash = sha256(verifier, strlen(verifier));
	const char *text = base64url_encode(a, hash.byte, sizeof(hash.byte));
	return strlen(text) == strlen(challenge) && equal_ct(text, challenge, strlen(text));
}

/* Why there is no token for it; E_OK: there is one. */
static enum error verdict(struct db *db, const struct exchange *w,
	const struct ide_login_lock_row *row, bool is_locked)
{
	if (!verifier_fits(db->arena, row->challenge, w->verifier))
		return E_INVALID_GRANT;
	if (row->expires_at_us <= w->now_us)
		return E_EXPIRED_TOKEN;
	if (str_equal(row->state, "denied"))
		return E_ACCESS_DENIED;
	if (str_equal(row->state, "consumed"))
		return E_INVALID_GRANT;
	/* What was decided between the two reads is for the next call: the user is not locked. */
	if (str_equal(row->state, "pending") || !is_locked)
		return E_AUTHORIZATION_PENDING;
	return login_may_enter(&w->ret->user) ? E_OK : E_ACCESS_DENIED;
}

static int exchange_apply(struct db *db, void *arg)
{
	const struct exchange *w = arg;
	struct sql_bytes hash = {&w->hash, sizeof(w->hash)};
	struct ide_login_decider_row decider;
	struct ide_login_lock_row row;

	int rc = sql_ide_login_decider(db, hash, &decider);
	if (rc == 0 && decider.user_id.has)
		rc = sql_user_standing_lock(db, (u64)decider.user_id.value, &w->ret->user);
	if (rc == 0)
		rc = sql_ide_login_lock(db, hash, &row);
	if (rc == SQL_NONE)
		return fail(db->fail, E_INVALID_GRANT, NULL);
	TRY(rc);
	enum error code = verdict(db, w, &row, decider.user_id.has);
	if (code != E_OK)
		return fail(db->fail, code, NULL);
	struct login_entry entry = {
		(u64)row.user_id.value, row.platform, row.version, row.decided_at_us.value};
	TRY(login_grant_make(db, &entry, w->visitor, w->now_us, w->ret));
	return sql_ide_login_consume(db, hash, NULL);
}

int ide_login_token(struct db *db, const char *code, const char *verifier,
	const struct visitor *visitor, i64 now_us, struct login_grant *ret)
{
	struct exchange w = {hash_of(code), verifier, visitor, now_us, ret};

	return db_tx(db, exchange_apply, &w);
}
