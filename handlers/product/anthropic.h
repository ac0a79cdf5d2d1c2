/* The product's proxy for clients of Anthropic's Messages API (product.md 5.6): a family of its
 * own, because its credentials and errors are those of that API. */
#ifndef TURNPIKE_PRODUCT_ANTHROPIC_H
#define TURNPIKE_PRODUCT_ANTHROPIC_H

#include "../../fcgi/http/schema.h"

struct req;

int anthropic_authenticate(struct req *r);

#define HANDLER(name) int name(struct req *r, const void *in, void *out)
HANDLER(anthropic_messages);
HANDLER(anthropic_count_tokens);
#undef HANDLER

#endif
