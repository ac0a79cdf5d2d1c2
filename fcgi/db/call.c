/* Runs a statement on a connection: prepared there once, parameters bound where the caller has
 * them, result columns bound once to buffers of the statement. What to do when it fails: stmt.c. */
#include "call.h"

#include <string.h>

enum { FIRST_ROWS = 8 };

/* Points parameter b at the value of column c of the in struct. */
static void bind_value(MYSQL_BIND *b, const struct sql_column *c, const char *in)
{
	const void *at = in + c->offset;

	switch (c->type) {
	case SQL_STR:
	case SQL_TEXT:
		b->buffer = *(void *const *)at;
		b->length_value = b->buffer != NULL ? strlen(b->buffer) : 0;
		b->is_null_value = b->buffer == NULL;
		return;
	case SQL_BYTES:
		b->buffer = (void *)((const struct sql_bytes *)at)->data;
		b->length_value = ((const struct sql_bytes *)at)->length;
		b->is_null_value = b->buffer == NULL;
		return;
	case SQL_U64:
	case SQL_I64:
		b->is_null_value = c->nullable && !((const struct opt_i64 *)at)->has;
		at = c->nullable ? &((const struct opt_i64 *)at)->value : at;
		break;
	case SQL_BOOL:
		b->is_null_value = c->nullable && !((const struct opt_bool *)at)->has;
		at = c->nullable ? &((const struct opt_bool *)at)->value : at;
		break;
	case SQL_DOUBLE:
		b->is_null_value = c->nullable && !((const struct opt_double *)at)->has;
		at = c->nullable ? &((const struct opt_double *)at)->value : at;
		break;
	}
	b->buffer = (void *)at;
}

static bool bind_in(struct call *call, struct prepared *p)
{
	const struct sql_stmt *s = call->stmt;

	for (size_t i = 0; i < s->n_in; i++) {
		bind_value(&p->in[i], &s->in[i], call->in);
		if (p->in[i].is_null_value && !s->in[i].nullable)
			return call_bug(call, "NULL given for ", s->in[i].name);
	}
	return s->n_in == 0 || mysql_stmt_bind_param(p->handle, p->in) == 0 ||
	       call_failed(call, p->handle);
}

/* A text that may be longer than its buffer, in the arena; NUL-terminated in any case. */
static char *copy_text(struct arena *a, struct prepared *p, unsigned i, enum sql_type type)
{
	struct cell *cell = &p->cell[i];

	if (cell->length <= cell->capacity)
		return arena_strndup(a, cell->text, cell->length);
	char *text = arena_alloc(a, cell->length + 1);
	unsigned long length;
	my_bool is_null, error;
	MYSQL_BIND bind = {
		.buffer_type = type == SQL_BYTES ? MYSQL_TYPE_BLOB : MYSQL_TYPE_STRING,
		.buffer = text,
		.buffer_length = cell->length,
		.length = &length,
		.is_null = &is_null,
		.error = &error,
	};
	return mysql_stmt_fetch_column(p->handle, &bind, i, 0) == 0 ? text : NULL;
}

