/* sql-gate: would the server read a whole table to answer? Asked with generated rows in every
 * table, because the optimizer rightly scans an empty one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fcgi/core/buf.h"
#include "gate.h"

enum {
	TEXT_BYTES = 8, /* of a generated text: 00000007 */
	BYTES_MAX = 64, /* of a generated binary value */
	SCAN_ROWS = GATE_ROWS * 2 / 5,
	LOW_ROW = 7,
	HIGH_ROW = GATE_ROWS - LOW_ROW,
};

/* Per table, the INSERT that fills it. Values are those of literal() below. */
static const char fill_sql[] =
	"SELECT CONCAT('INSERT IGNORE INTO `', TABLE_NAME, '` (',"
	" GROUP_CONCAT('`', COLUMN_NAME, '`' ORDER BY ORDINAL_POSITION), ') SELECT ',"
	" GROUP_CONCAT(CASE"
	"  WHEN COLUMN_TYPE LIKE 'tinyint(1)%' THEN 'seq % 2'"
	"  WHEN DATA_TYPE = 'tinyint' THEN 'seq % 100'"
	"  WHEN DATA_TYPE IN ('smallint','mediumint','int','bigint','decimal','double','float')"
	"   THEN 'seq'"
	"  WHEN DATA_TYPE IN ('enum','set') THEN '1 + seq % 2'"
	"  WHEN DATA_TYPE IN ('date','datetime','timestamp')"
	"   THEN '''2026-01-01'' + INTERVAL seq MINUTE'"
	"  WHEN DATA_TYPE IN ('binary','varbinary','tinyblob','blob','mediumblob','longblob')"
	"   THEN CONCAT('RPAD(LPAD(seq,8,''0''),', LEAST(CHARACTER_MAXIMUM_LENGTH, 64),"
	"    ',CHAR(0))')"
	"  WHEN CHARACTER_MAXIMUM_LENGTH IS NOT NULL"
	"   THEN CONCAT('RIGHT(LPAD(seq,8,''0''),', LEAST(CHARACTER_MAXIMUM_LENGTH, 8), ')')"
	"  ELSE '0' END ORDER BY ORDINAL_POSITION),"
	" ' FROM seq_1_to_1000'), TABLE_NAME"
	" FROM information_schema.COLUMNS JOIN information_schema.TABLES"
	"  USING (TABLE_SCHEMA, TABLE_NAME)"
	" WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE' AND IS_GENERATED = 'NEVER'"
	"  AND TABLE_NAME <> 'schema_migration' GROUP BY TABLE_NAME";

static bool run(struct gate *g, const char *sql)
{
	if (mysql_query(g->mysql, sql) == 0) {
		mysql_free_result(mysql_store_result(g->mysql));
		return true;
	}
	printf("FAIL %s: %s\n", sql, mysql_error(g->mysql));
	return false;
}

bool gate_fill(struct gate *g)
{
	bool ok = run(g, "SET foreign_key_checks = 0, unique_checks = 0,"
			 " check_constraint_checks = 0");

	if (mysql_query(g->mysql, fill_sql) != 0) {
		printf("FAIL listing the tables: %s\n", mysql_error(g->mysql));
		return false;
	}
	MYSQL_RES *tables = mysql_store_result(g->mysql);
	for (MYSQL_ROW row; ok && tables != NULL && (row = mysql_fetch_row(tables)) != NULL;)
		ok = run(g, row[0]) && run(g, arena_printf(g->arena, "ANALYZE TABLE `%s`", row[1]));
	mysql_free_result(tables);
	return ok && tables != NULL;
}

