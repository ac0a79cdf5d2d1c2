/* Imitations of GitHub's and Google's OAuth: a consent page, one-time codes bound to client,
 * address and PKCE challenge, tokens, identities. Codes and tokens carry their own content, signed,
 * so nothing is stored except that a code was used. */
#include <pthread.h>
#include <string.h>

#include "../../fcgi/core/clock.h"
#include "../../fcgi/core/crypto.h"
#include "../../fcgi/core/str.h"
#include "../../fcgi/http/request.h"
#include "../../fcgi/http/response.h"
#include "sandbox.h"

enum { CODE_LIFETIME_S = 60, USED_MAX = 1024 };

struct sandbox_oauth_page_in {
	const char *client_id, *redirect_uri, *state, *scope, *code_challenge,
		*code_challenge_method;
};
SCHEMA(sandbox_oauth_page_in, STR(sandbox_oauth_page_in, client_id, REQUIRED, QUERY, .max = 200),
	STR(sandbox_oauth_page_in, redirect_uri, REQUIRED, QUERY, .max = 500),
	STR(sandbox_oauth_page_in, state, REQUIRED, QUERY, .max = 500),
	STR(sandbox_oauth_page_in, scope, REQUIRED, QUERY, .max = 200),
	STR(sandbox_oauth_page_in, code_challenge, REQUIRED, QUERY, .min = 43, .max = 43),
	STR(sandbox_oauth_page_in, code_challenge_method, REQUIRED, QUERY, .values = "S256"));

static void put_hidden(struct buf *b, struct arena *a, const char *name, const char *value)
{
	buf_printf(
		b, "<input type=\"hidden\" name=\"%s\" value=\"%s\">", name, html_escape(a, value));
}

int sandbox_oauth_page(struct req *r, const void *in_, void *out)
{
	const struct sandbox_oauth_page_in *in = in_;
	const char *provider = strstr(r->path, "github") != NULL ? "GitHub" : "Google";
	struct buf b;

	(void)out;
	buf_init(&b, r->arena, 4096);
	buf_printf(&b,
		"<main class=\"page signin-page\">"
		"<form class=\"card step\" method=\"post\" action=\"/sandbox/oauth/consent\">"
		"<div class=\"stack-tight\"><h1>Sandbox %s</h1>"
		"<p class=\"muted\">This page stands in for %s. Choose who signs in.</p></div>",
		provider, provider);
	put_hidden(&b, r->arena, "redirect_uri", in->redirect_uri);
	put_hidden(&b, r->arena, "state", in->state);
	put_hidden(&b, r->arena, "client_id", in->client_id);
	put_hidden(&b, r->arena, "code_challenge", in->code_challenge);
	buf_str(&b,
		"<div class=\"field\"><label for=\"email\">E-mail address</label>"
		"<input class=\"input\" id=\"email\" name=\"email\" type=\"email\" required "
		"value=\"octocat@example.com\"></div>"
		"<label class=\"check\"><input type=\"checkbox\" name=\"verified\" value=\"yes\" "
		"checked> The provider has verified it</label>"
		"<div class=\"choices\">"
		"<button class=\"button primary wide\" id=\"authorize\" name=\"decision\" "
		"value=\"allow\">Authorize</button>"
		"<button class=\"button wide\" id=\"deny\" name=\"decision\" value=\"deny\" "
		"formnovalidate>Cancel</button></div></form></main>");
	return resp_page(r, 200, arena_printf(r->arena, "Sandbox %s", provider), "signin", b.data);
}

/* The payload and its MAC. */
static const char *seal(struct req *r, const char *kind, const char *payload)
{
	const char *key = r->worker->options->config_key;
	const char *text = arena_printf(r->arena, "sandbox-%s\n%s", kind, payload);
	struct sha256 mac = hmac_sha256(key, strlen(key), text, strlen(text));

	return arena_printf(r->arena, "%s.%s", base64url_encode(r->arena, payload, strlen(payload)),
		base64url_encode(r->arena, mac.byte, 16));
}

