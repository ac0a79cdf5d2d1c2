/* Turning the second factor on and off, and proving it. Whatever is used up is used up by one
 * conditional statement, under the lock of the user. */
#include "second_factor.h"

#include "../fcgi/core/clock.h"
#include "../fcgi/core/crypto.h"
#include "../fcgi/core/seal.h"
#include "gen/sql.h"
#include "identity_mail.h"
#include "password.h"
#include "recovery_code.h"
#include "totp.h"

enum { SALT_BYTES = 16, HASH_BYTES = 32 };

static int credential_is_there(struct db *db, const struct second_factor_by *by)
{
	struct factor_web_session_row web;
	struct factor_session_row session;
	int rc = by->session_id != 0
			 ? sql_factor_session(db, by->session_id, by->user_id, &session)
			 : sql_factor_web_session(db, by->web_session_id, by->user_id, &web);

	return rc == SQL_NONE ? fail(db->fail, E_UNAUTHORIZED, NULL) : rc;
}

/* Nothing may have happened since the credential was checked: a password changed by its owner while
 * somebody else's request was hashing would lock the owner out. */
static int lock(
	struct db *db, const struct second_factor_by *by, struct factor_user_lock_row *ret_user)
{
	int rc = sql_factor_user_lock(db, by->user_id, ret_user);

	if (rc == SQL_NONE)
		return fail(db->fail, E_UNAUTHORIZED, NULL);
	TRY(rc);
	if (ret_user->suspended_at_us.has)
		return fail(db->fail, E_SUSPENDED, NULL);
	TRY(credential_is_there(db, by));
	if (ret_user->mfa_since_us.has != by->mfa_since_us.has ||
		ret_user->mfa_since_us.value != by->mfa_since_us.value)
		return fail(db->fail, E_MFA_REQUIRED, NULL);
	return 0;
}

static const char *binding(struct arena *a, u64 user_id)
{
	return arena_printf(a, "totp %llu", (unsigned long long)user_id);
}

static int close_secret(struct db *db, const struct second_factor_by *by, struct seal_text secret,
	struct seal_text *ret)
{
	return seal_close(
		db->arena, db->fail, by->options, binding(db->arena, by->user_id), secret, ret);
}

static int tell(struct db *db, const struct second_factor_by *by, const char *email,
	const char *title, const char *what)
{
	struct occasion occasion = {by->options, email, &by->visitor, by->now_us};

	if (email == NULL)
		return 0;
	return identity_mail_notice(db, &occasion, title, what);
}

static int prove(struct db *db, const struct second_factor_by *by, i64 at_us)
{
	return by->session_id != 0 ? sql_session_prove_mfa(db, at_us, by->session_id, NULL) : 0;
}

/* --- On -------------------------------------------------------------------------------------- */

struct enable {
	const struct second_factor_by *by;
	struct seal_text secret;
	i64 step, at_us;
	unsigned char salt[SALT_BYTES], hash[RECOVERY_CODES][HASH_BYTES];
};

static int make_codes(struct db *db, struct enable *w, const char *const **ret_codes)
{
	const char **code = arena_array(db->arena, const char *, RECOVERY_CODES);

	random_bytes(w->salt, sizeof(w->salt));
	for (int i = 0; i < RECOVERY_CODES; i++) {
		code[i] = recovery_code_new(db->arena);
		TRY(password_stretch(
			db->fail, recovery_code_normal(db->arena, code[i]), w->salt, w->hash[i]));
	}
	*ret_codes = code;
	return 0;
}

static int put_factor(struct db *db, const struct enable *w)
{
	const struct second_factor_by *by = w->by;
	struct seal_text sealed;

	TRY(sql_recovery_code_erase(db, by->user_id, NULL));
	for (int i = 0; i < RECOVERY_CODES; i++)
		TRY(sql_recovery_code_insert(db, by->user_id,
			(struct sql_bytes){w->hash[i], HASH_BYTES}, w->at_us, NULL));
	TRY(close_secret(db, by, w->secret, &sealed));
	return sql_factor_put(db,
		&(struct factor_put_in){
			.user_id = by->user_id,
			.secret = {sealed.data, sealed.length},
			.last_step = w->step,
			.recovery_salt = {w->salt, sizeof(w->salt)},
			.enabled_at_us = w->at_us,
		},
		NULL);
}

static int enable_apply(struct db *db, void *arg)
{
	struct enable *w = arg;
	const struct second_factor_by *by = w->by;
	struct factor_user_lock_row user;

	TRY(lock(db, by, &user));
	/* Not when the request came: somebody may have proved the old one while this one hashed. */
	w->at_us = clock_now_us();
	TRY(sql_user_set_mfa(db, (struct opt_i64){true, w->at_us}, by->user_id, NULL));
	TRY(prove(db, by, w->at_us));
	TRY(put_factor(db, w));
	TRY(audit_add(db, AUDIT_MFA_ENABLED, by->user_id, NULL, &by->visitor, by->now_us));
	return tell(db, by, user.email, "Two-factor authentication is on",
		"Two-factor authentication was turned on for your account, or moved to another "
		"app. Other devices ask for a code before they go on.");
}

int second_factor_enable(struct db *db, const struct second_factor_by *by, const char *secret,
	const char *code, const char *const **ret_codes, i64 *ret_since_us)
{
	struct enable w = {.by = by};

	TRY(seal_ready(by->options, db->fail));
	w.secret.data = base32_decode(db->arena, secret, &w.secret.length);
	if (w.secret.data == NULL || w.secret.length < TOTP_SECRET_MIN_BYTES)
		return fail(db->fail, E_BAD_CODE, NULL);
	w.step = totp_find(w.secret.data, w.secret.length, code, by->now_us, -1);
	if (w.step < 0)
		return fail(db->fail, E_BAD_CODE, NULL);
	TRY(make_codes(db, &w, ret_codes));
	TRY(db_tx(db, enable_apply, &w));
	*ret_since_us = w.at_us;
	return 0;
}

