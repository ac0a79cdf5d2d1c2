/* Signing in with GitHub or Google: authorization code with PKCE S256 and a signed, single-use
 * state that is bound to a cookie (RFC 6749, RFC 7636, upstreams.md section 3). */
#include <string.h>

#include "../../domain/oauth.h"
#include "../../domain/signin.h"
#include "../../fcgi/core/log.h"
#include "../../fcgi/core/str.h"
#include "../../fcgi/http/request.h"
#include "../../fcgi/http/response.h"
#include "product.h"

struct product_oauth_start_in {
	const char *provider, *from, *challenge;
};
SCHEMA(product_oauth_start_in,
	STR(product_oauth_start_in, provider, REQUIRED, PATH, .max = 16, .error = E_NOT_FOUND),
	STR(product_oauth_start_in, from, QUERY, .values = "ide|web"),
	STR(product_oauth_start_in, challenge, QUERY, .min = 43, .max = 43,
		DOC("PKCE S256 challenge that the exchange of the hand-off will ask for")));

static const char *redirect_uri(struct req *r, const char *provider)
{
	return arena_printf(r->arena, "%s/api/auth/oauth/%s/callback",
		r->worker->options->public_url, provider);
}

static bool is_https(const struct req *r)
{
	return str_starts(r->worker->options->public_url, "https:");
}

/* Named after the start of its state, so that sign-ins in two tabs do not take each other's. */
static const char *cookie_name(struct req *r, const char *state)
{
	return arena_printf(r->arena, "%sturnpike_oauth_%.8s", is_https(r) ? "__Secure-" : "",
		state != NULL ? state : "");
}

/* HttpOnly and only for the callback; Lax, since the provider sends the browser back from its own
 * site. */
static void set_cookie(struct req *r, const char *name, const char *value, int max_age_s)
{
	resp_header(r, "Set-Cookie",
		arena_printf(r->arena,
			"%s=%s; Path=/api/auth/oauth; Max-Age=%d; HttpOnly; SameSite=Lax%s", name,
			value, max_age_s, is_https(r) ? "; Secure" : ""));
}

int product_oauth_start(struct req *r, const void *in_, void *out)
{
	const struct product_oauth_start_in *in = in_;
	const struct options *options = r->worker->options;
	struct oauth_provider provider;
	struct oauth_attempt attempt;
	bool is_ide = in->from != NULL && str_equal(in->from, "ide");

	(void)out;
	if (!oauth_provider_find(options, in->provider, &provider))
		return fail(r->fail, E_NOT_FOUND,
			"The provider is 'github' or 'google', where the "
			"operator has set it up.");
	if (in->challenge != NULL && !signin_challenge_valid(in->challenge)) {
		fail_fault(r->fail, "challenge", "base64url");
		return fail(r->fail, E_INVALID_FIELD, NULL);
	}
	TRY(oauth_begin(&r->db, options, &provider, is_ide, in->challenge, r->now_us, &attempt));
	set_cookie(r, cookie_name(r, attempt.state), attempt.cookie, OAUTH_LIFETIME_S);
	return resp_redirect(r,
		oauth_authorize_url(r->arena, &provider, &attempt, redirect_uri(r, in->provider)));
}

struct product_oauth_callback_in {
	const char *provider, *code, *state, *error;
};
SCHEMA(product_oauth_callback_in,
	STR(product_oauth_callback_in, provider, REQUIRED, PATH, .max = 16, .error = E_NOT_FOUND),
	STR(product_oauth_callback_in, code, QUERY, .max = 2000),
	STR(product_oauth_callback_in, state, QUERY, .max = 500),
	STR(product_oauth_callback_in, error, QUERY, .max = 200));

/* What /signin is told after a failure, so that a second try still leads to the IDE. */
static const char *signin_query(struct req *r, const struct oauth_result *result)
{
	if (!result->is_ide)
		return "";
	if (result->challenge == NULL)
		return "&from=ide";
	return arena_printf(r->arena, "&from=ide&challenge=%s", result->challenge);
}

