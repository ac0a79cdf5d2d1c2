/* E-mail addresses: which are accepted, and the one spelling that stands for an account. */
#ifndef TURNPIKE_EMAIL_H
#define TURNPIKE_EMAIL_H

#include "arena.h"

enum { EMAIL_BYTES_MAX = 254 }; /* RFC 5321 section 4.5.3.1.3, without the angle brackets */

/* Whether text is an ASCII address that may go into an envelope and a header as it stands:
 * dot-atom local part of 1 to 64 bytes, '@', host name with at least one dot or "localhost". No
 * white space, quotes, comments, address literals, trailing dot; letters in either case. */
bool mail_address_valid(const char *text);

/* The spelling that two addresses share when they mean one account: spaces around it dropped, lower
 * case, the host as A-labels (UTS 46, non-transitional). NULL when it is not an address. Nothing
 * outside ASCII is ever folded into ASCII: such addresses are refused. */
char *mail_address_normal(struct arena *a, const char *text);

#endif
