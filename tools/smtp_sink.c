/* turnpike-smtp-sink: takes mail on loopback and keeps it in a folder, for development and tests.
 * One thread per connection; everything a client can grow is bounded. */
#include "tools/smtp_sink.h"

#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tools/loopback.h"

enum { THREAD_STACK_BYTES = 512 * 1024, END_WAIT_S = 5 };

enum slot_state { SLOT_FREE, SLOT_SERVES, SLOT_DONE };

struct slot {
	struct server *server;
	enum slot_state state; /* only the main thread leaves SLOT_FREE and SLOT_DONE */
	pthread_t thread;
	struct stream *stream;
};

struct server {
	struct sink sink;
	pthread_mutex_t lock; /* of the states, and of the numbers of open sockets */
	struct slot slot[SINK_CONNECTIONS_MAX];
};

static int usage(void)
{
	fputs("usage: turnpike-smtp-sink --listen 127.0.0.1:PORT --dir FOLDER\n"
	      "       [--auth USER:PASSWORD] [--cert FILE --key FILE]\n"
	      "Keeps every mail it gets as FOLDER/NNNNNNNN-TIME.eml. Without --cert it makes a\n"
	      "certificate for localhost; trust FOLDER/ca.pem. Port 0: any; the line that it\n"
	      "prints when ready says which. Recipients fail-temp@, fail-perm@, slow@ and drop@\n"
	      "make it answer 451, answer 550, wait 3 s, and hang up.\n",
		stderr);
	return 2;
}

static void *serve(void *arg)
{
	struct slot *slot = arg;

	session_run(&slot->server->sink, slot->stream);
	stream_close(slot->stream);
	pthread_mutex_lock(&slot->server->lock);
	/* Closed within the lock: end_all() must not shut down another's number. */
	close(slot->stream->fd);
	slot->state = SLOT_DONE;
	pthread_mutex_unlock(&slot->server->lock);
	return NULL;
}

static enum slot_state state_of(struct slot *slot)
{
	pthread_mutex_lock(&slot->server->lock);
	enum slot_state state = slot->state;
	pthread_mutex_unlock(&slot->server->lock);
	return state;
}

/* Clears away what has ended; a free slot, or NULL. */
static struct slot *take_slot(struct server *server)
{
	struct slot *found = NULL;

	for (size_t i = 0; i < SINK_CONNECTIONS_MAX; i++) {
		struct slot *slot = &server->slot[i];
		if (state_of(slot) == SLOT_DONE) {
			pthread_join(slot->thread, NULL);
			free(slot->stream);
			slot->state = SLOT_FREE;
		}
		if (found == NULL && state_of(slot) == SLOT_FREE)
			found = slot;
	}
	return found;
}

static void accept_one(struct server *server, int listener, const pthread_attr_t *attributes)
{
	static const char busy[] = "421 Too many connections\r\n";
	const struct timeval idle = {.tv_sec = SINK_IDLE_S};
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), is_on = 1;

	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof(idle));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &is_on, sizeof(is_on));
	struct slot *slot = take_slot(server);
	struct stream *stream = slot != NULL ? calloc(1, sizeof(*stream)) : NULL;
	if (stream != NULL) {
		stream->fd = fd;
		slot->stream = stream;
		slot->state = SLOT_SERVES;
		if (pthread_create(&slot->thread, attributes, serve, slot) == 0)
			return;
		slot->state = SLOT_FREE;
	}
	send(fd, busy, sizeof(busy) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
	free(stream);
}

static void run(struct server *server, int listener, int signals)
{
	struct pollfd p[] = {{.fd = listener, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
	pthread_attr_t attributes;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, THREAD_STACK_BYTES);
	for (;;) {
		if (poll(p, ARRAY_LEN(p), -1) < 0 && errno != EINTR)
			break;
		if (p[1].revents != 0)
			break;
		if (p[0].revents != 0)
			accept_one(server, listener, &attributes);
	}
	pthread_attr_destroy(&attributes);
}

/* Hangs up on everybody and waits for the threads; false when one does not end. */
static bool end_all(struct server *server)
{
	struct timespec limit;
	bool are_gone = true;

	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += END_WAIT_S;
	pthread_mutex_lock(&server->lock);
	for (size_t i = 0; i < SINK_CONNECTIONS_MAX; i++)
		if (server->slot[i].state == SLOT_SERVES)
			shutdown(server->slot[i].stream->fd, SHUT_RDWR);
	pthread_mutex_unlock(&server->lock);
	for (size_t i = 0; i < SINK_CONNECTIONS_MAX; i++) {
		struct slot *slot = &server->slot[i];
		if (state_of(slot) == SLOT_FREE)
			continue;
		if (pthread_timedjoin_np(slot->thread, NULL, &limit) == 0)
			free(slot->stream);
		else
			are_gone = false;
	}
	return are_gone;
}

static bool read_arguments(int argc, char **argv, struct sink *sink, const char **listen_text)
{
	static const struct option names[] = {
		{"listen", required_argument, NULL, 'l'},
		{"dir", required_argument, NULL, 'd'},
		{"auth", required_argument, NULL, 'a'},
		{"cert", required_argument, NULL, 'c'},
		{"key", required_argument, NULL, 'k'},
		{NULL, 0, NULL, 0},
	};
	char *colon;

	for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
		if (c == 'l') {
			*listen_text = optarg;
		} else if (c == 'd') {
			sink->dir = optarg;
		} else if (c == 'a' && (colon = strchr(optarg, ':')) != NULL) {
			*colon = '\0';
			sink->user = optarg;
			sink->password = colon + 1;
		} else if (c == 'c') {
			sink->cert = optarg;
		} else if (c == 'k') {
			sink->key = optarg;
		} else {
			return false;
		}
	}
	return optind == argc && *listen_text != NULL && sink->dir != NULL &&
	       strlen(sink->dir) < 400 && (sink->cert == NULL) == (sink->key == NULL);
}

static int catch_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

int main(int argc, char **argv)
{
	static struct server server = {.lock = PTHREAD_MUTEX_INITIALIZER};
	const char *listen_text = NULL;
	char name[64];

	for (size_t i = 0; i < SINK_CONNECTIONS_MAX; i++)
		server.slot[i].server = &server;
	mallopt(M_ARENA_MAX, 1); /* threads here wait, they do not compete for memory */
	if (!read_arguments(argc, argv, &server.sink, &listen_text))
		return usage();
	int signals = catch_signals();
	int listener =
		loopback_listen("turnpike-smtp-sink", listen_text, SINK_CONNECTIONS_MAX, name);
	if (listener < 0)
		return 1;
	if (!store_open(server.sink.dir)) {
		fprintf(stderr, "turnpike-smtp-sink: %s: %s\n", server.sink.dir, strerror(errno));
		return 1;
	}
	if (!tls_check(&server.sink))
		return 1;
	printf("turnpike-smtp-sink: listening on %s, mail in %s\n", name, server.sink.dir);
	fflush(stdout);
	run(&server, listener, signals);
	close(listener);
	close(signals);
	return end_all(&server) ? 0 : 1;
}
