/* What the two halves of the load generator share: whom they ask, and what of the answers' times
 * they print. */
#ifndef TURNPIKE_GATEWAY_BENCH_H
#define TURNPIKE_GATEWAY_BENCH_H

#include "fcgi/core/types.h"

struct target {
	const char *path;
	unsigned short port;
	char *request;
	size_t length;
	int fd;	   /* of a connection that is kept; -1: none */
	float *ms; /* of each call */
};

_Noreturn void die(const char *what);
/* "18000/v1/chat/completions"; the token is in the environment. */
struct target target_of(const char *text, const char *body);
/* receive_bytes 0: as usual. */
int target_dial(const struct target *t, int receive_bytes);
void target_ask(const struct target *t, int fd);
void sort_times(float *ms, size_t n);
float percentile(const float *sorted, size_t n, double share);

/* n streams of so many tokens, so many a second. */
int bench_streams(const char *target, size_t n, const char *rate, size_t n_tokens);
/* n readers who take less than they are sent. */
int bench_slow(const char *target, size_t n, size_t seconds);

#endif
