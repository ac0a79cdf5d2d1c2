/* The second factor: setting up an authenticator app, turning it on and off, proving it for a
 * session (account.md section 5). */
#include "../../domain/second_factor.h"
#include "../../domain/password.h"
#include "../../domain/totp.h"
#include "../../domain/web_session.h"
#include "../../fcgi/core/clock.h"
#include "../../fcgi/core/crypto.h"
#include "../../fcgi/core/qr.h"
#include "../../fcgi/core/seal.h"
#include "../../fcgi/http/request.h"
#include "../../fcgi/http/response.h"
#include "../../fcgi/limit/limit.h"
#include "account.h"

static struct second_factor_by by_of(const struct req *r)
{
	const struct account_caller *caller = account_caller(r);

	return (struct second_factor_by){
		.options = r->worker->options,
		.user_id = caller->user_id,
		.web_session_id = caller->web != NULL ? caller->web->web_session_id : 0,
		.session_id = caller->session != NULL ? caller->session->session_id : 0,
		.mfa_since_us = caller->mfa_since_us,
		.visitor = req_visitor(r),
		.now_us = r->now_us,
	};
}

/* The body, after the limits (account.md section 1.2). What one address of the net has used up does
 * not count for the account: it must not be able to shut its owner out. */
static int read_try(struct req *r, bool is_proof)
{
	const char *user = arena_printf(r->arena, "%llu", (unsigned long long)r->caller.user_id);

	if (is_proof)
		TRY(limit_hit_pair(r, LIMIT_MFA, user));
	TRY(limit_hit(r, LIMIT_MFA_USER, user));
	return req_bind_raw(r);
}

/* A browser carries its proof in a cookie; the session of a token is marked in the database. */
static void set_cookie(struct req *r, struct opt_i64 mfa_since_us)
{
	const struct account_caller *caller = account_caller(r);
	const struct options *o = r->worker->options;

	if (caller->web == NULL)
		return;
	struct web_session_caller_row session = *caller->web;
	session.mfa_since_us = mfa_since_us;
	resp_cookie_for(r, o->account_mfa_cookie, mfa_cookie_make(r->arena, o, &session, r->now_us),
		MFA_COOKIE_S);
}

static bool is_fresh(const struct req *r)
{
	return r->now_us - account_caller(r)->auth_at_us <= S_TO_US(WEB_SESSION_FRESH_S);
}

struct account_2fa_status {
	bool enabled, has_password, fresh;
	const char *enabled_at;
	i64 recovery_codes_left;
};
SCHEMA(account_2fa_status, BOOL(account_2fa_status, enabled, REQUIRED),
	STR(account_2fa_status, enabled_at, REQUIRED, NULLABLE, .json = "enabledAt",
		DOC("ISO 8601")),
	I64(account_2fa_status, recovery_codes_left, REQUIRED, .json = "recoveryCodesLeft"),
	BOOL(account_2fa_status, has_password, REQUIRED, .json = "hasPassword"),
	BOOL(account_2fa_status, fresh, REQUIRED,
		DOC("The sign-in is recent enough for changes without the password")));

int account_2fa_status(struct req *r, const void *in, void *out_)
{
	const struct account_caller *caller = account_caller(r);
	struct account_2fa_status *out = out_;
	struct factor_status_row row;

	(void)in;
	int rc = sql_factor_status(&r->db, caller->user_id, &row);
	if (rc != 0)
		return rc == SQL_NONE ? fail(r->fail, E_UNAUTHORIZED, NULL) : rc;
	*out = (struct account_2fa_status){
		.enabled = caller->mfa_since_us.has,
		.enabled_at = caller->mfa_since_us.has
				      ? clock_iso8601_ms(r->arena, caller->mfa_since_us.value)
				      : NULL,
		.recovery_codes_left = row.n_codes,
		.has_password = row.has_password,
		.fresh = is_fresh(r),
	};
	return 0;
}

struct account_2fa_setup {
	const char *secret, *otpauth_url, *qr_svg_data_url, *qr_data_url;
};
SCHEMA(account_2fa_setup, STR(account_2fa_setup, secret, REQUIRED, DOC("base32")),
	STR(account_2fa_setup, otpauth_url, REQUIRED, .json = "otpauthUrl"),
	STR(account_2fa_setup, qr_svg_data_url, REQUIRED, .json = "qrSvgDataUrl"),
	STR(account_2fa_setup, qr_data_url, REQUIRED, .json = "qrDataUrl",
		DOC("The same as a PNG")));

