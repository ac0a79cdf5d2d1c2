/* The head of an HTTP/1.x request (RFC 9112), as far as the clients of a model API use it. */
#ifndef TURNPIKE_SANDBOX_AI_HTTP_H
#define TURNPIKE_SANDBOX_AI_HTTP_H

#include "bytes.h"

enum { HTTP_HEAD_MAX = 64 * 1024, HTTP_BODY_MAX = 32 * 1024 * 1024 };

enum http_result { HTTP_READY, HTTP_MORE, HTTP_BAD };

struct http_head {
	struct text method, path, query;
	struct text key, request_id, version; /* version: anthropic-version */
	size_t bytes;			      /* of the head */
	size_t body_bytes;
	bool is_old;	     /* HTTP/1.0: no chunks, closed after each answer */
	bool keeps, expects; /* expects: 100-continue */
	bool is_chunked;
	bool is_x_api_key; /* where the key was */
};

/* The slices in *ret belong to the text. */
enum http_result http_read(struct text text, struct http_head *ret);

#endif
