/* Passwords as a way in. */
#include "password_signin.h"

#include "../fcgi/core/crypto.h"
#include "password.h"

/* Refusals come after the hash was compared, so that they all take the same time. */
static bool may_sign_in(const struct password_signin *in, const struct credential_by_email_row *who)
{
	bool is_proved = who->email_verified_at_us.has || !in->options->account_mail;
	bool is_going = who->delete_after_us.has && who->delete_after_us.value <= in->now_us;

	return is_proved && !is_going && !who->suspended_at_us.has;
}

/* Another sign-in will do it when there is no time for it now. */
static int rehash(
	struct db *db, const struct password_signin *in, struct credential_by_email_row *who)
{
	const char *hash;
	int rc = password_hash(db->arena, db->fail, in->password, &hash);

	if (rc == E_BUSY) {
		fail_clear(db->fail);
		return 0;
	}
	TRY(rc);
	TRY(sql_password_rehash(db, hash, who->user_id, who->hash, NULL));
	who->hash = hash;
	return 0;
}

int password_signin_check(
	struct db *db, const struct password_signin *in, struct credential_by_email_row *ret)
{
	bool fits, is_outdated;
	int rc = SQL_NONE;

	TRY(password_has_room(db->fail));
	if (in->email != NULL)
		rc = sql_credential_by_email(db, in->email, ret);
	if (rc != 0 && rc != SQL_NONE)
		return rc;
	bool is_known = rc == 0;
	TRY(password_verify(
		db->fail, in->password, is_known ? ret->hash : NULL, &fits, &is_outdated));
	if (!is_known || !fits || !may_sign_in(in, ret)) {
		TRY(audit_add(db, AUDIT_SIGN_IN_REFUSED, is_known ? ret->user_id : 0, "password",
			&in->visitor, in->now_us));
		return fail(db->fail, E_BAD_PASSWORD, NULL);
	}
	return is_outdated ? rehash(db, in, ret) : 0;
}

/* The password and the account are still what was checked. */
static int lock_checked(struct db *db, const struct credential_by_email_row *who)
{
	struct user_lock_row user;
	struct password_get_row password;
	int rc = sql_user_lock(db, who->user_id, &user);

	if (rc == 0)
		rc = sql_password_get(db, who->user_id, &password);
	if (rc == SQL_NONE || (rc == 0 && !text_equal_ct(password.hash, who->hash)))
		return fail(db->fail, E_BAD_PASSWORD, NULL);
	return rc;
}

struct web {
	const struct password_signin *in;
	const struct credential_by_email_row *who;
	const char *old_token, *token;
};

static int web_apply(struct db *db, void *arg)
{
	struct web *w = arg;

	TRY(lock_checked(db, w->who));
	if (w->old_token != NULL)
		TRY(web_session_end(db, w->old_token));
	TRY(audit_add(
		db, AUDIT_SIGNED_IN, w->who->user_id, "password", &w->in->visitor, w->in->now_us));
	return web_session_create(db, w->who->user_id, &w->in->visitor, w->in->now_us, &w->token);
}

int password_signin_web(struct db *db, const struct password_signin *in,
	const struct credential_by_email_row *who, const char *old_token, const char **ret_token)
{
	struct web w = {in, who, old_token, NULL};

	TRY(db_tx(db, web_apply, &w));
	*ret_token = w.token;
	return 0;
}

struct opening {
	const struct password_signin *in;
	const struct credential_by_email_row *who;
	const struct signin_purpose *purpose;
	const struct session_device *device;
	struct signin_result *result;
};

static int session_apply(struct db *db, void *arg)
{
	const struct opening *w = arg;

	TRY(lock_checked(db, w->who));
	return signin_open(
		db, w->who->user_id, w->purpose, "password", w->device, w->in->now_us, w->result);
}

int password_signin_session(struct db *db, const struct password_signin *in,
	const struct credential_by_email_row *who, const struct signin_purpose *purpose,
	const struct session_device *device, struct signin_result *ret)
{
	struct opening w = {in, who, purpose, device, ret};

	return db_tx(db, session_apply, &w);
}
