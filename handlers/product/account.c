/* The account: profile, deletion (product.md section 3). */
#include "../../domain/account.h"

#include "../../fcgi/core/email.h"
#include "../../fcgi/core/str.h"
#include "../../fcgi/http/request.h"
#include "product.h"

SCHEMA(product_me, STR(product_me, id, REQUIRED), STR(product_me, email, REQUIRED),
	STR(product_me, plan, REQUIRED),
	CENTS(product_me, balance_micro, REQUIRED, .json = "balance_cents",
		DOC("Included credit left this period")),
	CENTS(product_me, topup_balance_micro, REQUIRED, .json = "topup_balance_cents"),
	BOOL(product_me, overage_enabled, REQUIRED), BOOL(product_me, founding, REQUIRED),
	TIME_S(product_me, created_at_us, REQUIRED, .json = "created_at"),
	STR(product_me, display_name), TIME_S(product_me, period_start_us, .json = "period_start"),
	TIME_S(product_me, renews_at_us, .json = "renews_at"),
	BOOL(product_me, cancel_at_period_end, REQUIRED), OPT_I64(product_me, seats));

void product_me_fill(struct product_me *me, const struct session_caller_row *row)
{
	*me = (struct product_me){
		.id = row->public_id,
		.email = row->email,
		.plan = row->plan,
		.display_name = row->display_name,
		.balance_micro = row->allowance_micro,
		.topup_balance_micro = row->topup_micro,
		.overage_enabled = row->overage_enabled,
		.founding = row->founding,
		.cancel_at_period_end = row->cancel_at_period_end,
		.created_at_us = row->created_at_us,
		.period_start_us = row->period_start_at_us.value,
		.renews_at_us = row->renews_at_us.value,
		.seats = row->seats,
	};
}

/* The token's look-up has read all of it already: one query in all. */
int product_me_get(struct req *r, const void *in, void *out)
{
	(void)in;
	product_me_fill(out, product_account(r));
	return 0;
}

struct product_me_update_in {
	const char *display_name;
	struct opt_bool overage_enabled;
};
SCHEMA(product_me_update_in, STR(product_me_update_in, display_name, .max = 64),
	OPT_BOOL(product_me_update_in, overage_enabled, DOC("Needs an active subscription")));

int product_me_update(struct req *r, const void *in_, void *out)
{
	const struct product_me_update_in *in = in_;
	struct session_caller_row row = *product_account(r);

	if (in->overage_enabled.has && in->overage_enabled.value &&
		!account_is_subscribed(&row, r->now_us))
		return fail(r->fail, E_FORBIDDEN,
			"Overage needs an active subscription. Subscribe first.");
	TRY(sql_user_update(
		&r->db, in->display_name, in->overage_enabled, r->caller.user_id, NULL));
	if (in->display_name != NULL)
		row.display_name = in->display_name;
	if (in->overage_enabled.has)
		row.overage_enabled = in->overage_enabled.value;
	product_me_fill(out, &row);
	return 0;
}

struct product_account_delete_in {
	const char *confirm_email;
};
SCHEMA(product_account_delete_in,
	STR(product_account_delete_in, confirm_email, REQUIRED, .max = 1000,
		DOC("The address of the account, so that nothing is deleted by mistake")));

int product_account_delete(struct req *r, const void *in_, void *out_)
{
	const struct product_account_delete_in *in = in_;
	struct product_ok *out = out_;
	const char *email = mail_address_normal(r->arena, in->confirm_email);
	const struct session_caller_row *account = product_account(r);

	if (email == NULL || account->email == NULL || !str_equal(email, account->email))
		return fail(r->fail, E_FORBIDDEN,
			"confirm_email is not the address of this account. Nothing was deleted.");
	struct visitor visitor = req_visitor(r);
	TRY(account_erase(&r->db, r->caller.user_id, "at_once", &visitor, r->now_us));
	out->ok = true;
	return 0;
}
