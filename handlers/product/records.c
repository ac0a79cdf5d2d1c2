/* Orders and devices (product.md section 3). */
#include "../../fcgi/core/clock.h"
#include "../../fcgi/http/request.h"
#include "product.h"

struct product_orders_in {
	i64 limit;
	struct opt_i64 before;
};
SCHEMA(product_orders_in,
	I64(product_orders_in, limit, QUERY, .min = 1, .max = 100, DOC("50 unless told")),
	OPT_I64(product_orders_in, before, QUERY, .min = 0, .max = 253402300799,
		DOC("Only orders before this time, Unix seconds")));

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

struct product_order *product_orders_of(struct arena *a, const struct order_row *row, size_t n)
{
	struct product_order *order = arena_array(a, struct product_order, n);

	for (size_t i = 0; i < n; i++)
		order[i] = (struct product_order){
			.id = row[i].public_id,
			.kind = row[i].kind,
			.status = row[i].status,
			.currency = row[i].currency,
			.invoice_url = row[i].invoice_url,
			.amount_cents = row[i].amount_cents,
			.ts_us = row[i].created_at_us,
		};
	return order;
}

int product_orders_list(struct req *r, const void *in_, void *out_)
{
	const struct product_orders_in *in = in_;
	struct product_orders *out = out_;
	i64 before_us = in->before.has ? S_TO_US(in->before.value) : INT64_MAX;
	struct order_row *row;

	TRY(sql_order_list(&r->db, r->caller.user_id, before_us, in->limit != 0 ? in->limit : 50,
		&row, &out->n_orders));
	out->orders = product_orders_of(r->arena, row, out->n_orders);
	return 0;
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

int product_sessions_list(struct req *r, const void *in, void *out_)
{
	struct product_sessions *out = out_;
	struct session_list_row *row;

	(void)in;
	TRY(sql_session_list(&r->db, r->caller.user_id, r->now_us, &row, &out->n_sessions));
	out->sessions = arena_array(r->arena, struct product_session, out->n_sessions);
	for (size_t i = 0; i < out->n_sessions; i++)
		out->sessions[i] = (struct product_session){
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

struct product_session_in {
	const char *session_id;
};
SCHEMA(product_session_in,
	STR(product_session_in, session_id, REQUIRED, PATH, .max = 64, .error = E_NOT_FOUND));

struct revoke {
	const struct req *r;
	const char *session_id;
};

static int revoke_apply(struct db *db, void *arg)
{
	const struct revoke *w = arg;
	const struct req *r = w->r;
	struct visitor visitor = req_visitor(r);
	u64 n;

	TRY(sql_session_revoke(db, w->session_id, r->caller.user_id, &n));
	if (n == 0)
		return fail(db->fail, E_NOT_FOUND, "There is no session %s.", w->session_id);
	return audit_add(db, AUDIT_CREDENTIAL_REVOKED, r->caller.user_id, w->session_id, &visitor,
		r->now_us);
}

int product_session_revoke(struct req *r, const void *in_, void *out_)
{
	const struct product_session_in *in = in_;
	struct product_ok *out = out_;
	struct revoke w = {r, in->session_id};

	TRY(db_tx(&r->db, revoke_apply, &w));
	out->ok = true;
	return 0;
}
