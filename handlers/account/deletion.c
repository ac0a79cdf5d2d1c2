/* The owner asks for the deletion of the account, or keeps it (account.md section 4.7). */
#include "../../domain/deletion.h"

#include "../../domain/password.h"
#include "../../domain/web_session.h"
#include "../../fcgi/core/clock.h"
#include "../../fcgi/http/request.h"
#include "account.h"

struct account_delete_in {
	const char *password;
};
SCHEMA(account_delete_in, STR(account_delete_in, password, UTF16, .max = PASSWORD_MAX,
				  DOC("Of the account, where it has one")));

struct account_delete {
	bool ok;
	const char *scheduled_for;
};
SCHEMA(account_delete, BOOL(account_delete, ok, REQUIRED),
	STR(account_delete, scheduled_for, REQUIRED, .json = "scheduledFor",
		DOC("When the account will be deleted, ISO 8601")));

static int check_password(struct req *r, const char *password, const char *hash)
{
	struct visitor visitor = req_visitor(r);
	bool fits, is_outdated;

	if (password == NULL) {
		fail_fault(r->fail, "password", "required");
		return fail(r->fail, E_INVALID_FIELD, NULL);
	}
	TRY(account_count_password(r));
	TRY(password_verify(r->fail, password, hash, &fits, &is_outdated));
	if (fits)
		return 0;
	TRY(audit_add(&r->db, AUDIT_SIGN_IN_REFUSED, r->caller.user_id, "account_delete", &visitor,
		r->now_us));
	return fail(r->fail, E_BAD_PASSWORD, NULL);
}

/* Who has no password must have signed in just now. *ret_hash: of the one that was given. */
static int confirm(struct req *r, const char *password, const char **ret_hash)
{
	struct password_get_row row;
	int rc = sql_password_get(&r->db, r->caller.user_id, &row);

	*ret_hash = NULL;
	if (rc == SQL_NONE)
		return account_caller(r)->auth_at_us > r->now_us - S_TO_US(WEB_SESSION_FRESH_S)
			       ? 0
			       : fail(r->fail, E_REAUTH_REQUIRED, NULL);
	TRY(rc);
	*ret_hash = row.hash;
	return check_password(r, password, row.hash);
}

int account_delete(struct req *r, const void *in_, void *out_)
{
	const struct account_delete_in *in = in_;
	struct account_delete *out = out_;
	struct deletion what = {
		.options = r->worker->options,
		.user_id = r->caller.user_id,
		.visitor = req_visitor(r),
		.now_us = r->now_us,
	};
	i64 at_us;

	TRY(confirm(r, in->password, &what.password_hash));
	TRY(deletion_schedule(&r->db, &what, &at_us));
	out->ok = true;
	out->scheduled_for = clock_iso8601_ms(r->arena, at_us);
	return 0;
}

struct account_delete_state {
	const char *scheduled_for;
};
SCHEMA(account_delete_state, STR(account_delete_state, scheduled_for, REQUIRED, NULLABLE,
				     .json = "scheduledFor", DOC("ISO 8601; null: it stays")));

int account_delete_get(struct req *r, const void *in, void *out_)
{
	struct account_delete_state *out = out_;
	struct account_facts_row row;
	int rc = sql_account_facts(&r->db, r->caller.user_id, &row);

	(void)in;
	if (rc == SQL_NONE)
		return fail(r->fail, E_UNAUTHORIZED, NULL);
	TRY(rc);
	if (row.delete_after_us.has)
		out->scheduled_for = clock_iso8601_ms(r->arena, row.delete_after_us.value);
	return 0;
}

int account_delete_cancel(struct req *r, const void *in, void *out_)
{
	struct account_ok *out = out_;
	struct deletion what = {
		.options = r->worker->options,
		.user_id = r->caller.user_id,
		.visitor = req_visitor(r),
		.now_us = r->now_us,
	};

	(void)in;
	TRY(deletion_cancel(&r->db, &what));
	out->ok = true;
	return 0;
}
