/* turnpike-jobs: runs the table of jobs, a thread for each lane, until SIGTERM. Several of these
 * may run on several hosts (jobs.h). */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mysql.h>

#include "../core/clock.h"
#include "../core/log.h"
#include "../core/metrics.h"
#include "../core/str.h"
#include "../limit/limits.h"
#include "jobs.h"

enum { ARENA_CEILING_BYTES = 32 * 1024 * 1024, FAILED_MS = 1000, JOBS_MAX = 32, SETTLE_MS = 5000 };

/* Sleeps for a tick; true when SIGTERM or SIGINT came. Nobody reads the descriptor, so that all
 * threads see it. */
static bool told_to_stop(int signal_fd, int wait_ms)
{
	struct pollfd p = {.fd = signal_fd, .events = POLLIN};

	return poll(&p, 1, wait_ms) > 0;
}

/* One turn of a job, and when its next one is: at once while there is more to do, but a second
 * after a failure at the earliest. */
static void run_job(const struct job *job, struct job_context *c, i64 *due_us)
{
	bool again = false;
	i64 wait_ms = job->every_ms;

	c->now_us = clock_now_us();
	fail_clear(c->db->fail);
	int rc = job->run(c, &again);
	if (rc != 0) {
		LOG(WARN, "job_failed", LOG_TEXT("job", job->name), LOG_NUMBER("error", rc),
			LOG_TEXT("cause", c->db->fail->cause));
		wait_ms = wait_ms < FAILED_MS ? FAILED_MS : wait_ms;
	} else if (again) {
		wait_ms = 0;
	}
	*due_us = clock_mono_us() + wait_ms * US_PER_MS;
	arena_reset(c->db->arena);
}

/* One lane: its thread has an arena, connections to the outside and a failure of its own. */
struct lane_run {
	enum job_lane lane;
	const struct options *options;
	struct db_pool *pool;
	int signal_fd;
	pthread_t thread;
};

/* The jobs of the lane that are due, each for one turn. Returns how long until the next is due. */
static int run_due(enum job_lane lane, struct job_context *c, i64 due_us[JOBS_MAX])
{
	i64 next_us = INT64_MAX;

	for (size_t i = 0; jobs[i].name != NULL; i++) {
		if (jobs[i].lane != lane)
			continue;
		if (clock_mono_us() >= due_us[i])
			run_job(&jobs[i], c, &due_us[i]);
		if (due_us[i] < next_us)
			next_us = due_us[i];
	}
	i64 wait_ms = (next_us - clock_mono_us() + US_PER_MS - 1) / US_PER_MS;
	return wait_ms < 0 ? 0 : (int)wait_ms;
}

static void *lane_main(void *arg)
{
	const struct lane_run *run = arg;
	struct arena arena;
	struct fail failure = {.arena = &arena};
	struct db db = {.pool = run->pool, .arena = &arena, .fail = &failure};
	struct job_context context = {.options = run->options, .db = &db, .net = net_new()};
	i64 due_us[JOBS_MAX], started_us = clock_mono_us();
	int wait_ms = 0;

	arena_init(&arena, ARENA_CEILING_BYTES);
	/* Those that ask others begin when the others have started, too. */
	for (size_t i = 0; jobs[i].name != NULL; i++)
		due_us[i] = started_us + (jobs[i].every_ms < SETTLE_MS ? 0 : SETTLE_MS * US_PER_MS);
	while (!told_to_stop(run->signal_fd, wait_ms))
		wait_ms = run_due(run->lane, &context, due_us);
	net_free(context.net);
	arena_free(&arena);
	return NULL;
}

/* Until all lanes were told to stop. */
static void run_lanes(const struct options *options, struct db_pool *pool, int signal_fd)
{
	struct lane_run run[LANE_MAX];

	for (int lane = 0; lane < LANE_MAX; lane++) {
		run[lane] = (struct lane_run){.lane = (enum job_lane)lane,
			.options = options,
			.pool = pool,
			.signal_fd = signal_fd};
		if (pthread_create(&run[lane].thread, NULL, lane_main, &run[lane]) != 0) {
			LOG(ERROR, "no_thread", LOG_NUMBER("lane", lane));
			exit(1);
		}
	}
	for (int lane = 0; lane < LANE_MAX; lane++)
		pthread_join(run[lane].thread, NULL);
}

static int signals_as_fd(void)
{
	sigset_t stop_signals;

	sigemptyset(&stop_signals);
	sigaddset(&stop_signals, SIGTERM);
	sigaddset(&stop_signals, SIGINT);
	sigprocmask(SIG_BLOCK, &stop_signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &stop_signals, SFD_CLOEXEC);
}

int main(int argc, char **argv)
{
	const char *config = TURNPIKE_SYSCONFDIR "/turnpike.conf";
	static struct options options;
	char dir[256];

	if (argc == 3 && str_equal(argv[1], "--config")) {
		config = argv[2];
	} else if (argc != 1) {
		fputs("usage: turnpike-jobs [--config FILE]\n", stderr);
		return 64;
	}
	if (!options_load(config, &options, limit_override, NULL, stderr))
		return 78;
	log_open("jobs", LOG_LEVEL_INFO);
	int signal_fd = signals_as_fd();
	mysql_library_init(0, NULL, NULL);
	net_global_init();
	snprintf(dir, sizeof(dir), "%s/shm", options.state_dir);
	mkdir(dir, 0770); /* there already, as a rule */
	if (!metrics_open(dir, "jobs", 0, NULL, 0))
		LOG(WARN, "metrics_not_shared", LOG_TEXT("dir", dir), LOG_NUMBER("errno", errno));

	struct db_pool *pool = db_pool_new(&options, LANE_MAX);
	LOG(INFO, "started", LOG_TEXT("config", config));
	run_lanes(&options, pool, signal_fd);
	LOG(INFO, "stopped", LOG_TEXT("config", config));
	db_pool_free(pool);
	return 0;
}
