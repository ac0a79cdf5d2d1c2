/* E-mail codes, hand-offs and identities. Everything here is used once, and consumed in the
 * transaction that looks. */
#include "signin.h"

#include <stdio.h>
#include <string.h>

#include "../fcgi/core/clock.h"
#include "../fcgi/core/crypto.h"
#include "../fcgi/core/str.h"
#include "mail_form.h"
#include "outbox.h"
#include "person.h"

bool signin_challenge_valid(const char *text)
{
	return strlen(text) == 43 && base64url_span(text) == 43;
}

static struct sha256 code_mac(const struct options *options, const char *email, const char *code)
{
	char text[300];
	int length = snprintf(text, sizeof(text), "signin-code\n%s\n%s", email, code);

	return hmac_sha256(options->config_key, strlen(options->config_key), text, (size_t)length);
}

/* The link carries the code behind '#', so no server and no mail scanner that fetches it ever sees
 * or uses it. */
static int add_code_mail(struct db *db, const struct options *options, const char *email,
	const char *code, const struct signin_purpose *purpose, i64 now_us)
{
	struct arena *a = db->arena;
	const char *link = arena_printf(a, "%s/signin?email=%s%s#code=%s", options->public_url,
		url_encode(a, email), purpose->is_ide ? "&from=ide" : "", code);
	const char *text = arena_printf(a,
		"Your sign-in code is %s\n\n"
		"Type it where you asked for it, or open this page and press \"Sign in\":\n%s\n\n"
		"The code works once and for 15 minutes; a newer one replaces it.\n"
		"If you did not ask for it, ignore this mail: nobody can sign in without the "
		"code.\n",
		code, link);
	struct mail_form form = {
		.title = "Your sign-in code",
		.code = code,
		.lead = "Type it where you asked for it, or open the sign-in page with it filled "
			"in:",
		.button = "Open the sign-in page",
		.link = link,
		.note = "The code works once and for 15 minutes; a newer one replaces it. If you "
			"did not "
			"ask for it, ignore this mail: nobody can sign in without the code.",
	};
	struct outbox_mail mail = {
		.to = email,
		.subject = arena_printf(a, "%s is your sign-in code", code),
		.text = text,
		.html = mail_form_html(a, &form),
		.topic = "sign_in_code",
		.expires_at_us = {true, now_us + S_TO_US(CODE_LIFETIME_S)},
	};

	return outbox_add_mail(db, &mail, now_us);
}

struct request_code {
	const struct options *options;
	const char *email;
	const struct signin_purpose *purpose;
	i64 now_us;
};

static int request_code_apply(struct db *db, void *arg)
{
	struct request_code *w = arg;
	const char *code = arena_printf(db->arena, "%06u", random_below(1000000));
	struct sha256 mac = code_mac(w->options, w->email, code);

	TRY(sql_code_put(db,
		&(struct code_put_in){
			.email = w->email,
			.code_mac = {&mac, sizeof(mac)},
			.tries_left = CODE_TRIES,
			.is_ide = w->purpose->is_ide,
			.challenge = w->purpose->challenge,
			.expires_at_us = w->now_us + S_TO_US(CODE_LIFETIME_S),
		},
		NULL));
	return add_code_mail(db, w->options, w->email, code, w->purpose, w->now_us);
}

int signin_request_code(struct db *db, const struct options *options, const char *email,
	const struct signin_purpose *purpose, i64 now_us)
{
	struct request_code w = {options, email, purpose, now_us};

	return db_tx(db, request_code_apply, &w);
}

/* What did not let anybody in; user_id 0: not known. */
static int note_refusal(struct db *db, u64 user_id, const char *how,
	const struct session_device *device, i64 now_us)
{
	return audit_add(db, AUDIT_SIGN_IN_REFUSED, user_id, how, &device->visitor, now_us);
}

/* What could let nobody in, because nothing is there that it might fit. */
static int note_guess(const char *how, const struct session_device *device)
{
	audit_note(AUDIT_SIGN_IN_REFUSED, how, &device->visitor);
	return 0;
}

/* Opens a session for a user who is still there, inside the transaction that used up what proved
 * it. */
static int open_session(struct db *db, u64 user_id, const struct session_proof *proof,
	const char *how, const struct session_device *device, i64 now_us, struct signin_result *ret)
{
	struct user_lock_row user;
	int rc = sql_user_lock(db, user_id, &user);

	if (rc == SQL_NONE || (rc == 0 && user.email == NULL)) /* deleted meanwhile */
		return fail(db->fail, E_INVALID_CODE, NULL);
	TRY(rc);
	TRY(audit_add(db, AUDIT_SIGNED_IN, user_id, how, &device->visitor, now_us));
	TRY(session_create(db, user_id, proof, device, now_us, &ret->session));
	return session_resolve(db, ret->session.token, device->visitor.ip, now_us, &ret->account);
}

