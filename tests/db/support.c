/* A database of their own for the tests of fcgi/db. */
#include "support.h"

#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/db/migrate.h"

enum { ARENA_BYTES = 16 * 1024 * 1024, TIMEOUT_S = 3 };

static const char *server_socket(void)
{
	return getenv("TURNPIKE_TEST_SOCKET");
}

static MYSQL *admin_open(const char *database)
{
	MYSQL *mysql = mysql_init(NULL);

	if (mysql_real_connect(mysql, NULL, "root", "", database, 0, server_socket(), 0) == NULL) {
		fprintf(stderr, "no connection as root: %s\n", mysql_error(mysql));
		abort();
	}
	return mysql;
}

static i64 query(MYSQL *mysql, const char *sql)
{
	i64 value = 0;

	if (mysql_query(mysql, sql) != 0) {
		fprintf(stderr, "%s: %s\n", sql, mysql_error(mysql));
		abort();
	}
	MYSQL_RES *result = mysql_store_result(mysql);
	MYSQL_ROW row = result != NULL ? mysql_fetch_row(result) : NULL;
	if (row != NULL && row[0] != NULL)
		value = strtoll(row[0], NULL, 10);
	mysql_free_result(result);
	return value;
}

i64 support_admin(const char *sql)
{
	MYSQL *mysql = admin_open("turnpike_test");
	i64 value = query(mysql, sql);

	mysql_close(mysql);
	return value;
}

unsigned support_kill(void)
{
	enum { SESSIONS_MAX = 64 };
	MYSQL *mysql = admin_open(NULL);
	unsigned n = 0;

	if (mysql_query(mysql, "SELECT ID FROM information_schema.PROCESSLIST"
			       " WHERE USER = 'turnpike_test'") != 0)
		abort();
	MYSQL_RES *result = mysql_store_result(mysql);
	for (MYSQL_ROW row; (row = mysql_fetch_row(result)) != NULL; n++) {
		char sql[64];
		snprintf(sql, sizeof(sql), "KILL %s", row[0]);
		mysql_query(mysql, sql); /* may have ended by itself */
	}
	mysql_free_result(result);
	mysql_close(mysql);
	return n;
}

static void set_options(struct options *o)
{
	*o = (struct options){
		.db_socket = server_socket(),
		.db_user = "turnpike_test",
		.db_password = "turnpike",
		.db_name = "turnpike_test",
		.db_timeout_s = TIMEOUT_S,
	};
}

/* Programs take turns, because they kill sessions and switch read_only. */
static MYSQL *turn;

static void end_turn(void)
{
	mysql_close(turn);
}

bool support_database(void)
{
	return support_database_of(SAMPLE_DIR "/migrations");
}

bool support_database_of(const char *migrations)
{
	if (server_socket() == NULL) {
		fputs("skipped: TURNPIKE_TEST_SOCKET is not set\n", stderr);
		return false;
	}
	turn = admin_open(NULL);
	query(turn, "SELECT GET_LOCK('turnpike_test', 600)");
	atexit(end_turn);
	MYSQL *mysql = admin_open(NULL);
	query(mysql, "SET GLOBAL read_only = 0");
	query(mysql, "DROP DATABASE IF EXISTS turnpike_test");
	query(mysql, "CREATE DATABASE turnpike_test CHARACTER SET utf8mb4");
	/* Not root: that one may write to a read-only server. */
	query(mysql, "CREATE OR REPLACE USER turnpike_test@localhost IDENTIFIED BY 'turnpike'");
	query(mysql, "GRANT ALL ON turnpike_test.* TO turnpike_test@localhost");
	mysql_close(mysql);

	struct options o;
	set_options(&o);
	FILE *quiet = fopen("/dev/null", "w");
	int rc = migrate_run(&o, migrations, false, quiet, stderr);
	fclose(quiet);
	return rc == 0;
}

static void start(struct support *s)
{
	arena_init(&s->arena, ARENA_BYTES);
	s->fail = (struct fail){.arena = &s->arena};
	s->db = (struct db){.pool = s->db.pool, .arena = &s->arena, .fail = &s->fail};
}

void support_open(struct support *s, size_t n_connections)
{
	support_admin("SET GLOBAL read_only = 0");
	support_admin("DELETE FROM item");
	support_connect(s, n_connections);
}

void support_connect(struct support *s, size_t n_connections)
{
	memset(s, 0, sizeof(*s));
	set_options(&s->options);
	s->db.pool = db_pool_new(&s->options, n_connections);
	start(s);
}

void support_share(struct support *s, const struct support *from)
{
	s->options = from->options;
	s->db.pool = from->db.pool;
	start(s);
}

void support_unshare(struct support *s)
{
	arena_free(&s->arena);
}

void support_close(struct support *s)
{
	db_pool_free(s->db.pool);
	support_unshare(s);
}

void support_expect(struct support *s, int rc, int code, const char *text)
{
	const char *cause = s->fail.cause != NULL ? s->fail.cause : "";

	if (rc != code || (text != NULL && strstr(cause, text) == NULL)) {
		fprintf(stderr, "got %d (%s), expected %d (%s)\n", rc, cause, code, text);
		abort();
	}
	fail_clear(&s->fail);
}
