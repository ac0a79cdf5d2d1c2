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
	size_t n_identities, n_sessions, n_orders, n_usage, n_usage_days, n_calls, n_call_days;
	size_t n_turns, n_turn_days, n_ide_tokens, n_feedback;
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
	ARRAY(product_export, feedback, export_feedback, REQUIRED));

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

static const struct part {
	const char *name;
	const struct schema *schema;
	int (*page)(struct req *r, struct export_place *at, const void **ret, size_t *ret_n);
} parts[] = {
	{"identities", &export_identity_schema, identities},
	{"sessions", &export_session_schema, sessions},
	{"orders", &product_order_schema, orders},
	{"usage", &export_usage_schema, export_usage_page},
	{"usage_days", &export_usage_day_schema, export_usage_day_page},
	{"calls", &export_call_schema, export_call_page},
	{"call_days", &export_call_day_schema, export_call_day_page},
	{"turns", &export_turn_schema, export_turn_page},
	{"turn_days", &export_turn_day_schema, export_turn_day_page},
	{"ide_tokens", &export_ide_token_schema, export_ide_token_page},
	{"feedback", &export_feedback_schema, export_feedback_page},
};

/* The next page of a part as JSON; *ret_is_last when the part ends with it. */
static int put_page(struct req *r, const struct part *part, struct export_place *at,
	struct buf *out, bool *ret_is_last)
{
	const void *items;
	size_t n;

	TRY(part->page(r, at, &items, &n));
	if (at->is_start)
		buf_printf(out, ",\"%s\":[", part->name);
	for (size_t i = 0; i < n; i++) {
		if (i > 0 || !at->is_start)
			buf_char(out, ',');
		schema_encode(part->schema, (const char *)items + i * part->schema->size, out);
	}
	at->is_start = false;
	*ret_is_last = n < EXPORT_PAGE_ROWS;
	if (*ret_is_last)
		buf_char(out, ']');
	return 0;
}

static int write_part(struct req *r, const struct part *part)
{
	struct export_place at = {.is_start = true};
	struct buf b;

	for (bool is_last = false; !is_last;) {
		struct arena_mark mark = arena_mark(r->arena);
		buf_init(&b, r->arena, 64 * 1024);
		TRY(put_page(r, part, &at, &b, &is_last));
		TRY(resp_stream_write(r, b.data, b.length));
		arena_rewind(r->arena, mark);
	}
	return 0;
}

static int write_rest(struct req *r)
{
	for (size_t i = 1; i < ARRAY_LEN(parts); i++)
		TRY(write_part(r, &parts[i]));
	return resp_stream_write(r, "}\n", 2);
}

/* The account and its identities, of which there are few, are read before anything is sent: when
 * the database is away, the answer is an error like any other. */
int product_export_get(struct req *r, const void *in, void *out)
{
	struct export_place at = {.is_start = true};
	struct product_me me;
	struct buf b;

	(void)in, (void)out;
	buf_init(&b, r->arena, 4096);
	buf_printf(&b, "{\"exported_at\":%lld,\"account\":", (long long)(r->now_us / US_PER_S));
	product_me_fill(&me, product_account(r));
	schema_encode(&product_me_schema, &me, &b);
	for (bool is_last = false; !is_last;)
		TRY(put_page(r, &parts[0], &at, &b, &is_last));
	resp_header(r, "Content-Disposition", "attachment; filename=\"account.json\"");
	return resp_stream_begin(r, b.data, b.length, write_rest);
}
