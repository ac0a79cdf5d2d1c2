/* The routes of Auth.js that scripts and its browser functions use (account.md section 2.2). */
#include <string.h>

#include "../../domain/password_signin.h"
#include "../../domain/web_session.h"
#include "../../fcgi/core/clock.h"
#include "../../fcgi/core/crypto.h"
#include "../../fcgi/core/email.h"
#include "../../fcgi/core/str.h"
#include "../../fcgi/http/request.h"
#include "../../fcgi/http/response.h"
#include "../../fcgi/limit/limit.h"
#include "account.h"

enum { URL_MAX = 2000 };

struct account_provider {
	const char *id, *name, *type, *signin_url, *callback_url;
};
SCHEMA(account_provider, STR(account_provider, id, REQUIRED), STR(account_provider, name, REQUIRED),
	STR(account_provider, type, REQUIRED),
	STR(account_provider, signin_url, REQUIRED, .json = "signinUrl"),
	STR(account_provider, callback_url, REQUIRED, .json = "callbackUrl"));

struct account_providers {
	struct account_provider *credentials;
};
SCHEMA(account_providers, OBJECT(account_providers, credentials, account_provider, REQUIRED));

int account_providers(struct req *r, const void *in, void *out_)
{
	struct account_providers *out = out_;
	const char *site = r->worker->options->public_url;

	(void)in;
	out->credentials = arena_new(r->arena, struct account_provider);
	*out->credentials = (struct account_provider){
		.id = "credentials",
		.name = "Credentials",
		.type = "credentials",
		.signin_url = arena_printf(r->arena, "%s/api/auth/signin/credentials", site),
		.callback_url = arena_printf(r->arena, "%s/api/auth/callback/credentials", site),
	};
	return 0;
}

struct account_session_user {
	const char *name, *email, *image, *id;
	i64 auth_at;
	bool requires_2fa;
};
SCHEMA(account_session_user, STR(account_session_user, name, REQUIRED, NULLABLE),
	STR(account_session_user, email, REQUIRED, NULLABLE),
	STR(account_session_user, image, REQUIRED, NULLABLE),
	STR(account_session_user, id, REQUIRED),
	I64(account_session_user, auth_at, REQUIRED, .json = "authAt",
		DOC("Of the sign-in, milliseconds since 1970")),
	BOOL(account_session_user, requires_2fa, REQUIRED, .json = "requires2FA",
		DOC("The account has a second factor")));

struct account_session {
	struct account_session_user *user;
	const char *expires;
};
SCHEMA(account_session, OBJECT(account_session, user, account_session_user, REQUIRED),
	STR(account_session, expires, REQUIRED, DOC("ISO 8601")));

/* Signed out: the JSON text null, as Auth.js says it. */
static int no_session(struct req *r)
{
	if (req_cookie(r, account_session_cookie(r)) != NULL)
		resp_cookie_clear(r, account_session_cookie(r));
	return resp_text(r, 200, "application/json; charset=utf-8", "null\n", 5);
}

int account_session_get(struct req *r, const void *in, void *out_)
{
	const struct account_caller *caller = account_caller(r);
	struct account_session *out = out_;

	(void)in;
	r->response.cache_control = "private, no-cache, no-store";
	if (caller == NULL || caller->web == NULL)
		return no_session(r);
	out->expires = clock_iso8601_ms(r->arena, caller->web->expires_at_us);
	out->user = arena_new(r->arena, struct account_session_user);
	*out->user = (struct account_session_user){
		.name = r->caller.mfa_pending ? NULL : caller->display_name,
		.email = caller->email,
		.id = caller->public_id,
		.auth_at = caller->auth_at_us / US_PER_MS,
		.requires_2fa = caller->mfa_since_us.has,
	};
	resp_cookie(r, account_session_cookie(r), req_cookie(r, account_session_cookie(r)),
		caller->web->expires_at_us);
	return 0;
}

struct account_url {
	const char *url;
};
SCHEMA(account_url, STR(account_url, url, REQUIRED, DOC("Where to go")));

/* 302, or what a script asked for instead. */
static int go(struct req *r, const char *url, struct account_url *out)
{
	const char *wants_text = req_header(r, "HTTP_X_AUTH_RETURN_REDIRECT");

	if (wants_text == NULL || wants_text[0] == '\0')
		return resp_redirect(r, url);
	out->url = url;
	return 0;
}

