/* The prepared statements of a connection: made when first needed, their result columns bound once
 * to buffers that live as long as they. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"

enum {
	TEXT_BUFFER_BYTES = 1024, /* longer values are fetched a second time, into the arena */
	UTF8_BYTES = 4,
};

bool prepared_is_text(const struct sql_column *c)
{
	return c->type == SQL_STR || c->type == SQL_BYTES || c->type == SQL_TEXT;
}

static size_t text_capacity(const struct sql_column *c)
{
	size_t most = c->type == SQL_STR ? UTF8_BYTES * c->max : c->max;

	return c->type == SQL_TEXT || most > TEXT_BUFFER_BYTES ? TEXT_BUFFER_BYTES : most;
}

static MYSQL_BIND bind_type(const struct sql_column *c)
{
	static const enum enum_field_types types[] = {
		[SQL_U64] = MYSQL_TYPE_LONGLONG,
		[SQL_I64] = MYSQL_TYPE_LONGLONG,
		[SQL_BOOL] = MYSQL_TYPE_TINY,
		[SQL_STR] = MYSQL_TYPE_STRING,
		[SQL_BYTES] = MYSQL_TYPE_BLOB,
		[SQL_TEXT] = MYSQL_TYPE_STRING,
		[SQL_DOUBLE] = MYSQL_TYPE_DOUBLE,
	};

	return (MYSQL_BIND){.buffer_type = types[c->type], .is_unsigned = c->type == SQL_U64};
}

/* One block: the struct, the parameters, the cells and their text buffers. */
static struct prepared *prepared_new(const struct sql_stmt *s)
{
	size_t text_bytes = 0, n_in = s->n_in, n_out = s->n_out;

	for (size_t i = 0; i < n_out; i++)
		if (prepared_is_text(&s->out[i]))
			text_bytes += text_capacity(&s->out[i]);
	struct prepared *p = calloc(
		1, sizeof(*p) + n_in * sizeof(*p->in) + n_out * sizeof(*p->cell) + text_bytes);
	if (p == NULL)
		abort();
	p->in = (MYSQL_BIND *)(p + 1);
	p->cell = (struct cell *)(p->in + n_in);
	char *text = (char *)(p->cell + n_out);
	for (size_t i = 0; i < n_in; i++) {
		p->in[i] = bind_type(&s->in[i]);
		p->in[i].length = &p->in[i].length_value;
		p->in[i].is_null = &p->in[i].is_null_value;
	}
	for (size_t i = 0; i < n_out; i++)
		if (prepared_is_text(&s->out[i])) {
			p->cell[i].text = text;
			p->cell[i].capacity = text_capacity(&s->out[i]);
			text += p->cell[i].capacity;
		}
	return p;
}

static void prepared_free(struct prepared *p)
{
	if (p->handle != NULL)
		mysql_stmt_close(p->handle);
	free(p);
}

void stmt_forget(struct db_conn *conn)
{
	if (conn->prepared == NULL)
		return;
	for (size_t i = 0; i < sql_n_stmts; i++)
		if (conn->prepared[i] != NULL)
			prepared_free(conn->prepared[i]);
	free(conn->prepared);
	conn->prepared = NULL;
}

bool call_bug(struct call *call, const char *what, const char *which)
{
	struct trouble *t = &call->trouble;

	*t = (struct trouble){.fault = FAULT_OTHER};
	snprintf(t->text, sizeof(t->text), "%s%s", what, which);
	return false;
}

bool call_failed(struct call *call, MYSQL_STMT *handle)
{
	trouble_set(&call->trouble, mysql_stmt_errno(handle), mysql_stmt_error(handle));
	return false;
}

bool prepared_bind_result(struct call *call, struct prepared *p)
{
	const struct sql_stmt *s = call->stmt;
	MYSQL_BIND bind[s->n_out + 1];

	for (size_t i = 0; i < s->n_out; i++) {
		struct cell *cell = &p->cell[i];
		bind[i] = bind_type(&s->out[i]);
		if (s->out[i].type == SQL_BOOL) /* any integer may stand for a truth value */
			bind[i].buffer_type = MYSQL_TYPE_LONGLONG;
		bind[i].buffer = cell->text != NULL ? (void *)cell->text : (void *)&cell->number;
		bind[i].buffer_length = cell->capacity;
		bind[i].length = &cell->length;
		bind[i].is_null = &cell->is_null;
		bind[i].error = &cell->error;
	}
	if (mysql_stmt_field_count(p->handle) != s->n_out)
		return call_bug(call, "the number of columns is not that of out:", "");
	if (s->n_out > 0 && mysql_stmt_bind_result(p->handle, bind) != 0)
		return call_failed(call, p->handle);
	p->has_out = true;
	return true;
}

static bool prepare(struct call *call, struct prepared *p)
{
	const struct sql_stmt *s = call->stmt;

	p->handle = mysql_stmt_init(call->conn->mysql);
	if (p->handle == NULL)
		abort();
	if (mysql_stmt_prepare(p->handle, s->text, strlen(s->text)) != 0) {
		call_failed(call, p->handle);
		if (call->trouble.fault == FAULT_LOST)
			call->trouble.fault = FAULT_UNSENT; /* preparing changes nothing */
		return false;
	}
	if (mysql_stmt_param_count(p->handle) != s->n_in)
		return call_bug(call, "the number of parameters is not that of in:", "");
	/* Of INSERT or DELETE ... RETURNING the server names the columns only when it runs. */
	bool is_known = mysql_stmt_field_count(p->handle) > 0 || s->n_out == 0;
	return !is_known || prepared_bind_result(call, p);
}

struct prepared *prepared_get(struct call *call)
{
	struct db_conn *conn = call->conn;

	if (conn->prepared == NULL) {
		conn->prepared = calloc(sql_n_stmts, sizeof(*conn->prepared));
		if (conn->prepared == NULL)
			abort();
	}
	struct prepared **place = &conn->prepared[call->stmt->index];
	if (*place == NULL) {
		struct prepared *p = prepared_new(call->stmt);
		if (prepare(call, p))
			*place = p;
		else
			prepared_free(p);
	}
	return *place;
}

void prepared_drop(struct db_conn *conn, const struct sql_stmt *s)
{
	if (conn->prepared[s->index] != NULL)
		prepared_free(conn->prepared[s->index]);
	conn->prepared[s->index] = NULL;
}
