/* Sign-in with an OAuth provider. The state is `payload.mac`; the nonce in it is used once and
 * bound to a cookie. */
#include "oauth.h"

#include <stdlib.h>
#include <string.h>

#include "../fcgi/core/clock.h"
#include "../fcgi/core/crypto.h"
#include "../fcgi/core/email.h"
#include "../fcgi/core/str.h"
#include "../fcgi/http/json.h"
#include "gen/sql.h"

/* GET with the access token; the tree is put by the caller. */
static int get_json(struct net *net, struct arena *arena, const char *url, const char *access_token,
	struct json_object **ret, struct fail *fail)
{
	const char *header[] = {
		arena_printf(arena, "Authorization: Bearer %s", access_token),
		"Accept: application/json",
		NULL,
	};
	struct net_request request = {.method = "GET", .url = url, .header = header};
	struct net_response response;
	const char *why;

	TRY(net_call(net, arena, &request, &response, fail));
	if (response.status != 200)
		return fail_cause(fail, E_UPSTREAM_ERROR, "%s answered %d", url, response.status);
	*ret = json_read(arena, response.body, response.body_length, &why);
	if (*ret == NULL)
		return fail_cause(
			fail, E_UPSTREAM_ERROR, "%s: %s", url, why != NULL ? why : "null");
	return 0;
}

static bool is_true(struct json_object *object, const char *name)
{
	struct json_object *value;

	return json_object_object_get_ex(object, name, &value) &&
	       json_object_is_type(value, json_type_boolean) && json_object_get_boolean(value);
}

static int github_identity(struct net *net, struct arena *arena,
	const struct oauth_provider *provider, const char *access_token, const char **ret_subject,
	const char **ret_email, struct fail *fail)
{
	const char *url = arena_printf(arena, "%s/user", provider->api_url);
	scoped(json_object) *user = NULL, *emails = NULL;
	struct json_object *id;

	TRY(get_json(net, arena, url, access_token, &user, fail));
	if (!json_object_object_get_ex(user, "id", &id) || !json_object_is_type(id, json_type_int))
		return fail_cause(fail, E_UPSTREAM_ERROR, "GitHub's user has no id");
	*ret_subject = arena_printf(arena, "%lld", (long long)json_object_get_int64(id));
	url = arena_printf(arena, "%s/user/emails", provider->api_url);
	TRY(get_json(net, arena, url, access_token, &emails, fail));
	if (!json_object_is_type(emails, json_type_array))
		return fail_cause(fail, E_UPSTREAM_ERROR, "GitHub's e-mail addresses are no array");
	for (size_t i = 0; i < json_object_array_length(emails); i++) {
		struct json_object *entry = json_object_array_get_idx(emails, i);
		if (is_true(entry, "primary") && is_true(entry, "verified"))
			*ret_email = json_text(arena, entry, "email");
	}
	return 0;
}

static int google_identity(struct net *net, struct arena *arena,
	const struct oauth_provider *provider, const char *access_token, const char **ret_subject,
	const char **ret_email, struct fail *fail)
{
	scoped(json_object) *user = NULL;

	TRY(get_json(net, arena, provider->api_url, access_token, &user, fail));
	*ret_subject = json_text(arena, user, "sub");
	if (*ret_subject == NULL)
		return fail_cause(fail, E_UPSTREAM_ERROR, "Google's userinfo has no sub");
	if (is_true(user, "email_verified"))
		*ret_email = json_text(arena, user, "email");
	return 0;
}

bool oauth_provider_find(const struct options *o, const char *name, struct oauth_provider *ret)
{
	const struct oauth_provider known[] = {
		{"github", "read:user user:email", o->github_client_id, o->github_client_secret,
			o->github_authorize_url, o->github_token_url, o->github_api_url,
			github_identity},
		{"google", "openid email profile", o->google_client_id, o->google_client_secret,
			o->google_authorize_url, o->google_token_url, o->google_api_url,
			google_identity},
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_equal(known[i].name, name) && known[i].client_id[0] != '\0') {
			*ret = known[i];
			return true;
		}
	return false;
}

static const char *state_mac(
	struct arena *a, const struct options *options, const char *provider, const char *payload)
{
	const char *text = arena_printf(a, "oauth-state\n%s\n%s", provider, payload);
	struct sha256 mac =
		hmac_sha256(options->config_key, strlen(options->config_key), text, strlen(text));

	return base64url_encode(a, mac.byte, sizeof(mac.byte));
}

static const char *cookie_of(struct arena *a, const char *nonce)
{
	const char *text = arena_printf(a, "oauth-cookie\n%s", nonce);
	struct sha256 hash = sha256(text, strlen(text));

	return base64url_encode(a, hash.byte, sizeof(hash.byte));
}

int oauth_begin(struct db *db, const struct options *options, const struct oauth_provider *provider,
	bool is_ide, const char *challenge, i64 now_us, struct oauth_attempt *ret)
{
	struct arena *a = db->arena;
	const char *nonce = random_token(a), *verifier = random_token(a);
	struct sha256 nonce_hash = sha256(nonce, strlen(nonce));
	struct sha256 verifier_hash = sha256(verifier, strlen(verifier));
	i64 expires_at_us = now_us + S_TO_US(OAUTH_LIFETIME_S);

	TRY(sql_oauth_put(db,
		&(struct oauth_put_in){
			.nonce_hash = {&nonce_hash, sizeof(nonce_hash)},
			.provider = provider->name,
			.verifier = verifier,
			.is_ide = is_ide,
			.challenge = challenge,
			.expires_at_us = expires_at_us,
		},
		NULL));
	ret->state = arena_printf(a, "%s.%s", nonce, state_mac(a, options, provider->name, nonce));
	ret->cookie = cookie_of(a, nonce);
	ret->challenge = base64url_encode(a, verifier_hash.byte, sizeof(verifier_hash.byte));
	return 0;
}

