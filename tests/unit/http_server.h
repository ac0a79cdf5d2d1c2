/* A small HTTP server for tests: a thread per connection, answers chosen by the path. */
#ifndef TURNPIKE_HTTP_SERVER_H
#define TURNPIKE_HTTP_SERVER_H

#include <openssl/ssl.h>
#include <pthread.h>

#include "fcgi/core/types.h"

enum { SERVER_CONNECTIONS_MAX = 256 };

struct http_server {
	int listener;
	unsigned port;
	char url[48];
	const char *redirect_to; /* of /redirect */
	SSL_CTX *tls;		 /* NULL: plain */
	pthread_t thread;
	pthread_mutex_t lock;
	unsigned n_connections, n_requests;
	int fd[SERVER_CONNECTIONS_MAX];
	pthread_t worker[SERVER_CONNECTIONS_MAX];
	char last_request[4096];
};

/* Listens on address ("127.0.0.1", "::"); port 0: any. false when it cannot. */
bool http_server_start(struct http_server *s, const char *address, unsigned port, SSL_CTX *tls);
void http_server_stop(struct http_server *s);
unsigned http_server_connections(struct http_server *s);
unsigned http_server_requests(struct http_server *s);

#endif
