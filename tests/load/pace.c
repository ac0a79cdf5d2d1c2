/* pace: HTTP/1.1 requests at a fixed rate, over a fixed number of connections, from one thread.
 * Open loop: request i is due at start + i / rate whatever the answers do, and its time runs from
 * then, so that a server that stands still shows up in the percentiles. Prints one line of JSON. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi/core/clock.h"
#include "tests/load/pace.h"

enum { EVENTS_MAX = 256, SWEEP_MS = 100, CONNECTIONS_MAX = 60000 };

static struct plan plan = {
	.rate = 100, .n_connections = 10, .seconds = 5, .timeout_ms = 10000, .method = "GET"};
static struct tally tally;
static struct connection *connections, **idle;
static size_t n_idle;
static int epoll_fd;
static u64 n_sent; /* requests that were begun; the next one's number */

static _Noreturn void usage(void)
{
	fputs("usage: pace http://HOST:PORT/PATH [options]\n"
	      "  --rate N          requests per second (100); 0: as fast as the answers come\n"
	      "  --connections C   at most (10)\n"
	      "  --seconds S       (5)\n"
	      "  --timeout-ms T    an answer later than this is a failure (10000)\n"
	      "  --method M, --body TEXT, --header 'Name: value' (several)\n"
	      "  --source A-B      connections come from these IPv4 addresses in turn\n"
	      "  --close           a new connection for each request\n"
	      "  --expect CODE     (several) not a failure; without it: 200 to 299\n"
	      "{n} in path, header and body is the number of the request. Failures are answers\n"
	      "that were not expected, broken connections and time-outs. A GET whose kept\n"
	      "connection was closed before any answer is sent again once, as every client does,\n"
	      "and counted in `retried`.\n",
		stderr);
	exit(2);
}

static i64 now_us(void)
{
	return clock_mono_us();
}

static void watch(struct connection *c, int operation, unsigned events)
{
	struct epoll_event e = {.events = events, .data.ptr = c};

	if (epoll_ctl(epoll_fd, operation, c->fd, &e) != 0) {
		perror("pace: epoll_ctl");
		exit(1);
	}
}

static void disconnect(struct connection *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->n_answers = 0;
}

/* Begins to connect, from the next source address. */
static bool reconnect(struct connection *c)
{
	static uint32_t next_source;
	struct sockaddr_in from = {.sin_family = AF_INET};
	const int on = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return false;
	if (plan.source_last != 0) {
		from.sin_addr.s_addr =
			htonl(plan.source_first +
				next_source++ % (plan.source_last - plan.source_first + 1));
		setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
		if (bind(c->fd, (struct sockaddr *)&from, sizeof(from)) != 0)
			return false;
	}
	if (connect(c->fd, (struct sockaddr *)&plan.server, sizeof(plan.server)) != 0 &&
		errno != EINPROGRESS)
		return false;
	watch(c, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
	return true;
}

static void give_back(struct connection *c)
{
	c->is_busy = false;
	idle[n_idle++] = c;
}

static void fail_request(struct connection *c, u64 *counter)
{
	++*counter;
	tally.n_failures++;
	tally_latency(&tally, now_us() - c->due_us);
	disconnect(c);
	give_back(c);
}

static void begin(struct connection *c);

/* The connection is gone. A kept one that the server closed while we wrote is nobody's failure. */
static void broken(struct connection *c)
{
	bool may_repeat = c->n_answers > 0 && !c->is_repeat && answer_is_untouched(&c->answer) &&
			  strcmp(plan.method, "GET") == 0;

	if (!c->is_busy) {
		disconnect(c);
		return;
	}
	if (!may_repeat) {
		fail_request(c, c->is_connected ? &tally.n_broken : &tally.n_unconnected);
		return;
	}
	disconnect(c);
	tally.n_retried++;
	c->is_repeat = true;
	begin(c);
}

static void flush(struct connection *c)
{
	while (c->out_at < c->out_length) {
		ssize_t n =
			send(c->fd, c->out + c->out_at, c->out_length - c->out_at, MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN) {
			watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
			return;
		}
		if (n < 0) {
			broken(c);
			return;
		}
		c->out_at += (size_t)n;
	}
	watch(c, EPOLL_CTL_MOD, EPOLLIN);
}

/* Sends what is in c->out, over a new connection if there is none. */
static void begin(struct connection *c)
{
	c->out_at = 0;
	c->answer = (struct answer){.is_head = strcmp(plan.method, "HEAD") == 0};
	if (c->fd >= 0) {
		flush(c);
		return;
	}
	c->is_connected = false;
	if (!reconnect(c))
		fail_request(c, &tally.n_unconnected);
}

static void start_request(i64 due_us)
{
	struct connection *c = idle[--n_idle];

	c->is_busy = true;
	c->is_repeat = false;
	c->due_us = due_us;
	c->began_us = now_us();
	c->out_length = plan_request(&plan, n_sent++, c->out, sizeof(c->out));
	begin(c);
}

static void finish(struct connection *c)
{
	tally_answer(&tally, &plan, c->answer.status, now_us() - c->due_us);
	c->n_answers++;
	if (c->answer.wants_close || plan.closes)
		disconnect(c);
	give_back(c);
}

static void receive(struct connection *c)
{
	char data[16384];

	while (c->fd >= 0) {
		ssize_t n = recv(c->fd, data, sizeof(data), 0);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0 || !c->is_busy) {
			broken(c);
			return;
		}
		switch (answer_feed(&c->answer, data, (size_t)n)) {
		case ANSWER_MORE:
			break;
		case ANSWER_DONE:
			finish(c);
			return;
		case ANSWER_BAD:
			fail_request(c, &tally.n_malformed);
			return;
		}
	}
}

