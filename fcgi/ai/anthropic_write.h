/* What the two sources that write Anthropic's request share. Only for this room. */
#ifndef TURNPIKE_ANTHROPIC_WRITE_H
#define TURNPIKE_ANTHROPIC_WRITE_H

#include "chat.h"

/* Whether there is anything but white space: Anthropic refuses blocks without. */
bool anthropic_has_text(const char *text);
/* The "messages" member: turns of user and assistant by the rules of upstreams.md 11.4.
 * E_BAD_REQUEST when a tool's result answers no call. */
int anthropic_put_turns(struct arena *a, struct buf *b, const struct chat *chat,
	const struct upstream_model *m, struct fail *fail);

#endif
