/* What an anonymous visitor asks for by e-mail address. The request only writes it down, the same
 * way for every address; turnpike-jobs looks whose it is and does it. So neither the answer nor its
 * time can tell who has an account. */
#ifndef TURNPIKE_ERRAND_H
#define TURNPIKE_ERRAND_H

#include "../fcgi/core/options.h"
#include "audit.h"

enum errand_kind { ERRAND_SIGN_UP, ERRAND_FORGOT_PASSWORD, ERRAND_VERIFY_EMAIL, ERRAND_MAX };

struct errand {
	const struct options *options;
	const char *email;			  /* normalised */
	const char *password_hash, *display_name; /* of a sign-up, else NULL */
	struct visitor visitor;
	i64 now_us;
};

int errand_add(struct db *db, enum errand_kind kind, const struct errand *errand);

/* A row of the outbox, with its kind. */
struct errand_row {
	u64 outbox_id;
	const char *kind, *payload;
};

bool errand_is(const char *kind);
/* Does it, once. */
int errand_run(
	struct db *db, const struct options *options, const struct errand_row *row, i64 now_us);

#endif
