/* SipHash-2-4 with a result of 128 bits (Aumasson, Bernstein: "SipHash: a fast short-input PRF"):
 * names taken from requests cannot be chosen to collide by whoever does not know the key. */
#ifndef TURNPIKE_SIPHASH_H
#define TURNPIKE_SIPHASH_H

#include "../core/types.h"

struct siphash {
	u64 word[2];
};

struct siphash siphash(const u64 key[2], const void *data, size_t length);

#endif
