/* The account: profile and credit (gateway.md section 4). */
#include "../../domain/account.h"
#include "../../domain/credits.h"
#include "../../domain/display_name.h"
#include "../../fcgi/core/clock.h"
#include "../../fcgi/core/email.h"
#include "../../fcgi/core/str.h"
#include "../../fcgi/http/request.h"
#include "../visitor.h"
#include "encoded.h"
#include "gateway.h"
#include "lists.h"

#define CREDIT_FIELDS(T)                                                                       \
	HUNDREDTHS(T, balance, REQUIRED, DOC("Allowance and purchased credits")),              \
		HUNDREDTHS(T, reserved, REQUIRED, DOC("Of the balance, for calls under way")), \
		HUNDREDTHS(T, available, REQUIRED, DOC("balance - reserved")),                 \
		HUNDREDTHS(T, monthly_allowance, REQUIRED, .json = "monthlyAllowance"),        \
		STR(T, resets_at, REQUIRED, NULLABLE, .json = "resetsAt",                      \
			DOC("When the allowance ends, ISO 8601; null: there is none"))

struct gateway_me_credits {
	i64 balance, reserved, available, monthly_allowance;
	const char *resets_at;
};
SCHEMA(gateway_me_credits, CREDIT_FIELDS(gateway_me_credits));

SCHEMA(gateway_me, STR(gateway_me, id, REQUIRED), STR(gateway_me, email, REQUIRED, NULLABLE),
	STR(gateway_me, display_name, REQUIRED, NULLABLE, .json = "displayName"),
	STR(gateway_me, avatar_url, REQUIRED, NULLABLE, .json = "avatarUrl"),
	STR(gateway_me, tier, REQUIRED),
	STR(gateway_me, subscription_status, REQUIRED, .json = "subscriptionStatus",
		.values = "active|trialing|past_due|canceled|none"),
	OBJECT(gateway_me, credits, gateway_me_credits, REQUIRED),
	STR(gateway_me, created_at, REQUIRED, .json = "createdAt", DOC("ISO 8601")));

struct gateway_overage {
	bool enabled;
	i64 used, ceiling;
};
SCHEMA(gateway_overage, BOOL(gateway_overage, enabled, REQUIRED),
	HUNDREDTHS(gateway_overage, used, REQUIRED, DOC("With the markup, for the next invoice")),
	HUNDREDTHS(gateway_overage, ceiling, REQUIRED, DOC("Of `used`")));

struct gateway_credit_limits {
	struct opt_i64 per_request, per_day;
};
SCHEMA(gateway_credit_limits,
	OPT_I64(gateway_credit_limits, per_request, REQUIRED, NULLABLE, .json = "perRequest",
		DOC("null: no limit")),
	OPT_I64(gateway_credit_limits, per_day, REQUIRED, NULLABLE, .json = "perDay",
		DOC("null: no limit")));

struct gateway_credits {
	i64 balance, reserved, available, monthly_allowance, purchased;
	const char *resets_at;
	struct gateway_overage *overage;
	struct gateway_credit_limits *limits;
};
SCHEMA(gateway_credits, CREDIT_FIELDS(gateway_credits),
	HUNDREDTHS(gateway_credits, purchased, REQUIRED,
		DOC("Of the balance: bought and granted, not allowance")),
	OBJECT(gateway_credits, overage, gateway_overage, REQUIRED,
		DOC("What calls may cost beyond the balance")),
	OBJECT(gateway_credits, limits, gateway_credit_limits, REQUIRED));

/* The caller's credit, and what their plan includes. */
struct standing {
	struct credits credits;
	const struct model_plan *tier; /* NULL: no tier is sold */
	i64 monthly_allowance;
	const char *resets_at;
};

static int standing_get(struct req *r, struct standing *ret)
{
	const char *plan = gateway_account(r)->plan;
	const struct models *models = NULL;
	struct credits *c = &ret->credits;

	TRY(gateway_models(r, &models));
	TRY(credits_get(&r->db, r->caller.user_id, r->now_us, c));
	ret->tier = models_plan_of(models, models_rank(models, plan));
	ret->monthly_allowance = c->period.value;
	/* Before the first period: what the plan says. */
	for (size_t i = 0; !c->period.has && i < models->n_plans; i++)
		if (str_equal(models->plan[i].plan_id, plan))
			ret->monthly_allowance = models->plan[i].credits_per_month * 100;
	ret->resets_at =
		c->resets_at_us.has ? clock_iso8601_ms(r->arena, c->resets_at_us.value) : NULL;
	return 0;
}

