/* What the routes of device and IDE logins share: the client's words of itself, the person who
 * decides, codes that people bring, the token as it is answered. */
#ifndef TURNPIKE_GATEWAY_LOGIN_H
#define TURNPIKE_GATEWAY_LOGIN_H

#include "../../domain/login_grant.h"
#include "../visitor.h"
#include "gateway.h"

struct gateway_client_info {
	const char *platform, *version;
};
SCHEMA_DECLARE(gateway_client_info);

/* Whom a token was made for. */
struct gateway_login_user {
	const char *id, *email, *tier;
};
SCHEMA_DECLARE(gateway_login_user);
struct gateway_login_user *gateway_login_user(struct req *r, const struct login_grant *grant);

/* A login that waits, for the page where a person decides. */
struct gateway_login_view {
	const char *status, *ip, *redirect_uri, *created_at, *expires_at;
	struct gateway_client_info *client_info;
	bool same_address;
};
SCHEMA_DECLARE(gateway_login_view);
void gateway_login_view_fill(
	struct req *r, const struct login_view_row *row, struct gateway_login_view *out);

/* {"ok":true,"status":"approved"} */
struct gateway_decided {
	bool ok;
	const char *status, *redirect_uri;
};
SCHEMA_DECLARE(gateway_decided);

/* The request's address and client, and what the body says of it (info may be NULL). 0 or
 * E_INVALID_FIELD. */
int gateway_login_client(
	struct req *r, const struct gateway_client_info *info, struct login_client *ret);
struct login_decider gateway_decider(const struct req *r);

/* Runs look(), which looks for a code that a person brought, and counts it when there is no such
 * code (E_NOT_FOUND): who has guessed too often is refused before (E_RATE_LIMITED). */
int gateway_try_code(struct req *r, int (*look)(struct req *r, void *arg), void *arg);

/* Fails in OAuth's words (RFC 6749 section 5.2): "error" and "error_description". */
int gateway_oauth_fail(struct req *r, enum error code);

#endif
