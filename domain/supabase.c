/* What a Supabase access token must say, and whose account it opens. The keys are in
 * supabase_keys.c. */
#include "supabase.h"

#include <string.h>

#include "../fcgi/auth/jwt.h"
#include "../fcgi/core/clock.h"
#include "../fcgi/core/crypto.h"
#include "../fcgi/core/email.h"
#include "../fcgi/core/str.h"
#include "../fcgi/http/json.h"
#include "person.h"

enum { SKEW_S = 60, SUBJECT_CHARS = 36 };

#define TIME_MAX_S 253402300799 /* the end of the year 9999 */

bool supabase_project(struct arena *a, const struct options *o, struct supabase_project *ret)
{
	bool has_url = o->supabase_url[0] != '\0';

	*ret = (struct supabase_project){
		.issuer = o->supabase_issuer,
		.audience = o->supabase_audience,
		.secret = o->supabase_jwt_secret[0] != '\0' ? o->supabase_jwt_secret : NULL,
		.trust_email = o->supabase_trust_email,
	};
	if (o->supabase_issuer[0] == '\0')
		ret->issuer = arena_printf(a, "%s/auth/v1", o->supabase_url);
	if (o->supabase_jwks_url[0] != '\0')
		ret->jwks_url = o->supabase_jwks_url;
	else if (has_url)
		ret->jwks_url =
			arena_printf(a, "%s/auth/v1/.well-known/jwks.json", o->supabase_url);
	/* Without an issuer anybody's project with the same secret would do. */
	return has_url ||
	       (o->supabase_issuer[0] != '\0' && (ret->secret != NULL || ret->jwks_url != NULL));
}

static bool claim_is(
	struct arena *a, struct json_object *claims, const char *name, const char *value)
{
	const char *text = json_text(a, claims, name);

	return text != NULL && str_equal(text, value);
}

/* `aud` is one text or a list of them. */
static bool audience_has(struct arena *a, struct json_object *claims, const char *audience)
{
	struct json_object *aud = NULL;

	if (!json_object_object_get_ex(claims, "aud", &aud))
		return false;
	if (!json_object_is_type(aud, json_type_array))
		return claim_is(a, claims, "aud", audience);
	for (size_t i = 0; i < json_object_array_length(aud); i++) {
		struct json_object *item = json_object_array_get_idx(aud, i);
		if (json_object_is_type(item, json_type_string) &&
			str_equal(json_object_get_string(item), audience))
			return true;
	}
	return false;
}

/* A time of the token in whole seconds; false when it is missing or no number of this age. */
static bool claim_time(struct json_object *claims, const char *name, i64 *ret_s)
{
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(claims, name, &value) ||
		(!json_object_is_type(value, json_type_int) &&
			!json_object_is_type(value, json_type_double)))
		return false;
	*ret_s = json_object_get_int64(value); /* far ones become the farthest */
	return *ret_s >= 0 && *ret_s <= TIME_MAX_S;
}

static bool claim_true(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	return json_object_is_type(object, json_type_object) &&
	       json_object_object_get_ex(object, name, &value) &&
	       json_object_is_type(value, json_type_boolean) && json_object_get_boolean(value);
}

/* A UUID in its usual form; the case of its letters does not matter. */
static bool read_subject(struct arena *a, struct json_object *claims, unsigned char ret_hash[32])
{
	static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	const char *sub = json_text(a, claims, "sub");

	if (sub == NULL || strlen(sub) != SUBJECT_CHARS)
		return false;
	char *lower = arena_strdup(a, sub);
	for (size_t i = 0; i < SUBJECT_CHARS; i++) {
		if (lower[i] >= 'A' && lower[i] <= 'F')
			lower[i] = (char)(lower[i] + ('a' - 'A'));
		if (shape[i] == '-' ? lower[i] != '-'
				    : strchr("0123456789abcdef", lower[i]) == NULL)
			return false;
	}
	struct sha256 hash = sha256(lower, SUBJECT_CHARS);
	memcpy(ret_hash, hash.byte, sizeof(hash.byte));
	return true;
}

static const char *check_claims(struct arena *a, const struct supabase_project *project,
	struct json_object *claims, i64 now_us, struct supabase_claims *ret)
{
	i64 now_s = now_us / US_PER_S, exp_s, nbf_s, iat_s;

	if (!claim_time(claims, "exp", &exp_s) || exp_s <= now_s - SKEW_S)
		return "expired";
	if (json_object_object_get_ex(claims, "nbf", NULL) &&
		(!claim_time(claims, "nbf", &nbf_s) || nbf_s > now_s + SKEW_S))
		return "not valid yet";
	if (!claim_time(claims, "iat", &iat_s) || iat_s > now_s + SKEW_S)
		return "no usable iat";
	if (!claim_is(a, claims, "iss", project->issuer))
		return "of another issuer";
	if (!audience_has(a, claims, project->audience))
		return "for another audience";
	if (!claim_is(a, claims, "role", "authenticated"))
		return "of another role";
	if (!read_subject(a, claims, ret->subject_hash))
		return "no usable sub";
	ret->issued_at_us = S_TO_US(iat_s);
	ret->has_second_factor = claim_is(a, claims, "aal", "aal2");
	return NULL;
}

static void read_email(struct arena *a, const struct supabase_project *project,
	struct json_object *claims, struct supabase_claims *ret)
{
	struct json_object *app = NULL;
	const char *email = json_text(a, claims, "email");

