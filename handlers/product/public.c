/* Public facts: health, catalog, founding places, status (product.md section 1). */
#include "../../domain/provider_health.h"
#include "../../fcgi/core/clock.h"
#include "../../fcgi/http/request.h"
#include "../../fcgi/http/response.h"
#include "gen/commit.h"
#include "product.h"

SCHEMA(product_ok, BOOL(product_ok, ok, REQUIRED));

struct product_health {
	bool ok;
	const char *version, *commit;
	i64 ts_us, uptime_s;
};
SCHEMA(product_health, BOOL(product_health, ok, REQUIRED), STR(product_health, version, REQUIRED),
	STR(product_health, commit, REQUIRED, DOC("Build")),
	TIME_S(product_health, ts_us, REQUIRED, .json = "ts"),
	I64(product_health, uptime_s, REQUIRED, DOC("Seconds since this process started")));

/* Never touches the database. */
int product_health(struct req *r, const void *in, void *out_)
{
	struct product_health *out = out_;

	(void)in;
	*out = (struct product_health){
		.ok = true,
		.version = "v2",
		.commit = TURNPIKE_COMMIT,
		.ts_us = r->now_us,
		.uptime_s = (clock_mono_us() - r->worker->started_mono_us) / US_PER_S,
	};
	return 0;
}

struct catalog_plan {
	const char *id, *name, *interval, *features;
	i64 price_cents;
	struct opt_i64 founding_price_cents;
};
SCHEMA(catalog_plan, STR(catalog_plan, id, REQUIRED), I64(catalog_plan, price_cents, REQUIRED),
	STR(catalog_plan, interval, REQUIRED, .values = "month|year|once"),
	JSON(catalog_plan, features, REQUIRED, DOC("Array of text")),
	STR(catalog_plan, name, REQUIRED), OPT_I64(catalog_plan, founding_price_cents));

struct catalog_topup {
	const char *id;
	i64 price_cents, credits_cents;
};
SCHEMA(catalog_topup, STR(catalog_topup, id, REQUIRED), I64(catalog_topup, price_cents, REQUIRED),
	I64(catalog_topup, credits_cents, REQUIRED));

struct product_catalog {
	struct catalog_plan *plans;
	struct catalog_topup *topups;
	size_t n_plans, n_topups;
};
SCHEMA(product_catalog, ARRAY(product_catalog, plans, catalog_plan, REQUIRED),
	ARRAY(product_catalog, topups, catalog_topup, REQUIRED));

static int fill_plans(struct req *r, u64 catalog_id, struct product_catalog *out)
{
	struct catalog_plans_row *row;
	size_t n;

	TRY(sql_catalog_plans(&r->db, catalog_id, &row, &n));
	out->plans = arena_array(r->arena, struct catalog_plan, n);
	for (size_t i = 0; i < n; i++) {
		if (!row[i].is_listed)
			continue;
		out->plans[out->n_plans++] = (struct catalog_plan){
			.id = row[i].plan_id,
			.name = row[i].name,
			.interval = row[i].billing_interval,
			.features = row[i].features,
			.price_cents = row[i].price_cents,
			.founding_price_cents = row[i].founding_price_cents,
		};
	}
	return 0;
}

static int fill_topups(struct req *r, u64 catalog_id, struct product_catalog *out)
{
	struct catalog_topups_row *row;

	TRY(sql_catalog_topups(&r->db, catalog_id, &row, &out->n_topups));
	out->topups = arena_array(r->arena, struct catalog_topup, out->n_topups);
	for (size_t i = 0; i < out->n_topups; i++)
		out->topups[i] = (struct catalog_topup){
			row[i].topup_id, row[i].price_cents, row[i].credits_cents};
	return 0;
}

int product_catalog(struct req *r, const void *in, void *out_)
{
	struct product_catalog *out = out_;
	struct catalog_current_row current;
	int rc = sql_catalog_current(&r->db, r->now_us, &current);

	(void)in;
	if (rc != SQL_NONE) { /* none: nothing is sold yet, which is a catalog too */
		TRY(rc);
		TRY(fill_plans(r, current.catalog_id, out));
		TRY(fill_topups(r, current.catalog_id, out));
	}
	TRY(resp_json(r, &product_catalog_schema, out));
	return resp_etag(r);
}

struct product_founding {
	i64 remaining, total;
};
SCHEMA(product_founding, I64(product_founding, remaining, REQUIRED),
	I64(product_founding, total, REQUIRED));

int product_founding(struct req *r, const void *in, void *out_)
{
	struct product_founding *out = out_;
	struct founding_get_row row;
	int rc = sql_founding_get(&r->db, &row);

	(void)in;
	if (rc == SQL_NONE)
		return fail_cause(r->fail, E_INTERNAL, "the founding counter has no row");
	TRY(rc);
	out->total = row.total;
	out->remaining = row.total - row.consumed - row.held;
	return 0;
}

struct status_components {
	const char *worker, *anthropic_proxy, *stripe, *discord;
};
#define STATES "ok|degraded|down"
SCHEMA(status_components, STR(status_components, worker, REQUIRED, .values = STATES),
	STR(status_components, anthropic_proxy, REQUIRED, .values = STATES),
	STR(status_components, stripe, REQUIRED, .values = STATES),
	STR(status_components, discord, REQUIRED, .values = STATES));

SCHEMA(status_update, TIME_S(status_update, at_us, REQUIRED, .json = "ts"),
	STR(status_update, status, REQUIRED), STR(status_update, body, REQUIRED));

SCHEMA(status_incident, STR(status_incident, id, REQUIRED), STR(status_incident, title, REQUIRED),
	STR(status_incident, component, REQUIRED),
	STR(status_incident, severity, REQUIRED, .values = "minor|major|critical"),
	STR(status_incident, status, REQUIRED,
		.values = "investigating|identified|monitoring|resolved"),
	TIME_S(status_incident, started_at_us, REQUIRED, .json = "started_at"),
	TIME_S(status_incident, updated_at_us, REQUIRED, .json = "updated_at"),
	TIME_S(status_incident, resolved_at_us, NULLABLE, REQUIRED, .json = "resolved_at"),
	ARRAY(status_incident, updates, status_update, REQUIRED));

struct product_status {
	const char *status;
	struct status_components *components;
	struct status_incident *incidents;
	size_t n_incidents;
};
SCHEMA(product_status, STR(product_status, status, REQUIRED, .values = STATES),
	OBJECT(product_status, components, status_components, REQUIRED),
	ARRAY(product_status, incidents, status_incident, REQUIRED));

/* Answers 200 also without a database: then `worker` is down. */
int product_status(struct req *r, const void *in, void *out_)
{
	struct product_status *out = out_;
	struct status_report report;
	struct status_components *c = arena_new(r->arena, struct status_components);
	const struct models *models = models_get();

	(void)in;
	enum status_state ai = provider_health_of_all(models, clock_mono_us());
	models_put(models);
	status_report(&r->db, ai, r->now_us, &report);
	c->worker = status_names[report.state[STATUS_WORKER]];
	c->anthropic_proxy = status_names[report.state[STATUS_ANTHROPIC_PROXY]];
	c->stripe = status_names[report.state[STATUS_STRIPE]];
	c->discord = status_names[report.state[STATUS_DISCORD]];
	*out = (struct product_status){
		.status = status_names[report.overall],
		.components = c,
		.incidents = report.incidents,
		.n_incidents = report.n_incidents,
	};
	return 0;
}
