/* What a directive asks for. `[[sandbox: key=value ...]]` in the last user message programs the
 * answer; plan.c has the table of all keys. */
#ifndef TURNPIKE_SANDBOX_AI_PLAN_H
#define TURNPIKE_SANDBOX_AI_PLAN_H

#include "bytes.h"

enum { PLAN_NONE = -1, PLAN_AT_ONCE = -2, PLAN_NAME_MAX = 65 };
enum usage_kind { USAGE_RIGHT, USAGE_NONE, USAGE_WRONG, USAGE_ZERO, USAGE_HUGE };
enum utf8_kind { UTF8_OFF, UTF8_SPLIT, UTF8_BAD };

/* Numbers are PLAN_NONE when absent. Positions count bytes of the body, as it is sent; at
 * PLAN_AT_ONCE not even a status line is sent. */
struct plan {
	i64 first_ms, rate, tokens, think, say, calls, burst, no_limit;
	i64 input, cached, cache_write, cache_write_1h; /* the last is part of the one before */
	/* the faults: left out where `only` and `fail` say so */
	i64 status, retry_after, reset_at, cut_at, end_at, hang_at, error_at, garbage;
	i64 drip_ms, line, gzip, refuse, usage, utf8;
	i64 fail;
	char tool[PLAN_NAME_MAX], tag[PLAN_NAME_MAX], only[PLAN_NAME_MAX];
};

void plan_init(struct plan *plan);
/* Reads the directive in a text, if there is one. Returns NULL, or what is wrong with it. */
const char *plan_read(struct plan *plan, struct text text);
void plan_drop_faults(struct plan *plan);

#endif
