/* Turns the annotated statements of sql/queries into a header and a source: a struct per row, a
 * function per statement, the table of all statements. Runs at build time and needs libc only.
 *
 *	sqlgen HEADER_OUT SOURCE_OUT FILE.sql...
 *
 *	-- user_find :one              name; :one :many :exec :insert; then `unique`, `scan`
 *	-- Who has this address.       free text: the comment of the function
 *	-- row: user                   optional: statements with the same out share struct user_row
 *	-- in:  email str(254)         one per ?, in order; a name given twice is one argument
 *	-- out: user_id u64, name str(64)?,
 *	--      banned bool            three spaces continue a list
 *	SELECT user_id, name, banned FROM user WHERE email = ?;
 *
 * The rest of the language: fcgi/db/stmt.h (types) and the messages below. */
#include "sqlgen.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POSITIONAL_MAX = 3 };

static size_t distinct(const struct list *list)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++)
		n += earlier(list, i) == NULL;
	return n;
}

static const char *c_type(const struct column *c)
{
	return c->nullable ? c->type->c_nullable : c->type->c;
}

static void write_struct(FILE *f, const char *name, const char *suffix, const struct list *list)
{
	fprintf(f, "struct %s_%s {\n", name, suffix);
	for (size_t i = 0; i < list->n; i++)
		if (earlier(list, i) == NULL)
			fprintf(f, "\t%s%s;\n", c_type(&list->column[i]), list->column[i].name);
	fputs("};\n\n", f);
}

/* int sql_user_find(struct db *db, const char *email, struct user_row *ret) */
static void write_prototype(FILE *f, const struct statement *s)
{
	fprintf(f, "int sql_%s(struct db *db, ", s->name);
	if (distinct(&s->in) > POSITIONAL_MAX)
		fprintf(f, "const struct %s_in *in, ", s->name);
	else
		for (size_t i = 0; i < s->in.n; i++)
			if (earlier(&s->in, i) == NULL)
				fprintf(f, "%s%s, ", c_type(&s->in.column[i]),
					s->in.column[i].name);
	fprintf(f, s->kind->ret, s->row);
	fputc(')', f);
}

static void write_doc(FILE *f, const struct statement *s)
{
	size_t length = strlen(s->doc);

	if (length == 0)
		return;
	fputs("/* ", f);
	for (size_t i = 0; i + 1 < length; i++)
		if (s->doc[i] == '\n')
			fputs("\n * ", f);
		else
			fputc(s->doc[i], f);
	fputs(" */\n", f);
}

/* SQL_H from gen/sql.h. */
static void write_guard(FILE *f, const char *directive, const char *path)
{
	const char *slash = strrchr(path, '/');

	fprintf(f, "#%s TURNPIKE_", directive);
	for (const char *p = slash != NULL ? slash + 1 : path; *p != '\0'; p++)
		fputc(isalnum((unsigned char)*p) ? toupper((unsigned char)*p) : '_', f);
	fputc('\n', f);
}

static void write_header(FILE *f, const char *path, const struct statement *first)
{
	const char *file = "";

	fputs("/* Made by sqlgen from the annotated statements; edit those. */\n", f);
	write_guard(f, "ifndef", path);
	write_guard(f, "define", path);
	fputs("\n#include \"fcgi/db/stmt.h\"\n\n", f);
	for (const struct statement *s = first; s != NULL; s = s->next) {
		if (strcmp(file, s->file) != 0)
			fprintf(f, "/* ---- %s ---- */\n\n", file = s->file);
		if (s->owns_row)
			write_struct(f, s->row, "row", &s->out);
		if (distinct(&s->in) > POSITIONAL_MAX)
			write_struct(f, s->name, "in", &s->in);
		write_doc(f, s);
		write_prototype(f, s);
		fputs(";\n\n", f);
	}
	fputs("#endif\n", f);
}

static void write_columns(FILE *f, const char *name, const char *suffix, const struct list *list)
{
	fprintf(f, "static const struct sql_column %s_%s_columns[] = {\n", name, suffix);
	for (size_t i = 0; i < list->n; i++) {
		const struct column *c = &list->column[i];
		fprintf(f, "\t{\"%s\", %s, %s, %lu, offsetof(struct %s_%s, %s)},\n", c->name,
			c->type->id, c->nullable ? "true" : "false", c->max, name, suffix, c->name);
	}
	fputs("};\n\n", f);
}

