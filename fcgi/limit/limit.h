/* Limits that nginx cannot count: per user, per e-mail, exact windows. */
#ifndef TURNPIKE_LIMIT_H
#define TURNPIKE_LIMIT_H

#include "limits.h"

struct req;

/* Counts the request against its family's and its route's limit, where that is counted here
 * (limits.def): limits per address before the caller is known, and what nginx decided in a dry run;
 * limits per user after. 0 or E_RATE_LIMITED with Retry-After. */
int limit_check_address(struct req *r);
int limit_check_caller(struct req *r);
/* Counts one more hit of `limit` for `key` (a user id, an e-mail address): limits inside a handler.
 */
int limit_hit(struct req *r, enum limit_id limit, const char *key);
/* Takes that hit back. */
void limit_undo(struct req *r, enum limit_id limit, const char *key);
/* The same as limit_hit() for the address of the client. */
int limit_hit_address(struct req *r, enum limit_id limit);
/* The same for `key` together with the address of the client. */
int limit_hit_pair(struct req *r, enum limit_id limit, const char *key);
/* Takes back a hit of the address, when another limit refused the request. */
void limit_undo_address(struct req *r, enum limit_id limit);
/* A password tried for an e-mail address (NULL: none that could have an account): by what one
 * address of the net may try in all, then for this one, and last by what all of them may. */
int limit_hit_password(struct req *r, const char *email);

#endif
