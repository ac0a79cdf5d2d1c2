/* The parts of pace: what to send, one answer as it comes in, the sums. */
#ifndef TURNPIKE_TESTS_PACE_H
#define TURNPIKE_TESTS_PACE_H

#include <netinet/in.h>

#include "fcgi/core/types.h"

enum { HEADERS_MAX = 20, STATUS_MAX = 600, REQUEST_BYTES_MAX = 8192 };

struct plan {
	u64 rate; /* per second; 0: closed loop */
	size_t n_connections;
	i64 seconds, timeout_ms;
	const char *method, *body, *header[HEADERS_MAX];
	size_t n_headers;
	char host[100];
	const char *path;
	struct sockaddr_in server;
	uint32_t source_first, source_last; /* in the host's order; 0: not bound */
	bool closes, has_expected, expected[STATUS_MAX];
};

bool plan_url(struct plan *plan, const char *url);
/* Writes request number n, with {n} replaced; its length. */
size_t plan_request(const struct plan *plan, u64 n, char *out, size_t size);

enum answer_state { ANSWER_MORE, ANSWER_DONE, ANSWER_BAD };
enum answer_part {
	PART_HEAD,
	PART_BODY,
	PART_CHUNK_SIZE,
	PART_CHUNK,
	PART_CHUNK_END,
	PART_TRAILER
};

struct answer {
	bool is_head; /* of a HEAD request: no body, whatever its fields say */
	enum answer_part part;
	int status;
	bool wants_close, is_chunked;
	u64 left; /* bytes of the body or chunk */
	size_t line_length;
	char line[2048]; /* the one that is coming in; cut when longer */
	/* Where the head's lines and the body, without its chunks' framing, are kept as far as they
	 * have room; NULL: they are not. */
	char *kept;
	size_t n_kept, kept_max;
};

bool answer_is_untouched(const struct answer *a);
enum answer_state answer_feed(struct answer *a, const char *data, size_t length);

struct connection {
	int fd; /* -1: none */
	bool is_busy, is_connected, is_repeat;
	u64 n_answers;	      /* over this connection */
	i64 due_us, began_us; /* of the request */
	size_t out_at, out_length;
	char out[REQUEST_BYTES_MAX];
	struct answer answer;
};

struct tally {
	u64 n_failures, n_retried, n_unconnected, n_broken, n_malformed, n_late, n_unsent;
	u64 status[STATUS_MAX];
	uint32_t *latency_us; /* of every request that was begun */
	size_t n, capacity;
	i64 took_us;
};

void tally_latency(struct tally *t, i64 us);
void tally_answer(struct tally *t, const struct plan *plan, int status, i64 us);
void tally_print(struct tally *t, const struct plan *plan, u64 n_requests);

#endif
