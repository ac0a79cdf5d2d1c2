/* The Prometheus text (exposition format 0.0.4) of all metrics files of a folder. They are read in
 * metrics_scrape.c. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "gen/commit.h"
#include "metrics.h"
#include "metrics_file.h"

/* The sums of one route over the processes of a pool. */
struct route_total {
	const char *pool, *label;
	u64 status[METRICS_CLASSES], bucket[METRICS_BUCKETS], sum_us;
};

static u64 load(const u64 *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static i64 load_i64(const i64 *value)
{
	return __atomic_load_n(value, __ATOMIC_RELAXED);
}

static const char *pool_of(const struct metrics_scrape *s, size_t i)
{
	return s->source[i].file->head.pool;
}

/* The first source of the next pool. */
static size_t end_of_pool(const struct metrics_scrape *s, size_t i)
{
	size_t end = i + 1;

	while (end < s->n && strcmp(pool_of(s, end), pool_of(s, i)) == 0)
		end++;
	return end;
}

static void put_head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP %s ", name);
	for (const char *p = help; *p != '\0'; p++) {
		if (*p == '\n')
			buf_str(out, "\\n");
		else if (*p == '\\')
			buf_str(out, "\\\\");
		else
			buf_char(out, *p);
	}
	buf_printf(out, "\n# TYPE %s %s\n", name, type);
}

/* before, name="value" */
static void put_label(struct buf *out, const char *before, const char *name, const char *value)
{
	buf_str(out, before);
	buf_str(out, name);
	buf_str(out, "=\"");
	for (const char *p = value; *p != '\0'; p++) {
		if (*p == '\n') {
			buf_str(out, "\\n");
			continue;
		}
		if (*p == '"' || *p == '\\')
			buf_char(out, '\\');
		buf_char(out, *p);
	}
	buf_char(out, '"');
}

static void put_value(struct buf *out, i64 value)
{
	buf_str(out, "} ");
	buf_i64(out, value);
	buf_char(out, '\n');
}

static i64 sum_of(const struct metrics_source *source, enum metric m)
{
	i64 sum = 0;

	if (!metric_table[m].is_gauge)
		return load_i64(&source->file->counter[m].value);
	for (size_t i = 0; i < METRICS_SEATS; i++)
		if (source->is_alive[i])
			sum += load_i64(&source->file->seat[i].gauge[m].value);
	return sum;
}

static void put_metric(struct buf *out, const struct metrics_scrape *s, enum metric m)
{
	const struct metric_info *info = &metric_table[m];

	put_head(out, info->name, info->is_gauge ? "gauge" : "counter", info->help);
	for (size_t i = 0, end; i < s->n; i = end) {
		i64 sum = 0;
		end = end_of_pool(s, i);
		for (size_t j = i; j < end; j++)
			sum += sum_of(&s->source[j], m);
		buf_str(out, info->name);
		put_label(out, "{", "pool", pool_of(s, i));
		put_value(out, sum);
	}
}

static i64 resident_bytes(i64 pid)
{
	char path[40];
	long long total, resident = 0;

	snprintf(path, sizeof(path), "/proc/%lld/statm", (long long)pid);
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return 0;
	if (fscanf(f, "%lld %lld", &total, &resident) != 2)
		resident = 0;
	fclose(f);
	return resident * sysconf(_SC_PAGESIZE);
}

static void put_processes(struct buf *out, const struct metrics_scrape *s)
{
	const char *name = "turnpike_process_resident_bytes";

	put_head(out, name, "gauge", "Memory of the process that is resident");
	for (size_t i = 0; i < s->n; i++) {
		const struct metrics_file *f = s->source[i].file;
		char slot[12];
		i64 bytes = 0;
		for (size_t j = 0; j < METRICS_SEATS; j++)
			if (s->source[i].is_alive[j])
				bytes += resident_bytes(load_i64(&f->seat[j].pid));
		if (bytes == 0)
			continue;
		snprintf(slot, sizeof(slot), "%u", f->head.slot);
		buf_str(out, name);
		put_label(out, "{", "pool", f->head.pool);
		put_label(out, ",", "slot", slot);
		put_value(out, bytes);
	}
}

/* The total of a label among those of a pool, which begin at `first`; a new one at the end. Tables
 * of one pool are nearly always alike: it is looked for at `guess` before all others. */
static struct route_total *total_of(
	struct route_total *first, size_t *n, size_t guess, const char *pool, const char *label)
{
	if (guess < *n && strcmp(first[guess].label, label) == 0)
		return &first[guess];
	for (size_t i = 0; i < *n; i++)
		if (strcmp(first[i].label, label) == 0)
			return &first[i];
	first[*n] = (struct route_total){.pool = pool, .label = label};
	return &first[(*n)++];
}

static void add_route(struct route_total *sum, const struct metrics_file *f, size_t route)
{
	for (size_t stripe = 0; stripe < METRICS_STRIPES; stripe++) {
		const struct metrics_route *r =
			&metrics_routes(f)[stripe * f->head.n_routes + route];
		for (size_t i = 0; i < METRICS_CLASSES; i++)
			sum->status[i] += load(&r->status[i]);
		for (size_t i = 0; i < METRICS_BUCKETS; i++)
			sum->bucket[i] += load(&r->bucket[i]);
		sum->sum_us += load(&r->sum_us);
	}
}

