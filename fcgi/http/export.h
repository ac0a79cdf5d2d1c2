/* Answers that hold all there is of somebody: members that are arrays, read and written a page at a
 * time, so that memory stays the same however much there is. */
#ifndef TURNPIKE_HTTP_EXPORT_H
#define TURNPIKE_HTTP_EXPORT_H

#include "indent.h"
#include "schema.h"

struct req;

enum { EXPORT_TEXT_BYTES = 100 * 4 + 1 };

/* Where a page begins: at the start, or behind the last row of the one before. Texts are copied,
 * since that page's memory is given up. */
struct export_place {
	bool is_start;
	u64 id;
	i64 at_us, day;
	char text[2][EXPORT_TEXT_BYTES];
};

struct export_part {
	const char *name;
	const struct schema *schema;
	/* Fills *ret with structs of the schema, as many as its statement's LIMIT lets through, and
	 * moves the place. None: that was all. */
	int (*page)(struct req *r, struct export_place *at, const void **ret, size_t *ret_n);
	size_t rows_max; /* 0: all */
};

/* All of a part, as a further member of the object in out. For parts of few rows, before the answer
 * has begun. */
int export_put_part(struct req *r, const struct export_part *part, struct buf *out);
/* The same into the answer that has begun (resp_stream_begin); indent NULL: as it is. */
int export_write_part(struct req *r, const struct export_part *part, struct indent *indent);

#endif
