/* sql-gate: do the columns that the server announces fit what out: promises? */
#include <string.h>

#include "gate.h"

enum { UTF8MB4_BYTES = 4, BINARY_CHARSET = 63, WORD_BYTES = 20 };

static bool is_integer(const MYSQL_FIELD *f)
{
	return f->type == MYSQL_TYPE_TINY || f->type == MYSQL_TYPE_SHORT ||
	       f->type == MYSQL_TYPE_INT24 || f->type == MYSQL_TYPE_LONG ||
	       f->type == MYSQL_TYPE_LONGLONG;
}

static bool is_blob(const MYSQL_FIELD *f)
{
	return f->type == MYSQL_TYPE_BLOB || f->type == MYSQL_TYPE_TINY_BLOB ||
	       f->type == MYSQL_TYPE_MEDIUM_BLOB || f->type == MYSQL_TYPE_LONG_BLOB;
}

static bool is_string(const MYSQL_FIELD *f)
{
	return f->type == MYSQL_TYPE_STRING || f->type == MYSQL_TYPE_VAR_STRING || is_blob(f);
}

static bool is_computed(const MYSQL_FIELD *f)
{
	return f->org_table == NULL || f->org_table[0] == '\0';
}

/* What is wrong with the type, or NULL. */
static const char *type_fault(const struct sql_column *c, const MYSQL_FIELD *f)
{
	bool is_unsigned = (f->flags & UNSIGNED_FLAG) != 0;
	bool is_binary = f->charsetnr == BINARY_CHARSET;

	switch (c->type) {
	case SQL_U64:
	case SQL_I64:
		if (f->type == MYSQL_TYPE_NEWDECIMAL)
			return "is DECIMAL: CAST it AS SIGNED or UNSIGNED";
		if (!is_integer(f))
			return "is not an integer";
		if (c->type == SQL_U64 && !is_unsigned && !is_computed(f))
			return "is signed: i64";
		if (c->type == SQL_I64 && is_unsigned && f->type == MYSQL_TYPE_LONGLONG &&
			!is_computed(f))
			return "is unsigned: u64";
		return NULL;
	case SQL_BOOL:
		return is_integer(f) && f->length <= 1 ? NULL : "is no TINYINT(1) or condition";
	case SQL_DOUBLE:
		return f->type == MYSQL_TYPE_DOUBLE || f->type == MYSQL_TYPE_FLOAT
			       ? NULL
			       : "is not DOUBLE: CAST it AS DOUBLE";
	case SQL_STR:
		if (f->type == MYSQL_TYPE_NEWDECIMAL)
			return NULL;
		if (!is_string(f))
			return "is not text";
		if (is_binary)
			return "is binary: bytes(N)";
		return is_blob(f) && !is_computed(f) ? "has no bound: text" : NULL;
	case SQL_BYTES:
		return is_string(f) && is_binary ? NULL : "is not binary";
	case SQL_TEXT:
		if (!is_string(f) || is_binary)
			return "is not text";
		return is_blob(f) || is_computed(f) ? NULL : "has a bound: str(N)";
	}
	return "has an unknown type";
}

static void check_length(struct gate *g, const struct sql_column *c, const MYSQL_FIELD *f)
{
	unsigned long length = f->length;

	if (c->type != SQL_STR && c->type != SQL_BYTES)
		return;
	if (c->type == SQL_STR && f->type != MYSQL_TYPE_NEWDECIMAL)
		length /= UTF8MB4_BYTES;
	if (is_computed(f) ? length > c->max : length != c->max)
		gate_fault(g, "%s: up to %lu long, out: says %zu", c->name, length, c->max);
}

void gate_columns(struct gate *g, const MYSQL_FIELD *fields, unsigned n)
{
	const struct sql_stmt *s = g->stmt;

	if (n != s->n_out) {
		gate_fault(g, "%u columns, out: names %zu", n, s->n_out);
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		const struct sql_column *c = &s->out[i];
		const MYSQL_FIELD *f = &fields[i];
		bool may_be_null = (f->flags & NOT_NULL_FLAG) == 0;

		if (strcmp(c->name, f->name) != 0) {
			gate_fault(g, "column %u is %s, out: says %s", i + 1, f->name, c->name);
			continue;
		}
		const char *fault = type_fault(c, f);
		if (fault != NULL)
			gate_fault(g, "%s %s", c->name, fault);
		else
			check_length(g, c, f);
		if (may_be_null && !c->nullable)
			gate_fault(g, "%s may be NULL: add ? to its type, or COALESCE", c->name);
		if (!may_be_null && c->nullable)
			gate_fault(g, "%s is never NULL: drop the ? of its type", c->name);
	}
}
