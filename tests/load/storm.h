/* The parts of storm: what each call is, drawn from the seed; what its client saw of it. */
#ifndef TURNPIKE_TESTS_STORM_H
#define TURNPIKE_TESTS_STORM_H

#include <stdio.h>

#include "tests/load/pace.h"

enum { TOKENS_MAX = 512, TOKEN_BYTES_MAX = 100, DIRECTIVE_MAX = 200, STORM_REQUEST_MAX = 8192 };

enum storm_kind { KIND_CHAT, KIND_STREAM, KIND_COMPLETION, KIND_COMPLETION_STREAM };
enum storm_leave { LEAVE_NOT, LEAVE_CLOSE, LEAVE_RESET };

struct storm {
	u64 seed, n_calls;
	size_t n_connections, n_users;
	char token[TOKENS_MAX][TOKEN_BYTES_MAX];
	const char *directive; /* of every call; NULL: each has its own */
	struct sockaddr_in server;
	FILE *out;
};

struct storm_call {
	u64 number;
	enum storm_kind kind;
	const char *model, *fault; /* fault: what the upstream is told to do wrong */
	size_t user;
	i64 tokens, max_tokens, filler;
	bool include_usage;
	char directive[DIRECTIVE_MAX];
	/* The client leaves when it has so many bytes; with 0 of them, so long after its request.
	 */
	enum storm_leave leave;
	u64 leave_at_bytes;
	i64 leave_after_us;
};

/* Call number n is the same in every run with this seed. */
void storm_draw(const struct storm *s, u64 n, struct storm_call *ret);
size_t storm_request(const struct storm *s, const struct storm_call *call, char *out);
/* Writes one line: what was asked, how it ended, what the answer said of usage and price. */
void storm_note(const struct storm *s, const struct storm_call *call, const char *outcome,
	const struct answer *answer, u64 bytes);

#endif
