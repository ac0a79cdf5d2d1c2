/* turnpike-sandbox-ai: plays the providers of models on loopback, for development, tests and
 * benchmarks. One thread around libevent; what it answers is programmed by the request (plan.h). */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn.h"

enum { BACKLOG = 4096 };

static int usage(void)
{
	fputs("usage: turnpike-sandbox-ai --listen 127.0.0.1:PORT\n"
	      "Answers as OpenAI, Anthropic, Mistral and llama.cpp do, at once and with 16 tokens, "
	      "or\n"
	      "as `[[sandbox: key=value ...]]` in the last user message says. GET\n"
	      "/sandbox/ai/served counts what it served. Port 0: any; the line that it prints "
	      "when\n"
	      "ready says which.\n",
		stderr);
	return 2;
}

/* Listens on a loopback address, and on no other. */
static int listen_on(const char *text, char ret_name[64])
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t length = sizeof(address);
	char host[32];
	unsigned port;
	int is_on = 1, n = 0;

	if (sscanf(text, "%31[0-9.]:%5u%n", host, &port, &n) != 2 || text[n] != '\0' ||
		port > 65535 || inet_pton(AF_INET, host, &address.sin_addr) != 1 ||
		ntohl(address.sin_addr.s_addr) >> 24 != 127) {
		fprintf(stderr, "turnpike-sandbox-ai: --listen takes 127.0.0.1:PORT, not %s\n",
			text);
		return -1;
	}
	address.sin_port = htons((uint16_t)port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &is_on, sizeof(is_on));
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
		listen(fd, BACKLOG) != 0 ||
		getsockname(fd, (struct sockaddr *)&address, &length) != 0) {
		fprintf(stderr, "turnpike-sandbox-ai: %s: %s\n", text, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	snprintf(ret_name, 64, "%s:%u", host, ntohs(address.sin_port));
	return fd;
}

static void on_signal(evutil_socket_t number, short what, void *events)
{
	(void)number;
	(void)what;
	event_base_loopbreak(events);
}

/* Thousands of streams are thousands of descriptors. */
static void allow_many_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* Timers are set against the time that it is, not the time when the loop woke up. */
static struct event_base *new_events(void)
{
	struct event_config *config = event_config_new();

	event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME);
	struct event_base *events = event_base_new_with_config(config);
	event_config_free(config);
	return events;
}

int main(int argc, char **argv)
{
	struct server server = {0};
	char name[64];

	if (argc != 3 || strcmp(argv[1], "--listen") != 0)
		return usage();
	signal(SIGPIPE, SIG_IGN);
	allow_many_files();
	int fd = listen_on(argv[2], name);
	if (fd < 0)
		return 1;
	server.served = served_new();
	server.events = new_events();
	server.listener = event_new(server.events, fd, EV_READ | EV_PERSIST, conn_accept, &server);
	struct event *term = evsignal_new(server.events, SIGTERM, on_signal, server.events);
	struct event *interrupt = evsignal_new(server.events, SIGINT, on_signal, server.events);
	event_add(server.listener, NULL);
	event_add(term, NULL);
	event_add(interrupt, NULL);
	printf("turnpike-sandbox-ai: listening on %s\n", name);
	fflush(stdout);
	event_base_dispatch(server.events);

	close(fd);
	conn_close_all(&server);
	event_free(server.listener);
	event_free(term);
	event_free(interrupt);
	event_base_free(server.events);
	served_free(server.served);
	bytes_free(&server.frame);
	return 0;
}
