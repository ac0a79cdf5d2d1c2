/* Exports, a page at a time. */
#include "export.h"

#include "request.h"
#include "response.h"

enum { PAGE_BYTES = 64 * 1024 };

struct progress {
	struct export_place at;
	size_t n_rows;
	bool is_last;
};

/* The next page of a part as JSON. */
static int put_page(
	struct req *r, const struct export_part *part, struct progress *p, struct buf *out)
{
	const void *items;
	size_t n;

	TRY(part->page(r, &p->at, &items, &n));
	p->is_last = n == 0;
	if (part->rows_max != 0 && n >= part->rows_max - p->n_rows) {
		n = part->rows_max - p->n_rows;
		p->is_last = true;
	}
	if (p->at.is_start)
		buf_printf(out, ",\"%s\":[", part->name);
	for (size_t i = 0; i < n; i++) {
		if (i > 0 || !p->at.is_start)
			buf_char(out, ',');
		schema_encode(part->schema, (const char *)items + i * part->schema->size, out);
	}
	p->at.is_start = false;
	p->n_rows += n;
	if (p->is_last)
		buf_char(out, ']');
	return 0;
}

int export_put_part(struct req *r, const struct export_part *part, struct buf *out)
{
	struct progress p = {.at = {.is_start = true}};

	while (!p.is_last)
		TRY(put_page(r, part, &p, out));
	return 0;
}

static int write_text(struct req *r, struct indent *indent, const struct buf *text)
{
	struct buf indented;

	if (indent == NULL)
		return resp_stream_write(r, text->data, text->length);
	buf_init(&indented, r->arena, 2 * PAGE_BYTES);
	indent_put(indent, text->data, text->length, &indented);
	return resp_stream_write(r, indented.data, indented.length);
}

int export_write_part(struct req *r, const struct export_part *part, struct indent *indent)
{
	struct progress p = {.at = {.is_start = true}};
	struct buf b;

	while (!p.is_last) {
		struct arena_mark mark = arena_mark(r->arena);
		buf_init(&b, r->arena, PAGE_BYTES);
		TRY(put_page(r, part, &p, &b));
		TRY(write_text(r, indent, &b));
		arena_rewind(r->arena, mark);
	}
	return 0;
}