int account_2fa_setup(struct req *r, const void *in, void *out_)
{
	const struct account_caller *caller = account_caller(r);
	const struct options *o = r->worker->options;
	struct account_2fa_setup *out = out_;
	unsigned char secret[TOTP_SECRET_BYTES];

	(void)in;
	TRY(seal_ready(o, r->fail));
	random_bytes(secret, sizeof(secret));
	out->secret = base32_encode(r->arena, secret, sizeof(secret));
	out->otpauth_url = totp_url(r->arena, o->account_brand,
		caller->email != NULL ? caller->email : caller->public_id, out->secret);
	return qr_data_urls(
		r->arena, r->fail, out->otpauth_url, &out->qr_svg_data_url, &out->qr_data_url);
}

static int check_password(
	struct req *r, const char *password, const struct password_get_row *present)
{
	struct visitor visitor = req_visitor(r);
	bool fits, is_outdated;

	TRY(password_verify(r->fail, password, present->hash, &fits, &is_outdated));
	if (fits)
		return 0;
	TRY(audit_add(
		&r->db, AUDIT_MFA_REFUSED, r->caller.user_id, "password", &visitor, r->now_us));
	return fail(r->fail, E_BAD_PASSWORD, NULL);
}

/* Somebody who finds a browser open cannot change the second factor: that takes the password, or,
 * where there is none or none is asked for, a sign-in of a short while ago. A password that is
 * changed meanwhile ends the session, which is looked at again before anything is changed. */
static int check_presence(struct req *r, const char *password, bool needs_password)
{
	struct password_get_row present;
	int rc = sql_password_get(&r->db, r->caller.user_id, &present);

	if (rc != 0 && rc != SQL_NONE)
		return rc;
	if (rc == SQL_NONE || (password == NULL && !needs_password))
		return is_fresh(r) ? 0 : fail(r->fail, E_REAUTH_REQUIRED, NULL);
	if (password == NULL) {
		fail_fault(r->fail, "password", "required");
		return fail(r->fail, E_INVALID_FIELD, NULL);
	}
	return check_password(r, password, &present);
}

struct account_2fa_enable_in {
	const char *secret, *code, *password;
};
SCHEMA(account_2fa_enable_in,
	STR(account_2fa_enable_in, secret, REQUIRED, UTF16, .min = 16, .max = 64),
	STR(account_2fa_enable_in, code, REQUIRED, UTF16, .min = 6, .max = 8),
	STR(account_2fa_enable_in, password, UTF16, .max = PASSWORD_MAX));

struct account_2fa_enabled {
	bool ok;
	const char *const *recovery_codes;
	size_t n_recovery_codes;
};
SCHEMA(account_2fa_enabled, BOOL(account_2fa_enabled, ok, REQUIRED),
	STR_ARRAY(account_2fa_enabled, recovery_codes, REQUIRED, .json = "recoveryCodes",
		DOC("Shown only here")));

int account_2fa_enable(struct req *r, const void *in_, void *out_)
{
	const struct account_2fa_enable_in *in = in_;
	struct account_2fa_enabled *out = out_;
	struct second_factor_by by = by_of(r);
	i64 since_us;

	TRY(read_try(r, false));
	TRY(seal_ready(r->worker->options, r->fail));
	TRY(check_presence(r, in->password, r->worker->options->account_enable_needs_password));
	TRY(second_factor_enable(
		&r->db, &by, in->secret, in->code, &out->recovery_codes, &since_us));
	out->n_recovery_codes = RECOVERY_CODES;
	out->ok = true;
	set_cookie(r, (struct opt_i64){true, since_us});
	return 0;
}

struct account_2fa_verify_in {
	const char *code;
	struct opt_bool recovery;
};
SCHEMA(account_2fa_verify_in,
	STR(account_2fa_verify_in, code, REQUIRED, UTF16, .min = 6, .max = 20),
	OPT_BOOL(account_2fa_verify_in, recovery, DOC("The code is a recovery code")));

int account_2fa_verify(struct req *r, const void *in_, void *out_)
{
	const struct account_2fa_verify_in *in = in_;
	struct account_ok *out = out_;
	struct second_factor_by by = by_of(r);

	TRY(read_try(r, true));
	if (in->recovery.has && in->recovery.value)
		TRY(second_factor_recover(&r->db, &by, in->code));
	else
		TRY(second_factor_verify(&r->db, &by, in->code));
	out->ok = true;
	set_cookie(r, by.mfa_since_us);
	return 0;
}

struct account_2fa_disable_in {
	const char *password;
};
SCHEMA(account_2fa_disable_in, STR(account_2fa_disable_in, password, UTF16, .max = PASSWORD_MAX));

int account_2fa_disable(struct req *r, const void *in_, void *out_)
{
	const struct account_2fa_disable_in *in = in_;
	struct account_ok *out = out_;
	struct second_factor_by by = by_of(r);

	TRY(read_try(r, false));
	if (by.mfa_since_us.has) {
		TRY(check_presence(r, in->password, true));
		TRY(second_factor_disable(&r->db, &by));
	}
	out->ok = true;
	if (account_caller(r)->web != NULL)
		resp_cookie_clear(r, r->worker->options->account_mfa_cookie);
	return 0;
}