static const char *unseal(struct req *r, const char *kind, const char *sealed)
{
	const char *dot = strchr(sealed, '.');
	size_t n = 0;

	if (dot == NULL)
		return NULL;
	unsigned char *payload = base64url_decode(r->arena, sealed, (size_t)(dot - sealed), &n);
	if (payload == NULL)
		return NULL;
	const char *text = arena_strndup(r->arena, (const char *)payload, n);
	return str_equal(seal(r, kind, text), sealed) ? text : NULL;
}

struct sandbox_oauth_consent_in {
	const char *redirect_uri, *state, *client_id, *code_challenge, *email, *verified, *decision;
};
SCHEMA(sandbox_oauth_consent_in, STR(sandbox_oauth_consent_in, redirect_uri, REQUIRED, .max = 500),
	STR(sandbox_oauth_consent_in, state, REQUIRED, .max = 500),
	STR(sandbox_oauth_consent_in, client_id, REQUIRED, .max = 200),
	STR(sandbox_oauth_consent_in, code_challenge, REQUIRED, .min = 43, .max = 43),
	STR(sandbox_oauth_consent_in, email, REQUIRED, .max = 254),
	STR(sandbox_oauth_consent_in, verified, .max = 3),
	STR(sandbox_oauth_consent_in, decision, REQUIRED, .values = "allow|deny"));

int sandbox_oauth_consent(struct req *r, const void *in_, void *out)
{
	const struct sandbox_oauth_consent_in *in = in_;

	(void)out;
	/* An open redirector would be one for everybody who runs a sandbox: only our own callback
	 * is served. */
	if (!str_starts(in->redirect_uri,
		    arena_printf(r->arena, "%s/", r->worker->options->public_url)))
		return fail(r->fail, E_BAD_REQUEST, "redirect_uri is not registered.");
	if (str_equal(in->decision, "deny"))
		return resp_redirect(r, arena_printf(r->arena, "%s?error=access_denied&state=%s",
						in->redirect_uri, url_encode(r->arena, in->state)));
	const char *payload = arena_printf(r->arena, "%lld\n%s\n%s\n%s\n%s\n%s",
		(long long)(r->now_us + S_TO_US(CODE_LIFETIME_S)), in->client_id, in->redirect_uri,
		in->code_challenge, in->verified != NULL ? "1" : "0", in->email);
	return resp_redirect(r, arena_printf(r->arena, "%s?code=%s&state=%s", in->redirect_uri,
					seal(r, "code", payload), url_encode(r->arena, in->state)));
}

struct sandbox_oauth_token_in {
	const char *grant_type, *code, *redirect_uri, *client_id, *client_secret, *code_verifier;
};
SCHEMA(sandbox_oauth_token_in,
	STR(sandbox_oauth_token_in, grant_type, REQUIRED, .values = "authorization_code"),
	STR(sandbox_oauth_token_in, code, REQUIRED, .max = 2000),
	STR(sandbox_oauth_token_in, redirect_uri, REQUIRED, .max = 500),
	STR(sandbox_oauth_token_in, client_id, REQUIRED, .max = 200),
	STR(sandbox_oauth_token_in, client_secret, REQUIRED, .max = 200),
	STR(sandbox_oauth_token_in, code_verifier, REQUIRED, .min = 43, .max = 128));

/* The n-th line of text. */
static const char *line_of(struct arena *a, const char *text, int n)
{
	while (n-- > 0) {
		text += strcspn(text, "\n");
		text += *text == '\n' ? 1 : 0;
	}
	return arena_strndup(a, text, strcspn(text, "\n"));
}

/* Remembers the last codes, so that each is taken once. */
static bool use_once(const char *code)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct sha256 used[USED_MAX];
	static size_t next;
	struct sha256 hash = sha256(code, strlen(code));
	bool is_first = true;

	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < USED_MAX; i++)
		if (equal_ct(&used[i], &hash, sizeof(hash)))
			is_first = false;
	if (is_first)
		used[next++ % USED_MAX] = hash;
	pthread_mutex_unlock(&lock);
	return is_first;
}

static bool code_is_good(
	struct req *r, const struct sandbox_oauth_token_in *in, const char *payload)
{
	i64 expires_at_us;
	struct sha256 hash = sha256(in->code_verifier, strlen(in->code_verifier));
	const char *challenge = base64url_encode(r->arena, hash.byte, sizeof(hash.byte));

