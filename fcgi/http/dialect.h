/* How a family speaks of errors. Handlers do not know which dialect they are answered in. */
#ifndef TURNPIKE_DIALECT_H
#define TURNPIKE_DIALECT_H

#include "../core/buf.h"
#include "../core/errors.h"

/* What an answer says of the request that it answers, and how it was asked for. */
struct dialect_form {
	const char *request_id; /* NULL: not known */
	bool is_openai;		/* the error is an object, as OpenAI's clients read it */
};

struct dialect {
	const char *name;
	const char *content_type;
	/* The body of an error answer. */
	void (*render)(const struct fail *fail, const struct dialect_form *form, struct buf *out);
	/* Its shape as an OpenAPI schema (JSON text). */
	const char *openapi;
	bool retry_after;  /* whether a 429 may carry Retry-After */
	bool rate_headers; /* whether limited answers carry RateLimit-* */
	bool has_openai;   /* whether the form above exists */
	/* The HTTP status of an error; NULL: that of the table. */
	int (*status)(enum error code);
	/* A further header field with the request's id; NULL: X-Request-Id is enough. */
	const char *id_header;
	/* Which ids a client may bring as X-Request-Id (a regular expression), and the nginx
	 * variable whose value replaces any other. */
	const char *request_id, *fresh_request_id;
};

/* {"error": code, "message": text, ...}: product.md 0.2. */
extern const struct dialect dialect_product;

/* {"error": text, "code": code, "request_id": id, ...}: gateway.md 0.2. */
extern const struct dialect dialect_gateway;

/* {"category": category, "message": text, ...}: account.md section 1. */
extern const struct dialect dialect_account;

/* {"type": "error", "error": {"type": type, "message": text}, ...}: Anthropic's
 * (upstreams.md 11.3).
 */
extern const struct dialect dialect_messages;

int dialect_status(const struct dialect *dialect, enum error code);

/* The sentence for people: the detail where there is one, else the table's text; faults are listed.
 */
void dialect_message(const struct fail *fail, struct buf *out);
/* What the handler added, as further members: ,"name":value ... */
void dialect_extras(const struct fail *fail, struct buf *out);

#endif
