/* The processes of the development supervisor: which exist, which must be started, replaced, ended.
 * main.c owns the options, the sockets and the signals. */
#ifndef TURNPIKE_SUPERVISE_H
#define TURNPIKE_SUPERVISE_H

#include <signal.h>
#include <sys/types.h>
#include <sys/un.h>

#include "fcgi/core/types.h"

enum { SLOTS_MAX = 256, PROCESSES_MAX = 2 * SLOTS_MAX };

struct pool {
	const char *name;
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	int listen_fd; /* held until we end: a restarted worker finds its clients in the backlog */
};

/* A place that one process fills: worker `number` of a pool, or a program. */
struct slot {
	const char *name;
	const char *command;	 /* programs: a line for the shell */
	const struct pool *pool; /* workers: whose socket they get as fd 0 */
	int number;
	int quick_deaths; /* in a row */
	i64 start_at_ms;  /* when no process fills it */
};

enum role { FREE, CURRENT, SUCCESSOR, RETIRED };

struct process {
	enum role role;
	pid_t pid;
	struct slot *slot;
	i64 started_ms;
	i64 kill_at_ms; /* 0: no SIGTERM sent yet */
};

struct supervisor {
	const char *bin, *config, *state;
	sigset_t signals; /* blocked here, not in the children */
	struct slot slot[SLOTS_MAX];
	size_t n_slot;
	struct process process[PROCESSES_MAX];
	size_t rolling; /* the slot being replaced; n_slot: none */
	bool rolling_pools_only, roll_again, stopping;
};

/* Takes note of children that ended. */
void supervise_reap(struct supervisor *s);
/* Starts and kills what is due; returns whether any process is left. */
bool supervise_tend(struct supervisor *s);
/* Milliseconds until supervise_tend has something to do without any signal; -1: nothing is due. */
int supervise_wait_ms(struct supervisor *s);
/* Begins a rolling restart; one that is under way is followed by another. */
void supervise_restart(struct supervisor *s, bool pools_only);
/* Asks everything to end. */
void supervise_stop(struct supervisor *s);

#endif
