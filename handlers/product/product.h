/* The product family: handlers, and the shapes that several files use (contracts/product.md). */
#ifndef TURNPIKE_PRODUCT_H
#define TURNPIKE_PRODUCT_H

#include "../../fcgi/http/schema.h"
#include "../visitor.h"
#include "gen/sql.h"

struct req;

int product_authenticate(struct req *r);

/* The account of the caller. */
const struct session_caller_row *product_account(const struct req *r);

/* {"ok":true} */
struct product_ok {
	bool ok;
};
SCHEMA_DECLARE(product_ok);

/* GET /api/account/me; also part of a sign-in's answer. */
struct product_me {
	const char *id, *email, *plan, *display_name;
	i64 balance_micro, topup_balance_micro;
	bool overage_enabled, founding, cancel_at_period_end;
	i64 created_at_us, period_start_us, renews_at_us;
	struct opt_i64 seats;
};
SCHEMA_DECLARE(product_me);
void product_me_fill(struct product_me *me, const struct session_caller_row *row);

/* GET /api/account/orders; also part of the export. */
struct product_order {
	const char *id, *kind, *status, *currency, *invoice_url;
	i64 amount_cents, ts_us;
};
SCHEMA_DECLARE(product_order);
struct product_order *product_orders_of(struct arena *a, const struct order_row *row, size_t n);

/* The answer of every sign-in. */
struct product_signed_in {
	const char *token;
	i64 expires_at_us;
	struct product_me *user; /* NULL: the second factor comes first */
	struct opt_bool mfa_required;
	const char *redirect, *challenge;
};
SCHEMA_DECLARE(product_signed_in);

#define HANDLER(name) int name(struct req *r, const void *in, void *out)
HANDLER(product_health);
HANDLER(product_catalog);
HANDLER(product_founding);
HANDLER(product_status);
HANDLER(product_code_request);
HANDLER(product_code_verify);
HANDLER(product_password_signin);
HANDLER(product_handoff_exchange);
HANDLER(product_handoff_create);
HANDLER(product_signout);
HANDLER(product_signout_others);
HANDLER(product_oauth_start);
HANDLER(product_oauth_callback);
HANDLER(product_me_get);
HANDLER(product_me_update);
HANDLER(product_orders_list);
HANDLER(product_sessions_list);
HANDLER(product_session_revoke);
HANDLER(product_credentials_list);
HANDLER(product_credential_end);
HANDLER(product_wallet_get);
HANDLER(product_export_get);
HANDLER(product_account_delete);
HANDLER(product_usage_record);
HANDLER(product_usage_check);
HANDLER(product_usage_increment);
HANDLER(product_update_get);
#undef HANDLER

SCHEMA_DECLARE(product_health);
SCHEMA_DECLARE(product_catalog);
SCHEMA_DECLARE(product_founding);
SCHEMA_DECLARE(product_status);
SCHEMA_DECLARE(product_code_request_in);
SCHEMA_DECLARE(product_code_request);
SCHEMA_DECLARE(product_code_verify_in);
SCHEMA_DECLARE(product_password_in);
SCHEMA_DECLARE(product_exchange_in);
SCHEMA_DECLARE(product_handoff_in);
SCHEMA_DECLARE(product_handoff);
SCHEMA_DECLARE(product_revoked);
SCHEMA_DECLARE(product_oauth_start_in);
SCHEMA_DECLARE(product_oauth_callback_in);
SCHEMA_DECLARE(product_me_update_in);
SCHEMA_DECLARE(product_orders_in);
SCHEMA_DECLARE(product_orders);
SCHEMA_DECLARE(product_sessions);
SCHEMA_DECLARE(product_session_in);
SCHEMA_DECLARE(product_credentials);
SCHEMA_DECLARE(product_credential_in);
SCHEMA_DECLARE(product_wallet);
SCHEMA_DECLARE(product_export);
SCHEMA_DECLARE(product_account_delete_in);
SCHEMA_DECLARE(product_usage_in);
SCHEMA_DECLARE(product_recorded);
SCHEMA_DECLARE(product_usage_check);
SCHEMA_DECLARE(product_increment_in);
SCHEMA_DECLARE(product_increment);
SCHEMA_DECLARE(product_update_in);
SCHEMA_DECLARE(product_update);

#endif
