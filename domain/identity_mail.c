/* The mails about accounts. */
#include "identity_mail.h"

#include "../fcgi/core/clock.h"
#include "mail_form.h"
#include "outbox.h"

enum { KNOWN_LIFETIME_S = 86400 };

/* "2026-01-31 12:34 UTC, from 192.0.2.7" */
static const char *when_and_where(struct arena *a, const struct occasion *o)
{
	const char *time = clock_iso8601(a, o->now_us);

	return arena_printf(a, "%.10s %.5s UTC, from %s", time, time + 11,
		o->visitor->ip != NULL ? o->visitor->ip : "an unknown address");
}

static int add(struct db *db, const struct occasion *o, const struct mail_form *form,
	const char *topic, struct opt_i64 expires_at_us)
{
	if (!o->options->account_mail)
		return 0;
	struct outbox_mail mail = {
		.to = o->to,
		.subject = form->title,
		.text = mail_form_text(db->arena, form),
		.html = mail_form_html(db->arena, form),
		.topic = topic,
		.expires_at_us = expires_at_us,
	};

	return outbox_add_mail(db, &mail, o->now_us);
}

/* No topic: each link stands for a sign-up of its own, and a later one may be somebody else's. */
int identity_mail_verify(
	struct db *db, const struct occasion *o, const char *token, i64 expires_at_us)
{
	struct arena *a = db->arena;
	struct mail_form form = {
		.title = arena_printf(
			a, "Confirm your e-mail address for %s", o->options->account_brand),
		.lead = "Open this page and press \"Confirm\" to say that this address is yours:",
		.button = "Confirm the address",
		.link = arena_printf(a, "%s/verify/%s", o->options->public_url, token),
		.note = arena_printf(a,
			"Asked for on %s. The link works once and for 24 hours. If that was not "
			"you, do not confirm it: without you, nobody gets in.",
			when_and_where(a, o)),
	};

	return add(db, o, &form, NULL, (struct opt_i64){true, expires_at_us});
}

int identity_mail_reset(
	struct db *db, const struct occasion *o, const char *token, i64 expires_at_us)
{
	struct arena *a = db->arena;
	struct mail_form form = {
		.title = arena_printf(a, "Set a new password for %s", o->options->account_brand),
		.lead = "Open this page to choose a new password:",
		.button = "Choose a new password",
		.link = arena_printf(a, "%s/reset/%s", o->options->public_url, token),
		.note = arena_printf(a,
			"Asked for on %s. The link works once and for one hour; using it signs "
			"out every device. If that was not you, ignore this mail: your password "
			"stays as it is.",
			when_and_where(a, o)),
	};

	return add(db, o, &form, "password_reset", (struct opt_i64){true, expires_at_us});
}

int identity_mail_known(struct db *db, const struct occasion *o)
{
	struct arena *a = db->arena;
	struct mail_form form = {
		.title = arena_printf(a, "You have an account at %s", o->options->account_brand),
		.lead = "Somebody tried to sign up with this address, which has an account "
			"already. If it was you, sign in, or set a new password there:",
		.button = "Open the sign-in page",
		.link = arena_printf(a, "%s/signin", o->options->public_url),
		.note = arena_printf(a,
			"Asked for on %s. If that was not you, there is nothing to do: your "
			"account is as it was.",
			when_and_where(a, o)),
	};

	return add(db, o, &form, "sign_up_known",
		(struct opt_i64){true, o->now_us + S_TO_US(KNOWN_LIFETIME_S)});
}

int identity_mail_notice(
	struct db *db, const struct occasion *o, const char *title, const char *what)
{
	struct arena *a = db->arena;
	struct mail_form form = {
		.title = title,
		.lead = what,
		.note = arena_printf(a,
			"Done on %s. If that was not you, set a new password with \"forgot "
			"password\" at %s/signin at once.",
			when_and_where(a, o), o->options->public_url),
	};

	return add(db, o, &form, NULL, (struct opt_i64){0});
}
