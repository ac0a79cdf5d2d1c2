/* Which passwords everybody tries first. Instead of a list of some thousand, the few hundred parts
 * that they are made of (common_words.def) and the ways in which people put them together: that
 * refuses all of the list, and what it would hold were it longer. Pure functions. */
#ifndef TURNPIKE_COMMON_PASSWORD_H
#define TURNPIKE_COMMON_PASSWORD_H

#include <stdbool.h>

bool password_is_common(const char *password);
/* How many guesses it takes at most when its parts are tried in the order of how common they are,
 * as tenths of bits; for tests and for whoever tunes common_words.def. */
int password_guess_tenths(const char *password);

#endif
