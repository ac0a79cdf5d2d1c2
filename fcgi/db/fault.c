/* What an error number of MariaDB or its client library means to us. */
#include <errmsg.h>
#include <mysqld_error.h>
#include <stdio.h>
#include <string.h>

#include "conn.h"

static const struct {
	unsigned number;
	enum sql_fault fault;
} faults[] = {
	{ER_DUP_ENTRY, FAULT_CONFLICT}, {ER_LOCK_DEADLOCK, FAULT_RETRY},
	{ER_CHECKREAD, FAULT_RETRY}, /* 1020: the row changed since the snapshot */
	{ER_LOCK_WAIT_TIMEOUT, FAULT_RETRY},
	{ER_AUTOINC_READ_FAILED, FAULT_RETRY}, /* 1467: its lock was not to be had */
	/* The library says 2006 only when it has no socket or could not write all of the command;
	 * the server runs nothing before the last byte. Without an answer it says 2013. */
	{CR_SERVER_GONE_ERROR, FAULT_UNSENT}, {CR_SERVER_LOST, FAULT_LOST},
	{CR_SERVER_LOST_EXTENDED, FAULT_LOST}, {ER_CONNECTION_KILLED, FAULT_LOST},
	{ER_SERVER_SHUTDOWN, FAULT_LOST}, {ER_NORMAL_SHUTDOWN, FAULT_LOST},
	{ER_NEED_REPREPARE, FAULT_STALE}, {ER_UNKNOWN_STMT_HANDLER, FAULT_STALE},
	{ER_CON_COUNT_ERROR, FAULT_AWAY}, {ER_TOO_MANY_USER_CONNECTIONS, FAULT_AWAY},
	{ER_USER_LIMIT_REACHED, FAULT_AWAY}, {ER_MAX_PREPARED_STMT_COUNT_REACHED, FAULT_AWAY},
	{ER_OPTION_PREVENTS_STATEMENT, FAULT_AWAY}, /* 1290: read_only=1 */
	{ER_READ_ONLY_MODE, FAULT_AWAY}, {ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION, FAULT_AWAY},
	{ER_DISK_FULL, FAULT_AWAY}, {ER_RECORD_FILE_FULL, FAULT_AWAY},
	{28 /* ENOSPC, as storage engines pass it on */, FAULT_AWAY}, {ER_OUTOFMEMORY, FAULT_AWAY},
	{ER_OUT_OF_RESOURCES, FAULT_AWAY}, {ER_LOCK_TABLE_FULL, FAULT_AWAY},
	{ER_STATEMENT_TIMEOUT, FAULT_AWAY}, /* 1969: max_statement_time */
	{ER_QUERY_INTERRUPTED, FAULT_AWAY}, /* KILL QUERY */
	{ER_UNKNOWN_COM_ERROR, FAULT_AWAY}, /* 1047: a Galera node out of its cluster */
};

/* Errors that quote values: "Duplicate entry 'ada@example.org' for key 'email'". */
static const unsigned quoting[] = {
	ER_DUP_ENTRY,
	ER_TRUNCATED_WRONG_VALUE,
	ER_TRUNCATED_WRONG_VALUE_FOR_FIELD,
	ER_WRONG_VALUE_FOR_TYPE,
	ER_WRONG_VALUE,
	ER_DATA_OUT_OF_RANGE,
	ER_ILLEGAL_VALUE_FOR_TYPE,
	ER_INVALID_CHARACTER_STRING,
};

static enum sql_fault fault_of(unsigned number)
{
	for (size_t i = 0; i < ARRAY_LEN(faults); i++)
		if (faults[i].number == number)
			return faults[i].fault;
	return FAULT_OTHER;
}

void trouble_set(struct trouble *ret, unsigned number, const char *text)
{
	ret->fault = fault_of(number);
	ret->number = number;
	for (size_t i = 0; i < ARRAY_LEN(quoting); i++) {
		if (quoting[i] != number)
			continue;
		const char *key = number == ER_DUP_ENTRY ? strstr(text, "' for key ") : NULL;
		text = key != NULL ? key + 2 : "(the text quotes data)";
		break;
	}
	snprintf(ret->text, sizeof(ret->text), "%s", text);
}
