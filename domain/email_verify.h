/* Proving an address by a mailed link (account.md sections 4.4 and 4.5). */
#ifndef TURNPIKE_EMAIL_VERIFY_H
#define TURNPIKE_EMAIL_VERIFY_H

#include "errand.h"

/* Mails a new link, which replaces the older ones, to an address that waits for its proof. The
 * password of the sign-up goes with it, where only one waits: of two, nobody can tell whose the
 * mailbox is. Inside a transaction. */
int email_verify_ask(struct db *db, const struct errand *errand);

/* The address is proved, and the password of the sign-up counts from now on, again where only one
 * waits. E_NOT_FOUND, E_ALREADY_VERIFIED, E_EXPIRED. */
int email_verify_confirm(struct db *db, const char *token, const struct visitor *visitor,
	i64 now_us, const char **ret_email);

#endif
