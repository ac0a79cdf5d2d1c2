/* SipHash-2-4, 128 bits. */
#include "siphash.h"

#include <endian.h>
#include <string.h>

struct state {
	u64 v0, v1, v2, v3;
};

static u64 rotate(u64 x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static void rounds(struct state *s, unsigned n)
{
	while (n-- > 0) {
		s->v0 += s->v1;
		s->v2 += s->v3;
		s->v1 = rotate(s->v1, 13) ^ s->v0;
		s->v3 = rotate(s->v3, 16) ^ s->v2;
		s->v0 = rotate(s->v0, 32) + s->v3;
		s->v2 += s->v1;
		s->v1 = rotate(s->v1, 17) ^ s->v2;
		s->v3 = rotate(s->v3, 21) ^ s->v0;
		s->v2 = rotate(s->v2, 32);
	}
}

static void absorb(struct state *s, u64 word)
{
	s->v3 ^= word;
	rounds(s, 2);
	s->v0 ^= word;
}

struct siphash siphash(const u64 key[2], const void *data, size_t length)
{
	struct state s = {
		.v0 = key[0] ^ 0x736f6d6570736575,
		.v1 = key[1] ^ 0x646f72616e646f6d ^ 0xee,
		.v2 = key[0] ^ 0x6c7967656e657261,
		.v3 = key[1] ^ 0x7465646279746573,
	};
	const unsigned char *p = data;
	size_t left = length;
	u64 word;

	for (; left >= sizeof(word); p += sizeof(word), left -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		absorb(&s, le64toh(word));
	}
	word = (u64)length << 56;
	for (size_t i = 0; i < left; i++)
		word |= (u64)p[i] << (8 * i);
	absorb(&s, word);

	s.v2 ^= 0xee;
	rounds(&s, 4);
	u64 first = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
	s.v1 ^= 0xdd;
	rounds(&s, 4);
	return (struct siphash){.word = {first, s.v0 ^ s.v1 ^ s.v2 ^ s.v3}};
}
