/* Signing in with a code from an e-mail, hand-off to the IDE, signing out (product.md section 2).
 */
#include <string.h>

#include "../../domain/credential.h"
#include "../../domain/password_signin.h"
#include "../../domain/person.h"
#include "../../fcgi/auth/auth.h"
#include "../../fcgi/core/email.h"
#include "../../fcgi/http/request.h"
#include "../../fcgi/limit/limit.h"
#include "product.h"

int product_authenticate(struct req *r)
{
	const char *token = auth_bearer(r);
	struct session_caller_row *row = arena_new(r->arena, struct session_caller_row);

	if (token == NULL)
		return fail(r->fail, E_UNAUTHORIZED, NULL);
	TRY(session_resolve(&r->db, token, r->remote_addr, r->now_us, row));
	r->caller.user_id = row->user_id;
	r->caller.session_id = row->session_id;
	r->caller.mfa_pending = person_mfa_pending(row->mfa_since_us, row->mfa_at_us);
	r->caller.account = row;
	return 0;
}

const struct session_caller_row *product_account(const struct req *r)
{
	return r->caller.account;
}

SCHEMA(product_signed_in,
	STR(product_signed_in, token, REQUIRED, DOC("session:..., shown only here")),
	TIME_S(product_signed_in, expires_at_us, REQUIRED, .json = "expires_at"),
	OBJECT(product_signed_in, user, product_me,
		DOC("Absent when the second factor is to be proved first")),
	OPT_BOOL(product_signed_in, mfa_required,
		DOC("True: the token is good for POST /api/account/2fa/verify only, until then")),
	STR(product_signed_in, redirect, DOC("hypex:// address that hands over to the IDE")),
	STR(product_signed_in, challenge,
		DOC("Of the IDE that waits for the second factor, for POST /api/auth/handoff")));

static const char *ide_address(struct req *r, const char *handoff)
{
	return arena_printf(r->arena, "hypex://auth?handoff=%s", handoff);
}

/* Nothing about the account is told before the second factor. */
static void fill_signed_in(
	struct req *r, const struct signin_result *result, struct product_signed_in *out)
{
	out->token = result->session.token;
	out->expires_at_us = result->session.expires_at_us;
	if (signin_is_pending(result)) {
		out->mfa_required = (struct opt_bool){true, true};
		out->challenge = result->challenge;
	} else {
		out->user = arena_new(r->arena, struct product_me);
		product_me_fill(out->user, &result->account);
	}
	if (result->handoff != NULL)
		out->redirect = ide_address(r, result->handoff);
}

struct product_code_request_in {
	const char *email, *from, *device, *challenge;
};
SCHEMA(product_code_request_in,
	STR(product_code_request_in, email, REQUIRED, .max = 1000, .error = E_INVALID_EMAIL),
	STR(product_code_request_in, from, .values = "ide|web"),
	STR(product_code_request_in, device, .max = 64),
	STR(product_code_request_in, challenge, .min = 43, .max = 43,
		DOC("PKCE S256 challenge that the exchange of the hand-off will ask for")));

struct product_code_request {
	bool ok;
	i64 expires_in;
};
SCHEMA(product_code_request, BOOL(product_code_request, ok, REQUIRED),
	I64(product_code_request, expires_in, REQUIRED, DOC("Seconds")));

/* What one limit refuses does not count in the other: an address of the net that has used up its
 * codes must not use up those of other people's mail addresses. */
static int count_code(struct req *r, const char *email)
{
	TRY(limit_hit_address(r, LIMIT_CODE_IP));
	int rc = limit_hit(r, LIMIT_CODE_EMAIL, email);
	if (rc != 0)
		limit_undo_address(r, LIMIT_CODE_IP);
	return rc;
}

static int check_challenge(struct req *r, const char *challenge)
{
	if (challenge == NULL || signin_challenge_valid(challenge))
		return 0;
	fail_fault(r->fail, "challenge", "base64url");
	return fail(r->fail, E_INVALID_FIELD, NULL);
}

int product_code_request(struct req *r, const void *in_, void *out_)
{
	const struct product_code_request_in *in = in_;
	struct product_code_request *out = out_;
	const char *email = mail_address_normal(r->arena, in->email);
	struct signin_purpose purpose = {
		.is_ide = in->from != NULL && strcmp(in->from, "ide") == 0,
		.challenge = in->challenge,
	};

	if (email == NULL)
		return fail(r->fail, E_INVALID_EMAIL, NULL);
	TRY(check_challenge(r, in->challenge));
	TRY(count_code(r, email));
	TRY(signin_request_code(&r->db, r->worker->options, email, &purpose, r->now_us));
	*out = (struct product_code_request){true, CODE_LIFETIME_S};
	return 0;
}

struct product_code_verify_in {
	const char *email, *code, *device, *device_name;
};
SCHEMA(product_code_verify_in,
	STR(product_code_verify_in, email, REQUIRED, .max = 1000, .error = E_INVALID_CODE),
	STR(product_code_verify_in, code, REQUIRED, .min = 6, .max = 6, .error = E_INVALID_CODE),
	STR(product_code_verify_in, device, .max = 64),
	STR(product_code_verify_in, device_name, .max = 80));

int product_code_verify(struct req *r, const void *in_, void *out)
{
	const struct product_code_verify_in *in = in_;
	const char *email = mail_address_normal(r->arena, in->email);
	struct session_device where = {in->device, in->device_name, req_visitor(r)};
	struct signin_result result;

	if (email == NULL)
		return fail(r->fail, E_INVALID_CODE, NULL);
	TRY(signin_with_code(
		&r->db, r->worker->options, email, in->code, &where, r->now_us, &result));
	fill_signed_in(r, &result, out);
	return 0;
}

