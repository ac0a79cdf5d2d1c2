/* The routes of the sandbox. They are hidden: no part of the product, never served in production.
 */
#include "../../fcgi/http/dialect.h"
#include "../../fcgi/http/request.h"
#include "../../fcgi/http/response.h"
#include "../../fcgi/http/route.h"
#include "sandbox.h"

/* What the status probes of a development stack ask. */
static int sandbox_health(struct req *r, const void *in, void *out)
{
	(void)in, (void)out;
	return resp_text(r, 200, "application/json", "{\"ok\":true}\n", 12);
}

#define PAGE(m, p, fn, i, text) \
	ROUTE(m, p, NONE, NONE, HIDDEN, fn, i, NO_OUT, 200, text, .produces = "text/html")
#define API(m, p, flags, fn, i, text)                                       \
	ROUTE(m, p, NONE, NONE, HIDDEN | (flags), fn, i, NO_OUT, 200, text, \
		.produces = "application/json")

static const struct route routes[] = {
	API(GET, "/sandbox/health", 0, sandbox_health, NO_IN, "An outside service that is well"),
	PAGE(GET, "/sandbox/mail", sandbox_mail_page, IN(sandbox_mail_in), "Mails, newest first"),
	API(GET, "/sandbox/mail.json", 0, sandbox_mail_json, IN(sandbox_mail_in),
		"The same as JSON"),

	API(GET, "/sandbox/jwks.json", 0, sandbox_jwks, NO_IN, "Supabase's public keys"),
	API(POST, "/sandbox/jwks/rotate", 0, sandbox_jwks_rotate, IN(sandbox_jwks_rotate_in),
		"New keys; those before stay published unless they are revoked"),
	API(POST, "/sandbox/jwt", 0, sandbox_jwt, IN(sandbox_jwt_in),
		"An access token of Supabase"),

	PAGE(GET, "/sandbox/github/login/oauth/authorize", sandbox_oauth_page,
		IN(sandbox_oauth_page_in), "GitHub's authorization page"),
	API(POST, "/sandbox/github/login/oauth/access_token", FORM, sandbox_oauth_token,
		IN(sandbox_oauth_token_in), "GitHub's token endpoint"),
	API(GET, "/sandbox/github/api/user", 0, sandbox_github_user, NO_IN, "GitHub's user"),
	API(GET, "/sandbox/github/api/user/emails", 0, sandbox_github_emails, NO_IN,
		"GitHub's e-mail addresses"),
	PAGE(GET, "/sandbox/google/o/oauth2/v2/auth", sandbox_oauth_page, IN(sandbox_oauth_page_in),
		"Google's authorization page"),
	API(POST, "/sandbox/google/token", FORM, sandbox_oauth_token, IN(sandbox_oauth_token_in),
		"Google's token endpoint"),
	API(GET, "/sandbox/google/userinfo", 0, sandbox_google_userinfo, NO_IN,
		"Google's userinfo"),
	ROUTE(POST, "/sandbox/oauth/consent", NONE, NONE, HIDDEN | FORM, sandbox_oauth_consent,
		IN(sandbox_oauth_consent_in), NO_OUT, 302, "The button on an authorization page"),
};

static const char *const prefixes[] = {"/sandbox/", NULL};

const struct family sandbox_family = {
	.name = "sandbox",
	.title = "Sandbox",
	.prefix = prefixes,
	.dialect = &dialect_product,
	.pool = POOL_SANDBOX,
	.route = routes,
	.n_routes = ARRAY_LEN(routes),
};
