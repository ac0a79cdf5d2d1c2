/* Sign-up with a password. It makes a claim to an address; what it carries counts once a mailed
 * link has proved the address (account.md section 3). */
#ifndef TURNPIKE_SIGNUP_H
#define TURNPIKE_SIGNUP_H

#include "errand.h"

enum { SIGNUP_KEEP_S = 7 * 86400 };

/* A sign-up whose answer tells nothing: whoever has an account is told by mail. Inside a
 * transaction. */
int signup_quietly(struct db *db, const struct errand *signup);
/* One whose answer tells: E_CONSTRAINT when the address is taken. Without mail, the password counts
 * at once. */
int signup_openly(struct db *db, const struct errand *signup, const char **ret_public_id);
/* Ends claims that nobody proved for seven days. *ret_again: there may be more. */
int signup_prune(struct db *db, i64 now_us, bool *ret_again);

#endif
