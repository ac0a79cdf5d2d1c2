/* Reads the folder of turnpike-smtp-sink: the mails that a sandbox has sent. */
#ifndef TURNPIKE_MAILBOX_H
#define TURNPIKE_MAILBOX_H

#include "../core/arena.h"

enum { MAILBOX_BYTES_MAX = 64 * 1024 }; /* of a mail; what is beyond is cut off */

struct mailbox_mail {
	const char *id;	       /* name of the file without ".eml" */
	const char *from, *to; /* of the envelope; several recipients separated by ", " */
	const char *subject;
	i64 received_at_us;
	const char *text, *html; /* decoded; "" when the mail has no such part */
};

/* The newest mails first, at most max (and 500). Uses up to 3 * MAILBOX_BYTES_MAX of the arena for
 * each. 0, also when there is no folder yet; E_INTERNAL when it cannot be read. */
int mailbox_list(
	struct arena *a, const char *dir, size_t max, struct mailbox_mail **ret, size_t *ret_n);

#endif