static void write_text(FILE *f, const char *text)
{
	fputs("\t\t\"", f);
	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '\n') {
			fputs("\\n\"\n\t\t\"", f);
			continue;
		}
		if (*p == '"' || *p == '\\' || *p == '?') /* \? : no trigraphs */
			fputc('\\', f);
		fputc(*p, f);
	}
	fputs("\",\n", f);
}

static void write_row_of_table(FILE *f, const struct statement *s, size_t index)
{
	fprintf(f, "\t{%zu, \"%s\",\n", index, s->name);
	write_text(f, s->text);
	fprintf(f, "\t\t%s, %s, %s, ", s->kind->id, s->unique ? "true" : "false",
		s->scan ? "true" : "false");
	fprintf(f, s->in.n > 0 ? "%s_in_columns, " : "NULL, ", s->name);
	fprintf(f, s->out.n > 0 ? "%s_row_columns, " : "NULL, ", s->row);
	fprintf(f, "%zu, %zu, ", s->in.n, s->out.n);
	fprintf(f, s->out.n > 0 ? "sizeof(struct %s_row),\n" : "0,\n", s->row);
	fprintf(f, "\t\t\"%s:%u\"},\n", s->file, s->line);
}

static void write_function(FILE *f, const struct statement *s, size_t index)
{
	write_prototype(f, s);
	fprintf(f, "\n{\n\treturn stmt_%s(db, &sql_stmts[%zu], ", s->kind->name, index);
	if (s->in.n == 0) {
		fputs("NULL", f);
	} else if (distinct(&s->in) > POSITIONAL_MAX) {
		fputs("in", f);
	} else {
		fprintf(f, "&(struct %s_in){", s->name);
		for (size_t i = 0; i < s->in.n; i++)
			if (earlier(&s->in, i) == NULL)
				fprintf(f, "%s%s", i > 0 ? ", " : "", s->in.column[i].name);
		fputc('}', f);
	}
	fprintf(f, ", %s);\n}\n\n", s->kind->ret_args);
}

static void write_source(FILE *f, const char *header, const struct statement *first)
{
	const char *slash = strrchr(header, '/');
	size_t n = 0;

	fprintf(f, "/* Made by sqlgen from the annotated statements; edit those. */\n");
	fprintf(f, "#include \"%s\"\n\n", slash != NULL ? slash + 1 : header);
	for (const struct statement *s = first; s != NULL; s = s->next) {
		if (s->in.n > 0 && distinct(&s->in) <= POSITIONAL_MAX)
			write_struct(f, s->name, "in", &s->in);
		if (s->in.n > 0)
			write_columns(f, s->name, "in", &s->in);
		if (s->owns_row)
			write_columns(f, s->row, "row", &s->out);
	}
	fputs("const struct sql_stmt sql_stmts[] = {\n", f);
	for (const struct statement *s = first; s != NULL; s = s->next)
		write_row_of_table(f, s, n++);
	fprintf(f, "\t{.name = NULL},\n};\n\nconst size_t sql_n_stmts = %zu;\n\n", n);
	n = 0;
	for (const struct statement *s = first; s != NULL; s = s->next)
		write_function(f, s, n++);
}

static FILE *create(const char *path)
{
	FILE *f = fopen(path, "w");

	must(f != NULL, path);
	return f;
}

static void finish(FILE *f, const char *path)
{
	bool ok = ferror(f) == 0;

	must(fclose(f) == 0 && ok, path);
}

int main(int argc, char **argv)
{
	static struct statement *first; /* lives as long as the program: nothing is freed */
	unsigned n_errors = 0;

	if (argc < 3) {
		fputs("usage: sqlgen HEADER_OUT SOURCE_OUT FILE.sql...\n", stderr);
		return 2;
	}
	for (int i = 3; i < argc; i++)
		n_errors += read_statements(&first, argv[i]);
	if (n_errors > 0)
		return 1;

	/* The source last: make takes the header for the older of the two. */
	FILE *header = create(argv[1]);
	write_header(header, argv[1], first);
	finish(header, argv[1]);
	FILE *source = create(argv[2]);
	write_source(source, argv[1], first);
	finish(source, argv[2]);
	return 0;
}
