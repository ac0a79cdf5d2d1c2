/* What sqlgen read: the statements of all files, in order. */
#ifndef TURNPIKE_SQLGEN_H
#define TURNPIKE_SQLGEN_H

#include <stdbool.h>
#include <stddef.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

enum { NAME_BYTES = 64, COLUMNS_MAX = 64 };

struct type {
	const char *name, *id, *c, *c_nullable;
	bool sized;
};

struct kind {
	const char *name, *id;
	const char *ret, *ret_args; /* of the generated function; %s: the row */
	bool has_out;
};

struct column {
	char name[NAME_BYTES];
	const struct type *type;
	bool nullable;
	unsigned long max;
};

struct list {
	struct column column[COLUMNS_MAX];
	size_t n;
};

struct statement {
	struct statement *next;
	const char *file;
	unsigned line;
	char name[NAME_BYTES], row[NAME_BYTES];
	const struct kind *kind;
	bool unique, scan, has_row_line, owns_row;
	struct list in, out;
	size_t n_marks;
	char *doc, *text;
};

/* Reads a file and adds its statements to *first; returns how many faults it printed. */
unsigned read_statements(struct statement **first, const char *path);
/* The first column before i with the same name, or NULL. */
const struct column *earlier(const struct list *list, size_t i);
/* Stops the program with errno's text unless ok. */
void must(bool ok, const char *what);

#endif
