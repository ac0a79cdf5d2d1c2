/* turnpike-worker: one process of a pool. It inherits the pool's listening socket as descriptor 0,
 * runs N threads that each accept and answer, and drains on SIGTERM. The socket belongs to whoever
 * started us, so a successor goes on. */
#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mysql.h>

#include "../core/clock.h"
#include "../core/log.h"
#include "../core/metrics.h"
#include "../core/str.h"
#include "../http/request.h"
#include "../http/response.h"
#include "../http/serve.h"
#include "../limit/limits.h"
#include "../limit/window.h"
#include "../net/net.h"
#include "tick.h"

enum {
	LISTEN_FD = 0,
	ARENA_CEILING_BYTES = 64 * 1024 * 1024,
	WINDOW_KEYS = 100 * 1000,
	THREAD_STACK_BYTES = 256 * 1024,
};

struct process {
	struct worker worker;
	struct options options;
	int stop_fd; /* an eventfd: readable when the process drains */
	atomic_bool draining;
};

static pthread_barrier_t all_started;

static struct req *request_new(struct worker *worker, struct net *net, struct arena *arena,
	struct fail *failure, FCGX_Request *fcgi)
{
	struct req *r = arena_new(arena, struct req);

	*r = (struct req){
		.worker = worker,
		.net = net,
		.arena = arena,
		.fail = failure,
		.db = {.pool = worker->db_pool, .arena = arena, .fail = failure},
		.now_us = clock_now_us(),
		.env = fcgi->envp,
		.body_stream = fcgi->in,
		.out_stream = fcgi->out,
		.client_fd = fcgi->ipcFd,
	};
	return r;
}

/* A request that wants more memory than one may have: what it allocated is given back, and the
 * answer is made in the empty arena. */
static struct req *refuse_greedy(struct worker *worker, struct arena *arena, struct fail *failure,
	FCGX_Request *fcgi, const struct req *greedy)
{
	struct req copy = *greedy;

	arena->on_full = NULL;
	arena_free(arena);
	*failure = (struct fail){.arena = arena};
	struct req *r = request_new(worker, NULL, arena, failure, fcgi);
	r->family = copy.family;
	r->route = copy.route;
	r->route_index = copy.route_index;
	r->request_id = copy.request_id; /* texts of the environment outlive the arena */
	r->origin = copy.origin;
	r->rate = copy.rate;
	fail(r->fail, E_UNAVAILABLE, "%s", resp_full_text);
	resp_error(r);
	return r;
}

/* One request, from the accepted connection to the answer. The arena is the caller's to reset. */
static void answer(struct worker *worker, struct net *net, struct arena *arena, FCGX_Request *fcgi)
{
	struct fail failure = {.arena = arena};
	jmp_buf arena_full;
	i64 start_us = clock_mono_us();
	struct req *volatile r = request_new(worker, net, arena, &failure, fcgi);

	net_set_client(net, fcgi->ipcFd);
	arena->on_full = &arena_full;
	if (setjmp(arena_full) == 0) {
		serve_request(r);
	} else {
		net_forget(net);
		metrics_add(METRIC_ARENA_FULL, 1);
		LOG(ERROR, "arena_full", LOG_TEXT("request_id", r->request_id),
			LOG_TEXT("route", r->route != NULL ? r->route->path : ""));
		if (r->answer_stream != NULL)
			resp_give_up(r);
		else
			r = refuse_greedy(worker, arena, &failure, fcgi, r);
	}
	bool has_left = resp_send(r, fcgi->out) != 0 || r->fail->code == E_CLIENT_LEFT;
	i64 took_us = clock_mono_us() - start_us;
	metrics_add(METRIC_CLIENT_ABORTS, has_left ? 1 : 0);
	if (has_left)
		LOG(INFO, "client_left", LOG_TEXT("request_id", r->request_id),
			LOG_TEXT("route", r->route != NULL ? r->route->path : ""),
			LOG_NUMBER("after_ms", took_us / US_PER_MS));
	if (r->route != NULL)
		metrics_answer(r->route_index, r->response.status, took_us);
}

