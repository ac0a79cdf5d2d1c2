/* The gateway family: handlers, and what several files use (contracts/gateway.md). */
#ifndef TURNPIKE_GATEWAY_H
#define TURNPIKE_GATEWAY_H

#include "../../fcgi/http/schema.h"

struct db;
struct req;
struct worker;

/* What the caller showed. */
enum gateway_credential { GATEWAY_SESSION, GATEWAY_IDE_TOKEN, GATEWAY_JWT };

/* Who calls. Money and entitlements are asked of their own rooms, by user_id and plan. */
struct gateway_account {
	u64 user_id;
	enum gateway_credential credential;
	const char *public_id, *plan;
	const char *email, *display_name; /* NULL: none */
	i64 created_at_us;
};

/* The account of the caller, or NULL where authentication is optional and nobody signed in. */
const struct gateway_account *gateway_account(const struct req *r);
int gateway_authenticate(struct req *r);
/* Looks after the database, for /health/ready. */
void gateway_tick(const struct worker *worker, struct db *db);

#define HANDLER(name) int name(struct req *r, const void *in, void *out)
HANDLER(gateway_models_list);
HANDLER(gateway_model_get);
HANDLER(gateway_model_tier_get);
HANDLER(gateway_catalog_manifest);
HANDLER(gateway_catalog_plans);
HANDLER(gateway_catalog_models);
HANDLER(gateway_catalog_packs);
HANDLER(gateway_account_tiers);
HANDLER(gateway_me);
HANDLER(gateway_profile_set);
HANDLER(gateway_credits);
HANDLER(gateway_usage_get);
HANDLER(gateway_activity_list);
HANDLER(gateway_receipt_get);
HANDLER(gateway_transactions_list);
HANDLER(gateway_export_get);
HANDLER(gateway_account_delete);
HANDLER(gateway_device_start);
HANDLER(gateway_device_poll);
HANDLER(gateway_device_token);
HANDLER(gateway_device_get);
HANDLER(gateway_device_approve);
HANDLER(gateway_device_deny);
HANDLER(gateway_device_revoke);
HANDLER(gateway_ide_start);
HANDLER(gateway_ide_describe);
HANDLER(gateway_ide_approve);
HANDLER(gateway_ide_deny);
HANDLER(gateway_ide_token);
HANDLER(gateway_health);
HANDLER(gateway_ready);
HANDLER(gateway_detailed);
HANDLER(gateway_telemetry);
HANDLER(gateway_feedback);
HANDLER(gateway_chat);
HANDLER(gateway_completions);
#undef HANDLER

SCHEMA_DECLARE(gateway_chat_in);
SCHEMA_DECLARE(gateway_chat);
SCHEMA_DECLARE(gateway_completions_in);
SCHEMA_DECLARE(gateway_completion);
SCHEMA_DECLARE(gateway_model);
SCHEMA_DECLARE(gateway_model_in);
SCHEMA_DECLARE(gateway_model_list);
SCHEMA_DECLARE(gateway_model_tier_in);
SCHEMA_DECLARE(gateway_manifest);
SCHEMA_DECLARE(gateway_catalog_plans);
SCHEMA_DECLARE(gateway_catalog_models);
SCHEMA_DECLARE(gateway_catalog_packs);
SCHEMA_DECLARE(gateway_tiers);
SCHEMA_DECLARE(gateway_me);
SCHEMA_DECLARE(gateway_profile_in);
SCHEMA_DECLARE(gateway_credits);
SCHEMA_DECLARE(gateway_usage_in);
SCHEMA_DECLARE(gateway_period_usage);
SCHEMA_DECLARE(gateway_activity_in);
SCHEMA_DECLARE(gateway_activity);
SCHEMA_DECLARE(gateway_receipt_in);
SCHEMA_DECLARE(gateway_receipt);
SCHEMA_DECLARE(gateway_transactions_in);
SCHEMA_DECLARE(gateway_transactions);
SCHEMA_DECLARE(gateway_export);
SCHEMA_DECLARE(gateway_account_delete_in);
SCHEMA_DECLARE(gateway_deleted);
SCHEMA_DECLARE(gateway_device_start_in);
SCHEMA_DECLARE(gateway_device_start);
SCHEMA_DECLARE(gateway_device_poll_in);
SCHEMA_DECLARE(gateway_device_poll);
SCHEMA_DECLARE(gateway_device_token_in);
SCHEMA_DECLARE(gateway_device_token);
SCHEMA_DECLARE(gateway_device_in);
SCHEMA_DECLARE(gateway_user_code_in);
SCHEMA_DECLARE(gateway_device_revoke_in);
SCHEMA_DECLARE(gateway_ok);
SCHEMA_DECLARE(gateway_ide_start_in);
SCHEMA_DECLARE(gateway_ide_start);
SCHEMA_DECLARE(gateway_ide_code_in);
SCHEMA_DECLARE(gateway_ide_token_in);
SCHEMA_DECLARE(gateway_ide_token);
SCHEMA_DECLARE(gateway_login_view);
SCHEMA_DECLARE(gateway_decided);
SCHEMA_DECLARE(gateway_health);
SCHEMA_DECLARE(gateway_ready);
SCHEMA_DECLARE(gateway_detailed);
SCHEMA_DECLARE(gateway_telemetry_in);
SCHEMA_DECLARE(gateway_accepted);
SCHEMA_DECLARE(gateway_feedback_in);
SCHEMA_DECLARE(gateway_feedback);

#endif
