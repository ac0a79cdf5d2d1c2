/* How a family speaks of errors. Handlers do not know which dialect they are answered in. */
#ifndef TURNPIKE_DIALECT_H
#define TURNPIKE_DIALECT_H

#include "../core/buf.h"
#include "../core/errors.h"

struct schema;

struct dialect {
	const char *name;
	const char *content_type;
	/* The body of an error answer. */
	void (*render)(const struct fail *fail, struct buf *out);
	/* Its shape as an OpenAPI schema (JSON text). */
	const char *openapi;
	/* Whether a 429 may carry Retry-After. */
	bool retry_after;
};

/* {"error": code, "message": text, ...}: product.md 0.2. */
extern const struct dialect dialect_product;

/* The sentence for people: the detail where there is one, else the table's text; faults are listed.
 */
void dialect_message(const struct fail *fail, struct buf *out);

#endif
