/* Signed-in devices: making, resolving and ending session tokens (product.md 0.1). */
#ifndef TURNPIKE_SESSION_H
#define TURNPIKE_SESSION_H

#include "audit.h"
#include "gen/sql.h"

#define SESSION_PREFIX "session:"

/* Where a session is used from, as shown in the list of devices. Texts may be NULL except the
 * visitor's ip. */
struct session_device {
	const char *device, *device_name;
	struct visitor visitor;
};

struct session_proof {
	i64 signed_in_at_us;
	struct opt_i64 mfa_at_us;
};

struct session_token {
	const char *token; /* "session:..." : given out once, kept nowhere */
	i64 expires_at_us;
};

/* The live session of a token, with its user; a use pushes the expiry 30 days forward (written at
 * most once a minute). The prefix "session:" may be missing. 0, E_UNAUTHORIZED or E_SUSPENDED. */
int session_resolve(struct db *db, const char *token, const char *ip, i64 now_us,
	struct session_caller_row *ret);
/* proof: what was proved for it, and when. */
int session_create(struct db *db, u64 user_id, const struct session_proof *proof,
	const struct session_device *device, i64 now_us, struct session_token *ret);

#endif
