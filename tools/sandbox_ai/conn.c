/* Connections: they read requests, hand them over, and write. All callbacks of the event loop end
 * in work(), which alone may free a connection. */
#include "conn.h"

#include <errno.h>
#include <event2/event_struct.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "answer.h"
#include "fcgi/core/clock.h"
#include "route.h"

enum {
	READ_BYTES = 4 * 1024,
	AHEAD_MAX = 64 * 1024, /* of the next request, while one is answered */
	ACCEPT_AT_ONCE = 64,
	/* Before a reset, so that a client has read what came before and tells it from an end. */
	RESET_WAIT_MS = 1,
	RESET_WAITS = 3,
	RESET_WAITS_MAX = 1000, /* while the client has not even received it */
};

enum phase { PHASE_READS, PHASE_ANSWERS, PHASE_FINISHES };

struct conn {
	struct server *server;
	struct conn *next, **link;
	int fd;
	enum phase phase;
	enum ending ending;
	bool is_gone, keeps, closes, was_continued, writes_later; /* closes: when all is sent */
	int reset_waits;
	struct event read, write, timer;
	struct bytes in, out;
	size_t in_needed; /* bytes of the whole request, once its head is known */
	size_t out_at;
	u64 sent;
	struct answer answer;
};

struct server *conn_server(struct conn *c)
{
	return c->server;
}

struct bytes *conn_out(struct conn *c)
{
	return &c->out;
}

size_t conn_backlog(const struct conn *c)
{
	return c->out.length - c->out_at;
}

u64 conn_written(const struct conn *c)
{
	return c->sent + conn_backlog(c);
}

u64 conn_sent(const struct conn *c)
{
	return c->sent;
}

bool conn_keeps(const struct conn *c)
{
	return c->keeps;
}

void conn_flush(struct conn *c)
{
	while (conn_backlog(c) > 0 && !c->is_gone) {
		ssize_t n = send(c->fd, c->out.data + c->out_at, conn_backlog(c),
			MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			c->is_gone = errno != EAGAIN;
			if (!c->is_gone && !c->writes_later)
				event_add(&c->write, NULL);
			c->writes_later = !c->is_gone;
			break;
		}
		c->out_at += (size_t)n;
		c->sent += (u64)n;
	}
	if (conn_backlog(c) == 0) {
		bytes_clear(&c->out);
		c->out_at = 0;
	}
	if (c->phase != PHASE_READS)
		body_sent(&c->answer);
}

void conn_wake_at(struct conn *c, i64 at_us)
{
	i64 wait_us = at_us - clock_mono_us();

	if (wait_us < 0)
		wait_us = 0;
	event_add(&c->timer, &(struct timeval){wait_us / US_PER_S, wait_us % US_PER_S});
}

void conn_finish(struct conn *c, enum ending ending)
{
	c->ending = c->keeps || ending == ENDING_RESET ? ending : ENDING_CLOSE;
	c->phase = PHASE_FINISHES;
}

static void free_conn(struct conn *c)
{
	if (c->phase != PHASE_READS)
		answer_end(&c->answer, true);
	event_del(&c->read);
	event_del(&c->write);
	event_del(&c->timer);
	close(c->fd);
	*c->link = c->next;
	if (c->next != NULL)
		c->next->link = c->link;
	answer_free(&c->answer);
	bytes_free(&c->in);
	bytes_free(&c->out);
	if (c->server->is_full) {
		c->server->is_full = false;
		event_add(c->server->listener, NULL);
	}
	free(c);
}

/* An answer that no model gives. */
static void reply(struct conn *c, int status, struct bytes *body)
{
	bytes_str(&c->out, "HTTP/1.1 ");
	bytes_i64(&c->out, status);
	bytes_str(&c->out, " Status\r\nContent-Type: application/json\r\nContent-Length: ");
	bytes_i64(&c->out, (i64)body->length);
	bytes_str(&c->out, c->keeps ? "\r\n\r\n" : "\r\nConnection: close\r\n\r\n");
	bytes_add(&c->out, body->data, body->length);
	bytes_free(body);
	conn_flush(c);
}

static void refuse(struct conn *c, int status, const char *message)
{
	struct bytes body = {0};

	c->keeps = false;
	BYTES_STRS(&body, "{\"error\":{\"message\":\"", message,
		"\",\"type\":\"invalid_request_error\",\"param\":null,\"code\":null}}");
	reply(c, status, &body);
	c->closes = true;
}

