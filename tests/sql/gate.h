/* The parts of sql-gate. */
#ifndef TURNPIKE_GATE_H
#define TURNPIKE_GATE_H

#include <mysql.h>

#include "fcgi/db/stmt.h"

struct gate {
	MYSQL *mysql;
	struct arena *arena;
	const struct sql_stmt *stmt; /* the one being checked */
	unsigned n_faults;	     /* of it */
};

/* Prints "FAIL file:line name: ..." and counts. */
void gate_fault(struct gate *g, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Compares a result's columns with the annotation. */
void gate_columns(struct gate *g, const MYSQL_FIELD *fields, unsigned n);
/* Fills every table with rows whose values run from 1 to GATE_ROWS. */
bool gate_fill(struct gate *g);
/* Whether the server would read a whole table. */
void gate_plan(struct gate *g);
/* The statement with literals in place of its parameters: the values of row `row` of each table;
 * NULL for nullable ones when nulls. */
const char *gate_literals(struct gate *g, unsigned row, bool nulls);

enum { GATE_ROWS = 1000 };

#endif
