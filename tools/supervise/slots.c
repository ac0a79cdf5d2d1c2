/* Starts, replaces and ends the supervised processes. Everything here is a step that returns at
 * once; main.c waits between them. */
#include "supervise.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fcgi/core/clock.h"
#include "fcgi/core/log.h"

enum {
	PROVE_MS = 200,	  /* who lives this long is taken to be good; who dies sooner, in a loop */
	STEADY_MS = 1000, /* a restart that makes processes die sooner is given up */
	DELAY_MAX_MS = 500,    /* between two starts in a crash loop */
	STOP_MS = 10000,       /* from SIGTERM to SIGKILL when everything ends */
	DRAIN_MS = 120 * 1000, /* the same for one replaced worker: its streams may finish */
};

static i64 now_ms(void)
{
	return clock_mono_us() / US_PER_MS;
}

/* In the child. Only returns when exec fails. */
static void process_exec(const struct supervisor *s, const struct slot *slot, pid_t parent)
{
	char program[PATH_MAX], text[PATH_MAX];

	prctl(PR_SET_PDEATHSIG, SIGTERM); /* our crash ends the workers: none is left unwatched */
	if (getppid() != parent)
		_exit(0);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_UNBLOCK, &s->signals, NULL);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	/* libcurl of Debian brings GnuTLS along and does not use it: without this it sets itself up
	 * in each process, for 0.7 MiB. */
	setenv("GNUTLS_NO_IMPLICIT_INIT", "1", 1);
	if (slot->pool == NULL) {
		snprintf(text, sizeof(text), "exec %s", slot->command);
		execl("/bin/sh", "sh", "-c", text, NULL);
		return;
	}
	dup2(slot->pool->listen_fd, STDIN_FILENO);
	snprintf(program, sizeof(program), "%s/turnpike-worker", s->bin);
	snprintf(text, sizeof(text), "%d", slot->number);
	execl(program, program, "--config", s->config, "--pool", slot->name, "--slot", text, NULL);
}

static struct process *process_find(struct supervisor *s, pid_t pid)
{
	for (size_t i = 0; i < PROCESSES_MAX; i++)
		if (s->process[i].role != FREE && s->process[i].pid == pid)
			return &s->process[i];
	return NULL;
}

static struct process *process_of(struct supervisor *s, const struct slot *slot, enum role role)
{
	for (size_t i = 0; i < PROCESSES_MAX; i++)
		if (s->process[i].role == role && s->process[i].slot == slot)
			return &s->process[i];
	return NULL;
}

static bool process_start(struct supervisor *s, struct slot *slot, enum role role)
{
	struct process *p = s->process;
	pid_t parent = getpid();

	while (p < s->process + PROCESSES_MAX && p->role != FREE)
		p++;
	if (p == s->process + PROCESSES_MAX)
		return false;
	pid_t pid = fork();
	if (pid == 0) {
		process_exec(s, slot, parent);
		LOG(ERROR, "exec_failed", LOG_TEXT("name", slot->name),
			LOG_TEXT("cause", strerror(errno)));
		_exit(127);
	}
	if (pid < 0) {
		LOG(ERROR, "fork_failed", LOG_TEXT("cause", strerror(errno)));
		return false;
	}
	*p = (struct process){role, pid, slot, now_ms(), 0};
	LOG(INFO, "started", LOG_TEXT("name", slot->name), LOG_NUMBER("slot", slot->number),
		LOG_NUMBER("child", pid));
	return true;
}

static void process_stop(struct process *p, i64 patience_ms)
{
	if (p->kill_at_ms == 0)
		kill(p->pid, SIGTERM);
	p->kill_at_ms = now_ms() + patience_ms;
}

/* Plans the next start of a slot whose process died: at once, unless it keeps dying young. */
static void slot_died(struct slot *slot, i64 lived_ms)
{
	i64 delay_ms = 0;

	slot->quick_deaths = lived_ms < PROVE_MS ? slot->quick_deaths + 1 : 0;
	if (slot->quick_deaths > 1)
		delay_ms = slot->quick_deaths > 4 ? DELAY_MAX_MS : 50 << slot->quick_deaths;
	if (delay_ms > DELAY_MAX_MS)
		delay_ms = DELAY_MAX_MS;
	slot->start_at_ms = now_ms() + delay_ms;
	if (slot->quick_deaths > 2)
		LOG(ERROR, "crash_loop", LOG_TEXT("name", slot->name),
			LOG_NUMBER("slot", slot->number), LOG_NUMBER("deaths", slot->quick_deaths),
			LOG_NUMBER("next_start_in_ms", delay_ms));
}

