/* Encryption of what is stored: AES-256-GCM with the keys of [server], which can be changed
 * (account.md section 5). Layout: version (1 byte), iv (12), ciphertext, tag (16). */
#ifndef TURNPIKE_SEAL_H
#define TURNPIKE_SEAL_H

#include "errors.h"
#include "options.h"

enum { SEAL_KEY_BYTES = 32, SEAL_OVERHEAD_BYTES = 1 + 12 + 16 };

struct seal_text {
	const unsigned char *data;
	size_t length;
};

/* NULL, or a sentence on which key is none. That there is no key is fine. */
const char *seal_fault(const struct options *options);
/* 0, or E_NOT_CONFIGURED when there is no key. */
int seal_ready(const struct options *options, struct fail *fail);

/* bound_to names what the text belongs to ("totp 17"): it opens for that only. */
int seal_close(struct arena *a, struct fail *fail, const struct options *options,
	const char *bound_to, struct seal_text text, struct seal_text *ret);
/* *ret_outdated: the key before opened it; close it again. 0, E_NOT_CONFIGURED, or E_INTERNAL when
 * no key opens it. */
int seal_open(struct arena *a, struct fail *fail, const struct options *options,
	const char *bound_to, struct seal_text sealed, struct seal_text *ret, bool *ret_outdated);

#endif
