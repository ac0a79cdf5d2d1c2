/* A small HTTP server for tests. */
#include "tests/unit/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct client {
	struct http_server *server;
	unsigned index;
	int fd;
	SSL *ssl;
};

static bool put(struct client *c, const char *data, size_t n)
{
	while (n > 0) {
		ssize_t done = c->ssl != NULL ? SSL_write(c->ssl, data, (int)n)
					      : send(c->fd, data, n, MSG_NOSIGNAL);
		if (done <= 0)
			return false;
		data += done;
		n -= (size_t)done;
	}
	return true;
}

static bool put_text(struct client *c, const char *text)
{
	return put(c, text, strlen(text));
}

/* Whether the peer hangs up within ms. */
static bool hangs_up(struct client *c, int ms)
{
	struct pollfd p = {.fd = c->fd, .events = POLLRDHUP};

	return poll(&p, 1, ms) != 0;
}

static bool put_answer(struct client *c, const char *status, const char *extra, const char *body)
{
	char head[512];

	snprintf(head, sizeof(head), "HTTP/1.1 %s\r\nContent-Length: %zu\r\n%s\r\n", status,
		strlen(body), extra);
	return put_text(c, head) && put_text(c, body);
}

static bool run_ok(struct client *c)
{
	return put_answer(c, "200 OK", "Content-Type: application/json\r\n", "{\"a\":1}");
}

static bool run_echo(struct client *c)
{
	return put_answer(c, "200 OK", "", c->server->last_request);
}

static bool run_empty(struct client *c)
{
	return put_text(c, "HTTP/1.1 204 No Content\r\n\r\n");
}

static bool run_missing(struct client *c)
{
	return put_answer(c, "404 Not Found", "", "no");
}

static bool run_broken(struct client *c)
{
	return put_answer(c, "500 Internal Server Error", "", "no");
}

static bool run_later(struct client *c)
{
	return put_answer(c, "503 Service Unavailable", "Retry-After: 7\r\n", "");
}

static bool run_redirect(struct client *c)
{
	char extra[256];

	snprintf(extra, sizeof(extra), "Location: %s\r\n", c->server->redirect_to);
	return put_answer(c, "302 Found", extra, "");
}

static bool run_zero(struct client *c)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na\0b";

	return put(c, answer, sizeof(answer) - 1);
}

static bool run_hang(struct client *c)
{
	hangs_up(c, 10000);
	return false;
}

/* One byte a second, of a body that would take minutes. */
static bool run_drip(struct client *c)
{
	if (!put_text(c, "HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n"))
		return false;
	while (!hangs_up(c, 1000) && put_text(c, "x"))
		;
	return false;
}

