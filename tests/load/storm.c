/* storm: calls of models from many users at once, of which many go wrong: clients that leave at any
 * byte, upstreams that fail in every way. tests/load/money_proof kills the servers meanwhile and
 * compares what was seen here with the books. One thread, a fixed number of connections, each with
 * one call at a time. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi/core/clock.h"
#include "fcgi/core/str.h"
#include "tests/load/storm.h"

enum {
	EVENTS_MAX = 256,
	TURN_MS = 2,
	KEPT_BYTES = 256 * 1024,
	PATIENCE_S = 180,
	PAUSE_MS = 50, /* after an answer that is no success, as a well-behaved client does */
};

struct caller {
	int fd; /* -1: none */
	bool is_busy, is_connected;
	i64 began_us, sent_us, rests_until_us;
	u64 received;
	size_t out_at, out_length;
	struct storm_call call;
	struct answer answer;
	char out[STORM_REQUEST_MAX], kept[KEPT_BYTES + 1];
};

static struct storm storm = {.n_connections = 48, .n_calls = 1000};
static struct caller *callers;
static u64 n_begun, n_ended;
static int epoll_fd;

static _Noreturn void usage(void)
{
	fputs("usage: storm HOST:PORT --users FILE --out FILE [--seed N] [--calls N]\n"
	      "  [--connections C] [--directive TEXT]\n"
	      "FILE of users: a token in each line. Prints the number of ended calls each "
	      "second.\n",
		stderr);
	exit(2);
}

static void watch(struct caller *c, int operation, unsigned events)
{
	struct epoll_event e = {.events = events, .data.ptr = c};

	if (epoll_ctl(epoll_fd, operation, c->fd, &e) != 0) {
		perror("storm: epoll_ctl");
		exit(1);
	}
}

static void hang_up(struct caller *c, bool by_reset)
{
	struct linger at_once = {.l_onoff = 1};

	if (by_reset)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

static void end(struct caller *c, const char *outcome)
{
	storm_note(&storm, &c->call, outcome, &c->answer, c->received);
	if (strcmp(outcome, "done") != 0 || c->answer.wants_close)
		hang_up(c, c->call.leave == LEAVE_RESET);
	c->is_busy = false;
	if (strcmp(outcome, "left") != 0 && c->answer.status != 200)
		c->rests_until_us = clock_mono_us() + PAUSE_MS * US_PER_MS;
	n_ended++;
}

static bool reconnect(struct caller *c)
{
	c->is_connected = false;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0 ||
		(connect(c->fd, (struct sockaddr *)&storm.server, sizeof(storm.server)) != 0 &&
			errno != EINPROGRESS))
		return false;
	watch(c, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
	return true;
}

static void send_rest(struct caller *c)
{
	while (c->out_at < c->out_length) {
		ssize_t n =
			send(c->fd, c->out + c->out_at, c->out_length - c->out_at, MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			end(c, "broken");
			return;
		}
		c->out_at += (size_t)n;
	}
	c->sent_us = clock_mono_us();
	watch(c, EPOLL_CTL_MOD, EPOLLIN);
}

static void begin(struct caller *c)
{
	storm_draw(&storm, n_begun++, &c->call);
	c->out_length = storm_request(&storm, &c->call, c->out);
	c->out_at = 0;
	c->received = 0;
	c->began_us = clock_mono_us();
	c->sent_us = 0;
	c->answer = (struct answer){.kept = c->kept, .kept_max = KEPT_BYTES};
	c->is_busy = true;
	if (c->fd >= 0)
		watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
	else if (!reconnect(c))
		end(c, "not connected");
}

/* How much may be read before the client leaves. */
static size_t room(const struct caller *c, size_t size)
{
	if (c->call.leave == LEAVE_NOT || c->call.leave_at_bytes == 0)
		return size;
	u64 left = c->call.leave_at_bytes - c->received;
	return left < size ? (size_t)left : size;
}

static void receive(struct caller *c)
{
	char data[16384];

	while (c->is_busy) {
		ssize_t n = recv(c->fd, data, room(c, sizeof(data)), 0);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			end(c, "broken");
			return;
		}
		c->received += (u64)n;
		enum answer_state state = answer_feed(&c->answer, data, (size_t)n);
		if (state != ANSWER_MORE)
			end(c, state == ANSWER_DONE ? "done" : "malformed");
		else if (c->call.leave != LEAVE_NOT && c->received == c->call.leave_at_bytes)
			end(c, "left");
	}
}

