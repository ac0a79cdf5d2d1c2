/* gzip (RFC 1952) of stored blocks: what a decoder has to unpack, without a library to pack it. */
#ifndef TURNPIKE_SANDBOX_AI_GZIP_H
#define TURNPIKE_SANDBOX_AI_GZIP_H

#include "bytes.h"

struct gzip {
	bool is_begun;
	uint32_t crc, length;
};

/* Each call's blocks can be unpacked as soon as they have arrived. */
void gzip_add(struct gzip *g, struct text plain, struct bytes *ret);
void gzip_end(struct gzip *g, struct bytes *ret);

#endif