static void literal(struct buf *b, const struct sql_column *c, unsigned row, bool nulls)
{
	char text[TEXT_BYTES + 1];
	size_t n = c->max < TEXT_BYTES ? c->max : TEXT_BYTES;

	if (nulls && c->nullable) {
		buf_str(b, "NULL");
		return;
	}
	snprintf(text, sizeof(text), "%08u", row);
	switch (c->type) {
	case SQL_U64:
	case SQL_I64:
		buf_printf(b, "%u", row);
		return;
	case SQL_BOOL:
		buf_str(b, row == LOW_ROW ? "1" : "0");
		return;
	case SQL_DOUBLE:
		buf_printf(b, "%ue0", row);
		return;
	case SQL_STR:
		buf_printf(b, "'%s'", text + TEXT_BYTES - n);
		return;
	case SQL_TEXT:
		buf_str(b, "'[]'"); /* most often JSON */
		return;
	case SQL_BYTES:
		buf_str(b, "x'");
		for (size_t i = 0; i < c->max && i < BYTES_MAX; i++)
			buf_printf(b, "%02x", i < TEXT_BYTES ? (unsigned char)text[i] : 0U);
		buf_char(b, '\'');
		return;
	}
}

const char *gate_literals(struct gate *g, unsigned row, bool nulls)
{
	struct buf b;
	size_t i = 0;
	char quote = '\0';

	buf_init(&b, g->arena, 1024);
	for (const char *p = g->stmt->text; *p != '\0'; p++) {
		if (quote == '\0' && *p == '?' && i < g->stmt->n_in) {
			literal(&b, &g->stmt->in[i++], row, nulls);
			continue;
		}
		if (quote == '\0' ? strchr("'\"`", *p) != NULL : *p == quote)
			quote = quote == '\0' ? *p : '\0';
		buf_char(&b, *p);
	}
	return b.data;
}

/* The table that EXPLAIN says is read whole, or NULL. */
static const char *scanned_table(struct gate *g, unsigned row, bool nulls)
{
	enum { SELECT_TYPE = 1, TABLE = 2, TYPE = 3, ROWS = 8, EXTRA = 9 };
	const char *sql = arena_printf(g->arena, "EXPLAIN %s", gate_literals(g, row, nulls));
	const char *found = NULL;

	if (mysql_query(g->mysql, sql) != 0) {
		gate_fault(g, "%s: %s", sql, mysql_error(g->mysql));
		return NULL;
	}
	MYSQL_RES *plan = mysql_store_result(g->mysql);
	for (MYSQL_ROW r; plan != NULL && (r = mysql_fetch_row(plan)) != NULL;) {
		bool reads = r[TABLE] != NULL && r[TABLE][0] != '<' && r[TYPE] != NULL &&
			     r[ROWS] != NULL && strcmp(r[SELECT_TYPE], "INSERT") != 0 &&
			     strcmp(r[SELECT_TYPE], "REPLACE") != 0 &&
			     (r[EXTRA] == NULL || strstr(r[EXTRA], "Table function") == NULL);
		if (reads && (strcmp(r[TYPE], "ALL") == 0 || strcmp(r[TYPE], "index") == 0) &&
			strtoul(r[ROWS], NULL, 10) >= SCAN_ROWS)
			found = arena_strdup(g->arena, r[TABLE]);
	}
	mysql_free_result(plan);
	return found;
}

static bool can_be_explained(const char *text)
{
	static const char *const verbs[] = {
		"SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "REPLACE"};

	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (strncasecmp(text, verbs[i], strlen(verbs[i])) == 0)
			return true;
	return false;
}

/* A range from a low value to the end is most of a table and one from a high value little, or the
 * reverse: the server may choose a scan for one of the two. It must not for both, whether optional
 * parameters are given or not. */
void gate_plan(struct gate *g)
{
	if (g->stmt->scan || !can_be_explained(g->stmt->text))
		return;
	for (unsigned nulls = 0; nulls < 2; nulls++) {
		const char *table = scanned_table(g, LOW_ROW, nulls);
		if (table != NULL && scanned_table(g, HIGH_ROW, nulls) != NULL) {
			gate_fault(g, "reads all of %s%s: add an index, or `scan` if it is meant",
				table, nulls ? " when optional inputs are NULL" : "");
			return;
		}
	}
}