static void on_event(struct caller *c, unsigned events)
{
	if (c->fd < 0)
		return;
	if (!c->is_busy) { /* the server has closed a kept connection */
		hang_up(c, false);
		return;
	}
	if ((events & EPOLLOUT) != 0 && c->out_at < c->out_length)
		send_rest(c);
	if (c->is_busy && (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0)
		receive(c);
}

/* What happens by the clock: leaving before the first byte, giving up, beginning. */
static void turn(i64 now_us)
{
	for (size_t i = 0; i < storm.n_connections; i++) {
		struct caller *c = &callers[i];
		bool leaves = c->call.leave != LEAVE_NOT && c->call.leave_at_bytes == 0;

		if (c->is_busy && leaves && c->sent_us != 0 && c->received == 0 &&
			now_us - c->sent_us >= c->call.leave_after_us)
			end(c, "left");
		else if (c->is_busy && now_us - c->began_us > S_TO_US(PATIENCE_S))
			end(c, "late");
		if (!c->is_busy && n_begun < storm.n_calls && now_us >= c->rests_until_us)
			begin(c);
	}
}

static void run(void)
{
	struct epoll_event event[EVENTS_MAX];
	i64 told_us = 0;

	while (n_ended < storm.n_calls) {
		i64 now_us = clock_mono_us();
		turn(now_us);
		if (now_us - told_us >= US_PER_S) {
			printf("%" PRIu64 "\n", n_ended);
			fflush(stdout);
			told_us = now_us;
		}
		int n = epoll_wait(epoll_fd, event, EVENTS_MAX, TURN_MS);
		for (int i = 0; i < n; i++)
			on_event(event[i].data.ptr, event[i].events);
	}
	printf("%" PRIu64 "\n", n_ended);
}

static void read_users(const char *path)
{
	char line[TOKEN_BYTES_MAX];
	FILE *f = fopen(path, "r");

	if (f == NULL) {
		perror(path);
		exit(2);
	}
	while (storm.n_users < TOKENS_MAX && fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		memcpy(storm.token[storm.n_users++], line, sizeof(line));
	}
	fclose(f);
	if (storm.n_users == 0)
		usage();
}

static void read_address(char *text)
{
	char *colon = strchr(text, ':');

	if (colon == NULL)
		usage();
	*colon = '\0';
	storm.server.sin_family = AF_INET;
	storm.server.sin_port = htons((uint16_t)atoi(colon + 1));
	if (inet_pton(AF_INET, text, &storm.server.sin_addr) != 1)
		usage();
}

static u64 number(const char *text)
{
	i64 n;

	if (!str_to_i64(text, &n) || n < 0)
		usage();
	return (u64)n;
}

static void read_options(int argc, char **argv)
{
	static const struct option names[] = {{"users", 1, NULL, 'u'}, {"out", 1, NULL, 'o'},
		{"seed", 1, NULL, 's'}, {"calls", 1, NULL, 'n'}, {"connections", 1, NULL, 'c'},
		{"directive", 1, NULL, 'd'}, {NULL, 0, NULL, 0}};

	for (int o; (o = getopt_long(argc, argv, "", names, NULL)) != -1;) {
		if (o == 'u')
			read_users(optarg);
		else if (o == 'o')
			storm.out = fopen(optarg, "w");
		else if (o == 's')
			storm.seed = number(optarg);
		else if (o == 'n')
			storm.n_calls = number(optarg);
		else if (o == 'c')
			storm.n_connections = number(optarg);
		else if (o == 'd')
			storm.directive = optarg;
		else
			usage();
	}
	if (optind != argc - 1 || storm.out == NULL || storm.n_users == 0)
		usage();
	read_address(argv[optind]);
}

int main(int argc, char **argv)
{
	struct rlimit files;

	read_options(argc, argv);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	callers = calloc(storm.n_connections, sizeof(*callers));
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (callers == NULL || epoll_fd < 0) {
		perror("storm");
		return 1;
	}
	for (size_t i = 0; i < storm.n_connections; i++)
		callers[i].fd = -1;
	run();
	return fclose(storm.out) == 0 ? 0 : 1;
}
