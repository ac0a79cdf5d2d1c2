/* QR codes: the modules from libqrencode, the picture as PNG or as lines of SVG. */
#include "qr.h"

#include <openssl/evp.h>
#include <qrencode.h>
#include <string.h>
#include <zlib.h>

#include "buf.h"
#include "str.h"

enum { QUIET = 4, MODULE_PX = 6 };

struct picture {
	int side; /* modules, with the quiet zone */
	int inner;
	const unsigned char *module; /* bit 0: dark */
};

static bool is_dark(const struct picture *p, int x, int y)
{
	x -= QUIET, y -= QUIET;
	return x >= 0 && y >= 0 && x < p->inner && y < p->inner &&
	       (p->module[y * p->inner + x] & 1) != 0;
}

/* Each run of dark modules of a row is one stroke through their middle. */
static const char *svg(struct arena *a, const struct picture *p)
{
	struct buf b;

	buf_init(&b, a, 16 * 1024);
	buf_printf(&b,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
		"viewBox=\"0 0 %d %d\" shape-rendering=\"crispEdges\">"
		"<path fill=\"#fff\" d=\"M0 0h%dv%dH0z\"/><path stroke=\"#000\" d=\"",
		p->side * MODULE_PX, p->side * MODULE_PX, p->side, p->side, p->side, p->side);
	for (int y = 0; y < p->side; y++) {
		for (int x = 0; x < p->side; x++) {
			int from = x;
			while (is_dark(p, x, y))
				x++;
			if (x > from)
				buf_printf(&b, "M%d %d.5h%d", from, y, x - from);
		}
	}
	buf_str(&b, "\"/></svg>");
	return arena_printf(a, "data:image/svg+xml;utf8,%s", url_encode(a, b.data));
}

static void put_u32(struct buf *out, size_t number)
{
	unsigned char byte[4] = {(unsigned char)(number >> 24), (unsigned char)(number >> 16),
		(unsigned char)(number >> 8), (unsigned char)number};

	buf_bytes(out, byte, sizeof(byte));
}

/* Length, type, data, CRC (PNG specification, section 5.3). */
static void put_chunk(struct buf *out, const char *type, const void *data, size_t length)
{
	uLong crc = crc32(0, (const Bytef *)type, 4);

	put_u32(out, length);
	buf_bytes(out, type, 4);
	buf_bytes(out, data, length);
	put_u32(out, length > 0 ? crc32(crc, data, (uInt)length) : crc);
}

/* The rows of the picture, one bit a pixel (0 is black), a filter byte before each. */
static unsigned char *pixels(struct arena *a, const struct picture *p, size_t row_bytes)
{
	int side = p->side * MODULE_PX;
	unsigned char *data = arena_alloc(a, (size_t)side * row_bytes);

	for (int y = 0; y < side; y++) {
		unsigned char *row = data + (size_t)y * row_bytes;
		memset(row + 1, 0xff, row_bytes - 1);
		for (int x = 0; x < side; x++)
			if (is_dark(p, x / MODULE_PX, y / MODULE_PX))
				row[1 + x / 8] &= (unsigned char)~(0x80 >> (x % 8));
	}
	return data;
}

/* The smallest kind of PNG: grey, one bit deep. By hand, since libpng is large and takes libm
 * along into every process. */
static bool write_png(struct arena *a, const struct picture *p, struct buf *out)
{
	size_t side = (size_t)(p->side * MODULE_PX), row_bytes = 1 + (side + 7) / 8;
	uLong length = compressBound(side * row_bytes);
	unsigned char *packed = arena_raw(a, length);
	struct buf head;

	buf_init(&head, a, 16);
	put_u32(&head, side);
	put_u32(&head, side);
	buf_bytes(&head, "\1\0\0\0\0", 5); /* depth, grey, and the only ways there are */
	if (compress2(packed, &length, pixels(a, p, row_bytes), side * row_bytes, 9) != Z_OK)
		return false;
	buf_bytes(out, "\x89PNG\r\n\x1a\n", 8);
	put_chunk(out, "IHDR", head.data, head.length);
	put_chunk(out, "IDAT", packed, length);
	put_chunk(out, "IEND", "", 0);
	return true;
}

static const char *png_url(struct arena *a, const struct picture *p)
{
	static const char head[] = "data:image/png;base64,";
	struct buf b;

	buf_init(&b, a, 4096);
	if (!write_png(a, p, &b))
		return NULL;
	char *url = arena_alloc(a, sizeof(head) + b.length / 3 * 4 + 8);
	memcpy(url, head, sizeof(head));
	EVP_EncodeBlock((unsigned char *)url + sizeof(head) - 1, (const unsigned char *)b.data,
		(int)b.length);
	return url;
}

static void code_free(void *code)
{
	QRcode_free(code);
}

int qr_data_urls(struct arena *a, struct fail *fail_record, const char *text, const char **ret_svg,
	const char **ret_png)
{
	QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M);

	if (code == NULL)
		return fail_cause(
			fail_record, E_INTERNAL, "no QR code for %zu bytes", strlen(text));
	arena_defer(a, code_free, code);
	struct picture picture = {code->width + 2 * QUIET, code->width, code->data};
	*ret_svg = svg(a, &picture);
	*ret_png = png_url(a, &picture);
	return *ret_png != NULL ? 0 : fail_cause(fail_record, E_INTERNAL, "zlib did not work");
}
