/* A proxy between a pool and the server that can lose a command or the answer to it. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "support.h"

static struct {
	pthread_mutex_t mutex;
	enum cut when;
	unsigned char command;
	char text[64];
	unsigned skip; /* packets of any command before the one to cut; 0: by command and text */
	int listen_fd;
	const char *server;
	char path[64];
} proxy = {.mutex = PTHREAD_MUTEX_INITIALIZER, .listen_fd = -1};

static struct sockaddr_un address(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	return a;
}

/* Whether the packet is the one to cut at; it is cut once. */
static enum cut cut_of(const unsigned char *packet, size_t n)
{
	enum { COMMAND_AT = 4 };
	enum cut when = CUT_NEVER;

	pthread_mutex_lock(&proxy.mutex);
	size_t length = strlen(proxy.text);
	bool is_it = proxy.skip > 0
			     ? --proxy.skip == 0
			     : n > COMMAND_AT + length && packet[COMMAND_AT] == proxy.command &&
				       memcmp(packet + COMMAND_AT + 1, proxy.text, length) == 0;
	if (proxy.when != CUT_NEVER && is_it) {
		when = proxy.when;
		proxy.when = CUT_NEVER;
	}
	pthread_mutex_unlock(&proxy.mutex);
	return when;
}

static bool pass(int from, int to, bool is_client)
{
	unsigned char data[65536];
	ssize_t n = read(from, data, sizeof(data));

	if (n <= 0)
		return false;
	enum cut cut = is_client ? cut_of(data, (size_t)n) : CUT_NEVER;
	if (cut == CUT_BEFORE)
		return false;
	if (write(to, data, (size_t)n) != n)
		return false;
	if (cut == CUT_AFTER) {
		n = read(to, data, sizeof(data)); /* the server has answered: it is done */
		return false;
	}
	return true;
}

static void *serve(void *arg)
{
	int client = (int)(intptr_t)arg, server = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_un to = address(proxy.server);
	bool ok = connect(server, (struct sockaddr *)&to, sizeof(to)) == 0;

	while (ok) {
		struct pollfd fds[] = {
			{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			break;
		if (fds[0].revents != 0)
			ok = pass(client, server, true);
		if (ok && fds[1].revents != 0)
			ok = pass(server, client, false);
	}
	close(client);
	close(server);
	return NULL;
}

static void *accept_all(void *arg)
{
	(void)arg;
	for (;;) {
		int client = accept(proxy.listen_fd, NULL, NULL);
		pthread_t thread;
		if (client < 0 ||
			pthread_create(&thread, NULL, serve, (void *)(intptr_t)client) != 0)
			abort();
		pthread_detach(thread);
	}
	return NULL;
}

static void stop(void)
{
	unlink(proxy.path);
}

static void start(const char *server)
{
	pthread_t thread;

	snprintf(proxy.path, sizeof(proxy.path), "/tmp/turnpike-proxy-%d", (int)getpid());
	struct sockaddr_un a = address(proxy.path);
	unlink(proxy.path);
	atexit(stop);
	proxy.server = server;
	proxy.listen_fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (bind(proxy.listen_fd, (struct sockaddr *)&a, sizeof(a)) != 0 ||
		listen(proxy.listen_fd, 16) != 0 ||
		pthread_create(&thread, NULL, accept_all, NULL) != 0)
		abort();
	pthread_detach(thread);
}

void support_proxy(struct support *s)
{
	if (proxy.listen_fd < 0)
		start(s->options.db_socket);
	support_cut(CUT_NEVER, 0, NULL);
	s->options.db_socket = proxy.path;
}

void support_cut(enum cut when, unsigned char command, const char *text)
{
	pthread_mutex_lock(&proxy.mutex);
	proxy.when = when;
	proxy.skip = 0;
	proxy.command = command;
	snprintf(proxy.text, sizeof(proxy.text), "%s", text != NULL ? text : "");
	pthread_mutex_unlock(&proxy.mutex);
}

void support_cut_nth(enum cut when, unsigned n)
{
	pthread_mutex_lock(&proxy.mutex);
	proxy.when = when;
	proxy.skip = n;
	pthread_mutex_unlock(&proxy.mutex);
}

bool support_was_cut(void)
{
	pthread_mutex_lock(&proxy.mutex);
	bool was_cut = proxy.when == CUT_NEVER;
	pthread_mutex_unlock(&proxy.mutex);
	return was_cut;
}
