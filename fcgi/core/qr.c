/* QR codes: the modules from libqrencode, the picture by libpng or as lines of SVG. */
#include "qr.h"

#include <openssl/evp.h>
#include <png.h>
#include <qrencode.h>
#include <string.h>

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

static void take_bytes(png_structp png, png_bytep data, png_size_t length)
{
	buf_bytes(png_get_io_ptr(png), data, length);
}

static void nothing_to_flush(png_structp png)
{
	(void)png;
}

/* The arena may leave in the middle: it frees this. */
struct writer {
	png_structp png;
	png_infop info;
};

static void writer_free(void *arg)
{
	struct writer *w = arg;

	png_destroy_write_struct(&w->png, &w->info);
}

static void put_row(struct writer *w, const struct picture *p, int y, unsigned char *row)
{
	memset(row, 0xff, (size_t)(p->side * MODULE_PX + 7) / 8);
	for (int px = 0; px < p->side * MODULE_PX; px++)
		if (is_dark(p, px / MODULE_PX, y))
			row[px / 8] &= (unsigned char)~(0x80 >> (px % 8));
	for (int i = 0; i < MODULE_PX; i++)
		png_write_row(w->png, row);
}

/* One bit a pixel: 0 is black. false: libpng gave up. */
static bool write_png(struct arena *a, const struct picture *p, struct buf *out)
{
	struct writer *w = arena_new(a, struct writer);
	png_uint_32 side = (png_uint_32)(p->side * MODULE_PX);
	unsigned char *row = arena_alloc(a, side / 8 + 1);

	w->png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
	if (w->png == NULL)
		return false;
	arena_defer(a, writer_free, w);
	w->info = png_create_info_struct(w->png);
	if (w->info == NULL || setjmp(png_jmpbuf(w->png)))
		return false;
	png_set_write_fn(w->png, out, take_bytes, nothing_to_flush);
	png_set_IHDR(w->png, w->info, side, side, 1, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
		PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_write_info(w->png, w->info);
	for (int y = 0; y < p->side; y++)
		put_row(w, p, y, row);
	png_write_end(w->png, w->info);
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
	return *ret_png != NULL ? 0 : fail_cause(fail_record, E_INTERNAL, "libpng did not work");
}
