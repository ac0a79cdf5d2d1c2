/* The status report: each part is read by itself, so that one failing query does not hide the rest.
 */
#include "status.h"

#include "../fcgi/core/clock.h"
#include "../fcgi/core/crypto.h"
#include "../fcgi/core/str.h"
#include "gen/sql.h"

enum {
	LISTED_AFTER_RESOLVED_S = 7 * 86400,
	OUTBOX_LATE_S = 300,
};

const char *const status_component_names[STATUS_COMPONENTS] = {
	"worker", "anthropic_proxy", "stripe", "discord"};
const char *const status_names[3] = {"ok", "degraded", "down"};

static void worsen(enum status_state *state, enum status_state other)
{
	if (other > *state)
		*state = other;
}

/* The database answers, and somebody delivers. A mail that is tried again and again is not late:
 * its next try lies ahead. */
static enum status_state worker_state(struct db *db, i64 now_us)
{
	struct outbox_overdue_row overdue;

	if (sql_outbox_overdue(db, now_us - S_TO_US(OUTBOX_LATE_S), &overdue) != 0)
		return STATUS_DOWN;
	return overdue.n > 0 ? STATUS_DEGRADED : STATUS_OK;
}

static enum status_state probed_state(struct db *db, enum status_component component, i64 now_us)
{
	struct probe_recent_row *row;
	size_t n = 0, failed = 0;

	if (sql_probe_recent(db, status_component_names[component],
		    now_us - S_TO_US(STATUS_CALLS_S), &row, &n) != 0)
		return STATUS_OK;
	for (size_t i = 0; i < n; i++)
		failed += row[i].is_ok ? 0 : 1;
	return status_of_calls(n, failed);
}

static void apply_pins(struct db *db, struct status_report *ret)
{
	struct pin_list_row *row;
	size_t n = 0;

	if (sql_pin_list(db, &row, &n) != 0)
		return;
	for (size_t i = 0; i < n; i++)
		for (size_t c = 0; c < STATUS_COMPONENTS; c++)
			for (size_t s = 0; s < ARRAY_LEN(status_names); s++)
				if (str_equal(row[i].component, status_component_names[c]) &&
					str_equal(row[i].state, status_names[s]))
					ret->state[c] = (enum status_state)s;
}

static int read_updates(struct db *db, u64 incident_id, struct status_incident *ret)
{
	struct incident_updates_row *row;
	size_t n;

	TRY(sql_incident_updates(db, incident_id, &row, &n));
	ret->updates = arena_array(db->arena, struct status_update, n);
	ret->n_updates = n;
	for (size_t i = 0; i < n; i++)
		ret->updates[i] = (struct status_update){row[i].at_us, row[i].status, row[i].body};
	return 0;
}

static void read_incidents(struct db *db, i64 now_us, struct status_report *ret)
{
	struct incident_list_row *row;
	size_t n = 0;

	if (sql_incident_list(db, now_us - S_TO_US(LISTED_AFTER_RESOLVED_S), &row, &n) != 0)
		return;
	ret->incidents = arena_array(db->arena, struct status_incident, n);
	for (size_t i = 0; i < n; i++) {
		struct status_incident *incident = &ret->incidents[ret->n_incidents];
		*incident = (struct status_incident){
			.id = row[i].public_id,
			.title = row[i].title,
			.component = row[i].component,
			.severity = row[i].severity,
			.status = row[i].status,
			.started_at_us = row[i].started_at_us,
			.updated_at_us = row[i].updated_at_us,
			.resolved_at_us = row[i].resolved_at_us.value,
		};
		if (read_updates(db, row[i].incident_id, incident) != 0)
			return;
		if (!row[i].resolved_at_us.has && !str_equal(row[i].severity, "minor"))
			worsen(&ret->overall, STATUS_DEGRADED);
		ret->n_incidents++;
	}
}

void status_report(struct db *db, enum status_state ai, i64 now_us, struct status_report *ret)
{
	struct fail *outer = db->fail, scratch = {.arena = db->arena};

	*ret = (struct status_report){0};
	db->fail = &scratch;
	ret->state[STATUS_WORKER] = worker_state(db, now_us);
	ret->state[STATUS_ANTHROPIC_PROXY] = ai;
	if (ret->state[STATUS_WORKER] != STATUS_DOWN) {
		for (size_t c = STATUS_ANTHROPIC_PROXY; c < STATUS_COMPONENTS; c++)
			worsen(&ret->state[c], probed_state(db, (enum status_component)c, now_us));
		apply_pins(db, ret);
		read_incidents(db, now_us, ret);
	}
	for (size_t c = 0; c < STATUS_COMPONENTS; c++)
		worsen(&ret->overall, ret->state[c]);
	db->fail = outer;
}

int status_note_probe(struct db *db, enum status_component component, bool is_ok, i64 now_us)
{
	return sql_probe_insert(db, status_component_names[component], is_ok, now_us, NULL);
}

struct incident_work {
	const char *id, *title, *component, *severity, *status, *body;
	i64 now_us;
};

static int incident_open_apply(struct db *db, void *arg)
{
	struct incident_work *w = arg;
	u64 incident_id;

	TRY(sql_incident_insert(db,
		&(struct incident_insert_in){
			.public_id = w->id,
			.title = w->title,
			.component = w->component,
			.severity = w->severity,
			.status = w->status,
			.started_at_us = w->now_us,
			.updated_at_us = w->now_us,
		},
		&incident_id));
	return sql_incident_update_insert(db,
		&(struct incident_update_insert_in){incident_id, w->status, w->body, w->now_us},
		NULL);
}

int incident_open(struct db *db, const char *title, const char *component, const char *severity,
	const char *body, i64 now_us, const char **ret_id)
{
	struct incident_work w = {public_id(db->arena, "inc_"), title, component, severity,
		"investigating", body, now_us};

	TRY(db_tx(db, incident_open_apply, &w));
	*ret_id = w.id;
	return 0;
}

static int incident_change_apply(struct db *db, void *arg)
{
	struct incident_work *w = arg;
	struct incident_find_row row;
	bool resolved = str_equal(w->status, "resolved");
	int rc = sql_incident_find(db, w->id, &row);

	if (rc == SQL_NONE)
		return fail(db->fail, E_NOT_FOUND, "There is no incident %s.", w->id);
	TRY(rc);
	TRY(sql_incident_set(db,
		&(struct incident_set_in){
			.status = w->status,
			.updated_at_us = w->now_us,
			.resolved_at_us = {resolved, resolved ? w->now_us : 0},
			.incident_id = row.incident_id,
		},
		NULL));
	return sql_incident_update_insert(db,
		&(struct incident_update_insert_in){row.incident_id, w->status, w->body, w->now_us},
		NULL);
}

int incident_change(struct db *db, const char *id, const char *status, const char *body, i64 now_us)
{
	struct incident_work w = {.id = id, .status = status, .body = body, .now_us = now_us};

	return db_tx(db, incident_change_apply, &w);
}
