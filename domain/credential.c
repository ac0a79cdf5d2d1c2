/* Credentials of all families. Public ids tell them apart: sess_, web_, dev_. */
#include "credential.h"

#include "../fcgi/core/clock.h"
#include "../fcgi/core/str.h"
#include "web_session.h"

int credential_list(
	struct db *db, u64 user_id, i64 now_us, struct credential_list_row **ret, size_t *ret_n)
{
	return sql_credential_list(
		db, user_id, now_us, now_us - S_TO_US(WEB_SESSION_IDLE_S), ret, ret_n);
}

struct ending {
	u64 user_id, session_id;
	const char *public_id;
	const struct visitor *visitor;
	i64 now_us;
	u64 n;
};

static int end_apply(struct db *db, void *arg)
{
	struct ending *w = arg;

	w->n = 0;
	if (str_starts(w->public_id, "sess_"))
		TRY(sql_session_revoke(db, w->public_id, w->user_id, &w->n));
	else if (str_starts(w->public_id, "web_"))
		TRY(sql_web_session_revoke(db, w->public_id, w->user_id, &w->n));
	else if (str_starts(w->public_id, "dev_"))
		TRY(sql_ide_token_revoke_own(db, w->public_id, w->user_id, &w->n));
	if (w->n == 0)
		return fail(db->fail, E_NOT_FOUND, "There is no credential %s.", w->public_id);
	return audit_add(
		db, AUDIT_CREDENTIAL_REVOKED, w->user_id, w->public_id, w->visitor, w->now_us);
}

int credential_end(struct db *db, u64 user_id, const char *public_id, const struct visitor *visitor,
	i64 now_us)
{
	struct ending w = {
		.user_id = user_id, .public_id = public_id, .visitor = visitor, .now_us = now_us};

	return db_tx(db, end_apply, &w);
}

/* Hand-offs end with the sessions that made them; what these have let in and nobody has picked up
 * yet ends here. */
static int end_others_apply(struct db *db, void *arg)
{
	struct ending *w = arg;
	struct user_lock_row user;
	u64 n_browsers;

	TRY(sql_user_lock(db, w->user_id, &user));
	TRY(sql_session_end_others(db, w->user_id, w->session_id, &w->n));
	TRY(sql_web_session_end_all(db, w->user_id, &n_browsers));
	w->n += n_browsers;
	TRY(sql_device_login_erase(db, w->user_id, NULL));
	TRY(sql_ide_login_erase(db, w->user_id, NULL));
	return audit_add(db, AUDIT_SIGNED_OUT_OTHERS, w->user_id, NULL, w->visitor, w->now_us);
}

int credential_end_others(struct db *db, u64 user_id, u64 session_id, const struct visitor *visitor,
	i64 now_us, u64 *ret_n)
{
	struct ending w = {
		.user_id = user_id, .session_id = session_id, .visitor = visitor, .now_us = now_us};

	TRY(db_tx(db, end_others_apply, &w));
	*ret_n = w.n;
	return 0;
}
