/* What a proxy for Anthropic's own clients must know of a request that it hands on unchanged
 * (product.md 5.6): enough to estimate it, and the places of the two values that it sets. The
 * answer is read beside its way through by dialect_upstream_find("anthropic")->reader(). */
#ifndef TURNPIKE_ANTHROPIC_CLIENT_H
#define TURNPIKE_ANTHROPIC_CLIENT_H

#include "../core/buf.h"
#include "../core/errors.h"

struct span {
	size_t at, length;
};

struct anthropic_request {
	const char *model;
	i64 max_tokens; /* 0: absent, as in count_tokens */
	bool is_stream;
	i64 input_bytes; /* of messages, system and tools as written, without the data of files */
	i64 n_images;
	i64 file_bytes; /* of other files (PDF), as base64 */
	/* private: where the values are in the body */
	struct span model_at, max_tokens_at;
};

/* E_INVALID_JSON, or E_INVALID_FIELD with the faults noted. needs_max_tokens: it is a call, not
 * a count. The body is checked as strictly as any other, so that it means the same to us and to the
 * upstream. */
int anthropic_request_read(struct arena *a, const char *body, size_t length, bool needs_max_tokens,
	struct anthropic_request *ret, struct fail *fail);
/* The body with another model and at most this max_tokens (0: as it is); all else stays as the
 * client wrote it, byte for byte. */
void anthropic_request_write(const struct anthropic_request *q, const char *body, size_t length,
	const char *model, i64 max_tokens, struct buf *out);

/* A call on its way through: what dialect_upstream_find("anthropic")->write_raw() makes one for an
 * upstream of. */
struct raw_call {
	const struct anthropic_request *request;
	const char *body;
	size_t length;
	const char *below;	    /* what follows the path: "/count_tokens"; NULL: nothing */
	const char *version, *beta; /* the client's anthropic-version and -beta; NULL: absent */
};

/* {"type":"error","error":{"type","message"},"request_id"}: what Anthropic's clients understand. */
void anthropic_error(struct buf *out, int status, const char *message, const char *request_id);
/* The error type that belongs to an HTTP status. */
const char *anthropic_error_type(int status);

#endif
