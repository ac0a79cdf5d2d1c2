/* Logins of devices. Lock order: the user who decided, then the login. */
#include "device_login.h"

#include <string.h>

#include "../fcgi/core/clock.h"
#include "../fcgi/core/crypto.h"
#include "../fcgi/core/str.h"

enum { USER_CODE_TRIES = 8, USER_AGENT_MAX = 200, HASTY_POLLS_MAX = 2, TOLERATED_PERCENT = 80 };

static struct sha256 hash_of(const char *device_code)
{
	return sha256(device_code, strlen(device_code));
}

static const char *random_user_code(struct arena *a)
{
	static const char alphabet[] = USER_CODE_ALPHABET;
	char code[USER_CODE_LETTERS + 1] = "";

	for (size_t i = 0; i < USER_CODE_LETTERS; i++)
		code[i] = alphabet[random_below(sizeof(alphabet) - 1)];
	return arena_strdup(a, code);
}

int device_login_start(
	struct db *db, const struct login_client *client, i64 now_us, struct device_start *ret)
{
	const char *device_code = random_token(db->arena), *user_code = NULL;
	struct sha256 hash = hash_of(device_code);
	int rc = SQL_CONFLICT;

	for (int i = 0; i < USER_CODE_TRIES && rc == SQL_CONFLICT; i++) {
		user_code = random_user_code(db->arena);
		rc = sql_device_login_insert(db,
			&(struct device_login_insert_in){
				.device_hash = {&hash, sizeof(hash)},
				.user_code = user_code,
				.platform = client->platform,
				.version = client->version,
				.ip = client->visitor.ip,
				.user_agent = utf8_clipped(
					db->arena, client->visitor.user_agent, USER_AGENT_MAX),
				.interval_s = DEVICE_INTERVAL_S,
				.created_at_us = now_us,
				.expires_at_us = now_us + S_TO_US(DEVICE_LOGIN_S),
			},
			NULL);
	}
	if (rc == SQL_CONFLICT)
		return fail_cause(db->fail, E_UNAVAILABLE, "no free user code was found");
	TRY(rc);
	ret->device_code = device_code;
	ret->user_code = arena_printf(db->arena, "%.4s-%s", user_code, user_code + 4);
	return 0;
}

bool device_code_is_formed(const char *text)
{
	return strlen(text) == DEVICE_CODE_CHARS && base64url_span(text) == DEVICE_CODE_CHARS;
}

struct poll {
	struct sha256 hash;
	const struct visitor *visitor;
	i64 now_us;
	struct device_poll *ret;
};

/* Two polls in a row that come before their time cost the device a longer interval. */
static int pace(struct db *db, const struct poll *w, const struct device_login_lock_row *row)
{
	i64 since_us = row->polled_at_us.has ? w->now_us - row->polled_at_us.value : INT64_MAX;
	bool is_hasty = since_us < S_TO_US(row->interval_s) / 100 * TOLERATED_PERCENT;
	i64 n_hasty = is_hasty ? row->hasty_polls + 1 : 0;

	w->ret->status = DEVICE_PENDING;
	w->ret->interval_s = row->interval_s;
	if (n_hasty == HASTY_POLLS_MAX) {
		n_hasty = 0;
		w->ret->status = DEVICE_SLOW_DOWN;
		w->ret->interval_s += DEVICE_SLOWER_S;
	}
	return sql_device_login_polled(db,
		&(struct device_login_polled_in){
			.interval_s = w->ret->interval_s,
			.hasty_polls = n_hasty,
			.polled_at_us = w->now_us,
			.device_login_id = row->device_login_id,
		},
		NULL);
}

/* The first token ends when a second one is asked for: whoever has it is not who asks. One that has
 * been ended already is not replaced. */
static int take_back(
	struct db *db, const struct poll *w, const struct device_login_lock_row *row, bool *ret_may)
{
	u64 n = 0;

	*ret_may = false;
	if (!row->ide_token_id.has ||
		w->now_us - row->consumed_at_us.value > S_TO_US(DEVICE_REPEAT_S))
		return 0;
	TRY(sql_ide_token_end(db, (u64)row->ide_token_id.value, &n));
	*ret_may = n == 1;
	return 0;
}

