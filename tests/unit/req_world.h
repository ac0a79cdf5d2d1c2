/* One request without a server: its environment, its body in pieces as libfcgi hands them over, and
 * what is sent. */
#ifndef TURNPIKE_REQ_WORLD_H
#define TURNPIKE_REQ_WORLD_H

#include <fcgiapp.h>

#include "fcgi/http/request.h"

enum { WORLD_ENV_MAX = 400, WORLD_SENT_MAX = 128 * 1024, NOON_S = 1800000000 };

struct world {
	struct arena arena;
	struct fail fail;
	struct options options;
	struct worker worker;
	struct req req;
	char *env[WORLD_ENV_MAX + 1];
	size_t n_env;
	struct FCGX_Stream body, out;
	const char *unread;	      /* of the body */
	size_t n_unread, piece_bytes; /* how much comes at once */
	bool client_is_gone;
	char sent[WORLD_SENT_MAX + 1];
};

/* A new request, method and path set. Everything of the one before is given up. */
struct req *world_request(struct world *w, const char *method, const char *path);
/* "NAME=value" behind what is there. */
void world_env(struct world *w, const char *entry);
void world_body(struct world *w, const void *data, size_t length);
/* Lets the handler write by itself, into `sent`. */
void world_open(struct world *w);
/* Sends the response: everything that went out, or NULL when the client was gone. */
const char *world_send(struct world *w);
/* The faults of the request: "field:rule" or "field:rule=limit", separated by blanks. */
const char *world_faults(struct world *w);
void world_close(struct world *w);

#endif
