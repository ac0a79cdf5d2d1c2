/* Account rules and deletion. */
#include "account.h"

#include "../fcgi/core/str.h"
#include "outbox.h"

bool account_is_subscribed(const struct session_caller_row *account, i64 now_us)
{
	return account->renews_at_us.has && account->renews_at_us.value > now_us &&
	       !str_equal(account->plan, "free");
}

struct erase {
	u64 user_id;
	const char *email;
	i64 now_us;
};

static int erase_apply(struct db *db, void *arg)
{
	const struct erase *w = arg;
	struct user_lock_row row;
	int rc = sql_user_lock(db, w->user_id, &row);

	if (rc == SQL_NONE)
		return fail(db->fail, E_UNAUTHORIZED, NULL);
	TRY(rc);
	TRY(sql_session_end_all(db, w->user_id, NULL));
	TRY(sql_code_delete(db, w->email, NULL));
	TRY(sql_handoff_erase(db, w->user_id, NULL));
	TRY(sql_identity_erase(db, w->user_id, NULL));
	TRY(sql_ide_token_erase(db, w->user_id, NULL));
	TRY(sql_supabase_identity_close(db, w->now_us, w->user_id, NULL));
	TRY(sql_telemetry_forget_user(db, w->user_id, NULL));
	TRY(sql_feedback_erase(db, w->user_id, NULL));
	TRY(sql_call_forget_user(db, w->user_id, NULL));
	TRY(sql_call_day_erase(db, w->user_id, NULL));
	TRY(outbox_erase_mails(db, w->email));
	TRY(sql_turn_erase(db, w->user_id, NULL));
	TRY(sql_turn_count_erase(db, w->user_id, NULL));
	TRY(sql_usage_erase_days(db, w->user_id, NULL));
	TRY(sql_usage_erase_events(db, w->user_id, NULL));
	return sql_user_erase(db, w->now_us, w->user_id, NULL);
}

int account_erase(struct db *db, u64 user_id, const char *email, i64 now_us)
{
	struct erase w = {user_id, email, now_us};

	return db_tx(db, erase_apply, &w);
}