/* The next request. Under load one is waiting already and accept() alone finds it; else the thread
 * sleeps in an epoll set of its own, with EPOLLEXCLUSIVE, so that one connection wakes one thread.
 * False when the process drains. */
static bool next_request(FCGX_Request *fcgi, int epoll_fd, int stop_fd, const atomic_bool *draining)
{
	struct epoll_event event[2];

	while (!atomic_load_explicit(draining, memory_order_relaxed)) {
		if (FCGX_Accept_r(fcgi) >= 0)
			return true;
		int n = epoll_wait(epoll_fd, event, 2, -1);
		for (int i = 0; i < n; i++)
			if (event[i].data.fd == stop_fd)
				return false;
	}
	return false;
}

/* Ends the exchange. libfcgi would half-close and then sleep until nginx has closed as well, in
 * case some of the request is still unread; it is read to its end here instead, so the connection
 * can simply be closed. */
static void finish(FCGX_Request *fcgi)
{
	char rest[4096];

	while (FCGX_GetStr(rest, sizeof(rest), fcgi->in) > 0)
		;
	FCGX_Detach(fcgi);
	FCGX_Finish_r(fcgi);
}

static int epoll_of_thread(int stop_fd)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event listen_event = {
		.events = EPOLLIN | EPOLLEXCLUSIVE, .data.fd = LISTEN_FD};
	struct epoll_event stop_event = {.events = EPOLLIN, .data.fd = stop_fd};

	if (fd < 0 || epoll_ctl(fd, EPOLL_CTL_ADD, LISTEN_FD, &listen_event) != 0 ||
		epoll_ctl(fd, EPOLL_CTL_ADD, stop_fd, &stop_event) != 0) {
		LOG(ERROR, "epoll_failed", LOG_NUMBER("errno", errno));
		exit(1);
	}
	return fd;
}

static void *thread_main(void *arg)
{
	struct process *p = arg;
	struct arena arena;
	FCGX_Request fcgi;
	int epoll_fd = epoll_of_thread(p->stop_fd);
	struct net *net = net_new();

	arena_init(&arena, ARENA_CEILING_BYTES);
	FCGX_InitRequest(&fcgi, LISTEN_FD, FCGI_FAIL_ACCEPT_ON_INTR);
	pthread_barrier_wait(&all_started);
	while (next_request(&fcgi, epoll_fd, p->stop_fd, &p->draining)) {
		metrics_add(METRIC_THREADS_BUSY, 1);
		answer(&p->worker, net, &arena, &fcgi);
		finish(&fcgi);
		arena.on_full = NULL;
		arena_reset(&arena);
		metrics_add(METRIC_THREADS_BUSY, -1);
	}
	FCGX_Free(&fcgi, 1);
	net_free(net);
	arena_free(&arena);
	close(epoll_fd);
	return NULL;
}

static _Noreturn void die(const char *format, const char *a, const char *b)
{
	fprintf(stderr, "turnpike-worker: ");
	fprintf(stderr, format, a, b);
	fputc('\n', stderr);
	exit(78); /* EX_CONFIG */
}

static enum log_level level_of(const char *name)
{
	static const char *const names[] = {"debug", "info", "warn", "error"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_equal(name, names[i]))
			return (enum log_level)i;
	die("[server] log_level = %s: use debug, info, warn or error%s", name, "");
}

static enum pool pool_of(const char *name)
{
	for (int pool = 0; pool < POOL_MAX; pool++)
		if (str_equal(name, pool_names[pool]))
			return (enum pool)pool;
	die("there is no pool '%s'%s; see the pools in etc/turnpike.conf", name, "");
}

