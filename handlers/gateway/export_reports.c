/* What clients have reported in somebody's name (gateway.md section 10), as the export shows it. */
#include "../../fcgi/core/clock.h"
#include "../../fcgi/core/str.h"
#include "../../fcgi/http/request.h"
#include "gen/sql.h"
#include "lists.h"

SCHEMA(gateway_export_feedback, STR(gateway_export_feedback, id, REQUIRED),
	STR(gateway_export_feedback, message, REQUIRED),
	STR(gateway_export_feedback, category, REQUIRED, NULLABLE),
	OPT_I64(gateway_export_feedback, rating, REQUIRED, NULLABLE),
	STR(gateway_export_feedback, request_id, REQUIRED, NULLABLE, .json = "requestId"),
	STR(gateway_export_feedback, app_version, REQUIRED, NULLABLE, .json = "appVersion"),
	STR(gateway_export_feedback, created_at, REQUIRED, .json = "createdAt"));

SCHEMA(gateway_export_event, STR(gateway_export_event, name, REQUIRED),
	STR(gateway_export_event, ts, REQUIRED, NULLABLE, DOC("By the client's clock")),
	JSON(gateway_export_event, props, REQUIRED, NULLABLE),
	STR(gateway_export_event, received_at, REQUIRED, .json = "receivedAt"));

/* The id that a page's rows come before. */
static u64 before(const char *cursor)
{
	i64 id = INT64_MAX;

	if (cursor != NULL && !str_to_i64(cursor, &id))
		id = 0;
	return (u64)id;
}

static const char *after(struct arena *a, u64 id)
{
	return arena_printf(a, "%llu", (unsigned long long)id);
}

int gateway_feedback_page(struct req *r, const char *cursor, struct gateway_page *ret)
{
	struct feedback_page_row *row;
	size_t n;

	TRY(sql_feedback_page(&r->db, r->caller.user_id, before(cursor), &row, &n));
	struct gateway_export_feedback *item =
		arena_array(r->arena, struct gateway_export_feedback, n);
	for (size_t i = 0; i < n; i++)
		item[i] = (struct gateway_export_feedback){
			.id = row[i].public_id,
			.message = row[i].message,
			.category = row[i].category,
			.rating = row[i].rating,
			.request_id = row[i].request_id,
			.app_version = row[i].app_version,
			.created_at = clock_iso8601_ms(r->arena, row[i].received_at_us),
		};
	*ret = (struct gateway_page){
		item, n, n > 0 ? after(r->arena, row[n - 1].feedback_id) : NULL};
	return 0;
}

int gateway_telemetry_page(struct req *r, const char *cursor, struct gateway_page *ret)
{
	struct telemetry_page_row *row;
	size_t n;

	TRY(sql_telemetry_page(&r->db, r->caller.user_id, before(cursor), &row, &n));
	struct gateway_export_event *item = arena_array(r->arena, struct gateway_export_event, n);
	for (size_t i = 0; i < n; i++)
		item[i] = (struct gateway_export_event){
			.name = row[i].name,
			.ts = row[i].at_us.has ? clock_iso8601_ms(r->arena, row[i].at_us.value)
					       : NULL,
			.props = row[i].props,
			.received_at = clock_iso8601_ms(r->arena, row[i].received_at_us),
		};
	*ret = (struct gateway_page){
		item, n, n > 0 ? after(r->arena, row[n - 1].telemetry_id) : NULL};
	return 0;
}
