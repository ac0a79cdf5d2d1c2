/* Reads annotated statements (the language: sqlgen.c) and tells what is wrong with them as
 * "file:line: what is wrong". */
#include "sqlgen.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { ERRORS_MAX = 20 };

static const struct type types[] = {
	{"u64", "SQL_U64", "u64 ", "struct opt_i64 ", false},
	{"i64", "SQL_I64", "i64 ", "struct opt_i64 ", false},
	{"bool", "SQL_BOOL", "bool ", "struct opt_bool ", false},
	{"double", "SQL_DOUBLE", "double ", "struct opt_double ", false},
	{"str", "SQL_STR", "const char *", "const char *", true},
	{"bytes", "SQL_BYTES", "struct sql_bytes ", "struct sql_bytes ", true},
	{"text", "SQL_TEXT", "const char *", "const char *", false},
};

static const struct kind kinds[] = {
	{"one", "SQL_ONE", "struct %s_row *ret", "ret", true},
	{"many", "SQL_MANY", "struct %s_row **ret_rows, size_t *ret_n", "ret_rows, ret_n", true},
	{"exec", "SQL_EXEC", "u64 *ret_affected", "ret_affected", false},
	{"insert", "SQL_INSERT", "u64 *ret_id", "ret_id", false},
};

/* Names that the generated functions use for themselves. */
static const char *const reserved[] = {
	"db", "in", "ret", "ret_rows", "ret_n", "ret_affected", "ret_id"};

/* Where the reader is. */
static struct {
	const char *file;
	unsigned line;
	struct statement **first, **last; /* the list, and where the next goes */
	struct statement *now;
	struct list *continued;
	FILE *doc, *text;
	size_t doc_size, text_size;
	char quote;
	bool in_text;
	unsigned n_errors;
} at;

__attribute__((format(printf, 1, 2))) static void complain(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s:%u: ", at.file, at.line);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	at.n_errors++;
}

void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "sqlgen: %s: %s\n", what, strerror(errno));
	exit(1);
}

static char *skip_space(char *p)
{
	while (isspace((unsigned char)*p))
		p++;
	return p;
}

/* Takes a lower-case name off *p. */
static bool take_name(char **p, char *ret)
{
	size_t n = 0;

	*p = skip_space(*p);
	if (!islower((unsigned char)**p))
		return false;
	while (islower((unsigned char)**p) || isdigit((unsigned char)**p) || **p == '_') {
		if (n == NAME_BYTES - 1)
			return false;
		ret[n++] = *(*p)++;
	}
	ret[n] = '\0';
	return true;
}

/* Takes "str(64)?" off *p. */
static bool take_type(char **p, struct column *c)
{
	char name[NAME_BYTES];

	if (!take_name(p, name)) {
		complain("%s has no type", c->name);
		return false;
	}
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (strcmp(name, types[i].name) == 0)
			c->type = &types[i];
	if (c->type == NULL) {
		complain("unknown type %s: use u64 i64 bool double str(N) bytes(N) text", name);
		return false;
	}
	bool sized = **p == '(';
	if (sized) {
		c->max = strtoul(*p + 1, p, 10);
		if (*(*p)++ != ')' || c->max == 0)
			sized = false;
	}
	if (sized != c->type->sized) {
		if (c->type->sized)
			complain("%s: %s needs a length, as %s(64)", c->name, name, name);
		else
			complain("%s: %s takes no length", c->name, name);
		return false;
	}
	c->nullable = **p == '?';
	*p += c->nullable;
	return true;
}

static void take_list(struct list *list, char *p)
{
	for (p = skip_space(p); *p != '\0'; p = skip_space(p)) {
		struct column c = {.type = NULL};
		if (!take_name(&p, c.name)) {
			complain("a name in lower case is missing before \"%s\"", p);
			return;
		}
		if (!take_type(&p, &c))
			return;
		p = skip_space(p);
		if (*p != ',' && *p != '\0') {
			complain("a comma is missing before \"%s\"", p);
			return;
		}
		p += *p == ',';
		for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
			if (strcmp(c.name, reserved[i]) == 0)
				complain("the name %s is reserved", c.name);
		if (list->n == COLUMNS_MAX)
			complain("more than %d columns", COLUMNS_MAX);
		else
			list->column[list->n++] = c;
	}
}