static i64 threads_of(const struct options *o, enum pool pool, i64 *ret_connections)
{
	const i64 numbers[POOL_MAX][2] = {
		[POOL_CORE] = {o->pool_core_threads, o->pool_core_connections},
		[POOL_AUTH] = {o->pool_auth_threads, o->pool_auth_connections},
		[POOL_AI] = {o->pool_ai_threads, o->pool_ai_connections},
		[POOL_TAB] = {o->pool_tab_threads, o->pool_tab_connections},
		[POOL_OPS] = {o->pool_ops_threads, o->pool_ops_connections},
		[POOL_SANDBOX] = {o->pool_sandbox_threads, o->pool_sandbox_connections},
	};

	*ret_connections = numbers[pool][1];
	return numbers[pool][0];
}

static void open_shared_memory(struct process *p, const char *pool, unsigned slot)
{
	static const char *limit_names[LIMIT_MAX];
	const char *dir = p->options.state_dir;
	char path[256];
	size_t n_labels;
	const char *const *labels = router_labels(p->worker.router, &n_labels);

	snprintf(path, sizeof(path), "%s/shm", dir);
	mkdir(path, 0770); /* there already, as a rule */
	if (!metrics_open(path, pool, slot, labels, n_labels))
		LOG(WARN, "metrics_not_shared", LOG_TEXT("dir", path), LOG_NUMBER("errno", errno));
	for (size_t i = LIMIT_NONE + 1; i < LIMIT_MAX; i++)
		limit_names[i] = limit_table[i].name;
	metrics_limit_names(limit_names, LIMIT_MAX);
	snprintf(path, sizeof(path), "%s/shm/windows", dir);
	p->worker.windows = window_open(path, WINDOW_KEYS);
	if (p->worker.windows == NULL)
		die("cannot open %s (%s): create the folder and let this user write to it", path,
			strerror(errno));
}

static void set_up(struct process *p, const char *config, const char *pool_name, unsigned slot)
{
	char why[500];
	i64 n_connections;

	if (!options_load(config, &p->options, limit_override, NULL, stderr))
		exit(78);
	log_open(pool_name, level_of(p->options.log_level));
	p->worker.options = &p->options;
	p->worker.pool = pool_of(pool_name);
	if (p->worker.pool == POOL_SANDBOX && !p->options.sandbox)
		die("the pool 'sandbox' is for development: set [server] sandbox = yes in %s%s",
			config, "");
	p->worker.router = router_new(p->worker.pool, why, sizeof(why));
	if (p->worker.router == NULL)
		die("the route tables are inconsistent: %s%s", why, "");
	p->worker.limits_dry_run = str_equal(p->options.limits_mode, "dry-run");
	if (strlen(p->options.config_key) == 0)
		die("[server] config_key is not set in %s%s: it protects sign-in codes; "
		    "`openssl rand -hex 32` makes one",
			config, "");
	p->worker.n_threads = (size_t)threads_of(&p->options, p->worker.pool, &n_connections);
	p->worker.db_pool = db_pool_new(&p->options, (size_t)n_connections);
	p->worker.started_mono_us = clock_mono_us();
	open_shared_memory(p, pool_name, slot);
}

static void start_families(const struct worker *worker)
{
	char why[300];

	for (size_t i = 0; families[i] != NULL; i++)
		if (families[i]->start != NULL && families[i]->start(worker, why, sizeof(why)) != 0)
			die("%s%s", why, "");
}

static void stop_families(const struct worker *worker)
{
	for (size_t i = 0; families[i] != NULL; i++)
		if (families[i]->stop != NULL)
			families[i]->stop(worker);
}

static void set_database_gauges(struct db_pool *pool)
{
	size_t busy, open;

	db_pool_counts(pool, &busy, &open);
	metrics_set(METRIC_DB_BUSY, (i64)busy);
	metrics_set(METRIC_DB_OPEN, (i64)open);
}