static struct route_total *sum_routes(
	const struct metrics_scrape *s, struct arena *a, size_t *ret_n)
{
	size_t n_max = 0, n = 0;

	for (size_t i = 0; i < s->n; i++)
		n_max += s->source[i].file->head.n_routes;
	struct route_total *total = arena_array(a, struct route_total, n_max + 1);
	for (size_t i = 0, end; i < s->n; i = end) {
		size_t n_pool = 0;
		end = end_of_pool(s, i);
		for (size_t j = i; j < end; j++) {
			const struct metrics_file *f = s->source[j].file;
			for (size_t route = 0; route < f->head.n_routes; route++) {
				const char *label = metrics_label(f, route);
				add_route(total_of(&total[n], &n_pool, route, pool_of(s, i), label),
					f, route);
			}
		}
		n += n_pool;
	}
	*ret_n = n;
	return total;
}

static void put_requests(struct buf *out, const struct route_total *total, size_t n)
{
	static const char *const class[METRICS_CLASSES] = {"1xx", "2xx", "3xx", "4xx", "5xx"};
	const char *name = "turnpike_requests_total";

	put_head(out, name, "counter", "Answers of the workers, by route and class of status");
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < METRICS_CLASSES; j++) {
			u64 count = total[i].status[j];
			if (count == 0 && (j == 0 || j == 2)) /* rare: shown once seen */
				continue;
			buf_str(out, name);
			put_label(out, "{", "pool", total[i].pool);
			put_label(out, ",", "route", total[i].label);
			put_label(out, ",", "status", class[j]);
			put_value(out, (i64)count);
		}
	}
}

static void put_seconds(struct buf *out, u64 us)
{
	char text[40], *end = text + snprintf(text, sizeof(text), "%" PRIu64 ".%06" PRIu64,
					     us / US_PER_S, us % US_PER_S);

	while (end[-1] == '0')
		*--end = '\0';
	if (end[-1] == '.')
		end[-1] = '\0';
	buf_str(out, text);
}

static void put_part(struct buf *out, const char *part, const struct route_total *total)
{
	buf_str(out, "turnpike_request_duration_seconds");
	buf_str(out, part);
	put_label(out, "{", "pool", total->pool);
	put_label(out, ",", "route", total->label);
}

/* Routes that were never asked for have no histogram: it is long. */
static void put_durations(struct buf *out, const struct route_total *total, size_t n)
{
	put_head(out, "turnpike_request_duration_seconds", "histogram",
		"Time from the parsed request to the written answer");
	for (size_t i = 0; i < n; i++) {
		u64 count = 0;
		for (size_t j = 0; j < METRICS_BUCKETS; j++)
			count += total[i].bucket[j];
		if (count == 0)
			continue;
		count = 0;
		for (size_t j = 0; j < METRICS_BUCKETS; j++) {
			count += total[i].bucket[j];
			put_part(out, "_bucket", &total[i]);
			buf_str(out, ",le=\"");
			if (j < ARRAY_LEN(metrics_bound_us))
				put_seconds(out, (u64)metrics_bound_us[j]);
			else
				buf_str(out, "+Inf");
			buf_char(out, '"');
			put_value(out, (i64)count);
		}
		put_part(out, "_sum", &total[i]);
		buf_str(out, "} ");
		put_seconds(out, total[i].sum_us);
		buf_char(out, '\n');
		put_part(out, "_count", &total[i]);
		put_value(out, (i64)count);
	}
}

struct limit_total {
	char name[METRICS_LIMIT_NAME_MAX];
	u64 decision[DECISION_MAX];
};

static void add_limits(
	struct limit_total *total, size_t *n, size_t n_max, const struct metrics_source *source)
{
	for (size_t i = 0; i < METRICS_LIMITS; i++) {
		const struct metrics_limit *limit = &source->file->limit[i];
		struct limit_total named = {.decision = {0}};
		size_t at = 0;
		memcpy(named.name, limit->name, sizeof(named.name) - 1);
		while (at < *n && strcmp(total[at].name, named.name) != 0)
			at++;
		if (named.name[0] == '\0' || at == n_max)
			continue;
		if (at == *n)
			total[(*n)++] = named;
		for (size_t j = 0; j < DECISION_MAX; j++)
			total[at].decision[j] += load(&limit->decision[j]);
	}
}

static void put_limits(struct buf *out, const struct metrics_scrape *s)
{
	static const char *const decision[DECISION_MAX] = {"admitted", "refused", "dry_run"};
	const char *name = "turnpike_limit_decisions_total";
	struct limit_total total[2 * METRICS_LIMITS]; /* two versions of the table at a time */
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		add_limits(total, &n, ARRAY_LEN(total), &s->source[i]);
	put_head(out, name, "counter",
		"Decisions of the workers' limits; dry_run: would have been refused");
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < DECISION_MAX; j++) {
			buf_str(out, name);
			put_label(out, "{", "limit", total[i].name);
			put_label(out, ",", "decision", decision[j]);
			put_value(out, (i64)total[i].decision[j]);
		}
	}
}

void metrics_render(const char *dir, struct buf *out)
{
	struct metrics_scrape *s = metrics_scrape(dir, out->arena);
	size_t n_routes;
	const struct route_total *total = sum_routes(s, out->arena, &n_routes);

	put_head(out, "turnpike_build_info", "gauge", "The commit this program was built from");
	buf_str(out, "turnpike_build_info");
	put_label(out, "{", "commit", TURNPIKE_COMMIT);
	put_value(out, 1);
	for (enum metric m = 0; m < METRIC_MAX; m++)
		put_metric(out, s, m);
	put_processes(out, s);
	put_requests(out, total, n_routes);
	put_durations(out, total, n_routes);
	put_limits(out, s);
}
