/* Ways in: e-mail codes and hand-offs to the IDE (product.md section 2). An OAuth identity joins at
 * the end. */
#ifndef TURNPIKE_SIGNIN_H
#define TURNPIKE_SIGNIN_H

#include "session.h"

enum { CODE_LIFETIME_S = 900, CODE_TRIES = 5, HANDOFF_LIFETIME_S = 60 };

/* What a code or a hand-off is for. */
struct signin_purpose {
	bool is_ide;
	const char *challenge; /* base64url(SHA-256(verifier)) that the hand-off will ask for; NULL:
				  none */
};

/* Makes the address's one live code and writes the mail that carries it. The same work for known
 * and unknown addresses. email is normalised. */
int signin_request_code(struct db *db, const struct options *options, const char *email,
	const struct signin_purpose *purpose, i64 now_us);

/* Uses a code: 0 and the user (made at the first time), or E_INVALID_CODE for wrong, used and
 * expired alike; the fifth wrong try kills the code. */
int signin_use_code(struct db *db, const struct options *options, const char *email,
	const char *code, i64 now_us, u64 *ret_user_id, struct signin_purpose *ret_purpose);

/* A one-time word that the IDE or page exchanges for a session of its own. */
int signin_handoff_create(
	struct db *db, u64 user_id, const char *challenge, i64 now_us, const char **ret_handoff);
/* 0 and the user, or E_INVALID_CODE (unknown, used, expired, or the verifier does not fit). */
int signin_handoff_use(
	struct db *db, const char *handoff, const char *verifier, i64 now_us, u64 *ret_user_id);

/* The user of an OAuth identity. A new identity joins the account of its verified e-mail address or
 * makes one. */
int signin_identity_user(struct db *db, const char *provider, const char *subject,
	const char *email, i64 now_us, u64 *ret_user_id);

/* Whether text can be a PKCE S256 challenge: 43 base64url characters (RFC 7636 section 4.2). */
bool signin_challenge_valid(const char *text);

#endif
