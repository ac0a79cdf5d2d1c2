/* Metrics: what processes count and what a scrape shows, read by a strict parser of the Prometheus
 * text format 0.0.4. */
#include <ctype.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "fcgi/core/clock.h"
#include "fcgi/core/metrics.h"
#include "fcgi/core/str.h"
#include "gen/commit.h"

enum { SERIES_MAX = 8000, FAMILIES_MAX = 64, LINE_MAX = 600 };

static const char *const routes[] = {"GET /api/a", "POST /api/\"quoted\\path\"\n", "GET /api/c"};
static const char *limits[] = {NULL, "general", "auth"};

static char folder[64];

/* The parser: families in order, every series once. */
struct family {
	char name[100], type[20];
	bool has_help;
};

struct series {
	char key[LINE_MAX]; /* name{labels}, as written */
	size_t family;
	double value;
};

static struct family family[FAMILIES_MAX];
static struct series series[SERIES_MAX];
static size_t n_families, n_series;

static bool is_name_char(char c, bool first)
{
	return isalpha((unsigned char)c) || c == '_' || c == ':' ||
	       (!first && isdigit((unsigned char)c));
}

static size_t name_length(const char *p)
{
	size_t n = 0;

	while (is_name_char(p[n], n == 0))
		n++;
	assert_true(n > 0);
	return n;
}

static struct family *family_named(const char *name, size_t length)
{
	for (size_t i = 0; i < n_families; i++)
		if (strlen(family[i].name) == length && memcmp(family[i].name, name, length) == 0)
			return &family[i];
	return NULL;
}

static void parse_comment(const char *line)
{
	bool is_help = str_starts(line, "# HELP "), is_type = str_starts(line, "# TYPE ");
	const char *name = line + 7;

	assert_true(is_help || is_type);
	size_t n = name_length(name);
	assert_int_equal(name[n], ' ');
	const char *text = name + n + 1;
	assert_true(*text != '\0');
	if (is_help) { /* HELP comes first here: a new family, not seen before */
		assert_null(family_named(name, n));
		assert_true(n_families < FAMILIES_MAX && n < sizeof(family[0].name));
		struct family *f = &family[n_families++];
		*f = (struct family){.has_help = true};
		memcpy(f->name, name, n);
		for (const char *p = text; (p = strchr(p, '\\')) != NULL; p += 2)
			assert_true(p[1] == '\\' || p[1] == 'n');
		return;
	}
	struct family *f = family_named(name, n);
	assert_ptr_equal(f, &family[n_families - 1]);
	assert_string_equal(f->type, "");
	assert_true(str_equal(text, "counter") || str_equal(text, "gauge") ||
		    str_equal(text, "histogram"));
	strcpy(f->type, text);
	if (str_equal(text, "counter"))
		assert_string_equal(name + strlen(f->name) - 6, "_total counter");
}

/* Past {a="b",c="d"} */
static const char *parse_labels(const char *p)
{
	assert_int_equal(*p++, '{');
	for (;;) {
		p += name_length(p);
		assert_memory_equal(p, "=\"", 2);
		for (p += 2; *p != '"'; p++) {
			assert_true(*p != '\0');
			if (*p == '\\') {
				p++;
				assert_true(*p == '\\' || *p == '"' || *p == 'n');
			}
		}
		if (*++p == '}')
			return p + 1;
		assert_int_equal(*p++, ',');
	}
}

/* A sample belongs to the family begun last. */
static void parse_sample(const char *line)
{
	const struct family *f = &family[n_families - 1];
	size_t n = name_length(line), base = strlen(f->name);
	struct series *s = &series[n_series];
	char *end;

	assert_true(n_families > 0 && f->type[0] != '\0');
	assert_memory_equal(line, f->name, base);
	if (str_equal(f->type, "histogram"))
		assert_true((n == base + 7 && str_starts(line + base, "_bucket")) ||
			    (n == base + 4 && str_starts(line + base, "_sum")) ||
			    (n == base + 6 && str_starts(line + base, "_count")));
	else
		assert_int_equal(n, base);
	const char *p = line[n] == '{' ? parse_labels(line + n) : line + n;
	assert_int_equal(*p, ' ');
	assert_true(n_series < SERIES_MAX && (size_t)(p - line) < sizeof(s->key));
	*s = (struct series){.family = n_families - 1, .value = strtod(p + 1, &end)};
	assert_true(end > p + 1 && *end == '\0');
	memcpy(s->key, line, (size_t)(p - line));
	for (size_t i = 0; i < n_series; i++)
		if (str_equal(series[i].key, s->key))
			fail_msg("twice: %s", s->key);
	n_series++;
}

