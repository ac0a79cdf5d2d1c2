/* Who is calling. How a credential is found in a request is known here; what it means is asked of
 * the family. */
#ifndef TURNPIKE_AUTH_H
#define TURNPIKE_AUTH_H

#include "../core/types.h"

enum auth_kind {
#define A(name, scheme, text) AUTH_##name,
#include "auth.def"
#undef A
	AUTH_MAX
};

struct auth_info {
	const char *name, *scheme, *text;
};

extern const struct auth_info auth_table[AUTH_MAX];

struct caller {
	enum auth_kind kind;
	u64 user_id, session_id; /* user 0: anonymous */
	bool mfa_pending;    /* the account asks for a second factor that this credential has not
				proved */
	const void *account; /* what the family's authenticate() found, for its handlers */
};

struct req;

/* The route's authentication, by the family's authenticate(); and the one gate of the second
 * factor, for all families and kinds of credential: only routes with MFA_EXEMPT are open to a
 * credential that has not proved it. 0, E_UNAUTHORIZED or E_MFA_REQUIRED. */
int auth_check(struct req *r);
/* The token of "Authorization: Bearer <token>" (RFC 6750; the scheme in any case), or NULL. */
const char *auth_bearer(const struct req *r);

#endif
