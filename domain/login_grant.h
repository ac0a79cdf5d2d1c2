/* What logins of devices and of IDEs share: who asks to be let in, who decides, and the token that
 * is handed out at last. */
#ifndef TURNPIKE_LOGIN_GRANT_H
#define TURNPIKE_LOGIN_GRANT_H

#include "audit.h"
#include "gen/sql.h"
#include "ide_token.h"

/* Texts that the client says of itself; NULL: it does not. */
struct login_client {
	const char *platform, *version;
	struct visitor visitor;
};

/* Somebody at a browser, with the session that they use (0: a token of their own). */
struct login_decider {
	u64 user_id, session_id;
	struct visitor visitor;
};

struct login_grant {
	struct ide_token token;
	struct user_standing_lock_row user;
};

/* Locks the decider's row and looks again whether they and their session are still there: both may
 * have ended since the request came. 0, E_UNAUTHORIZED or E_SUSPENDED. */
int login_decider_lock(struct db *db, const struct login_decider *decider, i64 now_us);
/* Whether the user, whose row is locked, may have a new token. */
bool login_may_enter(const struct user_standing_lock_row *user);

/* Who was let in, and when. */
struct login_entry {
	u64 user_id;
	const char *platform, *version;
	i64 decided_at_us;
};

/* Makes the token of an approved login for ret->user, whose row is locked. */
int login_grant_make(struct db *db, const struct login_entry *entry, const struct visitor *visitor,
	i64 now_us, struct login_grant *ret);

#endif
