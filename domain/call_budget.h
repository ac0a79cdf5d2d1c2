/* How long the phases of a call may take (gateway.md section 2.4), by its mode. */
#ifndef TURNPIKE_CALL_BUDGET_H
#define TURNPIKE_CALL_BUDGET_H

#include "../fcgi/ai/chat.h"
#include "../fcgi/core/options.h"

/* In milliseconds. first_byte and idle are those of streams, whole is that of other answers. */
struct call_budget {
	i64 connect, first_byte, idle, stream, whole;
};

struct call_budget call_budget(const struct options *o, enum chat_mode mode);

#endif
