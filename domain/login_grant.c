/* The ends of a login that are the same for devices and IDEs. */
#include "login_grant.h"

#include "../fcgi/core/str.h"

enum { NAME_MAX_BYTES = 80 };

int login_decider_lock(struct db *db, const struct login_decider *decider, i64 now_us)
{
	struct user_standing_lock_row user;
	struct session_is_there_row session;
	int rc = sql_user_standing_lock(db, decider->user_id, &user);

	if (rc == 0 && user.suspended_at_us.has)
		return fail(db->fail, E_SUSPENDED, NULL);
	if (rc == 0 && !user.deleted_at_us.has && decider->session_id != 0)
		rc = sql_session_is_there(db, decider->session_id, now_us, &session);
	if (rc == SQL_NONE || (rc == 0 && user.deleted_at_us.has))
		return fail(db->fail, E_UNAUTHORIZED, NULL);
	return rc;
}

bool login_may_enter(const struct user_standing_lock_row *user)
{
	return !user->suspended_at_us.has && !user->deleted_at_us.has;
}

/* What the list of devices calls it: "VS Code 1.2". */
static const char *name_of(struct arena *a, const struct login_entry *entry)
{
	if (entry->platform == NULL)
		return entry->version;
	return utf8_clipped(a,
		entry->version != NULL ? arena_printf(a, "%s %s", entry->platform, entry->version)
				       : entry->platform,
		NAME_MAX_BYTES);
}

int login_grant_make(struct db *db, const struct login_entry *entry, const struct visitor *visitor,
	i64 now_us, struct login_grant *ret)
{
	/* Whoever approved had proved the second factor, where there was one by then. */
	bool is_proved =
		ret->user.mfa_since_us.has && ret->user.mfa_since_us.value <= entry->decided_at_us;
	struct opt_i64 mfa_at_us = {is_proved, is_proved ? entry->decided_at_us : 0};

	TRY(ide_token_mint(
		db, entry->user_id, name_of(db->arena, entry), mfa_at_us, now_us, &ret->token));
	return audit_add(
		db, AUDIT_TOKEN_CREATED, entry->user_id, ret->token.public_id, visitor, now_us);
}
