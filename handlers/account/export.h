/* Parts of the export: what export.c and export_parts.c share. */
#ifndef TURNPIKE_ACCOUNT_EXPORT_H
#define TURNPIKE_ACCOUNT_EXPORT_H

#include "../../fcgi/http/export.h"
#include "account.h"

struct account_identity {
	const char *provider, *subject, *created_at;
};
SCHEMA_DECLARE(account_identity);

struct account_web_session {
	const char *id, *ip, *user_agent, *signed_in_at, *last_seen_at, *expires_at;
};
SCHEMA_DECLARE(account_web_session);

struct account_device {
	const char *id, *device, *device_name, *ip, *user_agent, *created_at, *last_seen_at;
	const char *expires_at;
};
SCHEMA_DECLARE(account_device);

struct account_ide_token {
	const char *id, *name, *created_at, *last_used_at, *expires_at;
};
SCHEMA_DECLARE(account_ide_token);

struct account_event {
	const char *event, *detail, *ip, *user_agent, *request_id, *created_at;
};
SCHEMA_DECLARE(account_event);

/* Ends with a NULL name. */
extern const struct export_part account_export_parts[];

#endif