struct product_password_in {
	const char *email, *password, *from, *challenge, *device, *device_name;
};
SCHEMA(product_password_in, STR(product_password_in, email, REQUIRED, .max = 1000),
	STR(product_password_in, password, REQUIRED, .max = 1000),
	STR(product_password_in, from, .values = "ide|web"),
	STR(product_password_in, challenge, .min = 43, .max = 43,
		DOC("PKCE S256 challenge that the exchange of the hand-off will ask for")),
	STR(product_password_in, device, .max = 64),
	STR(product_password_in, device_name, .max = 80));

/* One answer for every reason, so that it tells nothing about the address. */
int product_password_signin(struct req *r, const void *in_, void *out)
{
	const struct product_password_in *in = in_;
	const char *email = mail_address_normal(r->arena, in->email);
	struct visitor visitor = req_visitor(r);
	struct password_signin signin = {
		r->worker->options, email, in->password, visitor, r->now_us};
	struct signin_purpose purpose = {
		.is_ide = in->from != NULL && strcmp(in->from, "ide") == 0,
		.challenge = in->challenge,
	};
	struct session_device where = {in->device, in->device_name, req_visitor(r)};
	struct credential_by_email_row who;
	struct signin_result result;

	TRY(check_challenge(r, in->challenge));
	TRY(limit_hit_password(r, email));
	int rc = password_signin_check(&r->db, &signin, &who);
	if (rc == 0)
		rc = password_signin_session(&r->db, &signin, &who, &purpose, &where, &result);
	if (rc == E_BAD_PASSWORD || rc == E_INVALID_CODE) {
		fail_clear(r->fail);
		return fail(r->fail, E_UNAUTHORIZED,
			"The e-mail address or the password is wrong, or the address is not "
			"confirmed.");
	}
	TRY(rc);
	fill_signed_in(r, &result, out);
	return 0;
}

struct product_exchange_in {
	const char *handoff, *verifier, *device, *device_name;
};
SCHEMA(product_exchange_in,
	STR(product_exchange_in, handoff, REQUIRED, .max = 64, .error = E_INVALID_CODE),
	STR(product_exchange_in, verifier, .max = 128), STR(product_exchange_in, device, .max = 64),
	STR(product_exchange_in, device_name, .max = 80));

int product_handoff_exchange(struct req *r, const void *in_, void *out)
{
	const struct product_exchange_in *in = in_;
	struct session_device where = {in->device, in->device_name, req_visitor(r)};
	struct signin_result result;

	TRY(signin_with_handoff(&r->db, in->handoff, in->verifier, &where, r->now_us, &result));
	fill_signed_in(r, &result, out);
	return 0;
}

struct product_handoff_in {
	const char *challenge;
};
SCHEMA(product_handoff_in, STR(product_handoff_in, challenge, .min = 43, .max = 43,
				   DOC("PKCE S256 challenge that the exchange will ask for")));

struct product_handoff {
	const char *redirect;
	i64 expires_in;
};
SCHEMA(product_handoff,
	STR(product_handoff, redirect, REQUIRED,
		DOC("hypex:// address that hands over to the IDE")),
	I64(product_handoff, expires_in, REQUIRED, DOC("Seconds")));

/* The way of an account with a second factor to the IDE. The IDE knows nothing of second factors,
 * so the browser proves it, and what the browser's session has proved counts for the IDE's:
 * 1. By code: the answer of /api/auth/verify has `mfa_required` and, where the IDE sent one along,
 *    its `challenge`. By OAuth: the browser comes back to
 *    /signin?mfa=required&from=ide[&challenge=...]#handoff=... and exchanges that hand-off itself,
 *    without a verifier (it is for the browser; the challenge is the IDE's).
 * 2. POST /api/account/2fa/verify {code} with the session token that the browser then has.
 * 3. POST /api/auth/handoff {challenge}: where to go. */
int product_handoff_create(struct req *r, const void *in_, void *out_)
{
	const struct product_handoff_in *in = in_;
	struct product_handoff *out = out_;
	const char *handoff;

	TRY(check_challenge(r, in->challenge));
	TRY(signin_create_handoff(&r->db, product_account(r), in->challenge, r->now_us, &handoff));
	*out = (struct product_handoff){ide_address(r, handoff), HANDOFF_LIFETIME_S};
	return 0;
}

static int signout_apply(struct db *db, void *arg)
{
	const struct req *r = arg;
	struct visitor visitor = req_visitor(r);

	TRY(sql_session_end(db, r->caller.session_id, NULL));
	return audit_add(db, AUDIT_SIGNED_OUT, r->caller.user_id, NULL, &visitor, r->now_us);
}

int product_signout(struct req *r, const void *in, void *out_)
{
	struct product_ok *out = out_;

	(void)in;
	TRY(db_tx(&r->db, signout_apply, r));
	out->ok = true;
	return 0;
}

struct product_revoked {
	bool ok;
	i64 revoked;
};
SCHEMA(product_revoked, BOOL(product_revoked, ok, REQUIRED),
	I64(product_revoked, revoked, REQUIRED, DOC("How many sessions were ended")));

int product_signout_others(struct req *r, const void *in, void *out_)
{
	struct product_revoked *out = out_;
	struct visitor visitor = req_visitor(r);
	u64 n;

	(void)in;
	TRY(credential_end_others(
		&r->db, r->caller.user_id, r->caller.session_id, &visitor, r->now_us, &n));
	*out = (struct product_revoked){true, (i64)n};
	return 0;
}
