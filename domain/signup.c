/* Sign-up with a password. */
#include "signup.h"

#include "../fcgi/core/clock.h"
#include "../fcgi/core/crypto.h"
#include "email_token.h"
#include "identity_mail.h"

static struct occasion occasion_of(const struct errand *s)
{
	return (struct occasion){s->options, s->email, &s->visitor, s->now_us};
}

/* The link with which this sign-up's password begins to count. */
static int send_link(struct db *db, const struct errand *s, u64 user_id)
{
	struct occasion occasion = occasion_of(s);
	struct email_token token = {
		.purpose = EMAIL_TOKEN_VERIFY,
		.user_id = user_id,
		.password_hash = s->password_hash,
		.display_name = s->display_name,
		.ip = s->visitor.ip,
	};
	const char *text;
	i64 expires_at_us;

	TRY(email_token_issue(db, &token, s->now_us, &text, &expires_at_us));
	TRY(audit_add(db, AUDIT_SIGNED_UP, user_id, NULL, &s->visitor, s->now_us));
	return identity_mail_verify(db, &occasion, text, expires_at_us);
}

static int begin_claim(
	struct db *db, const struct errand *s, const char *public_id, u64 *ret_user_id)
{
	int rc = sql_signup_insert(db,
		&(struct signup_insert_in){
			.public_id = public_id,
			.email = s->email,
			.created_at_us = s->now_us,
			.signed_up_at_us = s->now_us,
		},
		ret_user_id);

	return rc == SQL_CONFLICT ? fail(db->fail, E_CONSTRAINT, NULL) : rc;
}

/* One more who claims the address. */
static int add_claim(struct db *db, const struct errand *s, u64 user_id)
{
	struct user_lock_row lock;

	TRY(sql_user_lock(db, user_id, &lock));
	TRY(sql_signup_renew(db, s->now_us, user_id, NULL));
	return send_link(db, s, user_id);
}

int signup_quietly(struct db *db, const struct errand *s)
{
	struct occasion occasion = occasion_of(s);
	struct user_by_email_row row;
	u64 user_id;
	int rc = sql_user_by_email(db, s->email, &row);

	if (rc == SQL_NONE) {
		TRY(begin_claim(db, s, public_id(db->arena, "usr_"), &user_id));
		return send_link(db, s, user_id);
	}
	TRY(rc);
	if (row.email_verified_at_us.has)
		return identity_mail_known(db, &occasion);
	return add_claim(db, s, row.user_id);
}

struct open {
	const struct errand *signup;
	const char *public_id;
};

/* Nobody can prove anything: the account is there, as it was asked for. */
static int begin_unproved(struct db *db, const struct errand *s, const char *public_id)
{
	u64 user_id;
	int rc = sql_user_insert(db,
		&(struct user_insert_in){
			.public_id = public_id,
			.email = s->email,
			.display_name = s->display_name,
			.created_at_us = s->now_us,
		},
		&user_id);

	if (rc == SQL_CONFLICT)
		return fail(db->fail, E_CONSTRAINT, NULL);
	TRY(rc);
	TRY(sql_password_put(db, user_id, s->password_hash, s->now_us, NULL));
	return audit_add(db, AUDIT_SIGNED_UP, user_id, NULL, &s->visitor, s->now_us);
}

static int open_apply(struct db *db, void *arg)
{
	struct open *w = arg;
	u64 user_id;

	w->public_id = public_id(db->arena, "usr_");
	if (!w->signup->options->account_mail)
		return begin_unproved(db, w->signup, w->public_id);
	TRY(begin_claim(db, w->signup, w->public_id, &user_id));
	return send_link(db, w->signup, user_id);
}

/* An address that waits for its proof is taken as well, but who was first may not be its owner:
 * this claim counts against the other one's password. */
static int dispute_apply(struct db *db, void *arg)
{
	const struct errand *s = arg;
	struct user_by_email_row row;
	int rc = sql_user_by_email(db, s->email, &row);

	if (rc == SQL_NONE || (rc == 0 && row.email_verified_at_us.has))
		return 0;
	TRY(rc);
	return add_claim(db, s, row.user_id);
}

int signup_openly(struct db *db, const struct errand *s, const char **ret_public_id)
{
	struct errand again = *s;
	struct open w = {s, NULL};
	int rc = db_tx(db, open_apply, &w);

	if (rc == E_CONSTRAINT && s->options->account_mail) {
		fail_clear(db->fail);
		TRY(db_tx(db, dispute_apply, &again));
		fail(db->fail, E_CONSTRAINT, NULL);
	}
	if (rc == E_CONSTRAINT)
		fail_fault(db->fail, "email", "taken");
	*ret_public_id = w.public_id;
	return rc;
}

struct stale {
	u64 user_id;
	i64 before_us;
};

static int prune_apply(struct db *db, void *arg)
{
	const struct stale *w = arg;
	struct signup_lock_stale_row row;
	u64 n;
	int rc = sql_signup_lock_stale(db, w->user_id, w->before_us, &row);

	if (rc == SQL_NONE)
		return 0;
	TRY(rc);
	TRY(sql_email_token_erase(db, w->user_id, NULL));
	TRY(sql_signup_delete(db, w->user_id, &n));
	if (n == 0)
		return sql_signup_keep(db, w->user_id, NULL);
	return sql_audit_forget_user(db, w->user_id, NULL);
}

int signup_prune(struct db *db, i64 now_us, bool *ret_again)
{
	struct signup_stale_row *row;
	i64 before_us = now_us - S_TO_US(SIGNUP_KEEP_S);
	size_t n;

	TRY(sql_signup_stale(db, before_us, &row, &n));
	for (size_t i = 0; i < n; i++) {
		struct stale w = {row[i].user_id, before_us};
		TRY(db_tx(db, prune_apply, &w));
	}
	*ret_again = *ret_again || n == 100;
	return 0;
}
