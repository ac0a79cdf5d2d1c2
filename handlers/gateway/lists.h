/* Shapes of the account that its export has as well: a page of the export is a page of a list. And
 * what clients have reported, which only the export shows. */
#ifndef TURNPIKE_GATEWAY_LISTS_H
#define TURNPIKE_GATEWAY_LISTS_H

#include "gateway.h"

/* GET /v1/account/me */
struct gateway_me_credits;
struct gateway_me {
	const char *id, *email, *display_name, *avatar_url, *tier, *subscription_status,
		*created_at;
	struct gateway_me_credits *credits;
};

/* GET /v1/account/transactions */
struct gateway_transactions_in {
	i64 limit;
	struct opt_i64 cursor;
};
struct gateway_transaction {
	const char *id, *type, *description, *currency, *created_at;
	i64 credits, balance_after;
	struct opt_i64 amount_cents;
};
SCHEMA_DECLARE(gateway_transaction);
struct gateway_transactions {
	struct gateway_transaction *transactions;
	size_t n_transactions;
	const char *next_cursor;
};

/* GET /v1/account/usage/activity */
struct gateway_activity_in {
	i64 page, limit;
	const char *cursor;
};
struct gateway_activity_item {
	const char *id, *request_id, *created_at, *endpoint, *model, *mode, *status;
	i64 input_tokens, output_tokens, credits, latency_ms;
};
SCHEMA_DECLARE(gateway_activity_item);
struct gateway_activity {
	struct gateway_activity_item *items;
	size_t n_items;
	struct opt_i64 page;
	i64 limit, total;
	const char *next_cursor;
};

/* GET /v1/account/export: a page of a list, and the text that says where the next one begins; NULL:
 * there is none. cursor: that text; NULL: the first page. */
struct gateway_page {
	const void *items;
	size_t n;
	const char *next;
};

struct gateway_export_feedback {
	const char *id, *message, *category, *request_id, *app_version, *created_at;
	struct opt_i64 rating;
};
SCHEMA_DECLARE(gateway_export_feedback);
int gateway_feedback_page(struct req *r, const char *cursor, struct gateway_page *ret);

struct gateway_export_event {
	const char *name, *ts, *props, *received_at;
};
SCHEMA_DECLARE(gateway_export_event);
int gateway_telemetry_page(struct req *r, const char *cursor, struct gateway_page *ret);

#endif
