/* What is stored about an account: orders, devices, and the export of everything (product.md
 * section 3). */
#include "../../fcgi/core/clock.h"
#include "../../fcgi/core/log.h"
#include "../../fcgi/http/request.h"
#include "../../fcgi/http/response.h"
#include "product.h"

struct product_orders_in {
	i64 limit;
	struct opt_i64 before;
};
SCHEMA(product_orders_in,
	I64(product_orders_in, limit, QUERY, .min = 1, .max = 100, DOC("50 unless told")),
	OPT_I64(product_orders_in, before, QUERY, .min = 0, .max = 253402300799,
		DOC("Only orders before this time, Unix seconds")));

struct product_order {
	const char *id, *kind, *status, *currency, *invoice_url;
	i64 amount_cents, ts_us;
};
SCHEMA(product_order, STR(product_order, id, REQUIRED),
	STR(product_order, kind, REQUIRED, .values = "subscription|topup|lifetime|overage"),
	I64(product_order, amount_cents, REQUIRED),
	STR(product_order, status, REQUIRED,
		.values = "paid|pending|failed|refunded|partially_refunded"),
	TIME_S(product_order, ts_us, REQUIRED, .json = "ts"),
	STR(product_order, currency, REQUIRED), STR(product_order, invoice_url));

struct product_orders {
	struct product_order *orders;
	size_t n_orders;
};
SCHEMA(product_orders, ARRAY(product_orders, orders, product_order, REQUIRED));

static int fill_orders(
	struct req *r, i64 before_us, i64 limit, struct product_order **ret, size_t *ret_n)
{
	struct order_list_row *row;

	TRY(sql_order_list(&r->db, r->caller.user_id, before_us, limit, &row, ret_n));
	*ret = arena_array(r->arena, struct product_order, *ret_n);
	for (size_t i = 0; i < *ret_n; i++)
		(*ret)[i] = (struct product_order){
			.id = row[i].public_id,
			.kind = row[i].kind,
			.status = row[i].status,
			.currency = row[i].currency,
			.invoice_url = row[i].invoice_url,
			.amount_cents = row[i].amount_cents,
			.ts_us = row[i].created_at_us,
		};
	return 0;
}

int product_orders_list(struct req *r, const void *in_, void *out_)
{
	const struct product_orders_in *in = in_;
	struct product_orders *out = out_;
	i64 before_us = in->before.has ? S_TO_US(in->before.value) : INT64_MAX;

	return fill_orders(
		r, before_us, in->limit != 0 ? in->limit : 50, &out->orders, &out->n_orders);
}

struct product_session {
	const char *id, *device, *device_name, *ip;
	i64 last_seen_us, created_at_us;
	struct opt_bool current;
};
SCHEMA(product_session, STR(product_session, id, REQUIRED),
	STR(product_session, device, REQUIRED, NULLABLE, DOC("Platform id")),
	STR(product_session, ip, REQUIRED),
	TIME_S(product_session, last_seen_us, REQUIRED, .json = "last_seen"),
	STR(product_session, device_name),
	TIME_S(product_session, created_at_us, REQUIRED, .json = "created_at"),
	OPT_BOOL(product_session, current, DOC("true on the session that asks")));

struct product_sessions {
	struct product_session *sessions;
	size_t n_sessions;
};
SCHEMA(product_sessions, ARRAY(product_sessions, sessions, product_session, REQUIRED));

static int fill_sessions(struct req *r, struct product_session **ret, size_t *ret_n)
{
	struct session_list_row *row;

	TRY(sql_session_list(&r->db, r->caller.user_id, r->now_us, &row, ret_n));
	*ret = arena_array(r->arena, struct product_session, *ret_n);
	for (size_t i = 0; i < *ret_n; i++)
		(*ret)[i] = (struct product_session){
			.id = row[i].public_id,
			.device = row[i].device,
			.device_name = row[i].device_name,
			.ip = row[i].ip,
			.last_seen_us = row[i].last_seen_at_us,
			.created_at_us = row[i].created_at_us,
			.current = {row[i].session_id == r->caller.session_id, true},
		};
	return 0;
}

int product_sessions_list(struct req *r, const void *in, void *out_)
{
	struct product_sessions *out = out_;

	(void)in;
	return fill_sessions(r, &out->sessions, &out->n_sessions);
}

struct product_session_in {
	const char *session_id;
};
SCHEMA(product_session_in,
	STR(product_session_in, session_id, REQUIRED, PATH, .max = 64, .error = E_NOT_FOUND));

