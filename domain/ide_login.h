/* Signing in an IDE that can open a browser: it shows the page with a code that nobody types, and
 * exchanges the code for a token once somebody has approved it there (gateway.md section 7). */
#ifndef TURNPIKE_IDE_LOGIN_H
#define TURNPIKE_IDE_LOGIN_H

#include "../fcgi/core/options.h"
#include "login_grant.h"

enum { IDE_LOGIN_S = 300, REDIRECT_MAX = 500 };

/* Where a browser may be sent when it is done: to a program on its own machine, to the IDE by its
 * scheme, to hosts of [gateway] redirect_hosts. */
bool ide_redirect_allowed(const struct options *options, const char *uri);

struct ide_start {
	const char *challenge;	  /* PKCE S256; NULL: none */
	const char *redirect_uri; /* NULL: none */
};

/* *ret_code: given out once, kept nowhere. */
int ide_login_start(struct db *db, const struct login_client *client, const struct ide_start *start,
	i64 now_us, const char **ret_code);

/* The login that waits under a code. 0 or E_NOT_FOUND. */
int ide_login_show(struct db *db, const char *code, i64 now_us, struct login_view_row *ret);
/* One decision per login; *ret_redirect_uri: as the IDE asked, or NULL. 0, E_NOT_FOUND,
 * E_ALREADY_DECIDED, or what login_decider_lock() says. */
int ide_login_decide(struct db *db, const char *code, bool approves,
	const struct login_decider *decider, i64 now_us, const char **ret_redirect_uri);

/* The token of an approved code, once. verifier may be NULL. 0, E_AUTHORIZATION_PENDING,
 * E_ACCESS_DENIED, E_EXPIRED_TOKEN or E_INVALID_GRANT. */
int ide_login_token(struct db *db, const char *code, const char *verifier,
	const struct visitor *visitor, i64 now_us, struct login_grant *ret);

#endif
