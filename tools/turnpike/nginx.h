/* The pieces of nginx's generated configuration; nginx.c puts them together. */
#ifndef TURNPIKE_NGINX_H
#define TURNPIKE_NGINX_H

#include <stdio.h>

#include "../../fcgi/limit/limits.h"

struct arena;
struct dialect;

bool nginx_counts(enum limit_id limit);
/* Seconds until nginx lets one more through. */
i64 nginx_retry_after_s(const struct limit_row *l);
/* One internal location for each status that nginx answers by itself, and each limit. */
void nginx_write_errors(const struct dialect *dialect, struct arena *arena, FILE *out);

#endif
