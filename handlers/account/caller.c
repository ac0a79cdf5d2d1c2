/* Who calls the account family, and from where (account.md sections 1.2, 2.5 and 2.6). */
#include <string.h>

#include "../../domain/person.h"
#include "../../domain/session.h"
#include "../../domain/web_session.h"
#include "../../fcgi/auth/auth.h"
#include "../../fcgi/core/str.h"
#include "../../fcgi/http/request.h"
#include "../../fcgi/limit/limit.h"
#include "account.h"

const struct account_caller *account_caller(const struct req *r)
{
	return r->caller.account;
}

static bool is_https(const struct req *r)
{
	return str_starts(r->worker->options->public_url, "https://");
}

const char *account_session_cookie(const struct req *r)
{
	return is_https(r) ? "__Secure-authjs.session-token" : "authjs.session-token";
}

const char *account_csrf_cookie(const struct req *r)
{
	return is_https(r) ? "__Host-authjs.csrf-token" : "authjs.csrf-token";
}

const char *account_callback_cookie(const struct req *r)
{
	return is_https(r) ? "__Secure-authjs.callback-url" : "authjs.callback-url";
}

/* Of the paths that the product family has, too: those of a browser with one of our cookies. */
bool account_claims(const struct req *r)
{
	return r->authorization == NULL && r->cookie != NULL &&
	       strstr(r->cookie, "authjs.") != NULL;
}

/* The origin rule: only for what changes something, and not where Auth.js has a token of its own or
 * the sender signs. */
static bool is_guarded(const struct req *r)
{
	return r->method != GET && !r->is_options && !str_starts(r->path, "/api/auth/") &&
	       !str_starts(r->path, "/api/webhooks/");
}

int account_admit(struct req *r)
{
	const struct options *o = r->worker->options;
	const char *site = req_header(r, "HTTP_SEC_FETCH_SITE");
	bool has_origin = r->origin != NULL && r->origin[0] != '\0';

	if (!is_guarded(r))
		return 0;
	if (site != NULL && str_equal_nocase(site, "cross-site"))
		return fail(r->fail, E_FORBIDDEN, "Requests from other sites are refused.");
	if (has_origin && !str_equal_nocase(r->origin, o->public_url))
		return fail(r->fail, E_FORBIDDEN, "Requests from other origins are refused.");
	if (!has_origin && o->account_require_origin && r->cookie != NULL)
		return fail(r->fail, E_FORBIDDEN, "Send an Origin header along with the cookie.");
	return 0;
}

static int by_cookie(struct req *r, const char *token, struct account_caller *ret)
{
	struct web_session_caller_row *row = arena_new(r->arena, struct web_session_caller_row);
	const struct options *o = r->worker->options;

	TRY(web_session_resolve(&r->db, token, r->remote_addr, r->now_us, row));
	*ret = (struct account_caller){
		.user_id = row->user_id,
		.public_id = row->public_id,
		.email = row->email,
		.display_name = row->display_name,
		.auth_at_us = row->auth_at_us,
		.created_at_us = row->created_at_us,
		.mfa_since_us = row->mfa_since_us,
		.web = row,
	};
	r->caller.mfa_pending =
		row->mfa_since_us.has &&
		!mfa_cookie_fits(r->arena, o, req_cookie(r, o->account_mfa_cookie), row, r->now_us);
	return 0;
}

static int by_session(struct req *r, const char *token, struct account_caller *ret)
{
	struct session_caller_row *row = arena_new(r->arena, struct session_caller_row);

	TRY(session_resolve(&r->db, token, r->remote_addr, r->now_us, row));
	*ret = (struct account_caller){
		.user_id = row->user_id,
		.public_id = row->public_id,
		.email = row->email,
		.display_name = row->display_name,
		.auth_at_us = row->session_created_at_us,
		.created_at_us = row->created_at_us,
		.mfa_since_us = row->mfa_since_us,
		.session = row,
	};
	r->caller.session_id = row->session_id;
	r->caller.mfa_pending = person_mfa_pending(row->mfa_since_us, row->mfa_at_us);
	return 0;
}

/* A cookie's value is no bearer token, and the other way round. */
static int identify(struct req *r, struct account_caller *ret)
{
	const char *bearer = auth_bearer(r);
	const char *cookie = req_cookie(r, account_session_cookie(r));

	if (bearer != NULL)
		return str_starts(bearer, SESSION_PREFIX) ? by_session(r, bearer, ret)
							  : fail(r->fail, E_UNAUTHORIZED, NULL);
	if (r->authorization != NULL || cookie == NULL)
		return fail(r->fail, E_UNAUTHORIZED, NULL);
	return by_cookie(r, cookie, ret);
}

/* What one user may ask of the family in all. */
static int count_user(struct req *r)
{
	const char *key = arena_printf(r->arena, "%llu", (unsigned long long)r->caller.user_id);

	if (str_starts(r->path, "/api/auth/") || str_equal(r->path, "/api/account/2fa/verify"))
		return 0;
	return limit_hit(r, r->method == GET ? LIMIT_ACCOUNT_READ : LIMIT_ACCOUNT_WRITE, key);
}

int account_authenticate(struct req *r)
{
	struct account_caller *caller = arena_new(r->arena, struct account_caller);
	int rc = identify(r, caller);

	if (rc == E_UNAUTHORIZED && r->caller.kind == AUTH_ACCOUNT_OPTIONAL) {
		fail_clear(r->fail);
		return 0;
	}
	TRY(rc);
	r->caller.user_id = caller->user_id;
	r->caller.account = caller;
	return count_user(r);
}
