/* Work that outlives its request: rows in the same transaction as their cause, delivered by
 * turnpike-jobs. */
#ifndef TURNPIKE_OUTBOX_H
#define TURNPIKE_OUTBOX_H

#include "../fcgi/db/db.h"

/* A mail that will be sent at least once; its Message-ID is stable. */
struct outbox_mail {
	const char *to, *subject, *text, *html;
};

int outbox_add_mail(struct db *db, const struct outbox_mail *mail, i64 now_us);

#endif
