/* The pieces of the OpenAPI document; openapi.c puts them together. */
#ifndef TURNPIKE_OPENAPI_H
#define TURNPIKE_OPENAPI_H

struct buf;
struct field;
struct schema;

/* {"$ref": ...} to a component. */
void openapi_put_ref(const char *name, struct buf *out);
/* The inside of a field's schema object. */
void openapi_put_type(const struct field *f, struct buf *out);
/* A whole component: the members of the body. */
void openapi_put_component(const struct schema *s, struct buf *out);

#endif