int product_session_revoke(struct req *r, const void *in_, void *out_)
{
	const struct product_session_in *in = in_;
	struct product_ok *out = out_;
	u64 n;

	TRY(sql_session_revoke(&r->db, in->session_id, r->caller.user_id, &n));
	if (n == 0)
		return fail(r->fail, E_NOT_FOUND, "There is no session %s.", in->session_id);
	LOG(INFO, "session_revoked", LOG_TEXT("request_id", r->request_id),
		LOG_TEXT("user", product_account(r)->public_id));
	out->ok = true;
	return 0;
}

struct product_identity {
	const char *provider, *subject;
	i64 created_at_us;
};
SCHEMA(product_identity, STR(product_identity, provider, REQUIRED),
	STR(product_identity, subject, REQUIRED),
	TIME_S(product_identity, created_at_us, REQUIRED, .json = "created_at"));

struct product_usage_event {
	const char *id, *model, *provider;
	i64 at_us, input_tokens, output_tokens, cached_tokens, cache_write_tokens, cost_micro;
};
SCHEMA(product_usage_event, STR(product_usage_event, id),
	TIME_S(product_usage_event, at_us, REQUIRED, .json = "ts"),
	STR(product_usage_event, model, REQUIRED), STR(product_usage_event, provider, REQUIRED),
	I64(product_usage_event, input_tokens, REQUIRED),
	I64(product_usage_event, output_tokens, REQUIRED),
	I64(product_usage_event, cached_tokens, REQUIRED),
	I64(product_usage_event, cache_write_tokens, REQUIRED),
	USD_MICRO(product_usage_event, cost_micro, REQUIRED, .json = "cost_usd"));

struct product_export {
	i64 exported_at_us;
	struct product_me *account;
	struct product_identity *identities;
	struct product_session *sessions;
	struct product_order *orders;
	struct product_usage_event *usage;
	size_t n_identities, n_sessions, n_orders, n_usage;
};
SCHEMA(product_export, TIME_S(product_export, exported_at_us, REQUIRED, .json = "exported_at"),
	OBJECT(product_export, account, product_me, REQUIRED),
	ARRAY(product_export, identities, product_identity, REQUIRED),
	ARRAY(product_export, sessions, product_session, REQUIRED),
	ARRAY(product_export, orders, product_order, REQUIRED),
	ARRAY(product_export, usage, product_usage_event, REQUIRED));

enum { EXPORT_USAGE_MAX = 20000, EXPORT_ORDERS_MAX = 10000 };

static int fill_identities(struct req *r, struct product_export *out)
{
	struct identity_list_row *row;

	TRY(sql_identity_list(&r->db, r->caller.user_id, &row, &out->n_identities));
	out->identities = arena_array(r->arena, struct product_identity, out->n_identities);
	for (size_t i = 0; i < out->n_identities; i++)
		out->identities[i] = (struct product_identity){
			row[i].provider, row[i].subject, row[i].created_at_us};
	return 0;
}

/* Usage is read in pages of a thousand, so that no statement runs long; the newest EXPORT_USAGE_MAX
 * are kept. */
static int fill_usage(struct req *r, struct product_export *out)
{
	struct usage_page_row *row;
	size_t n;
	u64 before_id = INT64_MAX;

	out->usage = arena_array(r->arena, struct product_usage_event, EXPORT_USAGE_MAX);
	do {
		TRY(sql_usage_page(&r->db, r->caller.user_id, before_id, &row, &n));
		for (size_t i = 0; i < n && out->n_usage < EXPORT_USAGE_MAX; i++) {
			out->usage[out->n_usage++] = (struct product_usage_event){
				.id = row[i].client_id,
				.model = row[i].model,
				.provider = row[i].provider,
				.at_us = row[i].at_us,
				.input_tokens = row[i].input_tokens,
				.output_tokens = row[i].output_tokens,
				.cached_tokens = row[i].cached_tokens,
				.cache_write_tokens = row[i].cache_write_tokens,
				.cost_micro = row[i].cost_micro,
			};
			before_id = row[i].usage_id;
		}
	} while (n == 1000 && out->n_usage < EXPORT_USAGE_MAX);
	return 0;
}

int product_export_get(struct req *r, const void *in, void *out_)
{
	struct product_export *out = out_;

	(void)in;
	out->exported_at_us = r->now_us;
	out->account = arena_new(r->arena, struct product_me);
	product_me_fill(out->account, product_account(r));
	TRY(fill_identities(r, out));
	TRY(fill_sessions(r, &out->sessions, &out->n_sessions));
	TRY(fill_orders(r, INT64_MAX, EXPORT_ORDERS_MAX, &out->orders, &out->n_orders));
	TRY(fill_usage(r, out));
	resp_header(r, "Content-Disposition", "attachment; filename=\"account.json\"");
	return 0;
}
