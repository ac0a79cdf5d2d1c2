/* The export of everything that is stored about an account (product.md section 3). It is written in
 * pages as it is read: memory stays the same however much there is. */
#include "export.h"
#include "../../fcgi/core/clock.h"
#include "../../fcgi/http/request.h"
#include "../../fcgi/http/response.h"

struct export_identity {
	const char *provider, *subject;
	i64 created_at_us;
};
SCHEMA(export_identity, STR(export_identity, provider, REQUIRED),
	STR(export_identity, subject, REQUIRED),
	TIME_S(export_identity, created_at_us, REQUIRED, .json = "created_at"));

struct export_session {
	const char *id, *device, *device_name, *user_agent, *ip;
	i64 last_seen_us, created_at_us, expires_at_us;
	struct opt_bool current;
};
SCHEMA(export_session, STR(export_session, id, REQUIRED),
	STR(export_session, device, REQUIRED, NULLABLE, DOC("Platform id")),
	STR(export_session, ip, REQUIRED), STR(export_session, user_agent),
	STR(export_session, device_name),
	TIME_S(export_session, last_seen_us, REQUIRED, .json = "last_seen"),
	TIME_S(export_session, created_at_us, REQUIRED, .json = "created_at"),
	TIME_S(export_session, expires_at_us, REQUIRED, .json = "expires_at"),
	OPT_BOOL(export_session, current, DOC("true on the session that asks")));

struct export_event {
	const char *event, *detail, *ip, *user_agent, *request_id;
	i64 at_us;
};
SCHEMA(export_event, STR(export_event, event, REQUIRED), STR(export_event, detail),
	STR(export_event, ip), STR(export_event, user_agent), STR(export_event, request_id),
	TIME_S(export_event, at_us, REQUIRED, .json = "at"));

/* The shape of the answer; nothing holds one. */
struct product_export {
	i64 exported_at_us;
	struct product_me *account;
	struct export_identity *identities;
	struct export_session *sessions;
	struct product_order *orders;
	struct export_usage *usage;
	struct export_usage_day *usage_days;
	struct export_call *calls;
	struct export_call_day *call_days;
	struct export_turn *turns;
	struct export_turn_day *turn_days;
	struct export_ide_token *ide_tokens;
	struct export_feedback *feedback;
	struct export_telemetry *telemetry;
	struct export_event *audit;
	size_t n_identities, n_sessions, n_orders, n_usage, n_usage_days, n_calls, n_call_days;
	size_t n_turns, n_turn_days, n_ide_tokens, n_feedback, n_telemetry, n_audit;
};
SCHEMA(product_export, TIME_S(product_export, exported_at_us, REQUIRED, .json = "exported_at"),
	OBJECT(product_export, account, product_me, REQUIRED),
	ARRAY(product_export, identities, export_identity, REQUIRED),
	ARRAY(product_export, sessions, export_session, REQUIRED),
	ARRAY(product_export, orders, product_order, REQUIRED),
	ARRAY(product_export, usage, export_usage, REQUIRED, DOC("Newest first")),
	ARRAY(product_export, usage_days, export_usage_day, REQUIRED, DOC("Sums of usage")),
	ARRAY(product_export, calls, export_call, REQUIRED, DOC("Of hosted models, newest first")),
	ARRAY(product_export, call_days, export_call_day, REQUIRED, DOC("Sums of calls")),
	ARRAY(product_export, turns, export_turn, REQUIRED, DOC("Of the days that are kept")),
	ARRAY(product_export, turn_days, export_turn_day, REQUIRED),
	ARRAY(product_export, ide_tokens, export_ide_token, REQUIRED,
		DOC("Not the tokens as such")),
	ARRAY(product_export, feedback, export_feedback, REQUIRED),
	ARRAY(product_export, telemetry, export_telemetry, REQUIRED, DOC("Newest first")),
	ARRAY(product_export, audit, export_event, REQUIRED,
		DOC("Security events, newest first; kept for 90 days")));

static int identities(struct req *r, struct export_place *at, const void **ret, size_t *ret_n)
{
	struct identity_page_row *row;

	TRY(sql_identity_page(&r->db, r->caller.user_id, at->id, &row, ret_n));
	struct export_identity *item = arena_array(r->arena, struct export_identity, *ret_n);
	for (size_t i = 0; i < *ret_n; i++) {
		item[i] = (struct export_identity){
			row[i].provider, row[i].subject, row[i].created_at_us};
		at->id = row[i].identity_id;
	}
	*ret = item;
	return 0;
}