/* Buckets follow one another, with growing bounds and counts, then +Inf, _sum and _count. */
static void check_histograms(void)
{
	double bound = -1, count = 0;

	for (size_t i = 0; i < n_series; i++) {
		const struct series *s = &series[i];
		const char *le = strstr(s->key, ",le=\"");
		if (!str_equal(family[s->family].type, "histogram"))
			continue;
		if (le != NULL) {
			double next = strtod(le + 5, NULL); /* knows "+Inf" */
			assert_true(next > bound && s->value >= count);
			bound = next;
			count = s->value;
		} else if (strstr(s->key, "_count{") != NULL) {
			assert_true(bound > 1e300 && s->value == count);
			bound = -1;
			count = 0;
		} else {
			assert_true(strstr(s->key, "_sum{") != NULL && s->value >= 0);
		}
	}
	assert_true(bound == -1);
}

static void scrape(void)
{
	struct arena arena;
	struct buf out;
	char *line, *rest;

	arena_init(&arena, 8 << 20);
	buf_init(&out, &arena, 100);
	metrics_render(folder, &out);
	assert_true(out.length > 0 && out.data[out.length - 1] == '\n');
	assert_true(utf8_valid(out.data, out.length));
	n_families = n_series = 0;
	out.data[out.length - 1] = '\0';
	for (rest = out.data; (line = strsep(&rest, "\n")) != NULL;) {
		if (line[0] == '#')
			parse_comment(line);
		else
			parse_sample(line);
	}
	for (size_t i = 0; i < n_families; i++)
		assert_true(family[i].has_help && family[i].type[0] != '\0');
	check_histograms();
	arena_free(&arena);
}

/* -1: not there. */
static double value_of(const char *key)
{
	for (size_t i = 0; i < n_series; i++)
		if (str_equal(series[i].key, key))
			return series[i].value;
	return -1;
}

static void assert_value(const char *key, double value)
{
	if (value_of(key) != value)
		fail_msg("%s is %g, not %g", key, value_of(key), value);
}

/* A worker: counts as count() says, tells by a byte that it has, lives until stop() writes one. */
struct worker {
	pid_t pid;
	int hold;
};

static struct worker start(const char *pool, unsigned slot, size_t n_routes, void (*count)(void))
{
	int ready[2], hold[2];
	char byte;

	assert_int_equal(pipe2(ready, O_CLOEXEC) + pipe2(hold, O_CLOEXEC), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		alarm(60); /* should the test itself die */
		metrics_limit_names(limits, ARRAY_LEN(limits));
		if (!metrics_open(folder, pool, slot, routes, n_routes))
			_exit(1);
		count();
		if (write(ready[1], "r", 1) != 1 || read(hold[0], &byte, 1) != 1)
			_exit(1);
		_exit(0);
	}
	close(ready[1]);
	close(hold[0]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return (struct worker){.pid = pid, .hold = hold[1]};
}

static void stop(struct worker w)
{
	int status;

	assert_int_equal(write(w.hold, "e", 1), 1);
	close(w.hold);
	assert_int_equal(waitpid(w.pid, &status, 0), w.pid);
	assert_int_equal(status, 0);
}

static void destroy(struct worker w)
{
	kill(w.pid, SIGKILL);
	close(w.hold);
	assert_int_equal(waitpid(w.pid, NULL, 0), w.pid);
}

static void count_some(void)
{
	metrics_add(METRIC_DB_RETRIES, 2);
	metrics_set(METRIC_THREADS, 8);
	metrics_add(METRIC_THREADS_BUSY, 3);
	metrics_add(METRIC_THREADS_BUSY, -1);
	metrics_answer(0, 200, 500);
	metrics_answer(0, 201, 501);
	metrics_answer(0, 404, 2500000);
	metrics_answer(0, 500, 10000000);
	metrics_answer(0, 502, 10000001);
	metrics_answer(1, 302, 0);
	metrics_answer(1, 0, -5);
	metrics_answer(3, 200, 1); /* no such route */
	metrics_limit(2, false, false);
	metrics_limit(2, false, true);
	metrics_limit(2, true, false);
	metrics_limit(2, true, true);
	metrics_limit(32, true, true);
}

static void count_nothing(void)
{
}

static void clear_folder(void)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -f %s/*", folder);
	assert_int_equal(system(command), 0);
}

static void test_before_open(void **state)
{
	(void)state;
	clear_folder();
	count_some();
	metrics_limit_names(limits, ARRAY_LEN(limits));
	scrape(); /* nothing there, yet a valid text */
	assert_value("turnpike_build_info{commit=\"" TURNPIKE_COMMIT "\"}", 1);
	assert_value("turnpike_threads{pool=\"core\"}", -1);
	assert_false(metrics_open("/nonexistent", "core", 0, routes, 3));
	count_some();
}