/* Copies the cells of a fetched row into the zeroed struct at row. */
static bool copy_row(struct db *db, struct call *call, struct prepared *p, char *row)
{
	const struct sql_stmt *s = call->stmt;

	for (unsigned i = 0; i < s->n_out; i++) {
		const struct sql_column *c = &s->out[i];
		const struct cell *cell = &p->cell[i];
		void *at = row + c->offset;
		char *text = NULL;

		if (cell->is_null) {
			if (!c->nullable)
				return call_bug(call, "NULL came for ", c->name);
			continue;
		}
		if (prepared_is_text(c) && (text = copy_text(db->arena, p, i, c->type)) == NULL)
			return call_failed(call, p->handle);
		if (!prepared_is_text(c) && cell->error)
			return call_bug(call, "a number that does not fit came for ", c->name);
		switch (c->type) {
		case SQL_STR:
		case SQL_TEXT:
			*(const char **)at = text;
			break;
		case SQL_BYTES:
			*(struct sql_bytes *)at = (struct sql_bytes){text, cell->length};
			break;
		case SQL_U64:
		case SQL_I64:
			if (c->nullable)
				*(struct opt_i64 *)at = (struct opt_i64){true, cell->number.i};
			else
				*(i64 *)at = cell->number.i;
			break;
		case SQL_BOOL:
			if (c->nullable)
				*(struct opt_bool *)at =
					(struct opt_bool){true, cell->number.i != 0};
			else
				*(bool *)at = cell->number.i != 0;
			break;
		case SQL_DOUBLE:
			if (c->nullable)
				*(struct opt_double *)at =
					(struct opt_double){true, cell->number.d};
			else
				*(double *)at = cell->number.d;
			break;
		}
	}
	return true;
}

/* The next row into row; *ret_has is false after the last one. */
static bool fetch(struct db *db, struct call *call, struct prepared *p, char *row, bool *ret_has)
{
	int rc = mysql_stmt_fetch(p->handle);

	*ret_has = rc == 0 || rc == MYSQL_DATA_TRUNCATED;
	if (*ret_has)
		return row == NULL || copy_row(db, call, p, row);
	return rc == MYSQL_NO_DATA || call_failed(call, p->handle);
}

static bool collect_one(struct db *db, struct call *call, struct prepared *p)
{
	bool has;

	memset(call->ret_row, 0, call->stmt->row_size);
	if (!fetch(db, call, p, call->ret_row, &has))
		return false;
	if (!has) {
		call->outcome = SQL_NONE;
		return true;
	}
	if (!fetch(db, call, p, NULL, &has))
		return false;
	return !has || call_bug(call, "more than one row", "");
}

static bool collect_many(struct db *db, struct call *call, struct prepared *p)
{
	size_t size = call->stmt->row_size, n = 0, capacity = 0;
	char *rows = NULL;

	for (;;) {
		bool has;
		if (n == capacity) {
			char *larger;
			capacity = capacity > 0 ? 2 * capacity : FIRST_ROWS;
			larger = arena_alloc(db->arena, capacity * size);
			if (n > 0)
				memcpy(larger, rows, n * size);
			rows = larger;
		}
		if (!fetch(db, call, p, rows + n * size, &has))
			return false;
		if (!has)
			break;
		n++;
	}
	*call->ret_rows = rows;
	*call->ret_n = n;
	return true;
}

/* Runs the statement once on call->conn. Rows are read as they come, without a copy of the result
 * in the library; the result is always read to its end. */
static bool attempt(struct db *db, struct call *call)
{
	struct prepared *p = prepared_get(call);
	bool ok;

	call->outcome = 0;
	if (p == NULL || !bind_in(call, p))
		return false;
	if (mysql_stmt_execute(p->handle) != 0)
		return call_failed(call, p->handle);
	if (!p->has_out && !prepared_bind_result(call, p)) {
		mysql_stmt_free_result(p->handle);
		return false;
	}
	switch (call->stmt->kind) {
	case SQL_ONE:
	case SQL_MANY:
		ok = call->stmt->kind == SQL_ONE ? collect_one(db, call, p)
						 : collect_many(db, call, p);
		if (!ok)
			mysql_stmt_free_result(p->handle);
		return ok;
	case SQL_EXEC:
		if (call->ret_number != NULL)
			*call->ret_number = mysql_stmt_affected_rows(p->handle);
		break;
	case SQL_INSERT:
		if (call->ret_number != NULL)
			*call->ret_number = mysql_stmt_insert_id(p->handle);
		break;
	}
	return true;
}

bool call_run(struct db *db, struct call *call)
{
	if (attempt(db, call))
		return true;
	if (call->trouble.fault != FAULT_STALE)
		return false;
	prepared_drop(call->conn, call->stmt);
	return attempt(db, call);
}