static int hand_out(struct db *db, const struct poll *w, const struct device_login_lock_row *row)
{
	struct login_entry entry = {
		(u64)row->user_id.value, row->platform, row->version, row->decided_at_us.value};
	bool is_first = str_equal(row->state, "approved"), may = is_first;

	if (!login_may_enter(&w->ret->grant.user)) {
		w->ret->status = DEVICE_DENIED;
		return 0;
	}
	if (!is_first)
		TRY(take_back(db, w, row, &may));
	if (!may)
		return 0;
	TRY(login_grant_make(db, &entry, w->visitor, w->now_us, &w->ret->grant));
	w->ret->status = DEVICE_APPROVED;
	struct opt_i64 replaceable = {is_first, (i64)w->ret->grant.token.ide_token_id};
	return sql_device_login_consume(db, replaceable, w->now_us, row->device_login_id, NULL);
}

static int poll_apply(struct db *db, void *arg)
{
	const struct poll *w = arg;
	struct sql_bytes hash = {&w->hash, sizeof(w->hash)};
	struct device_login_decider_row decider;
	struct device_login_lock_row row;

	w->ret->status = DEVICE_EXPIRED;
	int rc = sql_device_login_decider(db, hash, &decider);
	if (rc == 0 && decider.user_id.has)
		rc = sql_user_standing_lock(db, (u64)decider.user_id.value, &w->ret->grant.user);
	if (rc == 0)
		rc = sql_device_login_lock(db, hash, &row);
	if (rc == SQL_NONE || (rc == 0 && row.expires_at_us <= w->now_us))
		return 0;
	TRY(rc);
	/* What was decided between the two reads is for the next poll: the user is not locked. */
	if (str_equal(row.state, "pending") || !decider.user_id.has)
		return pace(db, w, &row);
	if (str_equal(row.state, "denied")) {
		w->ret->status = DEVICE_DENIED;
		return 0;
	}
	return hand_out(db, w, &row);
}

int device_login_poll(struct db *db, const char *device_code, const struct visitor *visitor,
	i64 now_us, struct device_poll *ret)
{
	struct poll w = {hash_of(device_code), visitor, now_us, ret};

	return db_tx(db, poll_apply, &w);
}

const char *user_code_read(struct arena *a, const char *typed)
{
	char code[USER_CODE_LETTERS + 1] = "";
	size_t n = 0;

	for (const char *p = typed; *p != '\0'; p++) {
		char c = (char)(*p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p);
		if (c < 'A' || c > 'Z')
			continue;
		if (n == USER_CODE_LETTERS || strchr(USER_CODE_ALPHABET, c) == NULL)
			return NULL;
		code[n++] = c;
	}
	return n == USER_CODE_LETTERS ? arena_strdup(a, code) : NULL;
}

static int no_such_code(struct db *db)
{
	return fail(db->fail, E_NOT_FOUND, "This code is not known, or it has expired");
}

int device_login_show(struct db *db, const char *typed, i64 now_us, struct login_view_row *ret)
{
	const char *code = user_code_read(db->arena, typed);
	int rc = code != NULL ? sql_device_login_show(db, code, ret) : SQL_NONE;

	if (rc == SQL_NONE || (rc == 0 && ret->expires_at_us <= now_us))
		return no_such_code(db);
	return rc;
}

struct decision {
	const char *code;
	bool approves;
	const struct login_decider *decider;
	i64 now_us;
};

static int decide_apply(struct db *db, void *arg)
{
	const struct decision *w = arg;
	const struct login_decider *decider = w->decider;
	struct device_login_code_lock_row row;

	TRY(login_decider_lock(db, decider, w->now_us));
	int rc = sql_device_login_code_lock(db, w->code, &row);
	if (rc == SQL_NONE || (rc == 0 && row.expires_at_us <= w->now_us))
		return no_such_code(db);
	TRY(rc);
	if (!str_equal(row.state, "pending"))
		return fail(db->fail, E_ALREADY_DECIDED, NULL);
	TRY(sql_device_login_decide(db,
		&(struct device_login_decide_in){
			.state = w->approves ? "approved" : "denied",
			.user_id = decider->user_id,
			.decided_at_us = w->now_us,
			.device_login_id = row.device_login_id,
		},
		NULL));
	return audit_add(db, w->approves ? AUDIT_DEVICE_APPROVED : AUDIT_DEVICE_DENIED,
		decider->user_id, "device", &decider->visitor, w->now_us);
}

int device_login_decide(struct db *db, const char *typed, bool approves,
	const struct login_decider *decider, i64 now_us)
{
	struct decision w = {user_code_read(db->arena, typed), approves, decider, now_us};

	return w.code != NULL ? db_tx(db, decide_apply, &w) : no_such_code(db);
}
