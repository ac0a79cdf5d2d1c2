/* The record of security events: one row and one line in the log for each, written in the
 * transaction of what it tells of. */
#ifndef TURNPIKE_AUDIT_H
#define TURNPIKE_AUDIT_H

#include "../fcgi/db/db.h"

enum audit_event {
#define AUDIT(id, name, text) AUDIT_##id,
#include "audit.def"
#undef AUDIT
	AUDIT_MAX
};

struct audit_info {
	const char *name, *text;
};

extern const struct audit_info audit_table[AUDIT_MAX];

/* Where a request comes from. Texts may be NULL; the user agent is as it was sent. */
struct visitor {
	const char *ip, *user_agent, *request_id;
};

/* detail: a word or a public id, never a secret or an address; NULL: none. user_id 0: not known. */
int audit_add(struct db *db, enum audit_event event, u64 user_id, const char *detail,
	const struct visitor *visitor, i64 now_us);
/* In the log only: for what anybody can try at nobody as often as they like. A row for each would
 * fill the disk, and a flood of them would slow everybody's commits. */
void audit_note(enum audit_event event, const char *detail, const struct visitor *visitor);

#endif
