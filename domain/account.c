/* Account rules and deletion. */
#include "account.h"

#include "../fcgi/core/str.h"
#include "ledger.h"
#include "outbox.h"
#include "person.h"

bool account_is_subscribed(const struct session_caller_row *account, i64 now_us)
{
	return account->renews_at_us.has && account->renews_at_us.value > now_us &&
	       !str_equal(account->plan, "free");
}

struct erase {
	u64 user_id;
	const char *how;
	const struct visitor *visitor;
	i64 now_us;
};

/* Every way in, and what was to become one. */
static int erase_credentials(struct db *db, u64 user_id, const char *email)
{
	TRY(person_sign_out_everywhere(db, user_id, email));
	TRY(sql_email_token_erase(db, user_id, NULL));
	TRY(sql_identity_erase(db, user_id, NULL));
	TRY(sql_password_erase(db, user_id, NULL));
	TRY(sql_recovery_code_erase(db, user_id, NULL));
	return sql_second_factor_erase(db, user_id, NULL);
}

/* The event itself says of no network and no browser whose it was. */
static int forget_events(struct db *db, const struct erase *w)
{
	struct visitor nobody = {.request_id = w->visitor->request_id};

	TRY(sql_audit_forget_user(db, w->user_id, NULL));
	return audit_add(db, AUDIT_ACCOUNT_DELETED, 0, w->how, &nobody, w->now_us);
}

static int erase_apply(struct db *db, void *arg)
{
	const struct erase *w = arg;
	struct user_lock_row row;
	int rc = sql_user_lock(db, w->user_id, &row);

	if (rc == SQL_NONE)
		return fail(db->fail, E_UNAUTHORIZED, NULL);
	TRY(rc);
	TRY(ledger_void(db, w->user_id, w->now_us));
	TRY(erase_credentials(db, w->user_id, row.email));
	TRY(sql_supabase_identity_close(db, w->now_us, w->user_id, NULL));
	TRY(sql_telemetry_forget_user(db, w->user_id, NULL));
	TRY(sql_feedback_erase(db, w->user_id, NULL));
	TRY(sql_call_forget_user(db, w->user_id, NULL));
	TRY(sql_call_day_erase(db, w->user_id, NULL));
	if (row.email != NULL)
		TRY(outbox_erase_mails(db, row.email));
	TRY(sql_turn_erase(db, w->user_id, NULL));
	TRY(sql_turn_count_erase(db, w->user_id, NULL));
	TRY(sql_usage_erase_days(db, w->user_id, NULL));
	TRY(sql_usage_erase_events(db, w->user_id, NULL));
	TRY(forget_events(db, w));
	return sql_user_erase(db, w->now_us, w->user_id, NULL);
}

int account_erase(
	struct db *db, u64 user_id, const char *how, const struct visitor *visitor, i64 now_us)
{
	struct erase w = {user_id, how, visitor, now_us};

	return db_tx(db, erase_apply, &w);
}
