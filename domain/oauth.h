/* OAuth providers: starting, resuming and finishing a sign-in (upstreams.md section 3). */
#ifndef TURNPIKE_OAUTH_H
#define TURNPIKE_OAUTH_H

#include "../fcgi/core/options.h"
#include "../fcgi/db/db.h"
#include "../fcgi/net/net.h"

enum { OAUTH_LIFETIME_S = 600 };

struct oauth_provider {
	const char *name, *scope, *client_id, *client_secret;
	const char *authorize_url, *token_url, *api_url;
	/* Reads who it is with the access token. */
	int (*identity)(struct net *net, struct arena *arena, const struct oauth_provider *provider,
		const char *access_token, const char **ret_subject, const char **ret_email,
		struct fail *fail);
};

/* false: unknown, or not set up by the operator. */
bool oauth_provider_find(
	const struct options *options, const char *name, struct oauth_provider *ret);

struct oauth_attempt {
	const char *state;     /* signed; travels through the browser and the provider */
	const char *cookie;    /* binds the state to this browser */
	const char *challenge; /* PKCE, towards the provider */
};

int oauth_begin(struct db *db, const struct options *options, const struct oauth_provider *provider,
	bool is_ide, const char *challenge, i64 now_us, struct oauth_attempt *ret);
const char *oauth_authorize_url(struct arena *a, const struct oauth_provider *provider,
	const struct oauth_attempt *attempt, const char *redirect_uri);

struct oauth_result {
	bool is_ide;
	const char *challenge; /* of the client, for the hand-off */
	const char *verifier;
	const char *subject,
		*email; /* of oauth_identity(); the address is verified and normalised */
};

/* Whether text can be a state: base64url, a dot, base64url. */
bool oauth_state_is_formed(const char *text);
/* Checks signature, expiry, cookie and that the state was not used, and uses it up. 0 or
 * E_INVALID_CODE. */
int oauth_resume(struct db *db, const struct options *options,
	const struct oauth_provider *provider, const char *state, const char *cookie, i64 now_us,
	struct oauth_result *ret);
/* Exchanges the code and reads the identity. E_INVALID_CODE: the provider refused the code;
 * E_FORBIDDEN: it has no verified address; E_UPSTREAM_ERROR, E_UPSTREAM_TIMEOUT. */
int oauth_identity(struct net *net, struct db *db, const struct oauth_provider *provider,
	const char *code, const char *redirect_uri, struct oauth_result *result);

#endif
