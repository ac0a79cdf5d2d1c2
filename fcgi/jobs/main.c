/* turnpike-jobs: runs the table of jobs in one thread, one turn after another, until SIGTERM.
 * Several of these may run on several hosts: jobs lock the rows they work on. */
#include <errno.h>
#include <poll.h>
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

enum { ARENA_CEILING_BYTES = 32 * 1024 * 1024, TICK_MS = 200, JOBS_MAX = 32, SETTLE_S = 5 };

/* Sleeps for a tick; true when SIGTERM or SIGINT came. */
static bool told_to_stop(int signal_fd, int wait_ms)
{
	struct pollfd p = {.fd = signal_fd, .events = POLLIN};

	return poll(&p, 1, wait_ms) > 0;
}

/* One turn of a job. Returns whether it has more to do at once. */
static bool run_job(const struct job *job, struct job_context *c)
{
	bool again = false;

	c->now_us = clock_now_us();
	fail_clear(c->db->fail);
	int rc = job->run(c, &again);
	if (rc != 0) {
		LOG(WARN, "job_failed", LOG_TEXT("job", job->name), LOG_NUMBER("error", rc),
			LOG_TEXT("cause", c->db->fail->cause));
		again = false;
	}
	arena_reset(c->db->arena);
	return again;
}

static void run(struct job_context *c, int signal_fd)
{
	i64 due_us[JOBS_MAX], started_us = clock_mono_us();
	bool again = false;

	/* Those that ask others begin when the others have started, too. */
	for (size_t i = 0; jobs[i].name != NULL; i++)
		due_us[i] = started_us + S_TO_US(jobs[i].every_s < SETTLE_S ? 0 : SETTLE_S);

	while (!told_to_stop(signal_fd, again ? 0 : TICK_MS)) {
		again = false;
		for (size_t i = 0; jobs[i].name != NULL; i++) {
			if (clock_mono_us() < due_us[i])
				continue;
			if (run_job(&jobs[i], c))
				again = true;
			else
				due_us[i] = clock_mono_us() + S_TO_US(jobs[i].every_s);
		}
	}
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
	struct arena arena;
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

	arena_init(&arena, ARENA_CEILING_BYTES);
	struct fail failure = {.arena = &arena};
	struct db db = {.pool = db_pool_new(&options, 1), .arena = &arena, .fail = &failure};
	struct job_context context = {.options = &options, .db = &db, .net = net_new()};
	LOG(INFO, "started", LOG_TEXT("config", config));
	run(&context, signal_fd);
	LOG(INFO, "stopped", LOG_TEXT("config", config));
	net_free(context.net);
	db_pool_free(db.pool);
	arena_free(&arena);
	return 0;
}
