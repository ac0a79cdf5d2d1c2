/* The pieces of nginx's generated configuration; nginx.c puts them together. */
#ifndef TURNPIKE_NGINX_H
#define TURNPIKE_NGINX_H

#include <stdio.h>

#include "../../fcgi/core/options.h"
#include "../../fcgi/http/route.h"
#include "../../fcgi/limit/limits.h"

struct arena;
struct dialect;

bool nginx_counts(enum limit_id limit);
/* How many requests of a window nginx lets through. */
i64 nginx_count(const struct limit_row *l);
/* Whether a pool is there at all: the sandbox's is not, in production. */
bool nginx_serves(const struct options *o, enum pool pool);
/* Whether no family before families[f] has its dialect. */
bool nginx_dialect_is_first(size_t f);
/* Seconds until nginx lets one more through. */
i64 nginx_retry_after_s(const struct limit_row *l);
/* One internal location for each status that nginx answers by itself, and each limit. */
void nginx_write_errors(const struct dialect *dialect, struct arena *arena, FILE *out);

#endif