static int html_page(struct req *r, const struct oauth_result *result, int status,
	const char *heading, const char *text)
{
	const char *query = signin_query(r, result);

	return resp_page(r, status, heading, "signin",
		arena_printf(r->arena,
			"<main class=\"page signin-page\"><div class=\"card step\">"
			"<div class=\"stack-tight\"><h1>%s</h1><p class=\"muted\">%s</p></div>"
			"<a class=\"button primary wide\" href=\"/signin%s\">Back to sign-in</a>"
			"</div></main>",
			heading, text,
			*query != '\0'
				? html_escape(r->arena, arena_printf(r->arena, "?%s", query + 1))
				: ""));
}

static int failure_page(struct req *r, const struct oauth_result *result)
{
	enum error code = r->fail->code;
	struct fail failure = *r->fail;
	struct visitor visitor = req_visitor(r);

	fail_clear(r->fail);
	if (code == E_INVALID_CODE)
		audit_note(AUDIT_SIGN_IN_REFUSED, "oauth", &visitor);
	if (code == E_FORBIDDEN)
		TRY(audit_add(&r->db, AUDIT_SIGN_IN_REFUSED, 0, "oauth", &visitor, r->now_us));
	if (code == E_UPSTREAM_ERROR || code == E_UPSTREAM_TIMEOUT) {
		LOG(WARN, "oauth_upstream_failed", LOG_TEXT("request_id", r->request_id),
			LOG_TEXT("cause", failure.cause));
		return html_page(r, result, 502, "The provider did not answer",
			"Signing in did not work because the provider could not be reached. "
			"Please try again in a moment, or use an e-mail code.");
	}
	if (code == E_FORBIDDEN)
		return html_page(r, result, 401, "No verified e-mail address",
			"The provider has no verified e-mail address of yours. Verify one there, "
			"or sign in with an e-mail code.");
	if (code == E_INVALID_CODE)
		return html_page(r, result, 400, "This sign-in has expired",
			"The sign-in was started somewhere else, too long ago, or has been used "
			"already. Please start again.");
	*r->fail = failure;
	return (int)code;
}

static int finish(struct req *r, const struct product_oauth_callback_in *in,
	const struct oauth_provider *provider, struct oauth_result *result)
{
	struct signin_purpose purpose;
	const char *handoff;
	bool mfa_first;

	TRY(oauth_resume(&r->db, r->worker->options, provider, in->state,
		req_cookie(r, cookie_name(r, in->state)), r->now_us, result));
	if (in->error != NULL)
		return resp_redirect(r, arena_printf(r->arena, "/signin?error=access_denied%s",
						signin_query(r, result)));
	if (in->code == NULL)
		return fail(r->fail, E_INVALID_CODE, NULL);
	TRY(oauth_identity(
		r->net, &r->db, provider, in->code, redirect_uri(r, in->provider), result));
	purpose = (struct signin_purpose){result->is_ide, result->challenge};
	TRY(signin_with_identity(&r->db,
		&(struct signin_identity){provider->name, result->subject, result->email, &purpose},
		r->now_us, &handoff, &mfa_first));
	/* All go through our page, which knows how to open the IDE and what to do when that fails;
	 * for the second factor, see product_handoff_create(). */
	if (mfa_first)
		return resp_redirect(r, arena_printf(r->arena, "/signin?mfa=required%s#handoff=%s",
						signin_query(r, result), handoff));
	return resp_redirect(r, arena_printf(r->arena, "/signin%s#handoff=%s",
					result->is_ide ? "?from=ide" : "", handoff));
}

int product_oauth_callback(struct req *r, const void *in_, void *out)
{
	const struct product_oauth_callback_in *in = in_;
	struct oauth_provider provider;
	struct oauth_result result = {0};

	(void)out;
	if (!oauth_provider_find(r->worker->options, in->provider, &provider))
		return fail(r->fail, E_NOT_FOUND, NULL);
	if (in->state != NULL && oauth_state_is_formed(in->state))
		set_cookie(r, cookie_name(r, in->state), "", 0);
	return finish(r, in, &provider, &result) == 0 ? 0 : failure_page(r, &result);
}
