/* The rows of an export: credentials without what makes them work, and what happened. */
#include "export.h"

#include "../../fcgi/core/clock.h"
#include "../../fcgi/http/request.h"

enum { AUDIT_ROWS_MAX = 100000 };

static const char *iso(struct req *r, i64 at_us)
{
	return clock_iso8601_ms(r->arena, at_us);
}

/* Newest first: what comes before the place. */
static u64 before(const struct export_place *at)
{
	return at->is_start ? INT64_MAX : at->id;
}

SCHEMA(account_identity, STR(account_identity, provider, REQUIRED),
	STR(account_identity, subject, REQUIRED),
	STR(account_identity, created_at, REQUIRED, .json = "createdAt"));

static int identities(struct req *r, struct export_place *at, const void **ret, size_t *ret_n)
{
	struct identity_page_row *row;

	TRY(sql_identity_page(&r->db, r->caller.user_id, at->id, &row, ret_n));
	struct account_identity *item = arena_array(r->arena, struct account_identity, *ret_n);
	for (size_t i = 0; i < *ret_n; i++) {
		item[i] = (struct account_identity){
			row[i].provider, row[i].subject, iso(r, row[i].created_at_us)};
		at->id = row[i].identity_id;
	}
	*ret = item;
	return 0;
}

SCHEMA(account_web_session, STR(account_web_session, id, REQUIRED),
	STR(account_web_session, ip, REQUIRED),
	STR(account_web_session, user_agent, REQUIRED, NULLABLE, .json = "userAgent"),
	STR(account_web_session, signed_in_at, REQUIRED, .json = "signedInAt"),
	STR(account_web_session, last_seen_at, REQUIRED, .json = "lastSeenAt"),
	STR(account_web_session, expires_at, REQUIRED, .json = "expiresAt"));

static int web_sessions(struct req *r, struct export_place *at, const void **ret, size_t *ret_n)
{
	struct web_session_page_row *row;

	TRY(sql_web_session_page(&r->db, r->caller.user_id, before(at), &row, ret_n));
	struct account_web_session *item =
		arena_array(r->arena, struct account_web_session, *ret_n);
	for (size_t i = 0; i < *ret_n; i++) {
		item[i] = (struct account_web_session){row[i].public_id, row[i].ip,
			row[i].user_agent, iso(r, row[i].auth_at_us),
			iso(r, row[i].last_seen_at_us), iso(r, row[i].expires_at_us)};
		at->id = row[i].web_session_id;
	}
	*ret = item;
	return 0;
}

SCHEMA(account_device, STR(account_device, id, REQUIRED),
	STR(account_device, device, REQUIRED, NULLABLE, DOC("Platform id")),
	STR(account_device, device_name, REQUIRED, NULLABLE, .json = "deviceName"),
	STR(account_device, ip, REQUIRED),
	STR(account_device, user_agent, REQUIRED, NULLABLE, .json = "userAgent"),
	STR(account_device, created_at, REQUIRED, .json = "createdAt"),
	STR(account_device, last_seen_at, REQUIRED, .json = "lastSeenAt"),
	STR(account_device, expires_at, REQUIRED, .json = "expiresAt"));

static int devices(struct req *r, struct export_place *at, const void **ret, size_t *ret_n)
{
	struct session_page_row *row;

	TRY(sql_session_page(&r->db, r->caller.user_id, before(at), &row, ret_n));
	struct account_device *item = arena_array(r->arena, struct account_device, *ret_n);
	for (size_t i = 0; i < *ret_n; i++) {
		item[i] =
			(struct account_device){row[i].public_id, row[i].device, row[i].device_name,
				row[i].ip, row[i].user_agent, iso(r, row[i].created_at_us),
				iso(r, row[i].last_seen_at_us), iso(r, row[i].expires_at_us)};
		at->id = row[i].session_id;
	}
	*ret = item;
	return 0;
}

SCHEMA(account_ide_token, STR(account_ide_token, id, REQUIRED),
	STR(account_ide_token, name, REQUIRED, NULLABLE),
	STR(account_ide_token, created_at, REQUIRED, .json = "createdAt"),
	STR(account_ide_token, last_used_at, REQUIRED, .json = "lastUsedAt"),
	STR(account_ide_token, expires_at, REQUIRED, .json = "expiresAt"));

static int ide_tokens(struct req *r, struct export_place *at, const void **ret, size_t *ret_n)
{
	struct ide_token_page_row *row;

	TRY(sql_ide_token_page(&r->db, r->caller.user_id, before(at), &row, ret_n));
	struct account_ide_token *item = arena_array(r->arena, struct account_ide_token, *ret_n);
	for (size_t i = 0; i < *ret_n; i++) {
		item[i] = (struct account_ide_token){row[i].public_id, row[i].name,
			iso(r, row[i].created_at_us), iso(r, row[i].last_used_at_us),
			iso(r, row[i].expires_at_us)};
		at->id = row[i].ide_token_id;
	}
	*ret = item;
	return 0;
}

SCHEMA(account_event, STR(account_event, event, REQUIRED),
	STR(account_event, detail, REQUIRED, NULLABLE), STR(account_event, ip, REQUIRED, NULLABLE),
	STR(account_event, user_agent, REQUIRED, NULLABLE, .json = "userAgent"),
	STR(account_event, request_id, REQUIRED, NULLABLE, .json = "requestId"),
	STR(account_event, created_at, REQUIRED, .json = "createdAt"));

static int events(struct req *r, struct export_place *at, const void **ret, size_t *ret_n)
{
	struct audit_page_row *row;

	TRY(sql_audit_page(&r->db, r->caller.user_id, before(at), &row, ret_n));
	struct account_event *item = arena_array(r->arena, struct account_event, *ret_n);
	for (size_t i = 0; i < *ret_n; i++) {
		item[i] = (struct account_event){row[i].event, row[i].detail, row[i].ip,
			row[i].user_agent, row[i].request_id, iso(r, row[i].at_us)};
		at->id = row[i].audit_event_id;
	}
	*ret = item;
	return 0;
}

const struct export_part account_export_parts[] = {
	{"identities", &account_identity_schema, identities, 0},
	{"webSessions", &account_web_session_schema, web_sessions, 0},
	{"sessions", &account_device_schema, devices, 0},
	{"ideTokens", &account_ide_token_schema, ide_tokens, 0},
	{"auditLog", &account_event_schema, events, AUDIT_ROWS_MAX},
	{.name = NULL},
};
