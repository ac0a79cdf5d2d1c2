/* The export of what the gateway has of an account (gateway.md section 4), written in pages as it
 * is read. */
#include <stdio.h>

#include "../../domain/account.h"
#include "../../domain/credential.h"
#include "../../fcgi/core/clock.h"
#include "../../fcgi/core/str.h"
#include "../../fcgi/http/request.h"
#include "../../fcgi/http/response.h"
#include "../visitor.h"
#include "lists.h"

enum { PAGE_ROWS = 1000, CURSOR_BYTES = 64 };

struct gateway_export_subscription {
	const char *status, *tier, *current_period_end;
	bool cancel_at_period_end;
};
SCHEMA(gateway_export_subscription,
	STR(gateway_export_subscription, status, REQUIRED, .values = "active|none"),
	STR(gateway_export_subscription, tier, REQUIRED),
	STR(gateway_export_subscription, current_period_end, REQUIRED, NULLABLE,
		.json = "currentPeriodEnd", DOC("ISO 8601")),
	BOOL(gateway_export_subscription, cancel_at_period_end, REQUIRED,
		.json = "cancelAtPeriodEnd"));

struct gateway_export_device {
	const char *kind, *id, *name, *device, *ip, *created_at, *last_seen_at, *expires_at;
};
SCHEMA(gateway_export_device,
	STR(gateway_export_device, kind, REQUIRED, .values = "session|browser|ide"),
	STR(gateway_export_device, id, REQUIRED),
	STR(gateway_export_device, name, REQUIRED, NULLABLE),
	STR(gateway_export_device, device, REQUIRED, NULLABLE),
	STR(gateway_export_device, ip, REQUIRED, NULLABLE),
	STR(gateway_export_device, created_at, REQUIRED, .json = "createdAt"),
	STR(gateway_export_device, last_seen_at, REQUIRED, .json = "lastSeenAt"),
	STR(gateway_export_device, expires_at, REQUIRED, .json = "expiresAt"));

struct gateway_export_consent {
	const char *kind, *name, *given_at;
};
SCHEMA(gateway_export_consent,
	STR(gateway_export_consent, kind, REQUIRED, .values = "sign_in|overage",
		DOC("Signing in by a provider; calls beyond the credit")),
	STR(gateway_export_consent, name, REQUIRED),
	STR(gateway_export_consent, given_at, REQUIRED, NULLABLE, .json = "givenAt",
		DOC("null: not known")));

/* The shape of the answer; nothing holds one. */
struct gateway_export {
	const char *exported_at;
	struct gateway_me *account;
	struct gateway_export_subscription *subscription;
	struct gateway_transaction *transactions;
	struct gateway_activity_item *usage;
	struct gateway_export_device *devices;
	struct gateway_export_consent *consents;
	struct gateway_export_feedback *feedback;
	struct gateway_export_event *telemetry;
	size_t n_transactions, n_usage, n_devices, n_consents, n_feedback, n_telemetry;
};
SCHEMA(gateway_export, STR(gateway_export, exported_at, REQUIRED, .json = "exportedAt"),
	OBJECT(gateway_export, account, gateway_me, REQUIRED),
	OBJECT(gateway_export, subscription, gateway_export_subscription, REQUIRED),
	ARRAY(gateway_export, transactions, gateway_transaction, REQUIRED, DOC("Newest first")),
	ARRAY(gateway_export, usage, gateway_activity_item, REQUIRED, DOC("Calls, newest first")),
	ARRAY(gateway_export, devices, gateway_export_device, REQUIRED),
	ARRAY(gateway_export, consents, gateway_export_consent, REQUIRED),
	ARRAY(gateway_export, feedback, gateway_export_feedback, REQUIRED, DOC("Newest first")),
	ARRAY(gateway_export, telemetry, gateway_export_event, REQUIRED, DOC("Newest first")));

static int transactions(struct req *r, const char *cursor, struct gateway_page *ret)
{
	struct gateway_transactions_in in = {.limit = PAGE_ROWS};
	struct gateway_transactions out = {0};

	in.cursor.has = cursor != NULL && str_to_i64(cursor, &in.cursor.value);
	TRY(gateway_transactions_list(r, &in, &out));
	*ret = (struct gateway_page){out.transactions, out.n_transactions, out.next_cursor};
	return 0;
}

static int usage(struct req *r, const char *cursor, struct gateway_page *ret)
{
	struct gateway_activity_in in = {.limit = PAGE_ROWS, .cursor = cursor};
	struct gateway_activity out = {0};

	TRY(gateway_activity_list(r, &in, &out));
	*ret = (struct gateway_page){out.items, out.n_items, out.next_cursor};
	return 0;
}

