/* gzip of stored blocks. */
#include "gzip.h"

enum { BLOCK_MAX = 65535 };

static uint32_t crc_add(uint32_t crc, struct text t)
{
	static uint32_t table[256];

	if (table[1] == 0)
		for (uint32_t i = 0; i < 256; i++) {
			uint32_t c = i;
			for (int bit = 0; bit < 8; bit++)
				c = (c & 1) != 0 ? 0xedb88320 ^ c >> 1 : c >> 1;
			table[i] = c;
		}
	crc = ~crc;
	for (size_t i = 0; i < t.length; i++)
		crc = table[(crc ^ (unsigned char)t.data[i]) & 0xff] ^ crc >> 8;
	return ~crc;
}

static void add_number(struct bytes *b, uint32_t number, int n_bytes)
{
	for (int i = 0; i < n_bytes; i++)
		bytes_add(b, &(unsigned char){(unsigned char)(number >> 8 * i)}, 1);
}

static void begin(struct gzip *g, struct bytes *b)
{
	if (!g->is_begun)
		bytes_add(b, "\x1f\x8b\x08\0\0\0\0\0\0\x03", 10);
	g->is_begun = true;
}

void gzip_add(struct gzip *g, struct text plain, struct bytes *b)
{
	begin(g, b);
	g->crc = crc_add(g->crc, plain);
	g->length += (uint32_t)plain.length;
	for (size_t at = 0; at < plain.length;) {
		size_t n = plain.length - at < BLOCK_MAX ? plain.length - at : BLOCK_MAX;
		add_number(b, 0, 1);
		add_number(b, (uint32_t)n, 2);
		add_number(b, ~(uint32_t)n, 2);
		bytes_add(b, plain.data + at, n);
		at += n;
	}
}

void gzip_end(struct gzip *g, struct bytes *b)
{
	begin(g, b);
	bytes_add(b, "\x01\0\0\xff\xff", 5);
	add_number(b, g->crc, 4);
	add_number(b, g->length, 4);
}
