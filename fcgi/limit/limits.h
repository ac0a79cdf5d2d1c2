/* The limits: limits.def as a table, the operator's changes to it, and the keys that hits are
 * counted under. */
#ifndef TURNPIKE_LIMITS_H
#define TURNPIKE_LIMITS_H

#include "../core/types.h"

enum limit_id {
#define L(id, name, key, count, window_s, kind, where, text) LIMIT_##id,
#include "limits.def"
#undef L
	LIMIT_MAX
};

enum limit_key { LIMIT_KEY_IP, LIMIT_KEY_USER, LIMIT_KEY_EMAIL, LIMIT_KEY_OTHER };

enum limit_kind { LIMIT_SLIDING, LIMIT_FIXED, LIMIT_BUCKET };

enum limit_where { LIMIT_AT_NOWHERE, LIMIT_AT_NGINX, LIMIT_AT_WORKER, LIMIT_AT_BOTH };

struct limit_row {
	const char *name;
	enum limit_key key;
	i64 count, window_s; /* at most count in any (or each, by kind) window_s seconds; a bucket
				of count that fills up in window_s */
	enum limit_kind kind;
	enum limit_where where;
	const char *text;
};

/* By enum limit_id. Written by limit_override() only, before threads start. */
extern struct limit_row limit_table[LIMIT_MAX];

/* Whether the worker counts this limit; the rest is nginx's or nobody's. */
bool limit_in_worker(const struct limit_row *row);
/* One line `name = COUNT/SECONDS` of [limits], as an option_limit_fn. False when there is no such
 * limit or the value is out of bounds: *ret_why then says what would be right, until the thread's
 * next call. */
bool limit_override(const char *name, const char *value, void *arg, const char **ret_why);

enum { IP_KEY_MAX = 16 };

/* What a client's address is counted under: IPv4 (also when mapped into IPv6) as its 4 bytes, IPv6
 * as its first 7, the /56 that one customer has. False when text is not an address. */
bool ip_key(const char *text, unsigned char ret_key[IP_KEY_MAX], size_t *ret_n);

#endif
