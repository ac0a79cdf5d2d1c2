/* What the tests of net_stream() share. */
#include "tests/unit/stream_world.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi/core/clock.h"
#include "fcgi/core/str.h"

i64 counted[METRIC_MAX];

void metrics_add(enum metric m, i64 n)
{
	__atomic_fetch_add(&counted[m], n, __ATOMIC_RELAXED);
}

bool world_open(struct stream_world *w)
{
	*w = (struct stream_world){.net = net_new()};
	arena_init(&w->arena, 16 << 20);
	return w->net != NULL && http_server_start_run(&w->server, stream_server_answer);
}

void world_close(struct stream_world *w)
{
	net_free(w->net);
	net_sweep(0);
	arena_free(&w->arena);
	http_server_stop(&w->server);
}

static int on_head(void *arg, const struct net_head *head)
{
	struct stream_world *w = arg;

	w->n_heads++;
	w->status = head->status;
	return w->stop_head;
}

static int on_data(void *arg, const char *data, size_t length)
{
	struct stream_world *w = arg;

	for (size_t i = 0; i < length && w->length + i < sizeof(w->data) - 1; i++)
		w->data[w->length + i] = data[i];
	w->n_data++;
	w->length += length;
	w->largest = length > w->largest ? length : w->largest;
	if (w->leave_by != NULL)
		longjmp(*w->leave_by, 1);
	if (w->leaver != NULL)
		leaver_leave(w->leaver);
	if (w->taking_ms > 0)
		clock_sleep_us(w->taking_ms * US_PER_MS);
	return w->stop_data;
}

static int on_quiet(void *arg)
{
	struct stream_world *w = arg;

	w->n_quiet++;
	return w->stop_quiet;
}

enum net_end collect(struct stream_world *w, const char *path, struct net_stream call)
{
	static const char *const header[] = {"Content-Type: application/json", NULL};

	w->n_heads = w->n_data = w->n_quiet = w->length = w->largest = 0;
	memset(w->data, 0, sizeof(w->data));
	call.url = str_starts(path, "http") ? path
					    : arena_printf(&w->arena, "%s%s", w->server.url, path);
	call.header = call.header != NULL ? call.header : header;
	call.body = call.body != NULL ? call.body : "{}";
	call.body_length = call.body_length > 0 ? call.body_length : 2;
	call.on_head = on_head;
	call.on_quiet = on_quiet;
	call.arg = w;
	return net_stream(w->net, &w->arena, &call, &w->result);
}

enum net_end stream(struct stream_world *w, const char *path, struct net_stream call)
{
	call.on_data = on_data;
	return collect(w, path, call);
}

static int tcp_listener(struct sockaddr_in *name, int backlog)
{
	socklen_t length = sizeof(*name);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*name = (struct sockaddr_in){.sin_family = AF_INET};
	name->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)name, length) != 0 || listen(fd, backlog) != 0 ||
		getsockname(fd, (struct sockaddr *)name, &length) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

bool deaf_open(struct deaf *d, bool is_crowded)
{
	struct sockaddr_in name;

	/* The kernel drops who comes when the queue is full. */
	d->fd[0] = tcp_listener(&name, is_crowded ? 0 : CROWD);
	for (size_t i = 1; i < CROWD; i++) {
		d->fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (is_crowded)
			connect(d->fd[i], (struct sockaddr *)&name, sizeof(name));
	}
	snprintf(d->url, sizeof(d->url), "http://127.0.0.1:%u/", ntohs(name.sin_port));
	return d->fd[0] >= 0;
}

void deaf_close(struct deaf *d)
{
	for (size_t i = 0; i < CROWD; i++)
		close(d->fd[i]);
}

static bool tcp_pair(int pair[2])
{
	struct sockaddr_in name;
	int listener = tcp_listener(&name, 1);

	pair[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool is_connected = connect(pair[1], (struct sockaddr *)&name, sizeof(name)) == 0;
	pair[0] = accept(listener, NULL, NULL);
	close(listener);
	return is_connected && pair[0] >= 0;
}

void leaver_open(struct leaver *l, enum leaving how)
{
	static const char rest_of_request[] = "\1\5\0\1\0\0\0\0"; /* the end of its body */
	bool is_tcp = how == LEAVE_TCP_CLOSE || how == LEAVE_TCP_HALF;

	*l = (struct leaver){.how = how};
	if (is_tcp ? !tcp_pair(l->fd) : socketpair(AF_UNIX, SOCK_STREAM, 0, l->fd) != 0)
		l->fd[0] = l->fd[1] = -1;
	send(l->fd[1], rest_of_request, sizeof(rest_of_request) - 1, MSG_NOSIGNAL);
}

void leaver_leave(struct leaver *l)
{
	static const char abort_record[] = "\1\2\0\1\0\0\0\0";

	l->left_at_us = clock_mono_us();
	if (l->how == LEAVE_ABORT_RECORD) {
		send(l->fd[1], abort_record, sizeof(abort_record) - 1, MSG_NOSIGNAL);
	} else if (l->how == LEAVE_TCP_HALF) {
		shutdown(l->fd[1], SHUT_WR);
	} else {
		close(l->fd[1]);
		l->fd[1] = -1;
	}
}

static void *leave_later(void *arg)
{
	struct leaver *l = arg;

	clock_sleep_us(l->after_ms * US_PER_MS);
	leaver_leave(l);
	return NULL;
}

void leaver_start(struct leaver *l, i64 after_ms)
{
	l->after_ms = after_ms;
	pthread_create(&l->thread, NULL, leave_later, l);
}

void leaver_close(struct leaver *l)
{
	close(l->fd[0]);
	if (l->fd[1] >= 0)
		close(l->fd[1]);
}
