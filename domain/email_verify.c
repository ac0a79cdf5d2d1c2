/* Proving an address by a mailed link. */
#include "email_verify.h"

#include "email_token.h"
#include "identity_mail.h"
#include "person.h"

/* The sign-up that waits for the proof, when it is one. Anybody can sign up with an address, so
 * that of several mails that look alike its owner may open somebody else's: then no password
 * counts. A live link without one stands for those that it replaced. */
static int find_waiting(struct db *db, u64 user_id, i64 now_us, const char **ret_password_hash,
	const char **ret_display_name)
{
	struct email_token_waiting_row *row;
	size_t n, n_claims = 0;

	*ret_password_hash = *ret_display_name = NULL;
	TRY(sql_email_token_waiting(db, user_id, "verify", &row, &n));
	for (size_t i = 0; i < n; i++) {
		if (row[i].password_hash == NULL && row[i].expires_at_us <= now_us)
			continue;
		n_claims++;
		*ret_password_hash = row[i].password_hash;
		*ret_display_name = row[i].display_name;
	}
	if (n_claims > 1)
		*ret_password_hash = *ret_display_name = NULL;
	return 0;
}

int email_verify_ask(struct db *db, const struct errand *e)
{
	struct occasion occasion = {e->options, e->email, &e->visitor, e->now_us};
	struct email_token token = {.purpose = EMAIL_TOKEN_VERIFY, .ip = e->visitor.ip};
	struct user_by_email_row row;
	struct user_lock_row lock;
	const char *text;
	i64 expires_at_us;
	int rc = sql_user_by_email(db, e->email, &row);

	if (rc == SQL_NONE || (rc == 0 && row.email_verified_at_us.has))
		return 0;
	TRY(rc);
	TRY(sql_user_lock(db, row.user_id, &lock));
	token.user_id = row.user_id;
	TRY(find_waiting(db, row.user_id, e->now_us, &token.password_hash, &token.display_name));
	TRY(email_token_retire(db, row.user_id, EMAIL_TOKEN_VERIFY, e->now_us));
	TRY(email_token_issue(db, &token, e->now_us, &text, &expires_at_us));
	TRY(sql_signup_renew(db, e->now_us, row.user_id, NULL));
	return identity_mail_verify(db, &occasion, text, expires_at_us);
}

struct confirm {
	const char *token;
	const struct visitor *visitor;
	i64 now_us;
	const char *email;
};

static int confirm_apply(struct db *db, void *arg)
{
	struct confirm *w = arg;
	struct email_token_get_row token;
	struct user_lock_row user;
	struct user_by_email_row present;
	const char *password_hash, *display_name;

	TRY(email_token_find(db, w->token, EMAIL_TOKEN_VERIFY, w->now_us, &token));
	int rc = sql_user_lock(db, token.user_id, &user);
	if (rc == SQL_NONE || (rc == 0 && user.email == NULL)) /* deleted */
		return fail(db->fail, E_NOT_FOUND, "This link is not known. Ask for a new one.");
	TRY(rc);
	if (user.suspended_at_us.has)
		return fail(db->fail, E_SUSPENDED, NULL);
	TRY(sql_user_by_email(db, user.email, &present));
	if (present.email_verified_at_us.has) /* while this link was being made */
		return fail(db->fail, E_ALREADY_VERIFIED, NULL);
	TRY(find_waiting(db, token.user_id, w->now_us, &password_hash, &display_name));
	TRY(email_token_claim(db, w->token, EMAIL_TOKEN_VERIFY, w->now_us));
	TRY(person_take_over(db, token.user_id, w->now_us));
	if (password_hash != NULL)
		TRY(sql_password_put(db, token.user_id, password_hash, w->now_us, NULL));
	TRY(sql_user_update(db, display_name, (struct opt_bool){0}, token.user_id, NULL));
	TRY(audit_add(db, AUDIT_EMAIL_VERIFIED, token.user_id, NULL, w->visitor, w->now_us));
	w->email = user.email;
	return 0;
}

int email_verify_confirm(struct db *db, const char *token, const struct visitor *visitor,
	i64 now_us, const char **ret_email)
{
	struct confirm w = {token, visitor, now_us, NULL};

	TRY(db_tx(db, confirm_apply, &w));
	*ret_email = w.email;
	return 0;
}
