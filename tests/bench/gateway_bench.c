/* The load generator of tests/bench/gateway: one thread, so that it costs little of the machine
 * that it shares with what it measures. Prints numbers only. */
#include "gateway_bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi/core/clock.h"

enum { TARGETS_MAX = 4, ANSWER_BYTES = 64 * 1024 };

void die(const char *what)
{
	fprintf(stderr, "gateway_bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

struct target target_of(const char *text, const char *body)
{
	struct target t = {.path = strchr(text, '/'), .fd = -1};
	const char *token = getenv("TOKEN");

	t.port = (unsigned short)strtoul(text, NULL, 10);
	if (t.path == NULL || token == NULL)
		die("a target is PORT/PATH, and TOKEN is in the environment");
	int n = asprintf(&t.request,
		"POST %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"
		"Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
		t.path, token, strlen(body), body);
	t.length = (size_t)n;
	return t;
}

int target_dial(const struct target *t, int receive_bytes)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(t->port)};
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (receive_bytes > 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		die("connecting");
	return fd;
}

void target_ask(const struct target *t, int fd)
{
	if (write(fd, t->request, t->length) != (ssize_t)t->length)
		die("writing");
}

static int by_size(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

void sort_times(float *ms, size_t n)
{
	qsort(ms, n, sizeof(*ms), by_size);
}

float percentile(const float *sorted, size_t n, double share)
{
	size_t i = (size_t)((double)n * share);

	return n == 0 ? 0 : sorted[i < n ? i : n - 1];
}

/* Whether the answer is all there. */
static bool is_whole(const char *answer, size_t length)
{
	const char *head_end = strstr(answer, "\r\n\r\n"), *field;

	if (head_end == NULL)
		return false;
	field = strcasestr(answer, "\r\ncontent-length:");
	if (field != NULL && field < head_end)
		return length >= (size_t)(head_end + 4 - answer) + strtoul(field + 17, NULL, 10);
	return length >= 5 && memcmp(answer + length - 5, "0\r\n\r\n", 5) == 0;
}

/* A call over a kept connection. Of a stream it is the time until its first text that counts. */
static float call_ms(struct target *t, bool is_first_counted)
{
	static char answer[ANSWER_BYTES];
	size_t length = 0;
	i64 first_us = 0;

	if (t->fd < 0)
		t->fd = target_dial(t, 0);
	i64 start_us = clock_mono_us();
	target_ask(t, t->fd);
	do {
		ssize_t n = read(t->fd, answer + length, sizeof(answer) - 1 - length);
		if (n <= 0)
			die("reading");
		length += (size_t)n;
		answer[length] = '\0';
		if (first_us == 0 && is_first_counted && strstr(answer, "\"content\":\"a") != NULL)
			first_us = clock_mono_us();
	} while (!is_whole(answer, length));
	i64 end_us = first_us != 0 ? first_us : clock_mono_us();
	if (strncmp(answer, "HTTP/1.1 200", 12) != 0) {
		fprintf(stderr, "gateway_bench: %s: %.600s\n", t->path, answer);
		exit(1);
	}
	if (strcasestr(answer, "\r\nconnection: close") != NULL) {
		close(t->fd);
		t->fd = -1;
	}
	return (float)(end_us - start_us) / US_PER_MS;
}

/* Asks all targets in turn, so that what the machine does meanwhile meets all of them. */
static int bench_latency(
	size_t n_calls, const char *body, char **names, size_t n_targets, bool is_first_counted)
{
	struct target target[TARGETS_MAX];

	for (size_t k = 0; k < n_targets; k++) {
		target[k] = target_of(names[k], body);
		target[k].ms = calloc(n_calls, sizeof(float));
	}
	for (size_t i = 0; i < n_calls / 10; i++) /* to warm up */
		for (size_t k = 0; k < n_targets; k++)
			call_ms(&target[k], is_first_counted);
	for (size_t i = 0; i < n_calls; i++)
		for (size_t k = 0; k < n_targets; k++)
			target[k].ms[i] = call_ms(&target[k], is_first_counted);
	for (size_t k = 0; k < n_targets; k++) {
		const float *ms = target[k].ms;
		sort_times(target[k].ms, n_calls);
		printf("%.3f %.3f %.3f\n", percentile(ms, n_calls, 0.5),
			percentile(ms, n_calls, 0.9), percentile(ms, n_calls, 0.99));
	}
	return 0;
}

static size_t number(const char *text)
{
	return strtoul(text, NULL, 10);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	bool is_first_counted = strcmp(what, "first") == 0;

	if (argc >= 5 && argc - 4 <= TARGETS_MAX &&
		(is_first_counted || strcmp(what, "latency") == 0))
		return bench_latency(
			number(argv[2]), argv[3], argv + 4, (size_t)argc - 4, is_first_counted);
	if (argc == 6 && strcmp(what, "streams") == 0)
		return bench_streams(argv[2], number(argv[3]), argv[4], number(argv[5]));
	if (argc == 5 && strcmp(what, "slow") == 0)
		return bench_slow(argv[2], number(argv[3]), number(argv[4]));
	fputs("usage, with TOKEN in the environment:\n"
	      "gateway_bench latency|first CALLS BODY PORT/PATH...: p50 p90 p99 in ms, a line "
	      "each\n"
	      "gateway_bench streams PORT/PATH N RATE TOKENS: frames, lost, disordered, "
	      "unfinished\n"
	      "              streams; p50 p99 max of how late frames were, in ms\n"
	      "gateway_bench slow PORT/PATH N SECONDS: N readers who are slower than their "
	      "streams\n",
		stderr);
	return 2;
}