static int fill_me(struct req *r, const char *display_name, struct gateway_me *me)
{
	const struct gateway_account *account = gateway_account(r);
	struct gateway_me_credits *credits = arena_new(r->arena, struct gateway_me_credits);
	struct standing s;

	TRY(standing_get(r, &s));
	*credits = (struct gateway_me_credits){
		.balance = s.credits.balance,
		.reserved = s.credits.reserved,
		.available = s.credits.available,
		.monthly_allowance = s.monthly_allowance,
		.resets_at = s.resets_at,
	};
	const struct session_caller_row plan = {
		.plan = account->plan, .renews_at_us = s.credits.renews_at_us};
	*me = (struct gateway_me){
		.id = account->public_id,
		.email = account->email,
		.display_name = display_name,
		.tier = s.tier != NULL ? s.tier->tier : account->plan,
		.subscription_status = account_is_subscribed(&plan, r->now_us) ? "active" : "none",
		.created_at = clock_iso8601_ms(r->arena, account->created_at_us),
		.credits = credits,
	};
	return 0;
}

int gateway_me(struct req *r, const void *in, void *out)
{
	(void)in;
	return fill_me(r, gateway_account(r)->display_name, out);
}

struct gateway_profile_in {
	const char *display_name;
};
SCHEMA(gateway_profile_in,
	STR(gateway_profile_in, display_name, REQUIRED, .json = "displayName",
		DOC("1 to 80 characters without the blanks around them; no control characters")));

int gateway_profile_set(struct req *r, const void *in_, void *out)
{
	const struct gateway_profile_in *in = in_;
	const char *name = NULL;

	switch (display_name_read(r->arena, in->display_name, &name)) {
	case NAME_FINE:
		break;
	case NAME_EMPTY:
		fail_fault_limit(r->fail, "displayName", "min", 1);
		return fail(r->fail, E_INVALID_FIELD, NULL);
	case NAME_TOO_LONG:
		fail_fault_limit(r->fail, "displayName", "max", DISPLAY_NAME_MAX);
		return fail(r->fail, E_INVALID_FIELD, NULL);
	case NAME_CHARACTERS:
		fail_fault(r->fail, "displayName", "characters");
		return fail(r->fail, E_INVALID_FIELD, NULL);
	}
	TRY(sql_user_update(
		&r->db, name, (struct opt_bool){false, false}, r->caller.user_id, NULL));
	return fill_me(r, name, out);
}

int gateway_credits(struct req *r, const void *in, void *out_)
{
	struct gateway_credits *out = out_;
	struct standing s;

	(void)in;
	TRY(standing_get(r, &s));
	*out = (struct gateway_credits){
		.balance = s.credits.balance,
		.reserved = s.credits.reserved,
		.available = s.credits.available,
		.monthly_allowance = s.monthly_allowance,
		.purchased = s.credits.purchased,
		.resets_at = s.resets_at,
		.overage = arena_new(r->arena, struct gateway_overage),
		.limits = arena_new(r->arena, struct gateway_credit_limits),
	};
	*out->overage = (struct gateway_overage){
		s.credits.overage_enabled, s.credits.overage, s.credits.overage_ceiling};
	if (s.tier != NULL)
		*out->limits = (struct gateway_credit_limits){
			s.tier->credits_per_request, s.tier->credits_per_day};
	return 0;
}

struct gateway_account_delete_in {
	const char *confirm_email;
};
SCHEMA(gateway_account_delete_in,
	STR(gateway_account_delete_in, confirm_email, REQUIRED, .max = 1000, .json = "confirmEmail",
		DOC("The address of the account (without one: its id), so that nothing is deleted "
		    "by mistake")));

struct gateway_deleted {
	bool deleted;
};
SCHEMA(gateway_deleted, BOOL(gateway_deleted, deleted, REQUIRED));

static bool confirms(struct req *r, const char *text)
{
	const struct gateway_account *account = gateway_account(r);
	const char *email = mail_address_normal(r->arena, text);

	if (account->email == NULL)
		return str_equal(text, account->public_id);
	return email != NULL && str_equal(email, account->email);
}

int gateway_account_delete(struct req *r, const void *in_, void *out_)
{
	const struct gateway_account_delete_in *in = in_;
	struct gateway_deleted *out = out_;
	struct visitor visitor = req_visitor(r);

	if (!confirms(r, in->confirm_email)) {
		fail_fault(r->fail, "confirmEmail", "values");
		return fail(r->fail, E_INVALID_FIELD,
			"confirmEmail is not the address of this account. Nothing was deleted.");
	}
	TRY(account_erase(&r->db, r->caller.user_id, "at_once", &visitor, r->now_us));
	out->deleted = true;
	return 0;
}
