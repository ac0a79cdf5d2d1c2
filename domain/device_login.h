/* Signing in a device that has no browser: it shows a short code, somebody approves the code
 * elsewhere, and the device, which polls, gets a token of the IDE (gateway.md section 7, RFC 8628).
 */
#ifndef TURNPIKE_DEVICE_LOGIN_H
#define TURNPIKE_DEVICE_LOGIN_H

#include "login_grant.h"

enum {
	DEVICE_LOGIN_S = 600,
	DEVICE_INTERVAL_S = 2,
	DEVICE_SLOWER_S = 5,	/* longer, each time that a device is told to slow down */
	DEVICE_REPEAT_S = 30,	/* a device that lost its answer may ask once more for so long */
	DEVICE_CODE_CHARS = 43, /* base64url of 32 bytes */
	USER_CODE_LETTERS = 8,
};

/* Without letters that look like digits or like each other. */
#define USER_CODE_ALPHABET "ABCDEFGHJKLMNPQRSTUVWXYZ"

struct device_start {
	const char *device_code; /* given out once, kept nowhere */
	const char *user_code;	 /* "ABCD-EFGH" */
};

int device_login_start(
	struct db *db, const struct login_client *client, i64 now_us, struct device_start *ret);

enum device_status {
	DEVICE_PENDING,
	DEVICE_SLOW_DOWN,
	DEVICE_APPROVED,
	DEVICE_DENIED,
	DEVICE_EXPIRED, /* also: unknown, and used up */
};

struct device_poll {
	enum device_status status;
	i64 interval_s;		  /* DEVICE_PENDING, DEVICE_SLOW_DOWN */
	struct login_grant grant; /* DEVICE_APPROVED */
};

/* Whether text can be a device code at all. */
bool device_code_is_formed(const char *text);
/* The first poll after the approval makes the token; a repetition makes another and ends the first,
 * once. */
int device_login_poll(struct db *db, const char *device_code, const struct visitor *visitor,
	i64 now_us, struct device_poll *ret);

/* The user code as it was typed, in its stored form: "abcd efgh" is "ABCDEFGH". NULL when it can be
 * none. */
const char *user_code_read(struct arena *a, const char *typed);

/* The login that waits under a code; state says whether somebody has decided. 0 or E_NOT_FOUND. */
int device_login_show(struct db *db, const char *typed, i64 now_us, struct login_view_row *ret);
/* One decision per login. 0, E_NOT_FOUND, E_ALREADY_DECIDED, or what login_decider_lock() says. */
int device_login_decide(struct db *db, const char *typed, bool approves,
	const struct login_decider *decider, i64 now_us);

#endif