static void on_event(struct connection *c, unsigned events)
{
	int error = 0;
	socklen_t length = sizeof(error);

	if (c->fd < 0)
		return;
	if (!c->is_connected && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) {
		getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &length);
		if (error != 0) {
			broken(c);
			return;
		}
		c->is_connected = true;
	}
	if ((events & EPOLLOUT) != 0 && c->is_busy)
		flush(c);
	if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0)
		receive(c);
}

static void sweep(i64 now)
{
	static i64 next_us;

	if (now < next_us)
		return;
	next_us = now + SWEEP_MS * US_PER_MS;
	for (size_t i = 0; i < plan.n_connections; i++)
		if (connections[i].is_busy &&
			now - connections[i].began_us > plan.timeout_ms * US_PER_MS)
			fail_request(&connections[i], &tally.n_late);
}

/* Starts all that is due and has a connection. Returns how long to wait for the next, in us. */
static i64 start_due(i64 start_us, i64 end_us)
{
	i64 now = now_us();

	if (plan.rate == 0) {
		for (size_t n = n_idle; n > 0 && now < end_us; n--)
			start_request(now);
		return SWEEP_MS * US_PER_MS;
	}
	if (now >= end_us + plan.timeout_ms * US_PER_MS)
		return SWEEP_MS * US_PER_MS;
	for (;;) {
		i64 due_us = start_us + (i64)(n_sent * US_PER_S / plan.rate);
		if (due_us >= end_us)
			return end_us > now ? end_us - now : SWEEP_MS * US_PER_MS;
		if (due_us > now)
			return due_us - now;
		if (n_idle == 0)
			return SWEEP_MS * US_PER_MS;
		start_request(due_us);
	}
}

static void run(void)
{
	struct epoll_event event[EVENTS_MAX];
	i64 start_us = now_us(), end_us = start_us + S_TO_US(plan.seconds), now;
	u64 n_planned = plan.rate * (u64)plan.seconds;
	bool has_more;

	do {
		i64 wait_us = start_due(start_us, end_us);
		if (wait_us > SWEEP_MS * US_PER_MS)
			wait_us = SWEEP_MS * US_PER_MS;
		struct timespec wait = {.tv_nsec = wait_us * 1000};
		int n = epoll_pwait2(epoll_fd, event, EVENTS_MAX, &wait, NULL);
		for (int i = 0; i < n; i++)
			on_event(event[i].data.ptr, event[i].events);
		now = now_us();
		sweep(now);
		has_more = n_sent < n_planned && now < end_us + plan.timeout_ms * US_PER_MS;
	} while (now < end_us || n_idle < plan.n_connections || has_more);
	tally.took_us = now - start_us;
	/* What had no connection in time was not answered either. */
	tally.n_unsent = n_sent < n_planned ? n_planned - n_sent : 0;
	tally.n_failures += tally.n_unsent;
}

static u64 number(const char *text, u64 max)
{
	char *end;
	unsigned long long n = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || n > max)
		usage();
	return n;
}

static void read_source(char *text)
{
	char *dash = strchr(text, '-');
	struct in_addr first, last;

	if (dash != NULL)
		*dash = '\0';
	if (inet_pton(AF_INET, text, &first) != 1 ||
		inet_pton(AF_INET, dash != NULL ? dash + 1 : text, &last) != 1 ||
		ntohl(last.s_addr) < ntohl(first.s_addr))
		usage();
	plan.source_first = ntohl(first.s_addr);
	plan.source_last = ntohl(last.s_addr);
}

static void read_options(int argc, char **argv)
{
	static const struct option names[] = {{"rate", 1, NULL, 'r'}, {"connections", 1, NULL, 'c'},
		{"seconds", 1, NULL, 's'}, {"timeout-ms", 1, NULL, 't'}, {"method", 1, NULL, 'm'},
		{"body", 1, NULL, 'b'}, {"header", 1, NULL, 'h'}, {"source", 1, NULL, 'a'},
		{"close", 0, NULL, 'x'}, {"expect", 1, NULL, 'e'}, {NULL, 0, NULL, 0}};

	for (int o; (o = getopt_long(argc, argv, "", names, NULL)) != -1;) {
		if (o == 'r')
			plan.rate = number(optarg, 1000000);
		else if (o == 'c')
			plan.n_connections = number(optarg, CONNECTIONS_MAX);
		else if (o == 's')
			plan.seconds = (i64)number(optarg, 86400);
		else if (o == 't')
			plan.timeout_ms = (i64)number(optarg, 3600 * 1000);
		else if (o == 'm')
			plan.method = optarg;
		else if (o == 'b')
			plan.body = optarg;
		else if (o == 'h' && plan.n_headers < HEADERS_MAX)
			plan.header[plan.n_headers++] = optarg;
		else if (o == 'a')
			read_source(optarg);
		else if (o == 'x')
			plan.closes = true;
		else if (o == 'e')
			plan.expected[number(optarg, STATUS_MAX - 1)] = plan.has_expected = true;
		else
			usage();
	}
	if (optind != argc - 1 || plan.n_connections == 0 || plan.seconds == 0 ||
		!plan_url(&plan, argv[optind]))
		usage();
}

int main(int argc, char **argv)
{
	struct rlimit files;

	read_options(argc, argv);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	connections = calloc(plan.n_connections, sizeof(*connections));
	idle = calloc(plan.n_connections, sizeof(*idle));
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (connections == NULL || idle == NULL || epoll_fd < 0) {
		perror("pace");
		return 1;
	}
	for (size_t i = plan.n_connections; i-- > 0;) {
		connections[i].fd = -1;
		idle[n_idle++] = &connections[i];
	}
	run();
	tally_print(&tally, &plan, n_sent);
	return 0;
}
