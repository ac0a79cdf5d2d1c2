/* Recovery codes: "XXXX-XXXX-XX", some 49 bits each, kept as Argon2id of the ten characters with
 * one salt for all of an account, so that a check costs one hash. */
#ifndef TURNPIKE_RECOVERY_CODE_H
#define TURNPIKE_RECOVERY_CODE_H

#include "../fcgi/core/arena.h"

enum { RECOVERY_CODE_CHARS = 10 };

/* A new one, as it is shown. */
const char *recovery_code_new(struct arena *a);
/* What is hashed of a code as people type it; NULL when it can be none. */
const char *recovery_code_normal(struct arena *a, const char *typed);

#endif