static void take(struct conn *c, const struct http_head *head)
{
	struct bytes body = {0};
	int status = 200;

	c->keeps = head->keeps;
	c->was_continued = false;
	c->in_needed = 0;
	c->answer.conn = c;
	c->answer.dialect = route(head, c->server->served, &body, &status);
	if (c->answer.dialect != NULL) {
		c->phase = PHASE_ANSWERS;
		answer_start(&c->answer, head,
			(struct text){c->in.data + head->bytes, head->body_bytes});
	} else {
		reply(c, status, &body);
		c->closes = !c->keeps;
	}
	bytes_drop(&c->in, head->bytes + head->body_bytes);
}

/* Whether there was something to take. */
static bool take_request(struct conn *c)
{
	struct http_head head;

	if (c->closes) {
		c->is_gone = conn_backlog(c) == 0;
		return false;
	}
	if (c->in.length == 0 || c->in.length < c->in_needed)
		return false;
	switch (http_read((struct text){c->in.data, c->in.length}, &head)) {
	case HTTP_MORE:
		return false;
	case HTTP_BAD:
		refuse(c, 400, "Not HTTP/1.1");
		return true;
	case HTTP_READY:
		break;
	}
	if (head.is_chunked || head.body_bytes > HTTP_BODY_MAX) {
		refuse(c, head.is_chunked ? 411 : 413,
			head.is_chunked ? "Content-Length is needed" : "The body is too large");
		return true;
	}
	c->in_needed = head.bytes + head.body_bytes;
	if (c->in.length >= c->in_needed) {
		take(c, &head);
		return true;
	}
	if (head.expects && !c->was_continued) {
		c->was_continued = true;
		bytes_str(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
		conn_flush(c);
	}
	return false;
}

/* Whether the kernel still has bytes of ours; a reset would take them back. */
static bool has_unread(struct conn *c)
{
	int n = 0;

	return ioctl(c->fd, SIOCOUTQ, &n) == 0 && n > 0;
}

/* Whether the answer is out, so that the next request may be read. */
static bool finish(struct conn *c)
{
	if (conn_backlog(c) > 0)
		return false;
	if (c->ending == ENDING_RESET &&
		c->reset_waits < (has_unread(c) ? RESET_WAITS_MAX : RESET_WAITS)) {
		c->reset_waits++;
		conn_wake_at(c, clock_mono_us() + RESET_WAIT_MS * US_PER_MS);
		return false;
	}
	answer_end(&c->answer, false);
	c->phase = PHASE_READS;
	if (c->ending == ENDING_RESET)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1},
			sizeof(struct linger));
	c->is_gone = c->ending != ENDING_NEXT;
	return true;
}

/* Does what can be done now. */
static void work(struct conn *c)
{
	bool goes_on = true;

	while (goes_on && !c->is_gone) {
		switch (c->phase) {
		case PHASE_READS:
			goes_on = take_request(c);
			break;
		case PHASE_ANSWERS:
			answer_run(&c->answer);
			goes_on = c->phase != PHASE_ANSWERS;
			break;
		case PHASE_FINISHES:
			goes_on = finish(c);
			break;
		}
	}
	if (c->is_gone)
		free_conn(c);
}

static void on_read(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	size_t room = READ_BYTES;

	(void)what;
	if (c->in_needed > c->in.length && c->in_needed - c->in.length > room)
		room = c->in_needed - c->in.length;
	if (c->phase != PHASE_READS && c->in.length > AHEAD_MAX) {
		event_del(&c->read); /* a client that does not wait for answers is not heard */
		return;
	}
	ssize_t n = recv(fd, bytes_room(&c->in, room), room, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	c->is_gone = n <= 0;
	if (n > 0)
		c->in.length += (size_t)n;
	if (c->is_gone || c->phase == PHASE_READS)
		work(c);
}

static void on_write(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	(void)what;
	c->writes_later = false;
	conn_flush(c);
	work(c);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	work(arg);
}

static void open_conn(struct server *server, int fd)
{
	struct conn *c = calloc(1, sizeof(*c));
	int is_on = 1;

	if (c == NULL)
		abort();
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &is_on, sizeof(is_on));
	c->server = server;
	c->fd = fd;
	c->next = server->first_conn;
	c->link = &server->first_conn;
	if (c->next != NULL)
		c->next->link = &c->next;
	server->first_conn = c;
	event_assign(&c->read, server->events, fd, EV_READ | EV_PERSIST, on_read, c);
	event_assign(&c->write, server->events, fd, EV_WRITE, on_write, c);
	event_assign(&c->timer, server->events, -1, 0, on_timer, c);
	event_add(&c->read, NULL);
}

void conn_accept(evutil_socket_t listener, short what, void *arg)
{
	struct server *server = arg;

	(void)what;
	for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
			server->is_full = true;
			event_del(server->listener); /* until one has gone */
		}
		if (fd < 0)
			return;
		open_conn(server, fd);
	}
}

void conn_close_all(struct server *server)
{
	while (server->first_conn != NULL)
		free_conn(server->first_conn);
}
