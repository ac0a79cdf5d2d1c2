/* A small HTTP server for tests: a thread per connection, answers chosen by the path. */
#ifndef TURNPIKE_HTTP_SERVER_H
#define TURNPIKE_HTTP_SERVER_H

#include <openssl/ssl.h>
#include <pthread.h>

#include "fcgi/core/types.h"

enum { SERVER_CONNECTIONS_MAX = 256 };

struct http_server;
/* Answers one request; whether the connection stays. */
typedef bool http_server_answer(struct http_server *s, int fd, const char *path);

struct http_server {
	int listener;
	unsigned port;
	char url[48];
	const char *redirect_to; /* of /redirect */
	SSL_CTX *tls;		 /* NULL: plain */
	http_server_answer *run; /* NULL: the answers of http_server.c */
	pthread_t thread;
	pthread_mutex_t lock;
	unsigned n_connections, n_requests;
	int fd[SERVER_CONNECTIONS_MAX];
	pthread_t worker[SERVER_CONNECTIONS_MAX];
	char last_request[4096];
};

/* Listens on address ("127.0.0.1", "::"); port 0: any. false when it cannot. */
bool http_server_start(struct http_server *s, const char *address, unsigned port, SSL_CTX *tls);
/* On 127.0.0.1, with answers of its own. */
bool http_server_start_run(struct http_server *s, http_server_answer *run);
void http_server_stop(struct http_server *s);
unsigned http_server_connections(struct http_server *s);
unsigned http_server_requests(struct http_server *s);

#endif
