/* The mails about accounts: links that prove an address or set a password, and notices. All links
 * begin with the configured public URL. */
#ifndef TURNPIKE_IDENTITY_MAIL_H
#define TURNPIKE_IDENTITY_MAIL_H

#include "../fcgi/core/options.h"
#include "audit.h"

/* To whom, and what it comes from. */
struct occasion {
	const struct options *options;
	const char *to; /* the address as it is stored */
	const struct visitor *visitor;
	i64 now_us;
};

/* Each inside the transaction of what it tells of. */

/* The link that proves the address; it works until expires_at_us, and so for the next. */
int identity_mail_verify(
	struct db *db, const struct occasion *o, const char *token, i64 expires_at_us);
int identity_mail_reset(
	struct db *db, const struct occasion *o, const char *token, i64 expires_at_us);
/* Somebody signs up with an address that has an account. */
int identity_mail_known(struct db *db, const struct occasion *o);
/* What has been done to the account, in two or three words ("Your password was changed") and in a
 * sentence on what that means. */
int identity_mail_notice(
	struct db *db, const struct occasion *o, const char *title, const char *what);

#endif
