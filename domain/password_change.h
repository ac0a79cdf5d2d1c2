/* Setting another password: by a mailed link, or by somebody who is signed in (account.md sections
 * 4.1 to 4.3). Either way everything that was signed in ends, and the owner is told by mail. */
#ifndef TURNPIKE_PASSWORD_CHANGE_H
#define TURNPIKE_PASSWORD_CHANGE_H

#include "errand.h"

/* E_INVALID_FIELD with a fault of `field` for what may not become a password. email may be NULL. */
int password_admit(struct fail *fail, const char *field, const char *password, const char *email);

/* Mails a link to the owner of an address, if there is one. Inside a transaction. */
int password_forgot(struct db *db, const struct errand *errand);

struct password_reset {
	const struct options *options;
	const char *token, *password;
	struct visitor visitor;
	i64 now_us;
};

/* Uses the link. E_NOT_FOUND, E_CONSUMED, E_EXPIRED; E_INVALID_FIELD and E_BUSY leave it
 * unused. Of an address that nobody has proved, the password counts once it is proved: the link for
 * that is mailed. */
int password_reset(struct db *db, const struct password_reset *reset);

struct password_change {
	const struct options *options;
	u64 user_id;
	const char *email, *current, *password;
	struct visitor visitor;
	i64 now_us;
};

/* E_NO_PASSWORD, E_BAD_PASSWORD, E_INVALID_FIELD, E_BUSY. */
int password_change(struct db *db, const struct password_change *change);

#endif