#define ROUTE_0 "pool=\"core\",route=\"GET /api/a\""
#define ROUTE_1 "pool=\"core\",route=\"POST /api/\\\"quoted\\\\path\\\"\\n\""
#define REQUESTS "turnpike_requests_total{"
#define DURATION "turnpike_request_duration_seconds"
#define RESIDENT "turnpike_process_resident_bytes{"

static void assert_counters(double n)
{
	assert_value("turnpike_db_retries_total{pool=\"core\"}", 2 * n);
	assert_value("turnpike_limit_refused_total{pool=\"core\"}", n);
	assert_value("turnpike_limit_dry_run_total{pool=\"core\"}", n);
	assert_value(REQUESTS ROUTE_0 ",status=\"2xx\"}", 2 * n);
	assert_value(REQUESTS ROUTE_0 ",status=\"3xx\"}", -1);
	assert_value(REQUESTS ROUTE_0 ",status=\"4xx\"}", n);
	assert_value(REQUESTS ROUTE_0 ",status=\"5xx\"}", 2 * n);
	assert_value(REQUESTS ROUTE_1 ",status=\"3xx\"}", n);
	assert_value(REQUESTS ROUTE_1 ",status=\"5xx\"}", n);
	assert_value(DURATION "_bucket{" ROUTE_0 ",le=\"0.0005\"}", n);
	assert_value(DURATION "_bucket{" ROUTE_0 ",le=\"0.001\"}", 2 * n);
	assert_value(DURATION "_bucket{" ROUTE_0 ",le=\"1\"}", 2 * n);
	assert_value(DURATION "_bucket{" ROUTE_0 ",le=\"2.5\"}", 3 * n);
	assert_value(DURATION "_bucket{" ROUTE_0 ",le=\"10\"}", 4 * n);
	assert_value(DURATION "_bucket{" ROUTE_0 ",le=\"+Inf\"}", 5 * n);
	assert_value(DURATION "_count{" ROUTE_0 "}", 5 * n);
	assert_value(DURATION "_sum{" ROUTE_0 "}", (500 + 501 + 22500001) * n / 1e6);
	assert_value(DURATION "_sum{" ROUTE_1 "}", 0);
	assert_value("turnpike_limit_decisions_total{limit=\"auth\",decision=\"admitted\"}", 2 * n);
	assert_value("turnpike_limit_decisions_total{limit=\"auth\",decision=\"refused\"}", n);
	assert_value("turnpike_limit_decisions_total{limit=\"auth\",decision=\"dry_run\"}", n);
	assert_value("turnpike_limit_decisions_total{limit=\"general\",decision=\"admitted\"}", 0);
}

static void assert_gauges(double threads, double busy)
{
	assert_value("turnpike_threads{pool=\"core\"}", threads);
	assert_value("turnpike_threads_busy{pool=\"core\"}", busy);
}

