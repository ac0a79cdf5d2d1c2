/* The layout of a metrics file, for metrics.c (writes) and metrics_render.c (reads). What follows
 * struct metrics_file: METRICS_STRIPES times n_routes routes, then n_routes labels. */
#ifndef TURNPIKE_METRICS_FILE_H
#define TURNPIKE_METRICS_FILE_H

#include <dirent.h>

#include "metrics.h"

enum {
	METRICS_VERSION = 1,
	METRICS_SEATS = 4,   /* a process and predecessors of it that are still finishing */
	METRICS_STRIPES = 8, /* threads write side by side */
	METRICS_LIMITS = 32,
	METRICS_CLASSES = 5,  /* 1xx .. 5xx */
	METRICS_BUCKETS = 15, /* the last has no bound */
	METRICS_POOL_MAX = 32,
	METRICS_LABEL_MAX = 128,
	METRICS_LIMIT_NAME_MAX = 32,
};

enum metrics_decision { DECISION_ADMITTED, DECISION_REFUSED, DECISION_DRY_RUN, DECISION_MAX };

/* Each on lines of the processor's cache of its own. */
struct metrics_cell {
	i64 value;
} __attribute__((aligned(64)));

struct metrics_route {
	u64 status[METRICS_CLASSES];
	u64 bucket[METRICS_BUCKETS]; /* not cumulative */
	u64 sum_us;
} __attribute__((aligned(64)));

struct metrics_limit {
	u64 decision[DECISION_MAX];
	char name[METRICS_LIMIT_NAME_MAX]; /* empty: no such limit */
} __attribute__((aligned(64)));

/* A process's own part. It holds byte N of the file locked while it lives in seat N (an open file
 * description lock, F_OFD_SETLK): the kernel tells who is alive. */
struct metrics_seat {
	i64 pid;
	struct metrics_cell gauge[METRIC_MAX];
} __attribute__((aligned(64)));

struct metrics_head {
	char magic[8];
	uint32_t version, n_routes;
	u64 metrics_print; /* of metrics.def */
	char pool[METRICS_POOL_MAX];
	uint32_t slot, pad;
} __attribute__((aligned(64)));

struct metrics_file {
	struct metrics_head head;
	struct metrics_seat seat[METRICS_SEATS];
	struct metrics_cell counter[METRIC_MAX];
	struct metrics_limit limit[METRICS_LIMITS];
};

struct metric_info {
	const char *name, *help;
	bool is_gauge;
};

extern const struct metric_info metric_table[METRIC_MAX];
extern const i64 metrics_bound_us[METRICS_BUCKETS - 1];

struct metrics_head metrics_head(const char *pool, unsigned slot, size_t n_routes);
size_t metrics_file_bytes(size_t n_routes);
struct metrics_route *metrics_routes(const struct metrics_file *f);
/* The label of route i, cut to METRICS_LABEL_MAX - 1 bytes. */
char *metrics_label(const struct metrics_file *f, size_t i);

struct metrics_source {
	const struct metrics_file *file;
	size_t bytes;
	bool is_alive[METRICS_SEATS];
};

/* Sorted by pool and slot: sources of one pool are neighbours. */
struct metrics_scrape {
	DIR *dir;
	struct metrics_source *source;
	size_t n;
};

/* All metrics files of dir that this program could have written; mapped until the arena is reset.
 */
struct metrics_scrape *metrics_scrape(const char *dir, struct arena *a);

#endif
