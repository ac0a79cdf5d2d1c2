/* The error bodies of upstreams, in all the shapes that are about. Only for this room. */
#ifndef TURNPIKE_UPSTREAM_ERROR_H
#define TURNPIKE_UPSTREAM_ERROR_H

#include "../core/arena.h"
#include "pull.h"

struct upstream_error {
	struct pull_text message, type;
	int status; /* the HTTP status it stands for, 0: unknown */
};

/* The value of a member "error": an object {message, type, code} or the message itself. */
void upstream_error_pull(struct pull *p, struct upstream_error *ret);
/* read_error() of every dialect. */
void upstream_error_read(struct arena *a, const char *body, size_t length, const char **ret_message,
	const char **ret_type);

#endif
