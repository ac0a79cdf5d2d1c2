/* Header fields that every answer has without its handler. */
#ifndef TURNPIKE_FIELDS_H
#define TURNPIKE_FIELDS_H

struct buf;
struct req;

/* Cache-Control, CORS, RateLimit-*, Deprecation: each as a line that ends with CRLF. */
void fields_put(struct req *r, struct buf *b);

#endif
