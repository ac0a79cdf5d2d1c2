/* The caller's calls, newest first (gateway.md section 4). */
#include "../../domain/money.h"
#include "../../fcgi/core/clock.h"
#include "../../fcgi/http/request.h"
#include "gateway.h"
#include "gen/sql.h"
#include "lists.h"

enum { ROWS_DEFAULT = 50, ROWS_MAX = 200, PAGE_MAX = 1000000 };

SCHEMA(gateway_activity_in,
	I64(gateway_activity_in, page, QUERY, .min = 1, .max = PAGE_MAX,
		DOC("From 1 on; calls that come meanwhile move the pages")),
	I64(gateway_activity_in, limit, QUERY, .min = 1, .max = ROWS_MAX, DOC("50 unless told")),
	STR(gateway_activity_in, cursor, QUERY, .min = 1, .max = 64,
		DOC("nextCursor of the answer before; pages do not move then")));

SCHEMA(gateway_activity_item, STR(gateway_activity_item, id, REQUIRED),
	STR(gateway_activity_item, request_id, REQUIRED, .json = "requestId"),
	STR(gateway_activity_item, created_at, REQUIRED, .json = "createdAt", DOC("ISO 8601")),
	STR(gateway_activity_item, endpoint, REQUIRED, .values = "chat|completions|messages"),
	STR(gateway_activity_item, model, REQUIRED), STR(gateway_activity_item, mode, REQUIRED),
	I64(gateway_activity_item, input_tokens, REQUIRED, .json = "inputTokens",
		DOC("Of all kinds, also from and to a cache")),
	I64(gateway_activity_item, output_tokens, REQUIRED, .json = "outputTokens"),
	HUNDREDTHS(gateway_activity_item, credits, REQUIRED, .json = "creditsUsed"),
	STR(gateway_activity_item, status, REQUIRED, .values = "ok|aborted|cut|refunded|crashed"),
	I64(gateway_activity_item, latency_ms, REQUIRED, .json = "latencyMs"));

SCHEMA(gateway_activity, ARRAY(gateway_activity, items, gateway_activity_item, REQUIRED),
	OPT_I64(gateway_activity, page, REQUIRED, NULLABLE, DOC("null: found by a cursor")),
	I64(gateway_activity, limit, REQUIRED), I64(gateway_activity, total, REQUIRED),
	STR(gateway_activity, next_cursor, REQUIRED, NULLABLE, .json = "nextCursor",
		DOC("null: this is the end")));

/* The id that the cursor stands for: calls before it follow. */
static int read_cursor(struct req *r, const char *cursor, u64 *ret)
{
	struct call_place_row row;

	*ret = INT64_MAX;
	if (cursor == NULL)
		return 0;
	int rc = sql_call_place(&r->db, cursor, r->caller.user_id, &row);
	if (rc == SQL_NONE) {
		fail_fault(r->fail, "cursor", "values");
		return fail(r->fail, E_INVALID_FIELD, NULL);
	}
	*ret = row.call_id;
	return rc;
}

static struct gateway_activity_item item_of(struct arena *a, const struct call_page_row *row)
{
	return (struct gateway_activity_item){
		.id = row->public_id,
		.request_id = row->request_id,
		.created_at = clock_iso8601_ms(a, row->started_at_us),
		.endpoint = row->endpoint,
		.model = row->model,
		.mode = row->mode,
		.status = row->status,
		.input_tokens = row->input_tokens,
		.output_tokens = row->output_tokens,
		.credits = money_charge_hundredths(row->cost_micro),
		.latency_ms = row->latency_us / US_PER_MS,
	};
}

/* The total is that of the daily sums, which are kept with the calls. */
int gateway_activity_list(struct req *r, const void *in_, void *out_)
{
	const struct gateway_activity_in *in = in_;
	struct gateway_activity *out = out_;
	i64 limit = in->limit != 0 ? in->limit : ROWS_DEFAULT;
	i64 page = in->page != 0 ? in->page : 1;
	struct call_page_in at = {.user_id = r->caller.user_id,
		.n = limit + 1, /* one more tells whether there are more */
		.skip = in->cursor == NULL ? (page - 1) * limit : 0};
	struct call_page_row *row;
	struct call_count_row count;
	size_t n;

	TRY(read_cursor(r, in->cursor, &at.before_id));
	TRY(sql_call_page(&r->db, &at, &row, &n));
	TRY(sql_call_count(&r->db, r->caller.user_id, &count));
	*out = (struct gateway_activity){
		.page = {in->cursor == NULL, page},
		.limit = limit,
		.total = count.n,
		.n_items = (i64)n > limit ? (size_t)limit : n,
	};
	out->items = arena_array(r->arena, struct gateway_activity_item, out->n_items);
	for (size_t i = 0; i < out->n_items; i++)
		out->items[i] = item_of(r->arena, &row[i]);
	if ((i64)n > limit)
		out->next_cursor = row[limit - 1].public_id;
	return 0;
}
