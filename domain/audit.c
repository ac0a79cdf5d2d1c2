/* Writing security events down. */
#include "audit.h"

#include "../fcgi/core/log.h"
#include "../fcgi/core/str.h"
#include "gen/sql.h"

enum { USER_AGENT_MAX = 200 };

const struct audit_info audit_table[AUDIT_MAX] = {
#define AUDIT(id, name, text) [AUDIT_##id] = {name, text},
#include "audit.def"
#undef AUDIT
};

static void log_event(
	enum audit_event event, u64 user_id, const char *detail, const struct visitor *visitor)
{
	LOG(INFO, audit_table[event].name, LOG_TEXT("request_id", visitor->request_id),
		LOG_NUMBER("user", (i64)user_id), LOG_TEXT("detail", detail));
}

void audit_note(enum audit_event event, const char *detail, const struct visitor *visitor)
{
	log_event(event, 0, detail, visitor);
}

int audit_add(struct db *db, enum audit_event event, u64 user_id, const char *detail,
	const struct visitor *visitor, i64 now_us)
{
	log_event(event, user_id, detail, visitor);
	return sql_audit_insert(db,
		&(struct audit_insert_in){
			.user_id = {user_id != 0, (i64)user_id},
			.event = audit_table[event].name,
			.detail = detail,
			.ip = visitor->ip,
			.user_agent = utf8_clipped(db->arena, visitor->user_agent, USER_AGENT_MAX),
			.request_id = visitor->request_id,
			.at_us = now_us,
		},
		NULL);
}