static bool same_column(const struct column *a, const struct column *b)
{
	return strcmp(a->name, b->name) == 0 && a->type == b->type && a->max == b->max &&
	       a->nullable == b->nullable;
}

const struct column *earlier(const struct list *list, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (strcmp(list->column[k].name, list->column[i].name) == 0)
			return &list->column[k];
	return NULL;
}

static void take_kind(struct statement *s, char *p)
{
	char word[NAME_BYTES];

	for (size_t i = 0; take_name(&p, word); i++) {
		const struct kind *kind = NULL;
		for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
			if (i == 0 && strcmp(word, kinds[k].name) == 0)
				kind = s->kind = &kinds[k];
		if (strcmp(word, "unique") == 0 && i > 0)
			s->unique = true;
		else if (strcmp(word, "scan") == 0 && i > 0)
			s->scan = true;
		else if (kind == NULL)
			complain(i == 0 ? "unknown kind :%s: use :one :many :exec :insert"
					: "unknown word %s: use unique, scan",
				word);
	}
	if (*skip_space(p) != '\0')
		complain("\"%s\" after the kind is not understood", p);
}

/* "-- name :kind words": starts a statement. */
static bool take_heading(char *p)
{
	char name[NAME_BYTES];

	if (!take_name(&p, name) || *(p = skip_space(p)) != ':' || !isalpha((unsigned char)p[1]))
		return false;
	if (at.now != NULL) {
		complain("%s has no SQL text", at.now->name);
		fclose(at.doc);
		fclose(at.text);
	}
	for (const struct statement *s = *at.first; s != NULL; s = s->next)
		if (strcmp(s->name, name) == 0)
			complain("%s exists already: %s:%u", name, s->file, s->line);

	struct statement *s = calloc(1, sizeof(*s));
	must(s != NULL, "memory");
	s->file = at.file;
	s->line = at.line;
	memcpy(s->name, name, sizeof(name));
	memcpy(s->row, name, sizeof(name));
	take_kind(s, p + 1);
	at.now = *at.last = s;
	at.last = &s->next;
	at.doc = open_memstream(&s->doc, &at.doc_size);
	at.text = open_memstream(&s->text, &at.text_size);
	must(at.doc != NULL && at.text != NULL, "memory");
	return true;
}

/* A comment line outside SQL text; p is after the two dashes. */
static void take_comment(char *p)
{
	struct list *continued = at.continued;

	at.continued = NULL;
	if (take_heading(p) || at.now == NULL)
		return;
	struct statement *s = at.now;
	if (continued != NULL && strncmp(p, "   ", 3) == 0) {
		take_list(at.continued = continued, p);
		return;
	}
	p = skip_space(p);
	if (strncmp(p, "in:", 3) == 0) {
		take_list(at.continued = &s->in, p + 3);
	} else if (strncmp(p, "out:", 4) == 0) {
		take_list(at.continued = &s->out, p + 4);
	} else if (strncmp(p, "row:", 4) == 0) {
		p += 4;
		s->has_row_line = take_name(&p, s->row);
		if (!s->has_row_line || *skip_space(p) != '\0')
			complain("row: takes one name in lower case");
	} else if (*p != '\0') {
		if (strstr(p, "*/") != NULL || strstr(p, "/*") != NULL)
			complain("a comment cannot hold /* or */");
		fprintf(at.doc, "%s\n", p);
	}
}

static bool verb_is(const struct statement *s, const char *verb)
{
	size_t n = strlen(verb);

	return strncasecmp(s->text, verb, n) == 0 && !isalnum((unsigned char)s->text[n]);
}

static void check_row(struct statement *s)
{
	s->owns_row = s->out.n > 0;
	for (const struct statement *o = *at.first; o != s; o = o->next) {
		if (o->out.n == 0 || strcmp(o->row, s->row) != 0)
			continue;
		s->owns_row = false;
		bool same = o->has_row_line && s->has_row_line && o->out.n == s->out.n;
		for (size_t i = 0; same && i < s->out.n; i++)
			same = same_column(&o->out.column[i], &s->out.column[i]);
		if (!same) {
			complain("struct %s_row differs from that of %s (%s:%u): name another row, "
				 "or make the out lists equal",
				s->row, o->name, o->file, o->line);
			return;
		}
	}
}

