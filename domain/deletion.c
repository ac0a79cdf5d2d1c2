/* Deletion with a time of grace. */
#include "deletion.h"

#include <string.h>

#include "../fcgi/core/clock.h"
#include "../fcgi/core/crypto.h"
#include "../fcgi/core/log.h"
#include "account.h"
#include "identity_mail.h"
#include "mail_form.h"
#include "outbox.h"

static struct occasion occasion_of(const struct deletion *in, const char *email)
{
	return (struct occasion){in->options, email, &in->visitor, in->now_us};
}

static int notify_scheduled(
	struct db *db, const struct deletion *in, const char *email, i64 delete_at_us)
{
	struct occasion occasion = occasion_of(in, email);

	return identity_mail_notice(db, &occasion, "Your account will be deleted",
		arena_printf(db->arena,
			"It will be deleted on %s. Until then you can sign in and keep it: "
			"%s/account",
			clock_date(db->arena, delete_at_us), in->options->public_url));
}

static int notify_cancelled(struct db *db, const struct deletion *in, const char *email)
{
	struct occasion occasion = occasion_of(in, email);

	return identity_mail_notice(db, &occasion, "Your account stays",
		"Its deletion was called off. Everything is as it was.");
}

/* Nobody can sign in any more, so that the words of a notice would be wrong. */
static int notify_done(struct db *db, const struct options *options, const char *email, i64 now_us)
{
	struct arena *a = db->arena;
	struct mail_form form = {
		.title = "Your account is deleted",
		.lead = arena_printf(a,
			"Your %s account and what was stored about you are deleted, as you asked "
			"30 days ago.",
			options->account_brand),
		.note = "What was paid stays in the books, without your name.",
	};
	struct outbox_mail mail = {
		.to = email,
		.subject = form.title,
		.text = mail_form_text(a, &form),
		.html = mail_form_html(a, &form),
	};

	return outbox_add_mail(db, &mail, now_us);
}

/* Locks the user, who is still there. */
static int lock_user(struct db *db, u64 user_id, struct deletion_lock_row *ret)
{
	int rc = sql_deletion_lock(db, user_id, ret);

	if (rc == SQL_NONE || (rc == 0 && ret->deleted_at_us.has))
		return fail(db->fail, E_UNAUTHORIZED, NULL);
	return rc;
}

static int check_password(struct db *db, const struct deletion *in)
{
	struct password_get_row row;

	if (in->password_hash == NULL)
		return 0;
	size_t length = strlen(in->password_hash);
	int rc = sql_password_get(db, in->user_id, &row);
	if (rc == SQL_NONE || (rc == 0 && (strlen(row.hash) != length ||
						  !equal_ct(row.hash, in->password_hash, length))))
		return fail(db->fail, E_BAD_PASSWORD, NULL);
	return rc;
}

struct schedule {
	const struct deletion *in;
	i64 at_us;
};

static int schedule_apply(struct db *db, void *arg)
{
	struct schedule *w = arg;
	const struct deletion *in = w->in;
	struct deletion_lock_row user;

	TRY(lock_user(db, in->user_id, &user));
	TRY(check_password(db, in));
	w->at_us = user.delete_after_us.value;
	if (user.delete_after_us.has)
		return 0;
	w->at_us = in->now_us + S_TO_US(DELETION_GRACE_S);
	TRY(audit_add(db, AUDIT_DELETION_ASKED, in->user_id, NULL, &in->visitor, in->now_us));
	if (user.email != NULL)
		TRY(notify_scheduled(db, in, user.email, w->at_us));
	return sql_deletion_set(db, (struct opt_i64){true, w->at_us}, in->user_id, NULL);
}

int deletion_schedule(struct db *db, const struct deletion *in, i64 *ret_at_us)
{
	struct schedule w = {in, 0};

	TRY(db_tx(db, schedule_apply, &w));
	*ret_at_us = w.at_us;
	return 0;
}

static int cancel_apply(struct db *db, void *arg)
{
	const struct deletion *in = arg;
	struct deletion_lock_row user;

	TRY(lock_user(db, in->user_id, &user));
	if (!user.delete_after_us.has)
		return 0;
	TRY(audit_add(db, AUDIT_DELETION_CANCELLED, in->user_id, NULL, &in->visitor, in->now_us));
	if (user.email != NULL)
		TRY(notify_cancelled(db, in, user.email));
	return sql_deletion_set(db, (struct opt_i64){0}, in->user_id, NULL);
}

int deletion_cancel(struct db *db, const struct deletion *in)
{
	struct deletion copy = *in;

	return db_tx(db, cancel_apply, &copy);
}

struct carry_out {
	const struct options *options;
	u64 user_id;
	i64 now_us;
	bool is_done;
};

/* The owner may have called it off since it was found to be due. */
static int carry_out_apply(struct db *db, void *arg)
{
	struct carry_out *w = arg;
	struct deletion_lock_row user;
	struct visitor nobody = {0};

	w->is_done = false;
	TRY(lock_user(db, w->user_id, &user));
	if (!user.delete_after_us.has || user.delete_after_us.value > w->now_us)
		return 0;
	TRY(account_erase(db, w->user_id, "after_grace", &nobody, w->now_us));
	if (user.email != NULL && w->options->account_mail)
		TRY(notify_done(db, w->options, user.email, w->now_us));
	w->is_done = true;
	return 0;
}

/* 0 as well when just this account cannot be deleted: the next run tries again. */
static int carry_out(struct db *db, struct carry_out *w, i64 *n)
{
	int rc = db_tx(db, carry_out_apply, w);

	if (rc != 0 && rc != E_UNAVAILABLE) {
		LOG(ERROR, "account_not_deleted", LOG_NUMBER("user", (i64)w->user_id),
			LOG_NUMBER("error", rc), LOG_TEXT("cause", db->fail->cause));
		fail_clear(db->fail);
		return 0;
	}
	*n += rc == 0 && w->is_done;
	return rc;
}

int deletion_run(struct db *db, const struct options *options, i64 now_us, i64 until_us, i64 *ret_n)
{
	struct deletion_due_row *row;
	u64 after = 0;
	size_t n = 1;

	*ret_n = 0;
	while (n > 0 && clock_mono_us() < until_us) {
		struct arena_mark mark = arena_mark(db->arena);
		TRY(sql_deletion_due(db, now_us, after, &row, &n));
		for (size_t i = 0; i < n && clock_mono_us() < until_us; i++) {
			struct carry_out w = {options, row[i].user_id, now_us, false};
			TRY(carry_out(db, &w, ret_n));
			after = row[i].user_id;
		}
		arena_rewind(db->arena, mark);
	}
	return 0;
}
