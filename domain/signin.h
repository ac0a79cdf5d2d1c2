/* Ways in: e-mail codes and hand-offs to the IDE (product.md section 2). An OAuth identity joins at
 * the end. */
#ifndef TURNPIKE_SIGNIN_H
#define TURNPIKE_SIGNIN_H

#include "session.h"

enum { CODE_LIFETIME_S = 900, CODE_TRIES = 5, HANDOFF_LIFETIME_S = 60, HANDOFF_FRESH_S = 600 };

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

/* A finished sign-in: everything of it is committed, or nothing, so that no code is spent in vain.
 */
struct signin_result {
	struct session_token session;
	struct session_caller_row account;
	/* Of a code for the IDE; else NULL: what it exchanges for a session. Where the second
	 * factor is to be proved first there is none yet, only the challenge that it shall have. */
	const char *handoff, *challenge;
};

/* Opens a session for a user who is still there, and makes a hand-off when it is for the IDE.
 * Inside the transaction that looked at what proves who it is. how: a word for the record of
 * events. E_INVALID_CODE: deleted meanwhile. */
int signin_open(struct db *db, u64 user_id, const struct signin_purpose *purpose, const char *how,
	const struct session_device *device, i64 now_us, struct signin_result *ret);

/* Whether the account asks for a second factor that the session has not proved. */
bool signin_is_pending(const struct signin_result *result);

/* Signs in with a code (the first time makes the user). E_INVALID_CODE for wrong, used and expired
 * alike; the fifth wrong try kills the code. */
int signin_with_code(struct db *db, const struct options *options, const char *email,
	const char *code, const struct session_device *device, i64 now_us,
	struct signin_result *ret);

/* Turns a one-time hand-off into a session. E_INVALID_CODE: unknown, used, expired, the session
 * that made it has ended, or the verifier does not fit. */
int signin_with_handoff(struct db *db, const char *handoff, const char *verifier,
	const struct session_device *device, i64 now_us, struct signin_result *ret);

/* A hand-off to the IDE from a session that has signed in within HANDOFF_FRESH_S. E_UNAUTHORIZED:
 * it has ended meanwhile; E_REAUTH_REQUIRED. */
int signin_create_handoff(struct db *db, const struct session_caller_row *from,
	const char *challenge, i64 now_us, const char **ret_handoff);

struct signin_identity {
	const char *provider, *subject, *email;
	const struct signin_purpose *purpose;
};

/* An OAuth identity signs in: *ret_handoff is what the page or the IDE exchanges for a session. A
 * new identity joins the account of its verified e-mail address or makes one. *ret_mfa_first: the
 * IDE has to wait for the second factor, and the hand-off is for the browser. */
int signin_with_identity(struct db *db, const struct signin_identity *who, i64 now_us,
	const char **ret_handoff, bool *ret_mfa_first);

/* Whether text can be a PKCE S256 challenge: 43 base64url characters (RFC 7636 section 4.2). */
bool signin_challenge_valid(const char *text);

#endif