static void run_threads(struct process *p)
{
	i64 n_connections, n = threads_of(&p->options, p->worker.pool, &n_connections);
	pthread_attr_t attributes;
	sigset_t stop_signals;
	int signal_number;

	sigemptyset(&stop_signals);
	sigaddset(&stop_signals, SIGTERM);
	sigaddset(&stop_signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, &stop_signals, NULL);
	struct tick *tick = tick_start(&p->worker, p->stop_fd);
	pthread_t *thread = calloc((size_t)n, sizeof(*thread));
	if (thread == NULL)
		die("no memory for threads%s%s", "", "");
	pthread_barrier_init(&all_started, NULL, (unsigned)n + 1);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, THREAD_STACK_BYTES);
	for (i64 i = 0; i < n; i++)
		if (pthread_create(&thread[i], &attributes, thread_main, p) != 0)
			die("cannot start %s threads%s: lower [pool] threads", p->options.state_dir,
				"");
	metrics_set(METRIC_THREADS, n);
	metrics_set(METRIC_THREADS_BUSY, 0); /* before the first may become busy */
	pthread_barrier_wait(&all_started);
	LOG(INFO, "started", LOG_NUMBER("threads", n), LOG_NUMBER("connections", n_connections));

	while ((signal_number = sigtimedwait(&stop_signals, NULL, &(struct timespec){1, 0})) < 0)
		set_database_gauges(p->worker.db_pool);
	LOG(INFO, "draining", LOG_NUMBER("signal", signal_number));
	atomic_store(&p->draining, true);
	if (write(p->stop_fd, &(u64){1}, sizeof(u64)) < 0)
		exit(1);
	for (i64 i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
	free(thread);
	tick_join(tick);
	LOG(INFO, "stopped", LOG_NUMBER("threads", n));
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{"config", required_argument, NULL, 'c'},
		{"pool", required_argument, NULL, 'p'},
		{"slot", required_argument, NULL, 's'},
		{NULL, 0, NULL, 0},
	};
	const char *config = TURNPIKE_SYSCONFDIR "/turnpike.conf", *pool = NULL;
	static struct process process;
	i64 slot = 0;

	for (int c; (c = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
		if (c == 'c')
			config = optarg;
		else if (c == 'p')
			pool = optarg;
		else if (c != 's' || !str_to_i64(optarg, &slot) || slot < 0 || slot > 63)
			pool = NULL, optind = argc + 1;
	}
	if (pool == NULL || optind != argc)
		die("usage: turnpike-worker --pool NAME [--config FILE] [--slot N], with the "
		    "pool's "
		    "listening socket as descriptor 0%s%s",
			"", "");
	if (fcntl(LISTEN_FD, F_SETFL, fcntl(LISTEN_FD, F_GETFL) | O_NONBLOCK) != 0)
		die("descriptor 0 is no socket: start %s through its supervisor%s", argv[0], "");
	/* Blocks as large as a prompt are kept for the next request: getting them from the system
	 * anew, page by page, costs more than all else that is done with a prompt. Larger ones go
	 * back when they are freed (setting a threshold stops glibc from raising it), and what is
	 * kept does so every few seconds (tick.c). */
	mallopt(M_MMAP_THRESHOLD, 1024 * 1024);
	mallopt(M_TRIM_THRESHOLD, 1024 * 1024);
	signal(SIGPIPE, SIG_IGN);
	FCGX_Init();
	signal(SIGPIPE, SIG_IGN); /* FCGX_Init() put a handler without SA_RESTART there */
	mysql_library_init(0, NULL, NULL);
	net_global_init();
	process.stop_fd = eventfd(0, EFD_CLOEXEC);
	set_up(&process, config, pool, (unsigned)slot);
	start_families(&process.worker);
	run_threads(&process);
	stop_families(&process.worker);
	db_pool_free(process.worker.db_pool);
	window_close(process.worker.windows);
	router_free(process.worker.router);
	return 0;
}