static int sessions(struct req *r, struct export_place *at, const void **ret, size_t *ret_n)
{
	struct session_page_row *row;

	TRY(sql_session_page(
		&r->db, r->caller.user_id, at->is_start ? INT64_MAX : at->id, &row, ret_n));
	struct export_session *item = arena_array(r->arena, struct export_session, *ret_n);
	for (size_t i = 0; i < *ret_n; i++) {
		item[i] = (struct export_session){
			.id = row[i].public_id,
			.device = row[i].device,
			.device_name = row[i].device_name,
			.user_agent = row[i].user_agent,
			.ip = row[i].ip,
			.last_seen_us = row[i].last_seen_at_us,
			.created_at_us = row[i].created_at_us,
			.expires_at_us = row[i].expires_at_us,
			.current = {row[i].session_id == r->caller.session_id, true},
		};
		at->id = row[i].session_id;
	}
	*ret = item;
	return 0;
}

static int orders(struct req *r, struct export_place *at, const void **ret, size_t *ret_n)
{
	struct order_row *row;

	TRY(sql_order_page(&r->db, r->caller.user_id, at->is_start ? INT64_MAX : at->at_us, at->id,
		&row, ret_n));
	*ret = product_orders_of(r->arena, row, *ret_n);
	if (*ret_n > 0) {
		at->at_us = row[*ret_n - 1].created_at_us;
		at->id = row[*ret_n - 1].order_id;
	}
	return 0;
}

static int events(struct req *r, struct export_place *at, const void **ret, size_t *ret_n)
{
	struct audit_page_row *row;

	TRY(sql_audit_page(
		&r->db, r->caller.user_id, at->is_start ? INT64_MAX : at->id, &row, ret_n));
	struct export_event *item = arena_array(r->arena, struct export_event, *ret_n);
	for (size_t i = 0; i < *ret_n; i++) {
		item[i] = (struct export_event){row[i].event, row[i].detail, row[i].ip,
			row[i].user_agent, row[i].request_id, row[i].at_us};
		at->id = row[i].audit_event_id;
	}
	*ret = item;
	return 0;
}

static const struct export_part parts[] = {
	{"identities", &export_identity_schema, identities, 0},
	{"sessions", &export_session_schema, sessions, 0},
	{"orders", &product_order_schema, orders, 0},
	{"usage", &export_usage_schema, export_usage_page, 0},
	{"usage_days", &export_usage_day_schema, export_usage_day_page, 0},
	{"calls", &export_call_schema, export_call_page, 0},
	{"call_days", &export_call_day_schema, export_call_day_page, 0},
	{"turns", &export_turn_schema, export_turn_page, 0},
	{"turn_days", &export_turn_day_schema, export_turn_day_page, 0},
	{"ide_tokens", &export_ide_token_schema, export_ide_token_page, 0},
	{"feedback", &export_feedback_schema, export_feedback_page, 0},
	{"telemetry", &export_telemetry_schema, export_telemetry_page, 0},
	{"audit", &export_event_schema, events, 0},
};

static int write_rest(struct req *r)
{
	for (size_t i = 1; i < ARRAY_LEN(parts); i++)
		TRY(export_write_part(r, &parts[i], NULL));
	return resp_stream_write(r, "}\n", 2);
}

/* The account and its identities, of which there are few, are read before anything is sent: when
 * the database is away, the answer is an error like any other. */
int product_export_get(struct req *r, const void *in, void *out)
{
	struct product_me me;
	struct buf b;

	(void)in, (void)out;
	buf_init(&b, r->arena, 4096);
	buf_printf(&b, "{\"exported_at\":%lld,\"account\":", (long long)(r->now_us / US_PER_S));
	product_me_fill(&me, product_account(r));
	schema_encode(&product_me_schema, &me, &b);
	TRY(export_put_part(r, &parts[0], &b));
	resp_header(r, "Content-Disposition", "attachment; filename=\"account.json\"");
	return resp_stream_begin(r, b.data, b.length, write_rest);
}