const char *oauth_authorize_url(struct arena *a, const struct oauth_provider *provider,
	const struct oauth_attempt *attempt, const char *redirect_uri)
{
	return arena_printf(a,
		"%s?response_type=code&client_id=%s&redirect_uri=%s&scope=%s&state=%s"
		"&code_challenge=%s&code_challenge_method=S256",
		provider->authorize_url, url_encode(a, provider->client_id),
		url_encode(a, redirect_uri), url_encode(a, provider->scope),
		url_encode(a, attempt->state), attempt->challenge);
}

bool oauth_state_is_formed(const char *text)
{
	size_t nonce = base64url_span(text);

	return nonce == 43 && text[nonce] == '.' &&
	       base64url_span(text + nonce + 1) == strlen(text + nonce + 1);
}

struct resume {
	struct sha256 nonce_hash;
	const char *provider;
	i64 now_us;
	bool is_right;
	struct oauth_result *result;
};

static int resume_apply(struct db *db, void *arg)
{
	struct resume *w = arg;
	struct sql_bytes hash = {&w->nonce_hash, sizeof(w->nonce_hash)};
	struct oauth_lock_row row;

	w->is_right = false;
	int rc = sql_oauth_lock(db, hash, &row);
	if (rc == SQL_NONE)
		return 0;
	TRY(rc);
	TRY(sql_oauth_delete(db, hash, NULL));
	w->is_right = row.expires_at_us > w->now_us && str_equal(row.provider, w->provider);
	*w->result = (struct oauth_result){
		.is_ide = row.is_ide, .challenge = row.challenge, .verifier = row.verifier};
	return 0;
}

int oauth_resume(struct db *db, const struct options *options,
	const struct oauth_provider *provider, const char *state, const char *cookie, i64 now_us,
	struct oauth_result *ret)
{
	struct arena *a = db->arena;

	if (state == NULL || !oauth_state_is_formed(state) || cookie == NULL)
		return fail(db->fail, E_INVALID_CODE, NULL);
	const char *dot = strchr(state, '.');
	const char *nonce = arena_strndup(a, state, (size_t)(dot - state));
	const char *mac = state_mac(a, options, provider->name, nonce);
	if (strlen(mac) != strlen(dot + 1) || !equal_ct(mac, dot + 1, strlen(mac)))
		return fail(db->fail, E_INVALID_CODE, NULL);
	const char *wanted = cookie_of(a, nonce);
	if (strlen(cookie) != strlen(wanted) || !equal_ct(cookie, wanted, strlen(wanted)))
		return fail(db->fail, E_INVALID_CODE, NULL);
	struct resume w = {sha256(nonce, strlen(nonce)), provider->name, now_us, false, ret};
	TRY(db_tx(db, resume_apply, &w));
	return w.is_right ? 0 : fail(db->fail, E_INVALID_CODE, NULL);
}

/* POST of the code. GitHub says errors with 200, Google with 400; both as {"error": ...}. */
static int exchange_code(struct net *net, struct db *db, const struct oauth_provider *provider,
	const char *code, const char *redirect_uri, const char *verifier, const char **ret_token)
{
	struct arena *a = db->arena;
	static const char *const header[] = {"Accept: application/json",
		"Content-Type: application/x-www-form-urlencoded", NULL};
	const char *body = arena_printf(a,
		"grant_type=authorization_code&code=%s&redirect_uri=%s&client_id=%s&client_secret=%"
		"s"
		"&code_verifier=%s",
		url_encode(a, code), url_encode(a, redirect_uri),
		url_encode(a, provider->client_id), url_encode(a, provider->client_secret),
		verifier);
	struct net_request request = {
		.method = "POST",
		.url = provider->token_url,
		.header = header,
		.body = body,
		.body_length = strlen(body),
	};
	struct net_response response;
	const char *why = "";

	TRY(net_call(net, a, &request, &response, db->fail));
	if (response.status != 200 && response.status != 400)
		return fail_cause(db->fail, E_UPSTREAM_ERROR, "%s answered %d", provider->token_url,
			response.status);
	scoped(json_object) *doc = json_read(a, response.body, response.body_length, &why);
	if (doc == NULL)
		return fail_cause(db->fail, E_UPSTREAM_ERROR, "%s: %s", provider->token_url,
			why != NULL ? why : "null");
	*ret_token = json_text(a, doc, "access_token");
	if (*ret_token == NULL || strpbrk(*ret_token, "\r\n") != NULL)
		return fail(db->fail, E_INVALID_CODE, NULL);
	return 0;
}

int oauth_identity(struct net *net, struct db *db, const struct oauth_provider *provider,
	const char *code, const char *redirect_uri, struct oauth_result *result)
{
	const char *access_token = NULL, *email = NULL;

	TRY(exchange_code(net, db, provider, code, redirect_uri, result->verifier, &access_token));
	TRY(provider->identity(
		net, db->arena, provider, access_token, &result->subject, &email, db->fail));
	result->email = email != NULL ? mail_address_normal(db->arena, email) : NULL;
	if (result->email == NULL)
		return fail(db->fail, E_FORBIDDEN, NULL);
	return 0;
}
