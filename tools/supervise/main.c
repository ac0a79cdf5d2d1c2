/* The development supervisor: owns the listening sockets of the pools, keeps their workers and a
 * few other programs running, restarts them one after another on SIGHUP. In production systemd does
 * all of this (tools/systemd). Single-threaded: one poll loop over a signalfd.
 *
 * SIGHUP   reopen the event log, then replace every process: a worker's successor must have run for
 *          200 ms before the old worker is told to drain; a program ends before its next one starts
 * SIGUSR1  the same for workers only
 * SIGTERM  end everything: SIGTERM, after 10 s SIGKILL; sockets and pidfile are removed */
#include "supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fcgi/core/log.h"
#include "fcgi/core/str.h"

enum { POOLS_MAX = 16, BACKLOG = 4096 };

static struct supervisor s;
static struct pool pools[POOLS_MAX];
static size_t n_pools;
static int signal_fd;

static void die(const char *what, const char *detail)
{
	fprintf(stderr, "turnpike-supervise: %s%s%s\n", what, detail != NULL ? ": " : "",
		detail != NULL ? detail : "");
	exit(1);
}

static void state_path(
	char *ret, size_t size, const char *folder, const char *name, const char *end)
{
	if ((size_t)snprintf(ret, size, "%s/%s/%s%s", s.state, folder, name, end) >= size)
		die("this path is too long, choose a shorter --state", s.state);
}

/* The pidfile's lock outlives no crash, so it alone says whether another supervisor runs. */
static void pidfile_lock(void)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct stat opened, named;
	char path[PATH_MAX], pid[24];
	int pidfile_fd; /* left open: closing it would give up the lock */

	state_path(path, sizeof(path), "run", "supervise.pid", "");
	for (;;) {
		pidfile_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
		if (pidfile_fd < 0)
			die(path, strerror(errno));
		if (fcntl(pidfile_fd, F_SETLK, &lock) != 0)
			break;
		/* An ending supervisor may have removed the file between our open and our lock. */
		if (fstat(pidfile_fd, &opened) == 0 && stat(path, &named) == 0 &&
			opened.st_ino == named.st_ino) {
			int n = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
			if (ftruncate(pidfile_fd, 0) != 0 ||
				pwrite(pidfile_fd, pid, (size_t)n, 0) != n)
				die(path, strerror(errno));
			return;
		}
		close(pidfile_fd);
	}
	fcntl(pidfile_fd, F_GETLK, &lock);
	snprintf(pid, sizeof(pid), "pid %d", (int)lock.l_pid);
	die("another supervisor already runs for this --state", pid);
}

/* Every later line, ours and our children's, goes to the event log. */
static bool events_open(void)
{
	char path[PATH_MAX];

	state_path(path, sizeof(path), "log", "events.log", "");
	scoped_fd int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	return fd >= 0 && dup2(fd, STDERR_FILENO) >= 0;
}

static void pool_listen(struct pool *p)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	state_path(p->path, sizeof(p->path), "run", p->name, ".sock");
	memcpy(address.sun_path, p->path, sizeof(p->path));
	unlink(p->path); /* left by a supervisor that was killed; ours is the pidfile */
	p->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->listen_fd < 0)
		die("socket", strerror(errno));
	mode_t before = umask(0117);
	if (bind(p->listen_fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		die(p->path, strerror(errno));
	umask(before);
	if (listen(p->listen_fd, BACKLOG) != 0)
		die(p->path, strerror(errno));
}

static void slot_add(const struct slot *slot)
{
	if (s.n_slot == SLOTS_MAX)
		die("too many processes", slot->name);
	s.slot[s.n_slot++] = *slot;
}

static void pool_add(char *argument)
{
	char *colon = strchr(argument, ':');
	i64 processes;

	if (colon == NULL || !str_to_i64(colon + 1, &processes) || processes < 0 ||
		processes > SLOTS_MAX)
		die("--pool needs NAME:PROCESSES", argument);
	*colon = '\0';
	if (processes == 0)
		return; /* no socket: nginx answers 502 at once instead of waiting for nobody */
	if (n_pools == POOLS_MAX)
		die("too many pools", argument);
	struct pool *p = &pools[n_pools++];
	p->name = argument;
	for (int i = 0; i < (int)processes; i++)
		slot_add(&(struct slot){.name = p->name, .pool = p, .number = i});
}

static void program_add(char *argument)
{
	char *equals = strchr(argument, '=');

	if (equals == NULL)
		die("--program needs NAME=COMMAND", argument);
	*equals = '\0';
	slot_add(&(struct slot){.name = argument, .command = equals + 1});
}

static void options_read(int argc, char **argv)
{
	static const struct option options[] = {{"bin", required_argument, NULL, 'b'},
		{"config", required_argument, NULL, 'c'}, {"state", required_argument, NULL, 's'},
		{"pool", required_argument, NULL, 'p'}, {"program", required_argument, NULL, 'x'},
		{NULL, 0, NULL, 0}};

	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (c == 'b')
			s.bin = optarg;
		else if (c == 'c')
			s.config = optarg;
		else if (c == 's')
			s.state = optarg;
		else if (c == 'p')
			pool_add(optarg);
		else if (c == 'x')
			program_add(optarg);
		else
			exit(2);
	}
	if (s.bin == NULL || s.config == NULL || s.state == NULL || s.n_slot == 0 || optind != argc)
		die("usage: --bin DIR --config FILE --state DIR --pool NAME:PROCESSES ... "
		    "[--program NAME=COMMAND ...]",
			NULL);
}

static void restart(bool pools_only)
{
	if (!events_open())
		LOG(ERROR, "log_not_reopened", LOG_TEXT("cause", strerror(errno)));
	supervise_restart(&s, pools_only);
}

static void signals_read(void)
{
	struct signalfd_siginfo info;

	while (read(signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
			supervise_stop(&s);
		else if (info.ssi_signo != SIGCHLD)
			restart(info.ssi_signo == SIGUSR1);
	}
}

/* Before anything is started: afterwards every signal is a record to be read in the loop. */
static void signals_take(void)
{
	static const int numbers[] = {SIGCHLD, SIGHUP, SIGUSR1, SIGTERM, SIGINT};

	sigemptyset(&s.signals);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		sigaddset(&s.signals, numbers[i]);
	sigprocmask(SIG_BLOCK, &s.signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal_fd = signalfd(-1, &s.signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signal_fd < 0)
		die("signalfd", strerror(errno));
}

int main(int argc, char **argv)
{
	char path[PATH_MAX];

	options_read(argc, argv);
	pidfile_lock();
	signals_take();
	for (size_t i = 0; i < n_pools; i++)
		pool_listen(&pools[i]);
	scoped_fd int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 || !events_open())
		die("the event log cannot be opened", strerror(errno));
	dup2(null_fd, STDOUT_FILENO); /* the terminal that started us is let go */
	log_open("supervise", LOG_LEVEL_INFO);
	s.rolling = s.n_slot;
	LOG(INFO, "ready", LOG_NUMBER("pools", (i64)n_pools), LOG_NUMBER("slots", (i64)s.n_slot));

	while (supervise_tend(&s) || !s.stopping) {
		struct pollfd signals = {.fd = signal_fd, .events = POLLIN};
		poll(&signals, 1, supervise_wait_ms(&s));
		signals_read();
		supervise_reap(&s);
	}
	for (size_t i = 0; i < n_pools; i++)
		unlink(pools[i].path);
	state_path(path, sizeof(path), "run", "supervise.pid", "");
	unlink(path);
	LOG(INFO, "stopped", LOG_NUMBER("slots", (i64)s.n_slot));
	return 0;
}
