/* The yardstick: the least that a libfcgi worker can do. Without arguments it prints a constant;
 * with a socket, a database and a token it runs the one prepared statement that GET /api/account/me
 * needs and prints the same constant; with the name of a statement that takes a user's id after
 * these, that one too. As many threads as the pool it is compared with, one
 * connection each, no lock around accept (descriptor 0 listens). */
#include <fcgiapp.h>
#include <mysql.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/core/crypto.h"
#include "fcgi/db/stmt.h"

enum { THREADS = 8, COLUMNS_MAX = 32, TEXT_MAX = 300 };

static const char answer[] =
	"Content-Type: application/json\r\n\r\n"
	"{\"id\":\"usr_000000000000000000000000\",\"email\":\"you@example.org\",\"plan\":\"free\","
	"\"balance_cents\":0,\"topup_balance_cents\":0,\"overage_enabled\":false,\"founding\":"
	"false,"
	"\"created_at\":1700000000,\"cancel_at_period_end\":false}\n";

static const char *db_socket, *db_name, *more;
static struct sha256 token_hash;

struct query {
	MYSQL *connection;
	MYSQL_STMT *stmt;
	MYSQL_BIND in, out[COLUMNS_MAX];
	unsigned long long user_id;
	char text[COLUMNS_MAX][TEXT_MAX];
	unsigned long in_length, length[COLUMNS_MAX];
	my_bool is_null[COLUMNS_MAX];
};

static void check(int failed, const char *what)
{
	if (failed) {
		fprintf(stderr, "bare_worker: %s failed\n", what);
		exit(1);
	}
}

static const struct sql_stmt *statement(const char *name)
{
	for (size_t i = 0; i < sql_n_stmts; i++)
		if (strcmp(sql_stmts[i].name, name) == 0)
			return &sql_stmts[i];
	check(1, name);
	return NULL;
}

static MYSQL *connect_db(void)
{
	MYSQL *connection = mysql_init(NULL);

	check(mysql_real_connect(connection, NULL, "root", NULL, db_name, 0, db_socket, 0) == NULL,
		"connecting");
	return connection;
}

/* By the token, or by user_id. */
static struct query *query_new(MYSQL *connection, const char *name, bool by_token)
{
	struct query *q = calloc(1, sizeof(*q));
	const char *text = statement(name)->text;

	q->connection = connection;
	q->stmt = mysql_stmt_init(q->connection);
	check(mysql_stmt_prepare(q->stmt, text, strlen(text)) != 0, "preparing");
	q->in_length = sizeof(token_hash);
	q->in = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_STRING,
		.buffer = &token_hash,
		.buffer_length = sizeof(token_hash),
		.length = &q->in_length};
	if (!by_token)
		q->in = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_LONGLONG,
			.buffer = &q->user_id,
			.is_unsigned = 1};
	mysql_stmt_bind_param(q->stmt, &q->in);
	for (unsigned i = 0; i < mysql_stmt_field_count(q->stmt); i++)
		q->out[i] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_STRING,
			.buffer = q->text[i],
			.buffer_length = TEXT_MAX,
			.length = &q->length[i],
			.is_null = &q->is_null[i]};
	mysql_stmt_bind_result(q->stmt, q->out);
	return q;
}

static void query_run(struct query *q)
{
	check(mysql_stmt_execute(q->stmt) != 0, "executing");
	check(mysql_stmt_store_result(q->stmt) != 0, "storing");
	check(mysql_stmt_fetch(q->stmt) != 0, "fetching (is the token right?)");
	mysql_stmt_free_result(q->stmt);
}

/* Of the caller that the first query has found. */
static unsigned long long user_id_of(const struct query *q)
{
	const struct sql_stmt *stmt = statement("session_caller");

	for (size_t i = 0; i < stmt->n_out; i++)
		if (strcmp(stmt->out[i].name, "user_id") == 0)
			return strtoull(q->text[i], NULL, 10);
	return 0;
}

static void *thread_main(void *arg)
{
	MYSQL *connection = db_socket != NULL ? connect_db() : NULL;
	struct query *caller = NULL, *second = NULL;
	FCGX_Request request;

	if (connection != NULL)
		caller = query_new(connection, "session_caller", true);
	if (more != NULL)
		second = query_new(connection, more, false);
	FCGX_InitRequest(&request, 0, 0);
	while (FCGX_Accept_r(&request) == 0) {
		if (caller != NULL)
			query_run(caller);
		if (second != NULL) {
			if (second->user_id == 0)
				second->user_id = user_id_of(caller);
			query_run(second);
		}
		FCGX_PutStr(answer, (int)sizeof(answer) - 1, request.out);
		FCGX_Finish_r(&request);
	}
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t thread[THREADS];

	if (argc >= 4) {
		more = argv[4];
		const char *opaque = strchr(argv[3], ':');
		db_socket = argv[1];
		db_name = argv[2];
		opaque = opaque != NULL ? opaque + 1 : argv[3];
		token_hash = sha256(opaque, strlen(opaque));
	}
	FCGX_Init();
	mysql_library_init(0, NULL, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, thread_main, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	return 0;
}