static const char *error_url(struct req *r, const char *error)
{
	return arena_printf(r->arena, "%s/signin?error=%s", r->worker->options->public_url, error);
}

struct account_signin_in {
	const char *csrf_token, *email, *password, *callback_url;
};
SCHEMA(account_signin_in, STR(account_signin_in, csrf_token, .max = 200, .json = "csrfToken"),
	STR(account_signin_in, email, .max = 1000), STR(account_signin_in, password, .max = 1000),
	STR(account_signin_in, callback_url, .max = URL_MAX, .json = "callbackUrl"));

int account_password_signin(struct req *r, const void *in_, void *out)
{
	const struct account_signin_in *in = in_;
	const char *token,
		*email = in->email != NULL ? mail_address_normal(r->arena, in->email) : NULL;
	struct password_signin signin = {r->worker->options, email,
		in->password != NULL ? in->password : "", req_visitor(r), r->now_us};
	struct credential_by_email_row who;

	if (!account_csrf_fits(r, in->csrf_token))
		return go(r, error_url(r, "MissingCSRF"), out);
	TRY(limit_hit_password(r, email));
	int rc = password_signin_check(&r->db, &signin, &who);
	if (rc == 0)
		rc = password_signin_web(
			&r->db, &signin, &who, req_cookie(r, account_session_cookie(r)), &token);
	if (rc == E_BAD_PASSWORD) {
		fail_clear(r->fail);
		return go(r, error_url(r, "CredentialsSignin&code=credentials"), out);
	}
	TRY(rc);
	resp_cookie(r, account_session_cookie(r), token, r->now_us + S_TO_US(WEB_SESSION_S));
	return go(r, account_target(r, in->callback_url), out);
}

struct account_signout_in {
	const char *csrf_token, *callback_url;
};
SCHEMA(account_signout_in, STR(account_signout_in, csrf_token, .max = 200, .json = "csrfToken"),
	STR(account_signout_in, callback_url, .max = URL_MAX, .json = "callbackUrl"));

int account_signout(struct req *r, const void *in_, void *out)
{
	const struct account_signout_in *in = in_;
	const struct account_caller *caller = account_caller(r);
	struct visitor visitor = req_visitor(r);

	if (!account_csrf_fits(r, in->csrf_token))
		return go(r, error_url(r, "MissingCSRF"), out);
	if (caller != NULL && caller->web != NULL)
		TRY(web_session_sign_out(&r->db, caller->web, &visitor, r->now_us));
	resp_cookie_clear(r, account_session_cookie(r));
	resp_cookie_clear(r, r->worker->options->account_mfa_cookie);
	return go(r, account_target(r, in->callback_url), out);
}

struct account_signin_page_in {
	const char *callback_url;
};
SCHEMA(account_signin_page_in,
	STR(account_signin_page_in, callback_url, QUERY, .max = URL_MAX, .json = "callbackUrl"));

int account_signin_page(struct req *r, const void *in_, void *out)
{
	const struct account_signin_page_in *in = in_;

	(void)out;
	return resp_redirect(r,
		arena_printf(r->arena, "%s/signin?callbackUrl=%s", r->worker->options->public_url,
			url_encode(r->arena, account_target(r, in->callback_url))));
}

struct account_error_page_in {
	const char *error;
};
SCHEMA(account_error_page_in, STR(account_error_page_in, error, QUERY, .max = 100));

int account_error_page(struct req *r, const void *in_, void *out)
{
	const struct account_error_page_in *in = in_;
	const char *error = in->error != NULL ? in->error : "Default";

	(void)out;
	return resp_redirect(r, error_url(r, url_encode(r->arena, error)));
}

struct account_provider_in {
	const char *provider;
};
SCHEMA(account_provider_in, STR(account_provider_in, provider, REQUIRED, PATH, .max = 200));

/* An action or a method that there is not: a bare JSON string, as Auth.js says it. */
int account_bad_request(struct req *r, const void *in, void *out)
{
	static const char text[] = "\"Bad request.\"\n";

	(void)in, (void)out;
	return resp_text(r, 400, "application/json; charset=utf-8", text, sizeof(text) - 1);
}