static void test_pool_is_summed(void **state)
{
	struct worker w[3];

	(void)state;
	clear_folder();
	w[0] = start("core", 0, 3, count_some);
	scrape();
	assert_counters(1);
	assert_gauges(8, 2);
	w[1] = start("core", 1, 3, count_some);
	w[2] = start("auth", 0, 2, count_some);
	scrape();
	assert_value("turnpike_db_retries_total{pool=\"auth\"}", 2);
	assert_value(
		"turnpike_requests_total{pool=\"auth\",route=\"GET /api/a\",status=\"2xx\"}", 2);
	assert_value("turnpike_db_retries_total{pool=\"core\"}", 4);
	assert_value(REQUESTS ROUTE_0 ",status=\"2xx\"}", 4);
	assert_value(DURATION "_count{" ROUTE_0 "}", 10);
	assert_gauges(16, 4);
	assert_true(value_of(RESIDENT "pool=\"core\",slot=\"1\"}") > 100000);
	assert_true(value_of(RESIDENT "pool=\"auth\",slot=\"0\"}") > 100000);
	/* Limits are summed over pools. */
	assert_value("turnpike_limit_decisions_total{limit=\"auth\",decision=\"admitted\"}", 6);
	for (size_t i = 0; i < ARRAY_LEN(w); i++)
		stop(w[i]);
	scrape(); /* counters stay, gauges go */
	assert_value("turnpike_db_retries_total{pool=\"core\"}", 4);
	assert_gauges(0, 0);
	assert_value(RESIDENT "pool=\"core\",slot=\"1\"}", -1);
}

static void test_restart_goes_on(void **state)
{
	(void)state;
	clear_folder();
	for (int i = 1; i <= 3; i++) {
		struct worker w = start("core", 0, 3, count_some);
		scrape();
		assert_counters(i);
		assert_gauges(8, 2);
		if (i == 2) /* without a farewell */
			destroy(w);
		else
			stop(w);
		scrape();
		assert_counters(i);
		assert_gauges(0, 0);
	}
}

/* Predecessors that still finish have gauges of their own; five are one more than has a seat. */
static void test_predecessor_still_alive(void **state)
{
	struct worker w[5];

	(void)state;
	clear_folder();
	for (int i = 0; i < 5; i++) {
		w[i] = start("core", 0, 3, count_some);
		scrape();
		assert_counters(i + 1);
		assert_gauges(i < 4 ? 8 * (i + 1) : 32, i < 4 ? 2 * (i + 1) : 8);
	}
	stop(w[0]);
	scrape();
	assert_gauges(24, 6);
	w[0] = start("core", 0, 3, count_nothing); /* the free seat begins at 0 */
	scrape();
	assert_gauges(24, 6);
	for (int i = 0; i < 5; i++)
		stop(w[i]);
}

static void test_other_table_starts_anew(void **state)
{
	struct worker w, old;

	(void)state;
	clear_folder();
	old = start("core", 0, 3, count_some);
	w = start("core", 0, 2, count_nothing); /* the old one counts on, unseen */
	scrape();
	assert_value("turnpike_db_retries_total{pool=\"core\"}", 0);
	assert_gauges(0, 0);
	stop(old);
	stop(w);
	const char *saved = limits[2];
	w = start("core", 0, 2, count_some);
	stop(w);
	limits[2] = "renamed";
	w = start("core", 0, 2, count_nothing);
	limits[2] = saved;
	scrape(); /* counters go on, but not under another limit's name */
	assert_value("turnpike_db_retries_total{pool=\"core\"}", 2);
	assert_value("turnpike_limit_decisions_total{limit=\"renamed\",decision=\"admitted\"}", 0);
	assert_value("turnpike_limit_decisions_total{limit=\"auth\",decision=\"admitted\"}", -1);
	stop(w);
}

static void make_file(const char *name, const char *text, off_t length)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(ftruncate(fd, length), 0);
	close(fd);
}

