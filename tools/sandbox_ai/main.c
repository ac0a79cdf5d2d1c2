/* turnpike-sandbox-ai: plays the providers of models on loopback, for development, tests and
 * benchmarks. One thread around libevent; what it answers is programmed by the request (plan.h). */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../loopback.h"
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
	int fd = loopback_listen("turnpike-sandbox-ai", argv[2], BACKLOG, name);
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
