/* Codes of authenticator apps: RFC 6238 with SHA-1, six digits and steps of 30 seconds, and the
 * base32 of RFC 4648 that their secrets are shown in. Pure functions. */
#ifndef TURNPIKE_TOTP_H
#define TURNPIKE_TOTP_H

#include "../fcgi/core/arena.h"

enum { TOTP_STEP_S = 30, TOTP_DIGITS = 6, TOTP_SECRET_BYTES = 20, TOTP_SECRET_MIN_BYTES = 10 };

/* Without padding. */
char *base32_encode(struct arena *a, const void *data, size_t length);
/* Either case, padding may be missing; NULL when it is anything else. */
unsigned char *base32_decode(struct arena *a, const char *text, size_t *ret_n);

i64 totp_step(i64 now_us);
unsigned totp_code(const unsigned char *secret, size_t length, i64 step);
/* The earliest step after `after_step` that the code is of, of those one before to one after now;
 * -1: none. Blanks in the code are ignored. */
i64 totp_find(
	const unsigned char *secret, size_t length, const char *code, i64 now_us, i64 after_step);
/* What the QR code says; issuer and account as people read them. */
char *totp_url(struct arena *a, const char *issuer, const char *account, const char *secret_base32);

#endif