static void test_foreign_files_are_passed_over(void **state)
{
	char command[200];
	struct worker w;

	(void)state;
	clear_folder();
	w = start("core", 0, 3, count_some);
	make_file("metrics.core.1", "", 0);
	make_file("metrics.core.2", "TPMETRIC", 200000);
	make_file("metrics.core.3.new", "TPMETRIC", 9000);
	make_file("windows", "", 5);
	/* a copy under another name, and one cut short */
	snprintf(command, sizeof(command),
		"cd %s && cp metrics.core.0 metrics.ops.0 && "
		"head -c 9000 metrics.core.0 > metrics.core.4 && "
		"mkfifo metrics.core.5 && mkdir metrics.core.6",
		folder);
	assert_int_equal(system(command), 0);
	scrape();
	assert_counters(1);
	assert_gauges(8, 2);
	assert_value("turnpike_threads{pool=\"ops\"}", -1);
	stop(w);
	snprintf(command, sizeof(command), "rmdir %s/metrics.core.6", folder);
	assert_int_equal(system(command), 0);
	/* A file in the way of ours is replaced. */
	w = start("core", 2, 3, count_some);
	scrape();
	assert_counters(2);
	stop(w);
}

static void *count_in_thread(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20000; i++) {
		metrics_answer((size_t)(i % 3), 200, i);
		metrics_add(METRIC_MAIL_SENT, 1);
		metrics_limit(1, false, false);
	}
	return NULL;
}

/* Also: this process may go on in another file; a scrape while others count. */
static void test_threads(void **state)
{
	pthread_t thread[10];

	(void)state;
	clear_folder();
	metrics_limit_names(limits, ARRAY_LEN(limits));
	assert_true(metrics_open(folder, "core", 7, routes, 3));
	assert_true(metrics_open(folder, "core", 0, routes, 3));
	for (size_t i = 0; i < ARRAY_LEN(thread); i++)
		assert_int_equal(pthread_create(&thread[i], NULL, count_in_thread, NULL), 0);
	for (int i = 0; i < 10; i++)
		scrape();
	for (size_t i = 0; i < ARRAY_LEN(thread); i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	scrape();
	assert_value("turnpike_mail_sent_total{pool=\"core\"}", 200000);
	assert_value(REQUESTS ROUTE_1 ",status=\"2xx\"}", 66670);
	assert_value(
		"turnpike_limit_decisions_total{limit=\"general\",decision=\"admitted\"}", 200000);
	assert_value(RESIDENT "pool=\"core\",slot=\"7\"}", -1);
	assert_true(value_of(RESIDENT "pool=\"core\",slot=\"0\"}") > 0);
}

/* Not a check: what counting and a scrape of a big installation cost here. */
static void test_speed(void **state)
{
	enum { ROUNDS = 1000000, ROUTES = 256, FILES = 16 };
	static char text[ROUTES][40];
	const char *names[ROUTES];
	struct arena arena;
	struct buf out;

	(void)state;
	clear_folder();
	for (int i = 0; i < ROUTES; i++) {
		snprintf(text[i], sizeof(text[i]), "GET /api/some/route/{id}/%d", i);
		names[i] = text[i];
	}
	for (unsigned slot = 0; slot < FILES; slot++) {
		assert_true(metrics_open(folder, "core", slot, names, ROUTES));
		for (size_t i = 0; i < ROUTES; i++)
			metrics_answer(i, 200, 1234);
	}
	i64 start_us = clock_mono_us();
	for (size_t i = 0; i < ROUNDS; i++)
		metrics_answer(i % ROUTES, 200, (i64)(i % 20000));
	print_message("  answer: %d ns\n", (int)((clock_mono_us() - start_us) * 1000 / ROUNDS));
	arena_init(&arena, 64 << 20);
	buf_init(&out, &arena, 1000);
	start_us = clock_mono_us();
	metrics_render(folder, &out);
	print_message("  scrape of %d files with %d routes: %d us, %d bytes\n", FILES, ROUTES,
		(int)(clock_mono_us() - start_us), (int)out.length);
	arena_free(&arena);
}

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/test_metrics.XXXXXX");
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	clear_folder();
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_before_open),
		cmocka_unit_test(test_pool_is_summed),
		cmocka_unit_test(test_restart_goes_on),
		cmocka_unit_test(test_predecessor_still_alive),
		cmocka_unit_test(test_other_table_starts_anew),
		cmocka_unit_test(test_foreign_files_are_passed_over),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_speed),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