	return payload != NULL && str_to_i64(line_of(r->arena, payload, 0), &expires_at_us) &&
	       expires_at_us > r->now_us &&
	       str_equal(line_of(r->arena, payload, 1), in->client_id) &&
	       str_equal(line_of(r->arena, payload, 2), in->redirect_uri) &&
	       str_equal(line_of(r->arena, payload, 3), challenge) && use_once(in->code);
}

static int json_answer(struct req *r, int status, const char *body)
{
	return resp_text(r, status, "application/json; charset=utf-8", body, strlen(body));
}

int sandbox_oauth_token(struct req *r, const void *in_, void *out)
{
	const struct sandbox_oauth_token_in *in = in_;
	bool is_github = strstr(r->path, "github") != NULL;
	const char *payload = unseal(r, "code", in->code);

	(void)out;
	if (str_starts(in->code, "unreachable"))
		return json_answer(r, 503, "{}");
	if (!code_is_good(r, in, payload)) /* GitHub says so with 200, Google with 400 */
		return is_github ? json_answer(r, 200, "{\"error\":\"bad_verification_code\"}\n")
				 : json_answer(r, 400, "{\"error\":\"invalid_grant\"}\n");
	const char *identity = arena_printf(
		r->arena, "%s\n%s", line_of(r->arena, payload, 4), line_of(r->arena, payload, 5));
	return json_answer(r, 200,
		arena_printf(r->arena,
			"{\"access_token\":\"%s\",\"token_type\":\"bearer\",\"scope\":\"\"}\n",
			seal(r, "token", identity)));
}

/* The identity behind the Bearer token: "1\nemail", or NULL. */
static const char *identity_of(struct req *r)
{
	const char *token = auth_bearer(r);

	return token != NULL ? unseal(r, "token", token) : NULL;
}

/* A stable number for an address. */
static i64 subject_of(const char *email)
{
	struct sha256 hash = sha256(email, strlen(email));
	i64 n = 0;

	for (size_t i = 0; i < 6; i++)
		n = n << 8 | hash.byte[i];
	return n;
}

int sandbox_github_user(struct req *r, const void *in, void *out)
{
	const char *identity = identity_of(r);

	(void)in, (void)out;
	if (identity == NULL)
		return json_answer(r, 401, "{\"message\":\"Bad credentials\"}\n");
	return json_answer(r, 200,
		arena_printf(r->arena, "{\"login\":\"sandbox\",\"id\":%lld}\n",
			(long long)subject_of(line_of(r->arena, identity, 1))));
}

/* The parts of an identity, or a 401 that is ready to go. */
static bool read_identity(
	struct req *r, const char **ret_email, const char **ret_json, const char **ret_verified)
{
	const char *identity = identity_of(r);
	struct buf json;

	if (identity == NULL) {
		json_answer(r, 401, "{\"error\":\"invalid_token\"}\n");
		return false;
	}
	*ret_email = line_of(r->arena, identity, 1);
	buf_init(&json, r->arena, 300);
	buf_json(&json, *ret_email);
	*ret_json = json.data;
	*ret_verified = identity[0] == '1' ? "true" : "false";
	return true;
}

int sandbox_github_emails(struct req *r, const void *in, void *out)
{
	const char *email, *json, *verified;

	(void)in, (void)out;
	if (!read_identity(r, &email, &json, &verified))
		return 0;
	return json_answer(r, 200,
		arena_printf(r->arena,
			"[{\"email\":%s,\"primary\":true,\"verified\":%s,\"visibility\":null}]\n",
			json, verified));
}

int sandbox_google_userinfo(struct req *r, const void *in, void *out)
{
	const char *email, *json, *verified;

	(void)in, (void)out;
	if (!read_identity(r, &email, &json, &verified))
		return 0;
	return json_answer(r, 200,
		arena_printf(r->arena, "{\"sub\":\"%lld\",\"email\":%s,\"email_verified\":%s}\n",
			(long long)subject_of(email), json, verified));
}