/* The statement is complete: does it hold together? */
static void check(struct statement *s)
{
	bool is_select = verb_is(s, "SELECT") || verb_is(s, "WITH");

	at.line = s->line;
	if (s->kind == NULL)
		return;
	if (s->n_marks != s->in.n)
		complain("%s: %zu ? in the text, but %zu inputs after in:", s->name, s->n_marks,
			s->in.n);
	if (s->kind->has_out && s->out.n == 0)
		complain("%s: :%s needs out:", s->name, s->kind->name);
	if (!s->kind->has_out && (s->out.n > 0 || s->has_row_line))
		complain("%s: :%s has no out: or row:", s->name, s->kind->name);
	if (!s->kind->has_out && is_select)
		complain("%s: a SELECT is :one or :many", s->name);
	if (s->unique && is_select)
		complain("%s: a SELECT cannot be unique", s->name);
	if (strcmp(s->kind->name, "insert") == 0 && !verb_is(s, "INSERT") && !verb_is(s, "REPLACE"))
		complain("%s: :insert needs an INSERT", s->name);
	for (size_t i = 0; i < s->out.n; i++)
		if (earlier(&s->out, i) != NULL)
			complain("%s: out: has %s twice", s->name, s->out.column[i].name);
	for (size_t i = 0; i < s->in.n; i++) {
		const struct column *e = earlier(&s->in, i);
		if (e != NULL && !same_column(e, &s->in.column[i]))
			complain("%s: in: has %s twice with different types", s->name, e->name);
	}
	check_row(s);
}

static void finish_statement(void)
{
	fclose(at.doc);
	fclose(at.text);
	unsigned line = at.line;
	check(at.now);
	at.line = line;
	at.now = NULL;
	at.in_text = false;
}

/* As the server sees it: 5--3 is none. */
static bool is_comment(const char *p)
{
	return strncmp(p, "--", 2) == 0 && (p[2] == '\0' || isspace((unsigned char)p[2]));
}

/* A line of SQL: counts the ?, drops comments, stops at the semicolon. */
static void take_sql(char *p)
{
	if (at.now == NULL) {
		complain("SQL without a line \"-- name :kind\" above it");
		return;
	}
	at.continued = NULL;
	if (at.in_text)
		fputc('\n', at.text);
	at.in_text = true;
	size_t kept = strlen(p);
	while (kept > 0 && isspace((unsigned char)p[kept - 1]))
		kept--;
	p[kept] = '\0';
	for (; *p != '\0'; p++) {
		if (at.quote != 0) {
			if (*p == '\\' && p[1] != '\0')
				fputc(*p++, at.text);
			else if (*p == at.quote)
				at.quote = 0;
		} else if (strchr("'\"`", *p) != NULL) {
			at.quote = *p;
		} else if (is_comment(p)) {
			return;
		} else if (strncmp(p, "/*", 2) == 0) {
			complain("write comments with --");
			return;
		} else if (*p == ';') {
			p = skip_space(p + 1);
			if (*p != '\0' && !is_comment(p))
				complain("one statement per name: \"%s\" after the semicolon", p);
			finish_statement();
			return;
		}
		at.now->n_marks += at.quote == 0 && *p == '?';
		fputc(*p, at.text);
	}
}

unsigned read_statements(struct statement **first, const char *path)
{
	char *line = NULL;
	size_t size = 0;
	FILE *f = fopen(path, "r");

	must(f != NULL, path);
	memset(&at, 0, sizeof(at));
	at.file = path;
	at.first = at.last = first;
	while (*at.last != NULL)
		at.last = &(*at.last)->next;
	while (getline(&line, &size, f) > 0 && at.n_errors < ERRORS_MAX) {
		at.line++;
		line[strcspn(line, "\r\n")] = '\0';
		char *p = skip_space(line);
		if (is_comment(p) && at.quote == 0) {
			if (!at.in_text)
				take_comment(p + 2);
		} else if (*p != '\0') {
			take_sql(at.quote != 0 ? line : p);
		}
	}
	if (at.now != NULL && at.n_errors < ERRORS_MAX) {
		complain(at.in_text ? "%s: the semicolon is missing" : "%s has no SQL text",
			at.now->name);
		at.now = NULL;
	}
	free(line);
	fclose(f);
	return at.n_errors;
}