/* --- Proof ----------------------------------------------------------------------------------- */

struct verify {
	const struct second_factor_by *by;
	const char *code;		    /* of the app */
	const unsigned char *recovery_hash; /* or of a recovery code */
	bool is_right;
};

static int use_step(struct db *db, struct verify *w)
{
	const struct second_factor_by *by = w->by;
	struct factor_get_row row;
	struct seal_text secret, sealed;
	bool is_outdated;
	u64 n;
	int rc = sql_factor_get(db, by->user_id, &row);

	if (rc == SQL_NONE)
		return 0;
	TRY(rc);
	TRY(seal_open(db->arena, db->fail, by->options, binding(db->arena, by->user_id),
		(struct seal_text){row.secret.data, row.secret.length}, &secret, &is_outdated));
	i64 step = totp_find(secret.data, secret.length, w->code, by->now_us, row.last_step);
	if (step < 0)
		return 0;
	TRY(sql_factor_take_step(db, step, by->user_id, step, &n));
	w->is_right = n == 1;
	if (!is_outdated)
		return 0;
	TRY(close_secret(db, by, secret, &sealed));
	return sql_factor_reseal(
		db, (struct sql_bytes){sealed.data, sealed.length}, by->user_id, NULL);
}

static int use_recovery_code(struct db *db, struct verify *w, const char *email)
{
	const struct second_factor_by *by = w->by;
	struct recovery_code_count_row left;
	u64 n;

	TRY(sql_recovery_code_claim(
		db, by->now_us, by->user_id, (struct sql_bytes){w->recovery_hash, HASH_BYTES}, &n));
	w->is_right = n == 1;
	if (n != 1)
		return 0;
	TRY(sql_recovery_code_count(db, by->user_id, &left));
	return tell(db, by, email, "A recovery code was used",
		arena_printf(db->arena,
			"A recovery code was used instead of a code of your app. %lld are left.",
			(long long)left.n));
}

/* What is wrong is written down, too, so this commits; the answer is decided afterwards. */
static int verify_apply(struct db *db, void *arg)
{
	struct verify *w = arg;
	const struct second_factor_by *by = w->by;
	const char *kind = w->code != NULL ? "totp" : "recovery";
	i64 since_us = by->mfa_since_us.value;
	struct factor_user_lock_row user;

	w->is_right = false;
	TRY(lock(db, by, &user));
	if (w->code != NULL)
		TRY(use_step(db, w));
	else if (w->recovery_hash != NULL)
		TRY(use_recovery_code(db, w, user.email));
	if (w->is_right)
		TRY(prove(db, by, by->now_us > since_us ? by->now_us : since_us));
	return audit_add(db, w->is_right ? AUDIT_MFA_PASSED : AUDIT_MFA_REFUSED, by->user_id, kind,
		&by->visitor, by->now_us);
}

static int verify(struct db *db, struct verify *w)
{
	TRY(db_tx(db, verify_apply, w));
	return w->is_right ? 0 : fail(db->fail, E_BAD_CODE, NULL);
}

int second_factor_verify(struct db *db, const struct second_factor_by *by, const char *code)
{
	TRY(seal_ready(by->options, db->fail));
	return verify(db, &(struct verify){.by = by, .code = code});
}

int second_factor_recover(struct db *db, const struct second_factor_by *by, const char *code)
{
	const char *text = recovery_code_normal(db->arena, code);
	unsigned char hash[HASH_BYTES];
	struct verify w = {.by = by};
	struct factor_get_row row;
	int rc = sql_factor_get(db, by->user_id, &row);

	if (rc != 0 && rc != SQL_NONE)
		return rc;
	if (rc == 0 && text != NULL) {
		TRY(password_stretch(db->fail, text, row.recovery_salt.data, hash));
		w.recovery_hash = hash;
	}
	return verify(db, &w);
}

/* --- Off ------------------------------------------------------------------------------------- */

static int disable_apply(struct db *db, void *arg)
{
	const struct second_factor_by *by = arg;
	struct factor_user_lock_row user;

	TRY(lock(db, by, &user));
	TRY(sql_user_set_mfa(db, (struct opt_i64){0}, by->user_id, NULL));
	TRY(sql_session_end_unproved(db, by->user_id, user.mfa_since_us.value, NULL));
	TRY(sql_handoff_erase(db, by->user_id, NULL));
	TRY(sql_ide_token_end_unproved(db, by->user_id, user.mfa_since_us.value, NULL));
	TRY(sql_recovery_code_erase(db, by->user_id, NULL));
	TRY(sql_second_factor_erase(db, by->user_id, NULL));
	/* Which of these proved it is known to their cookies only. */
	TRY(sql_web_session_end_others(db, by->user_id, by->web_session_id, NULL));
	TRY(audit_add(db, AUDIT_MFA_DISABLED, by->user_id, NULL, &by->visitor, by->now_us));
	return tell(db, by, user.email, "Two-factor authentication is off",
		"Two-factor authentication was turned off for your account: from now on, your "
		"password or your mailbox alone signs in.");
}

int second_factor_disable(struct db *db, const struct second_factor_by *by)
{
	struct second_factor_by w = *by;

	return db_tx(db, disable_apply, &w);
}
