/* Counters of every process, in one file per process that all may read: a scrape of one worker
 * shows all. Writing is an atomic add without a lock. */
#ifndef TURNPIKE_METRICS_H
#define TURNPIKE_METRICS_H

#include "buf.h"
#include "types.h"

enum metric {
#define M(name, text, kind, help) METRIC_##name,
#include "metrics.def"
#undef M
	METRIC_MAX
};

enum { METRIC_ROUTES_MAX = 256 };

/* Maps DIR/metrics.POOL.SLOT (slot: the process's number within its pool, 0 .. processes - 1; a
 * successor takes over the file, so counters go on). route_names[i] is the label of route i ("GET
 * /api/account/me"); routes with the same label may appear in several pools. Returns false when the
 * file cannot be made; then counting goes to private memory and the caller logs it. Called by the
 * process that counts, after fork(): who lives is told by locks that a child would inherit. */
bool metrics_open(const char *dir, const char *pool, unsigned slot, const char *const *route_names,
	size_t n_routes);
void metrics_add(enum metric m, i64 n); /* COUNTER, or GAUGE by difference */
void metrics_set(enum metric m, i64 value);
/* One answer of route i: status class and duration (histogram: 0.5 1 2.5 5 10 25 50 100 250 500
 * 1000 2500 5000 10000 ms). */
void metrics_answer(size_t route, int status, i64 duration_us);
/* One decision of limit row `limit` (an index below 32; names given by metrics_limit_names).
 * refused: the limit is exceeded; dry_run: limits are not enforced. Counts METRIC_LIMIT_REFUSED or
 * METRIC_LIMIT_DRY_RUN too. */
void metrics_limit(unsigned limit, bool refused, bool dry_run);
/* Rows with a NULL name are not shown. The names are static text; before or after metrics_open().
 */
void metrics_limit_names(const char *const *names, size_t n);
/* What a gauge comes to over all living processes. */
i64 metrics_gauge(const char *dir, enum metric m, struct arena *a);
/* The Prometheus text (version 0.0.4) of all files in dir: counters of all processes of a pool
 * summed under {pool="core"}, with HELP and TYPE lines, histograms in seconds. Files of dead pools
 * count for counters, not for gauges. */
void metrics_render(const char *dir, struct buf *out);

#endif