static bool run_huge(struct client *c)
{
	char block[4096];

	memset(block, 'x', sizeof(block));
	if (!put_text(c, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"))
		return false;
	for (int i = 0; i < 4096 && put(c, block, sizeof(block)); i++)
		;
	return false;
}

static bool run_huge_length(struct client *c)
{
	put_text(c, "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\nx");
	hangs_up(c, 10000);
	return false;
}

static bool run_mebibyte(struct client *c)
{
	char block[4096];

	memset(block, 'x', sizeof(block));
	if (!put_text(c, "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n"))
		return false;
	for (int i = 0; i < 256; i++)
		if (!put(c, block, sizeof(block)))
			return false;
	return true;
}

static bool run_many_headers(struct client *c)
{
	put_text(c, "HTTP/1.1 200 OK\r\n");
	for (int i = 0; i < 1000000 && put_text(c, "X-Filler: 0123456789012345678901234567\r\n");
		i++)
		;
	return false;
}

static bool run_many_continues(struct client *c)
{
	for (int i = 0; i < 1000000 && put_text(c, "HTTP/1.1 100 Continue\r\n\r\n"); i++)
		;
	return false;
}

static bool run_early(struct client *c)
{
	put_text(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
	return false;
}

static bool run_close(struct client *c)
{
	(void)c;
	return false;
}

static bool run_garbage(struct client *c)
{
	put_text(c, "\x16\x03\x01 this is no HTTP\r\n\r\n");
	return false;
}

static const struct {
	const char *path;
	bool (*run)(struct client *c); /* whether the connection stays */
} answers[] = {
	{"/ok", run_ok},
	{"/echo", run_echo},
	{"/empty", run_empty},
	{"/missing", run_missing},
	{"/broken", run_broken},
	{"/later", run_later},
	{"/redirect", run_redirect},
	{"/zero", run_zero},
	{"/hang", run_hang},
	{"/drip", run_drip},
	{"/huge", run_huge},
	{"/huge-length", run_huge_length},
	{"/mebibyte", run_mebibyte},
	{"/many-headers", run_many_headers},
	{"/many-continues", run_many_continues},
	{"/early", run_early},
	{"/close", run_close},
	{"/garbage", run_garbage},
};

/* A request up to its end: the empty line, and as much more as Content-Length says. Of one that is
 * larger than text only the beginning is kept. */
static bool read_request(struct client *c, char *text, size_t size)
{
	char rest[16 * 1024];
	size_t n = 0, whole = 0;

	while (whole == 0 || n < whole) {
		bool fits = n < size - 1;
		char *to = fits ? text + n : rest;
		size_t room = fits ? size - 1 - n : sizeof(rest);
		ssize_t got =
			c->ssl != NULL ? SSL_read(c->ssl, to, (int)room) : recv(c->fd, to, room, 0);
		if (got <= 0)
			return false;
		n += (size_t)got;
		if (!fits)
			continue;
		text[n] = '\0';
		const char *end = strstr(text, "\r\n\r\n");
		const char *length = strstr(text, "Content-Length: ");
		if (end != NULL)
			whole = (size_t)(end + 4 - text) +
				(length != NULL ? strtoul(length + 16, NULL, 10) : 0);
	}
	return true;
}

static bool answer(struct client *c)
{
	char text[sizeof(c->server->last_request)], path[64] = "";

	if (!read_request(c, text, sizeof(text)))
		return false;
	pthread_mutex_lock(&c->server->lock);
	c->server->n_requests++;
	memcpy(c->server->last_request, text, sizeof(text));
	pthread_mutex_unlock(&c->server->lock);
	sscanf(text, "%*s %63[^ ?]", path);
	if (c->server->run != NULL)
		return c->server->run(c->server, c->fd, path);
	for (size_t i = 0; i < ARRAY_LEN(answers); i++)
		if (strcmp(path, answers[i].path) == 0)
			return answers[i].run(c);
	return run_missing(c);
}

static void *serve_client(void *arg)
{
	struct client *c = arg;
	bool is_ready = true;

	if (c->server->tls != NULL) {
		c->ssl = SSL_new(c->server->tls);
		SSL_set_fd(c->ssl, c->fd);
		is_ready = SSL_accept(c->ssl) == 1;
	}
	while (is_ready && answer(c))
		;
	SSL_free(c->ssl);
	pthread_mutex_lock(&c->server->lock);
	c->server->fd[c->index] = -1;
	close(c->fd);
	pthread_mutex_unlock(&c->server->lock);
	free(c);
	return NULL;
}

static void *serve(void *arg)
{
	struct http_server *s = arg;

	for (int fd; (fd = accept(s->listener, NULL, NULL)) >= 0;) {
		struct client *c = calloc(1, sizeof(*c));
		pthread_mutex_lock(&s->lock);
		unsigned index = s->n_connections++;
		*c = (struct client){.server = s, .index = index, .fd = fd};
		s->fd[index] = fd;
		pthread_create(&s->worker[index], NULL, serve_client, c);
		pthread_mutex_unlock(&s->lock);
		if (index + 1 == SERVER_CONNECTIONS_MAX)
			break;
	}
	return NULL;
}

static bool start(struct http_server *s, const char *address, unsigned port)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	bool is_v4 = inet_pton(AF_INET, address, &v4.sin_addr) == 1;
	socklen_t length = is_v4 ? sizeof(v4) : sizeof(v6);
	struct sockaddr *name = is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
	int on = 1;

	if (!is_v4)
		inet_pton(AF_INET6, address, &v6.sin6_addr);
	s->listener = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(s->listener, name, length) != 0 || listen(s->listener, 64) != 0) {
		close(s->listener);
		return false;
	}
	getsockname(s->listener, name, &length);
	s->port = ntohs(is_v4 ? v4.sin_port : v6.sin6_port);
	snprintf(s->url, sizeof(s->url), "%s://127.0.0.1:%u", s->tls != NULL ? "https" : "http",
		s->port);
	return pthread_create(&s->thread, NULL, serve, s) == 0;
}

bool http_server_start(struct http_server *s, const char *address, unsigned port, SSL_CTX *tls)
{
	*s = (struct http_server){.tls = tls, .lock = PTHREAD_MUTEX_INITIALIZER};
	return start(s, address, port);
}

bool http_server_start_run(struct http_server *s, http_server_answer *run)
{
	*s = (struct http_server){.run = run, .lock = PTHREAD_MUTEX_INITIALIZER};
	return start(s, "127.0.0.1", 0);
}

void http_server_stop(struct http_server *s)
{
	shutdown(s->listener, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->listener);
	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < s->n_connections; i++)
		if (s->fd[i] >= 0)
			shutdown(s->fd[i], SHUT_RDWR);
	pthread_mutex_unlock(&s->lock);
	for (unsigned i = 0; i < s->n_connections; i++)
		pthread_join(s->worker[i], NULL);
}

unsigned http_server_connections(struct http_server *s)
{
	pthread_mutex_lock(&s->lock);
	unsigned n = s->n_connections;
	pthread_mutex_unlock(&s->lock);
	return n;
}

unsigned http_server_requests(struct http_server *s)
{
	pthread_mutex_lock(&s->lock);
	unsigned n = s->n_requests;
	pthread_mutex_unlock(&s->lock);
	return n;
}
