/* Counting: the process's metrics file and the adds to it. What is made of it: metrics_render.c. */
#include "metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mapped.h"
#include "metrics_file.h"

#define KIND_COUNTER false
#define KIND_GAUGE true

const struct metric_info metric_table[METRIC_MAX] = {
#define M(id, name_, kind, help_) \
	[METRIC_##id] = {.name = name_, .help = help_, .is_gauge = KIND_##kind},
#include "metrics.def"
#undef M
};

const i64 metrics_bound_us[METRICS_BUCKETS - 1] = {500, 1000, 2500, 5000, 10000, 25000, 50000,
	100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000};

/* What is counted before metrics_open(), or when it failed; it has no routes. */
static struct metrics_file private_file;

static struct {
	struct mapped mapped;
	struct metrics_file *file;
	struct metrics_seat *seat;
	struct metrics_route *route;
	size_t n_routes;
	const char *limit_name[METRICS_LIMITS];
} process = {
	.mapped = {.fd = -1},
	.file = &private_file,
	.seat = &private_file.seat[0],
};

/* FNV-1a of the names and kinds: files of a program with other metrics are not taken over. */
static u64 metrics_print(void)
{
	u64 print = 0xcbf29ce484222325;

	for (size_t i = 0; i < METRIC_MAX; i++) {
		for (const char *p = metric_table[i].name; *p != '\0'; p++)
			print = (print ^ (unsigned char)*p) * 0x100000001b3;
		print = (print ^ metric_table[i].is_gauge) * 0x100000001b3;
	}
	return print;
}

struct metrics_head metrics_head(const char *pool, unsigned slot, size_t n_routes)
{
	struct metrics_head head = {
		.version = METRICS_VERSION,
		.n_routes = (uint32_t)n_routes,
		.metrics_print = metrics_print(),
		.slot = slot,
	};

	memcpy(head.magic, "TPMETRIC", sizeof(head.magic));
	snprintf(head.pool, sizeof(head.pool), "%s", pool);
	return head;
}

size_t metrics_file_bytes(size_t n_routes)
{
	return sizeof(struct metrics_file) +
	       n_routes * (METRICS_STRIPES * sizeof(struct metrics_route) + METRICS_LABEL_MAX);
}

struct metrics_route *metrics_routes(const struct metrics_file *f)
{
	return (struct metrics_route *)(f + 1);
}

char *metrics_label(const struct metrics_file *f, size_t i)
{
	char *first = (char *)(metrics_routes(f) + METRICS_STRIPES * f->head.n_routes);

	return first + i * METRICS_LABEL_MAX;
}

static bool labels_equal(const struct metrics_file *f, const char *const *route_names)
{
	for (size_t i = 0; i < f->head.n_routes; i++) {
		const char *label = metrics_label(f, i);
		if (strncmp(label, route_names[i], METRICS_LABEL_MAX - 1) != 0)
			return false;
	}
	return true;
}

/* Takes over the file of a predecessor that counted the same. */
static bool open_existing(const char *path, const struct metrics_head *head,
	const char *const *route_names, struct mapped *ret)
{
	struct mapped m;

	if (!mapped_open(path, metrics_file_bytes(head->n_routes), &m))
		return false;
	if (memcmp(m.data, head, sizeof(*head)) != 0 || !labels_equal(m.data, route_names)) {
		mapped_close(&m);
		return false;
	}
	*ret = m;
	return true;
}

static bool open_new(const char *path, const struct metrics_head *head,
	const char *const *route_names, struct mapped *ret)
{
	if (!mapped_make(path, metrics_file_bytes(head->n_routes), ret))
		return false;
	struct metrics_file *f = ret->data;
	f->head = *head;
	for (size_t i = 0; i < head->n_routes; i++)
		snprintf(metrics_label(f, i), METRICS_LABEL_MAX, "%s", route_names[i]);
	return mapped_publish(ret, path);
}

/* Gauges begin at 0 in a seat that nobody living holds. More than METRICS_SEATS at a time are not
 * expected; one too many keeps its gauges to itself. */
static struct metrics_seat *take_seat(const struct mapped *m)
{
	struct metrics_file *f = m->data;

	for (int i = 0; i < METRICS_SEATS; i++) {
		struct flock lock = {
			.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = i, .l_len = 1};
		if (fcntl(m->fd, F_OFD_SETLK, &lock) != 0)
			continue;
		memset(&f->seat[i], 0, sizeof(f->seat[i]));
		__atomic_store_n(&f->seat[i].pid, getpid(), __ATOMIC_RELAXED);
		return &f->seat[i];
	}
	return &private_file.seat[0];
}

/* A row that had another name begins at 0. */
static void write_limit_names(struct metrics_file *f)
{
	for (size_t i = 0; i < METRICS_LIMITS; i++) {
		struct metrics_limit *limit = &f->limit[i];
		const char *name = process.limit_name[i];
		if (name == NULL || strncmp(limit->name, name, sizeof(limit->name) - 1) == 0)
			continue;
		memset(limit, 0, sizeof(*limit));
		snprintf(limit->name, sizeof(limit->name), "%s", name);
	}
}

bool metrics_open(const char *dir, const char *pool, unsigned slot, const char *const *route_names,
	size_t n_routes)
{
	char path[PATH_MAX];
	struct mapped m;
	size_t n = n_routes < METRIC_ROUTES_MAX ? n_routes : METRIC_ROUTES_MAX;
	struct metrics_head head = metrics_head(pool, slot, n);
	int length = snprintf(path, sizeof(path), "%s/metrics.%s.%u", dir, pool, slot);

	if (length >= (int)sizeof(path) || strlen(pool) >= METRICS_POOL_MAX) {
		errno = ENAMETOOLONG;
		return false;
	}
	scoped_fd int folder = mapped_lock_folder(path);
	if (folder < 0)
		return false;
	if (!open_existing(path, &head, route_names, &m) && !open_new(path, &head, route_names, &m))
		return false;
	mapped_close(&process.mapped); /* a second call; threads run only after it */
	process.mapped = m;
	process.file = m.data;
	process.seat = take_seat(&m);
	process.route = metrics_routes(process.file);
	process.n_routes = n;
	write_limit_names(process.file);
	return true;
}

static void add(u64 *counter, u64 n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

static i64 *cell_of(enum metric m)
{
	return metric_table[m].is_gauge ? &process.seat->gauge[m].value
					: &process.file->counter[m].value;
}

void metrics_add(enum metric m, i64 n)
{
	__atomic_fetch_add(cell_of(m), n, __ATOMIC_RELAXED);
}

void metrics_set(enum metric m, i64 value)
{
	__atomic_store_n(cell_of(m), value, __ATOMIC_RELAXED);
}

/* Threads take the stripes in turn. */
static unsigned stripe_of_thread(void)
{
	static unsigned n_threads;
	static _Thread_local unsigned stripe = METRICS_STRIPES;

	if (stripe == METRICS_STRIPES)
		stripe = __atomic_fetch_add(&n_threads, 1, __ATOMIC_RELAXED) % METRICS_STRIPES;
	return stripe;
}

void metrics_answer(size_t route, int status, i64 duration_us)
{
	size_t bucket = 0;

	if (route >= process.n_routes)
		return;
	struct metrics_route *r = &process.route[stripe_of_thread() * process.n_routes + route];
	if (duration_us < 0)
		duration_us = 0;
	while (bucket < ARRAY_LEN(metrics_bound_us) && duration_us > metrics_bound_us[bucket])
		bucket++;
	bool is_status = status >= 100 && status < 600;
	add(&r->status[is_status ? status / 100 - 1 : METRICS_CLASSES - 1], 1);
	add(&r->bucket[bucket], 1);
	add(&r->sum_us, (u64)duration_us);
}

void metrics_limit(unsigned limit, bool refused, bool dry_run)
{
	enum metrics_decision decision = DECISION_ADMITTED;

	if (limit >= METRICS_LIMITS)
		return;
	if (refused) {
		decision = dry_run ? DECISION_DRY_RUN : DECISION_REFUSED;
		metrics_add(dry_run ? METRIC_LIMIT_DRY_RUN : METRIC_LIMIT_REFUSED, 1);
	}
	add(&process.file->limit[limit].decision[decision], 1);
}

void metrics_limit_names(const char *const *names, size_t n)
{
	for (size_t i = 0; i < METRICS_LIMITS; i++)
		process.limit_name[i] = i < n ? names[i] : NULL;
	write_limit_names(process.file);
}