/* What session_id proves until the hand-off is used counts for the session it is used for; 0: none.
 */
static int create_handoff(struct db *db, u64 user_id, u64 session_id, const char *challenge,
	i64 now_us, const char **ret_handoff)
{
	const char *handoff = random_token(db->arena);
	struct sha256 hash = sha256(handoff, strlen(handoff));

	TRY(sql_handoff_insert(db,
		&(struct handoff_insert_in){
			.handoff_hash = {&hash, sizeof(hash)},
			.user_id = user_id,
			.challenge = challenge,
			.session_id = {session_id != 0, (i64)session_id},
			.expires_at_us = now_us + S_TO_US(HANDOFF_LIFETIME_S),
		},
		NULL));
	*ret_handoff = handoff;
	return 0;
}

bool signin_is_pending(const struct signin_result *result)
{
	return person_mfa_pending(result->account.mfa_since_us, result->account.mfa_at_us);
}

int signin_open(struct db *db, u64 user_id, const struct signin_purpose *purpose, const char *how,
	const struct session_device *device, i64 now_us, struct signin_result *ret)
{
	struct session_proof proof = {.signed_in_at_us = now_us};

	TRY(open_session(db, user_id, &proof, how, device, now_us, ret));
	ret->handoff = ret->challenge = NULL;
	if (purpose->is_ide && signin_is_pending(ret))
		ret->challenge = purpose->challenge;
	else if (purpose->is_ide)
		TRY(create_handoff(db, user_id, ret->account.session_id, purpose->challenge, now_us,
			&ret->handoff));
	return 0;
}

struct use_code {
	const struct options *options;
	const char *email, *code;
	const struct session_device *device;
	i64 now_us;
	bool is_right;
	struct signin_result *result;
};

/* Whether the code fits, counting the try; *ret is the row of one that does, which is used up.
 * SQL_NONE: there is no code for the address. */
static int take_code(struct db *db, const struct use_code *w, struct code_lock_row *ret, bool *fits)
{
	struct sha256 mac = code_mac(w->options, w->email, w->code);
	int rc = sql_code_lock(db, w->email, ret);

	*fits = false;
	if (rc != 0)
		return rc;
	if (ret->expires_at_us <= w->now_us || ret->tries_left <= 0)
		return sql_code_delete(db, w->email, NULL);
	*fits = equal_ct(ret->code_mac.data, &mac, sizeof(mac));
	return *fits || ret->tries_left == 1 ? sql_code_delete(db, w->email, NULL)
					     : sql_code_take_try(db, w->email, NULL);
}

/* The owner of the address sees what was tried with it. */
static int refuse_code(struct db *db, const struct use_code *w)
{
	struct user_by_email_row user = {0};
	int rc = sql_user_by_email(db, w->email, &user);

	if (rc != 0 && rc != SQL_NONE)
		return rc;
	return note_refusal(db, user.user_id, "code", w->device, w->now_us);
}

static int use_code_apply(struct db *db, void *arg)
{
	struct use_code *w = arg;
	struct code_lock_row row;
	u64 user_id;

	int rc = take_code(db, w, &row, &w->is_right);
	if (rc == SQL_NONE)
		return note_guess("code", w->device);
	TRY(rc);
	if (!w->is_right)
		return refuse_code(db, w);
	TRY(person_of_proved_email(db, w->email, w->now_us, &user_id));
	return signin_open(db, user_id, &(struct signin_purpose){row.is_ide, row.challenge}, "code",
		w->device, w->now_us, w->result);
}

/* An account that another request makes for the same address at this moment is there once it has
 * said so. */
static int tx_with_person(struct db *db, int (*body)(struct db *db, void *arg), void *arg)
{
	int rc = db_tx(db, body, arg);

	return rc == SQL_CONFLICT ? db_tx(db, body, arg) : rc;
}

int signin_with_code(struct db *db, const struct options *options, const char *email,
	const char *code, const struct session_device *device, i64 now_us,
	struct signin_result *ret)
{
	struct use_code w = {options, email, code, device, now_us, false, ret};

	/* A wrong try must stay counted, so it commits too; the answer is decided afterwards. */
	TRY(tx_with_person(db, use_code_apply, &w));
	return w.is_right ? 0 : fail(db->fail, E_INVALID_CODE, NULL);
}

struct use_handoff {
	struct sha256 hash;
	const char *verifier;
	const struct session_device *device;
	i64 now_us;
	bool is_right;
	struct signin_result *result;
};

static bool verifier_fits(struct arena *a, const char *challenge, const char *verifier)
{
	if (challenge == NULL)
		return true;
	if (verifier == NULL)
		return false;
	struct sha256 hash = sha256(verifier, strlen(verifier));
	const char *text = base64url_encode(a, hash.byte, sizeof(hash.byte));
	return strlen(text) == strlen(challenge) && equal_ct(text, challenge, strlen(text));
}