static void process_ended(struct supervisor *s, struct process *p, int status)
{
	struct process ended = *p;
	i64 lived_ms = now_ms() - p->started_ms;
	bool expected = p->kill_at_ms != 0;

	p->role = FREE;
	log_write(expected ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, expected ? "ended" : "died",
		(const struct log_field[]){LOG_TEXT("name", ended.slot->name),
			LOG_NUMBER("slot", ended.slot->number), LOG_NUMBER("child", ended.pid),
			LOG_NUMBER("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0),
			LOG_NUMBER("exit", WIFEXITED(status) ? WEXITSTATUS(status) : 0),
			LOG_NUMBER("lived_ms", lived_ms)},
		6);
	if (!expected && lived_ms < STEADY_MS && s->rolling < s->n_slot) {
		LOG(ERROR, "restart_given_up", LOG_TEXT("name", ended.slot->name),
			LOG_TEXT("cause",
				"a new process died at once; the remaining old ones stay"));
		s->rolling = s->n_slot;
		s->roll_again = false;
	}
	if (ended.role == CURRENT) {
		struct process *successor = process_of(s, ended.slot, SUCCESSOR);
		if (successor == NULL) {
			slot_died(ended.slot, expected ? PROVE_MS : lived_ms);
		} else {
			successor->role = CURRENT;
			s->rolling += s->rolling < s->n_slot;
		}
	}
}

void supervise_reap(struct supervisor *s)
{
	int status;

	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
		struct process *p = process_find(s, pid);
		if (p != NULL)
			process_ended(s, p, status);
	}
}

/* One step of the rolling restart; called whenever something may have changed. */
static void roll(struct supervisor *s)
{
	while (s->rolling < s->n_slot) {
		struct slot *slot = &s->slot[s->rolling];
		struct process *current = process_of(s, slot, CURRENT);
		struct process *successor = process_of(s, slot, SUCCESSOR);

		if (slot->pool == NULL && s->rolling_pools_only) {
			s->rolling++;
		} else if (slot->pool == NULL) {
			/* A program may own a port or a lock, so two of it never overlap. */
			if (current != NULL)
				process_stop(current, STOP_MS);
			s->rolling++;
		} else if (successor != NULL) {
			if (now_ms() < successor->started_ms + PROVE_MS)
				return;
			if (current != NULL) {
				process_stop(current, DRAIN_MS);
				current->role = RETIRED;
			}
			successor->role = CURRENT;
			slot->quick_deaths = 0;
			s->rolling++;
		} else if (current == NULL || !process_start(s, slot, SUCCESSOR)) {
			s->rolling++; /* about to be started anyway, or out of processes */
		} else {
			return;
		}
	}
	if (s->roll_again) {
		s->roll_again = false;
		s->rolling = 0;
		roll(s);
	}
}

void supervise_restart(struct supervisor *s, bool pools_only)
{
	LOG(INFO, "restarting", LOG_NUMBER("pools_only", pools_only));
	if (s->rolling < s->n_slot) {
		s->roll_again = true;
		s->rolling_pools_only &= pools_only;
		return;
	}
	s->rolling_pools_only = pools_only;
	s->rolling = 0;
}

void supervise_stop(struct supervisor *s)
{
	if (!s->stopping)
		LOG(INFO, "stopping", LOG_NUMBER("slots", (i64)s->n_slot));
	s->stopping = true;
	for (size_t i = 0; i < PROCESSES_MAX; i++)
		if (s->process[i].role != FREE)
			process_stop(&s->process[i], STOP_MS);
}

bool supervise_tend(struct supervisor *s)
{
	bool left = false;

	if (!s->stopping)
		roll(s);
	for (size_t i = 0; i < s->n_slot && !s->stopping; i++) {
		struct slot *slot = &s->slot[i];
		if (now_ms() >= slot->start_at_ms && process_of(s, slot, CURRENT) == NULL &&
			!process_start(s, slot, CURRENT))
			slot->start_at_ms = now_ms() + DELAY_MAX_MS;
	}
	for (size_t i = 0; i < PROCESSES_MAX; i++) {
		struct process *p = &s->process[i];
		left |= p->role != FREE;
		if (p->role == FREE || p->kill_at_ms == 0 || now_ms() < p->kill_at_ms)
			continue;
		LOG(ERROR, "killed", LOG_TEXT("name", p->slot->name), LOG_NUMBER("child", p->pid),
			LOG_TEXT("cause", "it did not end in time after SIGTERM"));
		kill(p->pid, SIGKILL);
		p->kill_at_ms += DELAY_MAX_MS;
	}
	return left;
}

int supervise_wait_ms(struct supervisor *s)
{
	i64 due_ms = INT64_MAX;

	for (size_t i = 0; i < s->n_slot && !s->stopping; i++)
		if (process_of(s, &s->slot[i], CURRENT) == NULL && s->slot[i].start_at_ms < due_ms)
			due_ms = s->slot[i].start_at_ms;
	for (size_t i = 0; i < PROCESSES_MAX; i++) {
		const struct process *p = &s->process[i];
		if (p->role == SUCCESSOR && p->started_ms + PROVE_MS < due_ms)
			due_ms = p->started_ms + PROVE_MS;
		else if (p->role != FREE && p->kill_at_ms != 0 && p->kill_at_ms < due_ms)
			due_ms = p->kill_at_ms;
	}
	if (due_ms == INT64_MAX)
		return -1;
	i64 wait_ms = due_ms - now_ms();
	return wait_ms < 0 ? 0 : (int)wait_ms;
}
