/* IDE logins over a browser (gateway.md section 7). */
#include "../../domain/ide_login.h"

#include <string.h>

#include "../../domain/signin.h"
#include "../../fcgi/core/clock.h"
#include "../../fcgi/http/request.h"
#include "login.h"

struct gateway_ide_start_in {
	struct gateway_client_info *client_info;
	const char *code_challenge, *code_challenge_method, *redirect_uri;
};
SCHEMA(gateway_ide_start_in, OBJECT(gateway_ide_start_in, client_info, gateway_client_info),
	STR(gateway_ide_start_in, code_challenge, .min = 43, .max = 43,
		DOC("PKCE: base64url of the SHA-256 of the verifier")),
	STR(gateway_ide_start_in, code_challenge_method, .values = "S256"),
	STR(gateway_ide_start_in, redirect_uri, .max = REDIRECT_MAX,
		DOC("http on this machine, https on a host that the operator has listed, or an "
		    "address that opens the IDE")));

struct gateway_ide_start {
	const char *code, *login_url;
	i64 expires_in;
};
SCHEMA(gateway_ide_start, STR(gateway_ide_start, code, REQUIRED),
	STR(gateway_ide_start, login_url, REQUIRED, DOC("For the browser")),
	I64(gateway_ide_start, expires_in, REQUIRED, DOC("Seconds")));

static int check_start(struct req *r, const struct gateway_ide_start_in *in)
{
	bool is_fine = true;

	if (in->code_challenge != NULL && !signin_challenge_valid(in->code_challenge)) {
		fail_fault(r->fail, "code_challenge", "base64url");
		is_fine = false;
	}
	if (in->redirect_uri != NULL &&
		!ide_redirect_allowed(r->worker->options, in->redirect_uri)) {
		fail_fault(r->fail, "redirect_uri", "values");
		is_fine = false;
	}
	return is_fine ? 0 : fail(r->fail, E_INVALID_FIELD, NULL);
}

int gateway_ide_start(struct req *r, const void *in_, void *out_)
{
	const struct gateway_ide_start_in *in = in_;
	struct gateway_ide_start *out = out_;
	struct ide_start start = {in->code_challenge, in->redirect_uri};
	struct login_client client;

	TRY(check_start(r, in));
	TRY(gateway_login_client(r, in->client_info, &client));
	TRY(ide_login_start(&r->db, &client, &start, r->now_us, &out->code));
	/* In the fragment: what comes before it is in the logs of everybody on the way. */
	out->login_url =
		arena_printf(r->arena, "%s/ide#code=%s", r->worker->options->public_url, out->code);
	out->expires_in = IDE_LOGIN_S;
	return 0;
}

struct gateway_ide_code_in {
	const char *code;
};
SCHEMA(gateway_ide_code_in, STR(gateway_ide_code_in, code, REQUIRED, .max = 200));

struct decision {
	const char *code, *redirect_uri;
	bool approves;
};

static int decide(struct req *r, void *arg)
{
	struct decision *d = arg;
	struct login_decider decider = gateway_decider(r);

	return ide_login_decide(
		&r->db, d->code, d->approves, &decider, r->now_us, &d->redirect_uri);
}

int gateway_ide_approve(struct req *r, const void *in_, void *out)
{
	const struct gateway_ide_code_in *in = in_;
	struct decision d = {.code = in->code, .approves = true};

	TRY(gateway_try_code(r, decide, &d));
	*(struct gateway_decided *)out = (struct gateway_decided){true, "approved", d.redirect_uri};
	return 0;
}

int gateway_ide_deny(struct req *r, const void *in_, void *out)
{
	const struct gateway_ide_code_in *in = in_;
	struct decision d = {.code = in->code};

	TRY(gateway_try_code(r, decide, &d));
	*(struct gateway_decided *)out = (struct gateway_decided){true, "denied", d.redirect_uri};
	return 0;
}

struct view {
	const char *code;
	struct login_view_row row;
};

static int show(struct req *r, void *arg)
{
	struct view *v = arg;

	return ide_login_show(&r->db, v->code, r->now_us, &v->row);
}

/* Not GET: the code in a path would be in the logs of everybody on the way. */
int gateway_ide_describe(struct req *r, const void *in_, void *out)
{
	const struct gateway_ide_code_in *in = in_;
	struct view v = {.code = in->code};

	TRY(gateway_try_code(r, show, &v));
	gateway_login_view_fill(r, &v.row, out);
	return 0;
}

struct gateway_ide_token_in {
	const char *code, *code_verifier;
};
SCHEMA(gateway_ide_token_in, STR(gateway_ide_token_in, code, REQUIRED, .max = 200),
	STR(gateway_ide_token_in, code_verifier, .max = 128,
		DOC("PKCE: needed when there was a challenge")));

struct gateway_ide_token {
	const char *ide_token, *expires_at;
	struct gateway_login_user *user;
};
SCHEMA(gateway_ide_token, STR(gateway_ide_token, ide_token, REQUIRED, DOC("Shown only here")),
	STR(gateway_ide_token, expires_at, REQUIRED, DOC("ISO 8601, unless it is used")),
	OBJECT(gateway_ide_token, user, gateway_login_user, REQUIRED));

int gateway_ide_token(struct req *r, const void *in_, void *out_)
{
	const struct gateway_ide_token_in *in = in_;
	struct gateway_ide_token *out = out_;
	struct visitor visitor = req_visitor(r);
	struct login_grant grant;

	int rc = ide_login_token(&r->db, in->code, in->code_verifier, &visitor, r->now_us, &grant);
	if (rc > 0 && error_table[rc].status == 400)
		return gateway_oauth_fail(r, (enum error)rc);
	TRY(rc);
	*out = (struct gateway_ide_token){grant.token.token,
		clock_iso8601_ms(r->arena, grant.token.expires_at_us),
		gateway_login_user(r, &grant)};
	return 0;
}