static int use_handoff_apply(struct db *db, void *arg)
{
	struct use_handoff *w = arg;
	struct sql_bytes hash = {&w->hash, sizeof(w->hash)};
	struct handoff_lock_row row;

	w->is_right = false;
	int rc = sql_handoff_lock(db, hash, &row);
	if (rc == SQL_NONE)
		return note_guess("handoff", w->device);
	TRY(rc);
	TRY(sql_handoff_delete(db, hash, NULL));
	if (row.expires_at_us <= w->now_us || row.session_id.has != row.live_session_id.has ||
		!verifier_fits(db->arena, row.challenge, w->verifier))
		return note_refusal(db, row.user_id, "handoff", w->device, w->now_us);
	/* Only an OAuth identity comes without a session. */
	const char *how = row.session_id.has ? "handoff" : "oauth";
	struct session_proof proof = {w->now_us, row.mfa_at_us};
	/* It makes a sign-in no younger, or a chain of them would keep one fresh for ever. */
	if (row.session_id.has)
		proof.signed_in_at_us = row.signed_in_at_us.value;
	TRY(open_session(db, row.user_id, &proof, how, w->device, w->now_us, w->result));
	w->is_right = true;
	return 0;
}

int signin_with_handoff(struct db *db, const char *handoff, const char *verifier,
	const struct session_device *device, i64 now_us, struct signin_result *ret)
{
	struct use_handoff w = {
		sha256(handoff, strlen(handoff)), verifier, device, now_us, false, ret};

	ret->handoff = ret->challenge = NULL;
	TRY(db_tx(db, use_handoff_apply, &w));
	return w.is_right ? 0 : fail(db->fail, E_INVALID_CODE, NULL);
}

struct handoff {
	const struct session_caller_row *from;
	const char *challenge;
	i64 now_us;
	const char *handoff;
};

/* A password that was changed meanwhile has ended the session, and with it what it may hand over.
 */
static int handoff_apply(struct db *db, void *arg)
{
	struct handoff *w = arg;
	struct user_lock_row user;
	struct factor_session_row session;
	int rc = sql_user_lock(db, w->from->user_id, &user);

	if (rc == 0)
		rc = sql_factor_session(db, w->from->session_id, w->from->user_id, &session);
	if (rc == SQL_NONE)
		return fail(db->fail, E_UNAUTHORIZED, NULL);
	TRY(rc);
	return create_handoff(
		db, w->from->user_id, w->from->session_id, w->challenge, w->now_us, &w->handoff);
}

int signin_create_handoff(struct db *db, const struct session_caller_row *from,
	const char *challenge, i64 now_us, const char **ret_handoff)
{
	struct handoff w = {from, challenge, now_us, NULL};

	if (now_us - from->session_created_at_us > S_TO_US(HANDOFF_FRESH_S))
		return fail(db->fail, E_REAUTH_REQUIRED, NULL);
	TRY(db_tx(db, handoff_apply, &w));
	*ret_handoff = w.handoff;
	return 0;
}

struct identity {
	const struct signin_identity *who;
	i64 now_us;
	const char *handoff;
	bool mfa_first;
};

static int identity_user(struct db *db, const struct identity *w, u64 *ret_user_id)
{
	struct identity_find_row row;
	int rc = sql_identity_find(db, w->who->provider, w->who->subject, &row);

	if (rc == 0)
		*ret_user_id = row.user_id;
	if (rc != SQL_NONE)
		return rc;
	TRY(person_of_proved_email(db, w->who->email, w->now_us, ret_user_id));
	rc = sql_identity_insert(db,
		&(struct identity_insert_in){
			.user_id = *ret_user_id,
			.provider = w->who->provider,
			.subject = w->who->subject,
			.created_at_us = w->now_us,
		},
		NULL);
	return rc == SQL_CONFLICT ? 0 : rc; /* the same person in another window */
}

static int identity_apply(struct db *db, void *arg)
{
	struct identity *w = arg;
	const struct signin_purpose *purpose = w->who->purpose;
	struct factor_since_row user;
	u64 user_id;

	TRY(identity_user(db, w, &user_id));
	int rc = sql_factor_since(db, user_id, &user);
	if (rc != SQL_NONE)
		TRY(rc);
	w->mfa_first = purpose->is_ide && rc == 0 && user.mfa_since_us.has;
	return create_handoff(
		db, user_id, 0, w->mfa_first ? NULL : purpose->challenge, w->now_us, &w->handoff);
}

int signin_with_identity(struct db *db, const struct signin_identity *who, i64 now_us,
	const char **ret_handoff, bool *ret_mfa_first)
{
	struct identity w = {who, now_us, NULL, false};

	TRY(tx_with_person(db, identity_apply, &w));
	*ret_handoff = w.handoff;
	*ret_mfa_first = w.mfa_first;
	return 0;
}
