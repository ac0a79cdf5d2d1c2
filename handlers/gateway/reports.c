/* What clients tell us: telemetry and feedback (gateway.md section 10). */
#include <string.h>

#include "../../fcgi/core/clock.h"
#include "../../fcgi/core/crypto.h"
#include "../../fcgi/http/request.h"
#include "gateway.h"
#include "gen/sql.h"

enum { EVENTS_MAX = 50, PROPS_BYTES_MAX = 4096 };

/* What names, ids and versions are made of. */
static bool is_plain(const char *text)
{
	return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-") ==
	       strlen(text);
}

struct telemetry_event {
	const char *name, *ts, *props;
};
SCHEMA(telemetry_event,
	STR(telemetry_event, name, REQUIRED, .min = 1, .max = 64,
		DOC("Letters, digits and ._:- only")),
	STR(telemetry_event, ts, .min = 20, .max = 40, DOC("ISO 8601, by the client's clock")),
	JSON(telemetry_event, props, .max = PROPS_BYTES_MAX,
		DOC("At most 4096 bytes; never the content of files")));

struct gateway_telemetry_in {
	struct telemetry_event *events;
	size_t n_events;
};
SCHEMA(gateway_telemetry_in,
	ARRAY(gateway_telemetry_in, events, telemetry_event, REQUIRED, .max = EVENTS_MAX));

struct gateway_accepted {
	i64 accepted;
};
SCHEMA(gateway_accepted, I64(gateway_accepted, accepted, REQUIRED));

/* The event as a member of the list that the statement takes; false when it has a fault. */
static bool put_event(struct req *r, const struct telemetry_event *e, size_t i, struct buf *out)
{
	i64 at_us = 0;
	bool is_fine = true;

	if (!is_plain(e->name)) {
		fail_fault(r->fail, arena_printf(r->arena, "events[%zu].name", i), "characters");
		is_fine = false;
	}
	if (e->ts != NULL && !clock_from_iso8601(e->ts, &at_us)) {
		fail_fault(r->fail, arena_printf(r->arena, "events[%zu].ts", i), "time");
		is_fine = false;
	}
	buf_str(out, i == 0 ? "[{\"name\":" : ",{\"name\":");
	buf_json(out, e->name);
	if (e->ts != NULL)
		buf_printf(out, ",\"at_us\":%lld", (long long)at_us);
	if (e->props != NULL) {
		buf_str(out, ",\"props\":");
		buf_json(out, e->props);
	}
	buf_char(out, '}');
	return is_fine;
}

static struct opt_i64 caller_id(const struct req *r)
{
	return (struct opt_i64){r->caller.user_id != 0, (i64)r->caller.user_id};
}

int gateway_telemetry(struct req *r, const void *in_, void *out_)
{
	const struct gateway_telemetry_in *in = in_;
	struct gateway_accepted *out = out_;
	struct buf events;
	bool is_fine = true;

	buf_init(&events, r->arena, 1024);
	for (size_t i = 0; i < in->n_events; i++)
		is_fine = put_event(r, &in->events[i], i, &events) && is_fine;
	if (!is_fine)
		return fail(r->fail, E_INVALID_FIELD, NULL);
	buf_str(&events, in->n_events > 0 ? "]" : "[]");
	TRY(sql_telemetry_insert(&r->db, caller_id(r), r->now_us, events.data, NULL));
	out->accepted = (i64)in->n_events;
	return 0;
}

struct gateway_feedback_in {
	const char *message, *category, *request_id, *app_version;
	struct opt_i64 rating;
};
SCHEMA(gateway_feedback_in, STR(gateway_feedback_in, message, REQUIRED, .min = 1, .max = 4000),
	STR(gateway_feedback_in, category, .max = 32),
	OPT_I64(gateway_feedback_in, rating, .min = 1, .max = 5),
	STR(gateway_feedback_in, request_id, .max = 128, .json = "requestId"),
	STR(gateway_feedback_in, app_version, .max = 40, .json = "appVersion"));

struct gateway_feedback {
	const char *id;
};
SCHEMA(gateway_feedback, STR(gateway_feedback, id, REQUIRED));

int gateway_feedback(struct req *r, const void *in_, void *out_)
{
	const struct gateway_feedback_in *in = in_;
	struct gateway_feedback *out = out_;

	if (in->request_id != NULL && !is_plain(in->request_id)) {
		fail_fault(r->fail, "requestId", "characters");
		return fail(r->fail, E_INVALID_FIELD, NULL);
	}
	out->id = public_id(r->arena, "fb_");
	return sql_feedback_insert(&r->db,
		&(struct feedback_insert_in){
			.public_id = out->id,
			.user_id = caller_id(r),
			.message = in->message,
			.category = in->category,
			.rating = in->rating,
			.request_id = in->request_id,
			.app_version = in->app_version,
			.received_at_us = r->now_us,
		},
		NULL);
}