	json_object_object_get_ex(claims, "app_metadata", &app);
	ret->email = email != NULL ? mail_address_normal(a, email) : NULL;
	ret->email_is_proved = ret->email != NULL &&
			       (project->trust_email || claim_true(claims, "email_verified") ||
				       claim_true(app, "email_verified"));
}

enum supabase_verdict supabase_check(struct arena *a, const struct supabase_project *project,
	const struct jwt_keys *keys, const char *text, i64 now_us, struct supabase_claims *ret,
	const char **ret_why)
{
	struct jwt token;

	*ret = (struct supabase_claims){0};
	*ret_why = jwt_read(a, text, &token);
	if (*ret_why != NULL)
		return SUPABASE_INVALID;
	if (token.alg == JWT_HS256) {
		*ret_why = "made with another secret";
		if (project->secret == NULL || !jwt_verify_secret(&token, project->secret))
			return SUPABASE_INVALID;
	} else {
		const struct jwt_key *key = keys != NULL ? jwt_key_find(keys, &token) : NULL;
		*ret_why = "of a key that is not known";
		if (key == NULL)
			return SUPABASE_UNKNOWN_KEY;
		*ret_why = "not made with this key";
		if (!jwt_verify_key(&token, key))
			return SUPABASE_INVALID;
	}
	*ret_why = check_claims(a, project, token.claims, now_us, ret);
	if (*ret_why != NULL)
		return SUPABASE_INVALID;
	read_email(a, project, token.claims, ret);
	return SUPABASE_VALID;
}

struct opening {
	const struct supabase_claims *claims;
	i64 now_us;
	bool reopens; /* the identity is there, its account was deleted */
};

/* The user who has a proved address, or a new one. */
static int user_for(struct db *db, const struct opening *w, u64 *ret_user_id)
{
	if (!w->claims->email_is_proved)
		return sql_user_insert_nameless(
			db, public_id(db->arena, "usr_"), w->now_us, ret_user_id);
	return person_of_proved_email(db, w->claims->email, w->now_us, ret_user_id);
}

static int open_apply(struct db *db, void *arg)
{
	struct opening *w = arg;
	const struct supabase_claims *c = w->claims;
	struct sql_bytes subject = {c->subject_hash, sizeof(c->subject_hash)};
	u64 user_id, n = 1;

	TRY(user_for(db, w, &user_id));
	if (w->reopens)
		TRY(sql_supabase_identity_reopen(db, user_id, c->email, subject, &n));
	else
		TRY(sql_supabase_identity_insert(db,
			&(struct supabase_identity_insert_in){
				.subject_hash = subject,
				.user_id = user_id,
				.email = c->email,
				.created_at_us = w->now_us,
			},
			NULL)); /* SQL_CONFLICT rolls the new user back as well */
	return n == 1 ? 0 : SQL_CONFLICT;
}

/* Looks the person up; opens an account for one who has none. */
static int find_or_open(
	struct db *db, const struct supabase_claims *c, i64 now_us, struct supabase_caller_row *ret)
{
	struct sql_bytes subject = {c->subject_hash, sizeof(c->subject_hash)};
	struct opening w = {.claims = c, .now_us = now_us};

	for (int i = 0; i < 3; i++) {
		int rc = sql_supabase_caller(db, subject, ret);
		if (rc == 0 && ret->closed_at_us.has && c->issued_at_us <= ret->closed_at_us.value)
			return fail(db->fail, E_UNAUTHORIZED, NULL);
		if (rc == 0 && ret->user_id.has)
			return 0;
		if (rc != 0 && rc != SQL_NONE)
			return rc;
		w.reopens = rc == 0;
		rc = db_tx(db, open_apply, &w);
		if (rc != 0 && rc != SQL_CONFLICT) /* a conflict: another request did it */
			return rc;
	}
	return fail_cause(
		db->fail, E_UNAVAILABLE, "the account of a Supabase identity comes and goes");
}

/* What a newer token says of the address: noted, and given to a user without one once it is proved.
 * Where somebody else has it, that stays so: accounts are not merged. */
static int follow_email(
	struct db *db, const struct supabase_claims *c, i64 now_us, struct supabase_caller_row *row)
{
	struct sql_bytes subject = {c->subject_hash, sizeof(c->subject_hash)};

	if (c->email == NULL)
		return 0;
	if (row->claimed_email == NULL || !str_equal(row->claimed_email, c->email)) {
		TRY(sql_supabase_identity_note_email(db, c->email, subject, NULL));
		row->claimed_email = c->email;
	} else if (row->email != NULL || !c->email_is_proved) {
		return 0;
	}
	if (row->email == NULL && c->email_is_proved) {
		int rc = sql_user_prove_email(db, c->email, now_us, (u64)row->user_id.value, NULL);
		if (rc != 0 && rc != SQL_CONFLICT)
			return rc;
		row->email = rc == 0 ? c->email : NULL;
	}
	return 0;
}

int supabase_account(struct db *db, const struct supabase_claims *claims, i64 now_us,
	struct supabase_caller_row *ret)
{
	TRY(find_or_open(db, claims, now_us, ret));
	if (ret->suspended_at_us.has)
		return fail(db->fail, E_SUSPENDED, NULL);
	return follow_email(db, claims, now_us, ret);
}
