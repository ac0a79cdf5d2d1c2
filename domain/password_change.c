/* Setting another password. */
#include "password_change.h"

#include "../fcgi/core/crypto.h"
#include "email_token.h"
#include "identity_mail.h"
#include "password.h"
#include "person.h"

int password_admit(struct fail *fail_, const char *field, const char *password, const char *email)
{
	const char *why = password_refusal(password, email);

	if (why == NULL)
		return 0;
	fail_fault(fail_, field, why);
	return fail(fail_, E_INVALID_FIELD, NULL);
}

int password_forgot(struct db *db, const struct errand *e)
{
	struct occasion occasion = {e->options, e->email, &e->visitor, e->now_us};
	struct email_token token = {.purpose = EMAIL_TOKEN_RESET, .ip = e->visitor.ip};
	struct user_by_email_row row;
	struct user_lock_row lock;
	const char *text;
	i64 expires_at_us;
	int rc = sql_user_by_email(db, e->email, &row);

	if (rc == SQL_NONE)
		return 0;
	TRY(rc);
	TRY(sql_user_lock(db, row.user_id, &lock));
	token.user_id = row.user_id;
	TRY(email_token_issue(db, &token, e->now_us, &text, &expires_at_us));
	TRY(audit_add(db, AUDIT_PASSWORD_RESET_ASKED, row.user_id, NULL, &e->visitor, e->now_us));
	return identity_mail_reset(db, &occasion, text, expires_at_us);
}

/* The new password is in force; what was open before is not. */
static int put_in_force(struct db *db, u64 user_id, const char *hash, enum audit_event event,
	const struct occasion *o)
{
	TRY(sql_password_put(db, user_id, hash, o->now_us, NULL));
	TRY(person_sign_out_everywhere(db, user_id, o->to));
	TRY(sql_email_token_consume_all(db, o->now_us, user_id, NULL));
	TRY(audit_add(db, event, user_id, NULL, o->visitor, o->now_us));
	return identity_mail_notice(db, o, "Your password was changed",
		event == AUDIT_PASSWORD_RESET
			? "A new password was set with a link from a mail. Every device and "
			  "browser was signed out; a second factor stays as it was."
			: "The password was changed. Every device and browser was signed out; a "
			  "second factor stays as it was.");
}

/* As a sign-up with this password that alone waits. */
static int put_waiting(struct db *db, u64 user_id, const char *hash, const struct occasion *o)
{
	struct email_token token = {
		.purpose = EMAIL_TOKEN_VERIFY,
		.user_id = user_id,
		.password_hash = hash,
		.ip = o->visitor->ip,
	};
	const char *text;
	i64 expires_at_us;

	TRY(person_sign_out_everywhere(db, user_id, o->to));
	TRY(sql_password_erase(db, user_id, NULL));
	TRY(sql_email_token_consume_all(db, o->now_us, user_id, NULL));
	TRY(email_token_issue(db, &token, o->now_us, &text, &expires_at_us));
	TRY(sql_signup_renew(db, o->now_us, user_id, NULL));
	TRY(audit_add(db, AUDIT_PASSWORD_RESET, user_id, "unproved", o->visitor, o->now_us));
	return identity_mail_verify(db, o, text, expires_at_us);
}

/* The user is locked while the password is hashed: of many uses of one link at a time, one hashes,
 * and a link is used only when its password is in force. */
static int reset_apply(struct db *db, void *arg)
{
	const struct password_reset *in = arg;
	struct email_token_get_row token;
	struct user_lock_row user;
	struct user_by_email_row proved;
	const char *hash;

	TRY(email_token_find(db, in->token, EMAIL_TOKEN_RESET, in->now_us, &token));
	int rc = sql_user_lock(db, token.user_id, &user);
	if (rc == SQL_NONE || (rc == 0 && user.email == NULL)) /* deleted */
		return fail(db->fail, E_NOT_FOUND, "This link is not known. Ask for a new one.");
	TRY(rc);
	if (user.suspended_at_us.has)
		return fail(db->fail, E_SUSPENDED, NULL);
	TRY(sql_user_by_email(db, user.email, &proved));
	TRY(password_admit(db->fail, "password", in->password, user.email));
	TRY(email_token_claim(db, in->token, EMAIL_TOKEN_RESET, in->now_us));
	TRY(password_hash(db->arena, db->fail, in->password, &hash));
	struct occasion occasion = {in->options, user.email, &in->visitor, in->now_us};
	if (!proved.email_verified_at_us.has && in->options->account_mail)
		return put_waiting(db, token.user_id, hash, &occasion);
	return put_in_force(db, token.user_id, hash, AUDIT_PASSWORD_RESET, &occasion);
}

int password_reset(struct db *db, const struct password_reset *reset)
{
	struct password_reset copy = *reset;

	return db_tx(db, reset_apply, &copy);
}

struct change {
	const struct password_change *in;
	const char *old_hash, *hash;
};

static int change_apply(struct db *db, void *arg)
{
	const struct change *w = arg;
	const struct password_change *in = w->in;
	struct occasion occasion = {in->options, in->email, &in->visitor, in->now_us};
	struct password_get_row row;
	struct user_lock_row user;
	int rc = sql_user_lock(db, in->user_id, &user);

	if (rc == 0)
		rc = sql_password_get(db, in->user_id, &row);
	if (rc == SQL_NONE ||
		(rc == 0 && !text_equal_ct(row.hash, w->old_hash))) /* changed meanwhile */
		return fail(db->fail, E_BAD_PASSWORD, NULL);
	TRY(rc);
	return put_in_force(db, in->user_id, w->hash, AUDIT_PASSWORD_CHANGED, &occasion);
}

int password_change(struct db *db, const struct password_change *in)
{
	struct change w = {.in = in};
	struct password_get_row row;
	bool fits, is_outdated;
	int rc = sql_password_get(db, in->user_id, &row);

	if (rc == SQL_NONE)
		return fail(db->fail, E_NO_PASSWORD, NULL);
	TRY(rc);
	TRY(password_admit(db->fail, "newPassword", in->password, in->email));
	TRY(password_verify(db->fail, in->current, row.hash, &fits, &is_outdated));
	if (!fits) {
		TRY(audit_add(db, AUDIT_SIGN_IN_REFUSED, in->user_id, "password_change",
			&in->visitor, in->now_us));
		return fail(db->fail, E_BAD_PASSWORD, NULL);
	}
	w.old_hash = row.hash;
	TRY(password_hash(db->arena, db->fail, in->password, &w.hash));
	return db_tx(db, change_apply, &w);
}
