/* The pieces of the OpenAPI document; openapi.c puts them together. */
#ifndef TURNPIKE_OPENAPI_H
#define TURNPIKE_OPENAPI_H

#include "../../fcgi/core/buf.h"
#include "../../fcgi/http/route.h"

/* Schemas met while writing the paths; each becomes a component once. */
struct components {
	const struct schema *schema[512];
	size_t n;
};

/* A path and method, and who answers: a second family where two share them. */
struct operation {
	const struct family *family[2];
	const struct route *route[2];
	size_t n;
};

/* {"$ref": ...} to a component. */
void openapi_put_ref(const char *name, struct buf *out);
/* The inside of a field's schema object. */
void openapi_put_type(const struct field *f, struct buf *out);
/* A whole component: the members of the body. */
void openapi_put_component(const struct schema *s, struct buf *out);

/* `"get":{...}`: an operation with all its answers. */
void openapi_put_operation(
	const struct operation *op, struct components *c, struct arena *a, struct buf *out);

#endif
