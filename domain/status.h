/* What the status page tells: components from probes and pins, incidents (product.md section 1). */
#ifndef TURNPIKE_STATUS_H
#define TURNPIKE_STATUS_H

#include "../fcgi/db/db.h"

enum status_component {
	STATUS_WORKER,
	STATUS_ANTHROPIC_PROXY,
	STATUS_STRIPE,
	STATUS_DISCORD,
	STATUS_COMPONENTS
};

enum status_state { STATUS_OK, STATUS_DEGRADED, STATUS_DOWN };

/* By its last calls, so many at most and not older than that, an outside service is well, or not.
 */
enum {
	STATUS_CALLS_MAX = 20,
	STATUS_CALLS_S = 300,
	STATUS_DOWN_PERCENT = 50,
	STATUS_DEGRADED_PERCENT = 10
};

static inline enum status_state status_of_calls(size_t n, size_t n_failed)
{
	if (n_failed > 0 && n_failed * 100 >= n * STATUS_DOWN_PERCENT)
		return STATUS_DOWN;
	if (n_failed > 0 && n_failed * 100 >= n * STATUS_DEGRADED_PERCENT)
		return STATUS_DEGRADED;
	return STATUS_OK;
}

extern const char *const status_component_names[STATUS_COMPONENTS];
extern const char *const status_names[3];

struct status_update {
	i64 at_us;
	const char *status, *body;
};

struct status_incident {
	const char *id, *title, *component, *severity, *status;
	i64 started_at_us, updated_at_us, resolved_at_us;
	struct status_update *updates;
	size_t n_updates;
};

struct status_report {
	enum status_state overall, state[STATUS_COMPONENTS];
	struct status_incident *incidents; /* open, and resolved in the last seven days */
	size_t n_incidents;
};

/* Never fails: without a database the worker is down and the rest is not known to be bad. ai: what
 * the calls of models tell. */
void status_report(struct db *db, enum status_state ai, i64 now_us, struct status_report *ret);
/* One call to an outside service, seen by whoever made it. */
int status_note_probe(struct db *db, enum status_component component, bool is_ok, i64 now_us);

/* Operators: `turnpike incident`. severity: minor, major, critical; status: investigating,
 * identified, monitoring. */
int incident_open(struct db *db, const char *title, const char *component, const char *severity,
	const char *body, i64 now_us, const char **ret_id);
/* status "resolved" closes it; a closed one is reopened by any other. E_NOT_FOUND. */
int incident_change(
	struct db *db, const char *id, const char *status, const char *body, i64 now_us);

#endif
