/* Forgotten, new and changed passwords (account.md sections 4.1 to 4.3). */
#include "../../domain/password_change.h"

#include "../../domain/password.h"
#include "../../fcgi/http/request.h"
#include "../../fcgi/http/response.h"
#include "../../fcgi/limit/limit.h"
#include "account.h"

enum { ADDRESS_MIN = 3, ADDRESS_MAX = 120 };

struct account_forgot_in {
	const char *email;
};
SCHEMA(account_forgot_in, STR(account_forgot_in, email, REQUIRED));

int account_password_forgot(struct req *r, const void *in_, void *out)
{
	const struct account_forgot_in *in = in_;
	const char *email;

	TRY(account_trim(r, "email", in->email, ADDRESS_MIN, ADDRESS_MAX, &email));
	return account_ask(r, ERRAND_FORGOT_PASSWORD, email, out);
}

struct account_reset_in {
	const char *token, *password;
};
SCHEMA(account_reset_in, STR(account_reset_in, token, REQUIRED, UTF16, .min = 20, .max = 120),
	STR(account_reset_in, password, REQUIRED, UTF16, .min = PASSWORD_MIN, .max = PASSWORD_MAX));

int account_password_reset(struct req *r, const void *in_, void *out_)
{
	const struct account_reset_in *in = in_;
	struct account_ok *out = out_;
	struct password_reset reset = {
		r->worker->options, in->token, in->password, req_visitor(r), r->now_us};

	TRY(password_admit(r->fail, "password", in->password, NULL));
	TRY(password_reset(&r->db, &reset));
	out->ok = true;
	return 0;
}

struct account_change_in {
	const char *current, *password;
};
SCHEMA(account_change_in,
	STR(account_change_in, current, REQUIRED, UTF16, .min = 1, .max = PASSWORD_MAX,
		.json = "currentPassword"),
	STR(account_change_in, password, REQUIRED, UTF16, .min = PASSWORD_MIN, .max = PASSWORD_MAX,
		.json = "newPassword"));

/* By address first: what one has used up does not count for the account. */
int account_count_password(struct req *r)
{
	TRY(limit_hit_pair(r, LIMIT_PASSWORD_CHANGE, account_caller(r)->public_id));
	return limit_hit(r, LIMIT_PASSWORD_USER,
		arena_printf(r->arena, "%llu", (unsigned long long)r->caller.user_id));
}

/* The limit comes before the body is looked at (account.md section 1.2). */
int account_password_change(struct req *r, const void *in_, void *out_)
{
	const struct account_change_in *in = in_;
	const struct account_caller *caller = account_caller(r);
	struct account_ok *out = out_;

	TRY(account_count_password(r));
	TRY(req_bind_raw(r));
	struct password_change change = {r->worker->options, caller->user_id, caller->email,
		in->current, in->password, req_visitor(r), r->now_us};
	TRY(password_change(&r->db, &change));
	resp_cookie_clear(r, account_session_cookie(r));
	resp_cookie_clear(r, r->worker->options->account_mfa_cookie);
	out->ok = true;
	return 0;
}
