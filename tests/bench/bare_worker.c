/* The yardstick: the least that a libfcgi worker can do. Without arguments it prints a constant;
 * with a socket, a database and a token it runs the one prepared statement that GET /api/account/me
 * and GET /v1/models need, with a fourth argument also the one of GET /v1/account/credits, and
 * prints the same constant. As many threads as the pool it is compared with, one connection each,
 * no lock around accept (descriptor 0 listens). */
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

enum { CALLER_USER_ID = 4 }; /* column of session_caller */

static const char *db_socket, *db_name;
static struct sha256 token_hash;
static bool asks_credits;

struct query {
	MYSQL_STMT *stmt;
	MYSQL_BIND in, out[COLUMNS_MAX];
	char text[COLUMNS_MAX][TEXT_MAX];
	unsigned long in_length, length[COLUMNS_MAX];
	my_bool is_null[COLUMNS_MAX];
};

struct queries {
	struct query caller, credits;
	u64 user_id;
};

static void check(int failed, const char *what)
{
	if (failed) {
		fprintf(stderr, "bare_worker: %s failed\n", what);
		exit(1);
	}
}

static const char *statement(const char *name)
{
	for (size_t i = 0; i < sql_n_stmts; i++)
		if (strcmp(sql_stmts[i].name, name) == 0)
			return sql_stmts[i].text;
	check(1, name);
	return NULL;
}

static void query_prepare(struct query *q, MYSQL *connection, const char *name)
{
	const char *text = statement(name);

	q->stmt = mysql_stmt_init(connection);
	check(mysql_stmt_prepare(q->stmt, text, strlen(text)) != 0, "preparing");
	q->in.length = &q->in_length;
	mysql_stmt_bind_param(q->stmt, &q->in);
	for (unsigned i = 0; i < mysql_stmt_field_count(q->stmt); i++)
		q->out[i] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_STRING,
			.buffer = q->text[i],
			.buffer_length = TEXT_MAX,
			.length = &q->length[i],
			.is_null = &q->is_null[i]};
	mysql_stmt_bind_result(q->stmt, q->out);
}

static struct queries *queries_new(void)
{
	struct queries *q = calloc(1, sizeof(*q));
	MYSQL *connection = mysql_init(NULL);

	check(mysql_real_connect(connection, NULL, "root", NULL, db_name, 0, db_socket, 0) == NULL,
		"connecting");
	q->caller.in_length = sizeof(token_hash);
	q->caller.in = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_STRING,
		.buffer = &token_hash,
		.buffer_length = sizeof(token_hash)};
	query_prepare(&q->caller, connection, "session_caller");
	q->credits.in = (MYSQL_BIND){
		.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &q->user_id, .is_unsigned = 1};
	query_prepare(&q->credits, connection, "credits_get");
	return q;
}

static void query_run(struct query *q)
{
	check(mysql_stmt_execute(q->stmt) != 0, "executing");
	check(mysql_stmt_store_result(q->stmt) != 0, "storing");
	check(mysql_stmt_fetch(q->stmt) != 0, "fetching (is the token right?)");
	mysql_stmt_free_result(q->stmt);
}

static void queries_run(struct queries *q)
{
	query_run(&q->caller);
	if (!asks_credits)
		return;
	q->user_id = strtoull(q->caller.text[CALLER_USER_ID], NULL, 10);
	query_run(&q->credits);
}

static void *thread_main(void *arg)
{
	struct queries *q = db_socket != NULL ? queries_new() : NULL;
	FCGX_Request request;

	FCGX_InitRequest(&request, 0, 0);
	while (FCGX_Accept_r(&request) == 0) {
		if (q != NULL)
			queries_run(q);
		FCGX_PutStr(answer, (int)sizeof(answer) - 1, request.out);
		FCGX_Finish_r(&request);
	}
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t thread[THREADS];

	if (argc >= 4) {
		asks_credits = argc > 4;
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
