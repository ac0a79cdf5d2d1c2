/* The export, which is written in pages: what export.c and export_usage.c share. */
#ifndef TURNPIKE_EXPORT_H
#define TURNPIKE_EXPORT_H

#include "../../fcgi/http/export.h"
#include "product.h"

struct export_usage {
	const char *id, *model, *provider;
	i64 at_us, input_tokens, output_tokens, cached_tokens, cache_write_tokens, cost_micro;
};
SCHEMA_DECLARE(export_usage);

struct export_usage_day {
	const char *day, *provider, *model;
	i64 calls, cost_micro;
};
SCHEMA_DECLARE(export_usage_day);

struct export_turn {
	const char *id, *day;
};
SCHEMA_DECLARE(export_turn);

struct export_turn_day {
	const char *day;
	i64 used;
};
SCHEMA_DECLARE(export_turn_day);

struct export_call {
	const char *id, *request_id, *endpoint, *mode, *model, *status;
	bool is_estimated;
	i64 input_tokens, cached_tokens, cache_write_tokens, cache_write_1h_tokens, output_tokens;
	i64 reasoning_tokens, cost_micro, at_us, latency_ms;
};
SCHEMA_DECLARE(export_call);

struct export_call_day {
	const char *day, *model;
	i64 calls, input_tokens, output_tokens, cost_micro;
};
SCHEMA_DECLARE(export_call_day);

struct export_ide_token {
	const char *id, *name;
	i64 created_at_us, last_used_at_us, expires_at_us;
};
SCHEMA_DECLARE(export_ide_token);

struct export_feedback {
	const char *id, *message, *category, *request_id, *app_version;
	struct opt_i64 rating;
	i64 at_us;
};
SCHEMA_DECLARE(export_feedback);

struct export_telemetry {
	const char *name, *props;
	i64 at_us, received_at_us;
};
SCHEMA_DECLARE(export_telemetry);

/* A page each: fills *ret with structs of the part's schema and moves the place. */
#define EXPORT_PAGE(name) \
	int name(struct req *r, struct export_place *at, const void **ret, size_t *ret_n)
EXPORT_PAGE(export_usage_page);
EXPORT_PAGE(export_usage_day_page);
EXPORT_PAGE(export_call_page);
EXPORT_PAGE(export_call_day_page);
EXPORT_PAGE(export_turn_page);
EXPORT_PAGE(export_turn_day_page);
EXPORT_PAGE(export_ide_token_page);
EXPORT_PAGE(export_feedback_page);
EXPORT_PAGE(export_telemetry_page);

#endif
