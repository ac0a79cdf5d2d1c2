/* A mail as RFC 5322 text. Private to fcgi/net. */
#ifndef TURNPIKE_MIME_H
#define TURNPIKE_MIME_H

#include "net.h"

/* NULL, or which value must not go into a header. */
const char *mime_fault(const struct options *options, const struct mail *mail);
/* The whole message with CRLF line ends; every line within 76 bytes but for long addresses. */
char *mime_message(struct arena *a, const struct options *options, const struct mail *mail,
	i64 now_us, size_t *ret_length);

#endif