static int devices(struct req *r, const char *cursor, struct gateway_page *ret)
{
	struct credential_list_row *row;
	size_t n;

	(void)cursor;
	TRY(credential_list(&r->db, r->caller.user_id, r->now_us, &row, &n));
	struct gateway_export_device *item = arena_array(r->arena, struct gateway_export_device, n);
	for (size_t i = 0; i < n; i++)
		item[i] = (struct gateway_export_device){
			.kind = row[i].kind,
			.id = row[i].public_id,
			.name = row[i].name,
			.device = row[i].device,
			.ip = row[i].ip,
			.created_at = clock_iso8601_ms(r->arena, row[i].created_at_us),
			.last_seen_at = clock_iso8601_ms(r->arena, row[i].last_seen_at_us),
			.expires_at = clock_iso8601_ms(r->arena, row[i].expires_at_us),
		};
	*ret = (struct gateway_page){item, n, NULL};
	return 0;
}

static int consents(struct req *r, const char *cursor, struct gateway_page *ret)
{
	struct consent_list_row *row;
	size_t n;

	(void)cursor;
	TRY(sql_consent_list(&r->db, r->caller.user_id, &row, &n));
	struct gateway_export_consent *item =
		arena_array(r->arena, struct gateway_export_consent, n);
	for (size_t i = 0; i < n; i++)
		item[i] = (struct gateway_export_consent){row[i].kind, row[i].name,
			row[i].given_at_us.has
				? clock_iso8601_ms(r->arena, row[i].given_at_us.value)
				: NULL};
	*ret = (struct gateway_page){item, n, NULL};
	return 0;
}

static const struct part {
	const char *name;
	const struct schema *schema;
	int (*page)(struct req *r, const char *cursor, struct gateway_page *ret);
} parts[] = {
	{"transactions", &gateway_transaction_schema, transactions},
	{"usage", &gateway_activity_item_schema, usage},
	{"devices", &gateway_export_device_schema, devices},
	{"consents", &gateway_export_consent_schema, consents},
	{"feedback", &gateway_export_feedback_schema, gateway_feedback_page},
	{"telemetry", &gateway_export_event_schema, gateway_telemetry_page},
};

static void put_page(
	const struct part *part, const struct gateway_page *page, bool is_first, struct buf *out)
{
	if (is_first)
		buf_printf(out, ",\"%s\":[", part->name);
	for (size_t i = 0; i < page->n; i++) {
		if (i > 0 || !is_first)
			buf_char(out, ',');
		schema_encode(
			part->schema, (const char *)page->items + i * part->schema->size, out);
	}
	if (page->next == NULL)
		buf_char(out, ']');
}

static int write_part(struct req *r, const struct part *part)
{
	char cursor[CURSOR_BYTES] = "";
	bool is_first = true, is_last = false;
	struct gateway_page page;
	struct buf b;

	for (; !is_last; is_first = false) {
		struct arena_mark mark = arena_mark(r->arena);
		buf_init(&b, r->arena, 64 * 1024);
		TRY(part->page(r, is_first ? NULL : cursor, &page));
		put_page(part, &page, is_first, &b);
		TRY(resp_stream_write(r, b.data, b.length));
		is_last = page.next == NULL;
		if (!is_last)
			snprintf(cursor, sizeof(cursor), "%s", page.next);
		arena_rewind(r->arena, mark);
	}
	return 0;
}

static int write_rest(struct req *r)
{
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		TRY(write_part(r, &parts[i]));
	return resp_stream_write(r, "}\n", 2);
}

static int put_subscription(struct req *r, const char *tier, struct buf *out)
{
	struct subscription_get_row row;
	int rc = sql_subscription_get(&r->db, r->caller.user_id, &row);

	if (rc == SQL_NONE)
		return fail(r->fail, E_UNAUTHORIZED, NULL);
	TRY(rc);
	const struct session_caller_row plan = {.plan = row.plan, .renews_at_us = row.renews_at_us};
	struct gateway_export_subscription s = {
		.status = account_is_subscribed(&plan, r->now_us) ? "active" : "none",
		.tier = tier,
		.cancel_at_period_end = row.cancel_at_period_end,
	};
	if (row.renews_at_us.has)
		s.current_period_end = clock_iso8601_ms(r->arena, row.renews_at_us.value);
	schema_encode(&gateway_export_subscription_schema, &s, out);
	return 0;
}

/* The account is read before anything is sent: when the database is away, the answer is an error
 * like any other. */
int gateway_export_get(struct req *r, const void *in, void *out)
{
	struct visitor visitor = req_visitor(r);
	struct gateway_me me = {0};
	struct buf b;

	(void)out;
	TRY(gateway_me(r, in, &me));
	buf_init(&b, r->arena, 4096);
	buf_printf(
		&b, "{\"exportedAt\":\"%s\",\"account\":", clock_iso8601_ms(r->arena, r->now_us));
	schema_encode(&gateway_me_schema, &me, &b);
	buf_str(&b, ",\"subscription\":");
	TRY(put_subscription(r, me.tier, &b));
	TRY(audit_add(&r->db, AUDIT_EXPORTED, r->caller.user_id, "gateway", &visitor, r->now_us));
	resp_header(r, "Content-Disposition", "attachment; filename=\"account.json\"");
	return resp_stream_begin(r, b.data, b.length, write_rest);
}
