/* People who sign in at a Supabase project: its access tokens, its public keys, the accounts here
 * that belong to them (upstreams.md section 8).
 *
 * A person is known by `sub`, of which only the SHA-256 is kept. The first token of a person opens
 * an account here. It joins the user who has the token's e-mail address only where that address is
 * proved to be theirs: the token says `email_verified` at its top or in `app_metadata` (which only
 * the project's administrators write), or the operator vouches for all (trust_email). What stands
 * in `user_metadata` is never believed, as people write it themselves. An address that is not
 * proved is only noted beside the identity: it signs nobody in and keeps it from nobody. */
#ifndef TURNPIKE_SUPABASE_H
#define TURNPIKE_SUPABASE_H

#include "../fcgi/core/options.h"
#include "../fcgi/db/db.h"
#include "gen/sql.h"

struct jwt_keys;
struct net;

/* What is required of a token. */
struct supabase_project {
	const char *issuer, *audience;
	const char *jwks_url; /* NULL: none */
	const char *secret;   /* NULL: no HS256 */
	bool trust_email;
};

/* What a token proved. */
struct supabase_claims {
	unsigned char subject_hash[32];
	const char *email; /* normalised, or NULL */
	bool email_is_proved;
	bool has_second_factor; /* its `aal` is aal2 */
	i64 issued_at_us;
};

/* Of the configuration; false when no project is configured. */
bool supabase_project(struct arena *a, const struct options *options, struct supabase_project *ret);

enum supabase_verdict { SUPABASE_VALID, SUPABASE_INVALID, SUPABASE_UNKNOWN_KEY };

/* Checks a token against the project and its keys (may be NULL). *ret_why says what is wrong, for
 * the log. */
enum supabase_verdict supabase_check(struct arena *a, const struct supabase_project *project,
	const struct jwt_keys *keys, const char *text, i64 now_us, struct supabase_claims *ret,
	const char **ret_why);

/* The same with the project's current keys, fetched where they are needed: kept for 10 minutes, and
 * longer while the endpoint is away; an unknown key has them fetched again, at most every 5 s. 0,
 * E_UNAUTHORIZED, or E_UNAVAILABLE when the keys cannot be had. */
int supabase_verify(struct net *net, const struct options *options, const char *text, i64 now_us,
	struct arena *a, struct fail *fail, struct supabase_claims *ret);

/* The account of a person; the first time makes it. One look-up, as a rule. 0, E_UNAUTHORIZED (the
 * account was deleted after the token was issued) or E_SUSPENDED. */
int supabase_account(struct db *db, const struct supabase_claims *claims, i64 now_us,
	struct supabase_caller_row *ret);

/* State of the key set, for whoever looks after the installation. */
struct supabase_health {
	bool is_configured; /* whether there is an endpoint */
	bool is_fine;	    /* it answered at the last attempt, and has keys */
	i64 latency_us;
};

/* Fetches the keys when they are older than a minute. */
struct supabase_health supabase_look(
	struct net *net, const struct options *options, struct arena *a);

#endif
