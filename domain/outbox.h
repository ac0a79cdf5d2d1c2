/* Work that outlives its request: rows in the same transaction as their cause, delivered by
 * turnpike-jobs. */
#ifndef TURNPIKE_OUTBOX_H
#define TURNPIKE_OUTBOX_H

#include "../fcgi/db/db.h"

/* A mail that will be sent at least once; its Message-ID is stable. */
struct outbox_mail {
	const char *to, *subject, *text, *html;
	const char *topic; /* replaces what is not sent yet to this recipient on it; NULL: none */
	struct opt_i64 expires_at_us; /* not sent after */
};

/* Inside a transaction. */
int outbox_add_mail(struct db *db, const struct outbox_mail *mail, i64 now_us);
/* Forgets all mails to an address that are not sent, or could not be. */
int outbox_erase_mails(struct db *db, const char *to);

#endif
