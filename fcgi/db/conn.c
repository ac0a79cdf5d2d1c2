/* The pool: connections to MariaDB, opened when needed, lent to one thread at a time. */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/clock.h"
#include "../core/metrics.h"
#include "conn.h"

enum {
	WAIT_S = 2, /* for a connection to come back */
	CONNECT_S = 5,
	PING_AFTER_S = 30,    /* idle time after which the server is asked */
	LOOK_AFTER_US = 1000, /* idle time after which the socket is looked at */
	LOCK_WAIT_S = 5,
	READ_GRACE_S = 2, /* the server gives up a statement before we give up reading */
};

struct db_pool {
	const struct options *options;
	pthread_mutex_t mutex;
	pthread_cond_t given; /* one came back */
	/* Last in, first out: what is not needed stays idle, and its cache cold. */
	struct db_conn *idle, *closed;
	size_t n_busy, n_conns;
	atomic_size_t n_open;
	struct db_conn conns[];
};

struct db_pool *db_pool_new(const struct options *options, size_t n_connections)
{
	size_t n = n_connections > 0 ? n_connections : 1;
	struct db_pool *pool = calloc(1, sizeof(*pool) + n * sizeof(struct db_conn));
	pthread_condattr_t attr;

	if (pool == NULL)
		abort();
	mysql_library_init(0, NULL, NULL);
	pool->options = options;
	pool->n_conns = n;
	pthread_mutex_init(&pool->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&pool->given, &attr);
	pthread_condattr_destroy(&attr);
	for (size_t i = n; i-- > 0;) {
		pool->conns[i].pool = pool;
		pool->conns[i].next = pool->closed;
		pool->closed = &pool->conns[i];
	}
	return pool;
}

static void conn_close(struct db_conn *conn)
{
	if (conn->mysql == NULL)
		return;
	/* First: then closing the statements is only memory, not a packet each. */
	mysql_close(conn->mysql);
	conn->mysql = NULL;
	stmt_forget(conn);
	atomic_fetch_sub(&conn->pool->n_open, 1);
}

void db_pool_free(struct db_pool *pool)
{
	for (size_t i = 0; i < pool->n_conns; i++)
		conn_close(&pool->conns[i]);
	pthread_cond_destroy(&pool->given);
	pthread_mutex_destroy(&pool->mutex);
	free(pool);
}

void db_pool_counts(struct db_pool *pool, size_t *ret_busy, size_t *ret_open)
{
	pthread_mutex_lock(&pool->mutex);
	*ret_busy = pool->n_busy;
	pthread_mutex_unlock(&pool->mutex);
	*ret_open = atomic_load(&pool->n_open);
}

static void set_timeout(MYSQL *mysql, enum mysql_option option, i64 seconds)
{
	unsigned value = (unsigned)seconds;

	mysql_options(mysql, option, &value);
}

/* The settings that all statements rely on. Waiting for a lock must end before the statement's time
 * does, so that it is seen as 1205 and tried again. */
static bool session_set_up(MYSQL *mysql, i64 timeout_s)
{
	char sql[512];
	i64 lock_wait_s = timeout_s != 0 && timeout_s <= LOCK_WAIT_S ? timeout_s - 1 : LOCK_WAIT_S;

	snprintf(sql, sizeof(sql),
		"SET time_zone = '+00:00', max_statement_time = %lld, innodb_lock_wait_timeout = "
		"%lld,"
		" sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ZERO_DATE,"
		"NO_ZERO_IN_DATE,NO_ENGINE_SUBSTITUTION'",
		(long long)timeout_s, (long long)lock_wait_s);
	return mysql_query(mysql, sql) == 0 &&
	       mysql_query(mysql, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED") == 0;
}

MYSQL *conn_open(const struct options *o, i64 timeout_s, struct trouble *ret)
{
	MYSQL *mysql = mysql_init(NULL);
	bool is_local = o->db_socket != NULL && o->db_socket[0] != '\0';
	unsigned protocol = is_local ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP, off = 0;
	i64 connect_s = timeout_s != 0 && timeout_s < CONNECT_S ? timeout_s : CONNECT_S;

	if (mysql == NULL)
		abort();
	set_timeout(mysql, MYSQL_OPT_CONNECT_TIMEOUT, connect_s);
	if (timeout_s != 0) {
		set_timeout(mysql, MYSQL_OPT_READ_TIMEOUT, timeout_s + READ_GRACE_S);
		set_timeout(mysql, MYSQL_OPT_WRITE_TIMEOUT, timeout_s + READ_GRACE_S);
	}
	mysql_options(mysql, MYSQL_OPT_PROTOCOL, &protocol);
	mysql_options(mysql, MYSQL_OPT_LOCAL_INFILE, &off);
	mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	if (mysql_real_connect(mysql, is_local ? NULL : o->db_host, o->db_user, o->db_password,
		    o->db_name, (unsigned)o->db_port, is_local ? o->db_socket : NULL,
		    CLIENT_FOUND_ROWS) != NULL &&
		session_set_up(mysql, timeout_s))
		return mysql;
	trouble_set(ret, mysql_errno(mysql), mysql_error(mysql));
	mysql_close(mysql);
	return NULL;
}

/* Whether the server is still at the other end. A connection that it closed, or one that has
 * something to read although nothing was asked, shows that without a round trip. */
static bool is_alive(struct db_conn *conn)
{
	i64 idle_us = clock_mono_us() - conn->used_at_us;

	if (idle_us > S_TO_US(PING_AFTER_S))
		return mysql_ping(conn->mysql) == 0;
	if (idle_us < LOOK_AFTER_US)
		return true;
	struct pollfd fd = {.fd = mysql_get_socket(conn->mysql), .events = POLLIN | POLLRDHUP};
	return poll(&fd, 1, 0) == 0;
}

/* Takes a connection off a list, waiting until there is one; NULL after WAIT_S. */
static struct db_conn *pool_pop(struct db_pool *pool)
{
	struct db_conn *conn = NULL;
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += WAIT_S;
	pthread_mutex_lock(&pool->mutex);
	while (pool->idle == NULL && pool->closed == NULL)
		if (pthread_cond_timedwait(&pool->given, &pool->mutex, &until) != 0)
			break;
	struct db_conn **list = pool->idle != NULL ? &pool->idle : &pool->closed;
	if (*list != NULL) {
		conn = *list;
		*list = conn->next;
		pool->n_busy++;
	}
	pthread_mutex_unlock(&pool->mutex);
	return conn;
}

static void pool_push(struct db_conn *conn)
{
	struct db_pool *pool = conn->pool;
	struct db_conn **list = conn->mysql != NULL ? &pool->idle : &pool->closed;

	pthread_mutex_lock(&pool->mutex);
	conn->next = *list;
	*list = conn;
	pool->n_busy--;
	pthread_cond_signal(&pool->given);
	pthread_mutex_unlock(&pool->mutex);
}

/* The connection of a named lock; a fresh one would be without it. */
static int take_held(struct db *db, bool fresh, struct db_conn **ret)
{
	struct db_conn *conn = db->held;

	if (fresh || conn->broken) {
		conn->broken = true;
		return fail_cause(
			db->fail, E_UNAVAILABLE, "the connection of a named lock is lost");
	}
	conn->doom = E_OK;
	conn->doom_fault = FAULT_NONE;
	*ret = conn;
	return 0;
}

int conn_take(struct db *db, bool fresh, struct db_conn **ret)
{
	if (db->held != NULL)
		return take_held(db, fresh, ret);
	struct db_pool *pool = db->pool;
	struct db_conn *conn = pool_pop(pool);
	struct trouble trouble;

	if (conn == NULL)
		return fail_cause(db->fail, E_UNAVAILABLE,
			"all %zu database connections busy for %d s", pool->n_conns, WAIT_S);
	if (conn->mysql != NULL && !fresh && !is_alive(conn)) {
		metrics_add(METRIC_DB_LOST, 1);
		fresh = true;
	}
	if (fresh)
		conn_close(conn);
	if (conn->mysql == NULL) {
		conn->mysql = conn_open(pool->options, pool->options->db_timeout_s, &trouble);
		if (conn->mysql == NULL) {
			pool_push(conn);
			return fail_cause(db->fail, E_UNAVAILABLE, "no database connection: %u %s",
				trouble.number, trouble.text);
		}
		atomic_fetch_add(&pool->n_open, 1);
	}
	conn->broken = false;
	conn->doom = E_OK;
	conn->doom_fault = FAULT_NONE;
	*ret = conn;
	return 0;
}

void conn_give(struct db_conn *conn)
{
	/* An open transaction here means that someone left it in the middle. */
	bool is_left = (conn->mysql->server_status & SERVER_STATUS_IN_TRANS) != 0;

	if (conn->is_held) {
		conn->broken |= is_left;
		return;
	}
	if (conn->broken)
		metrics_add(METRIC_DB_LOST, 1);
	if (conn->broken || is_left)
		conn_close(conn);
	else
		conn->used_at_us = clock_mono_us();
	pool_push(conn);
}

void conn_doom(struct db_conn *conn, enum error code, enum sql_fault fault)
{
	if (conn->doom != E_OK)
		return;
	conn->doom = code;
	conn->doom_fault = fault;
	conn->broken |= fault == FAULT_UNSENT || fault == FAULT_LOST;
}

int conn_guard(struct db *db, struct db_conn *conn, int (*fn)(struct db *, void *), void *arg)
{
	struct arena *arena = db->arena;
	jmp_buf *const outer = arena->on_full;
	jmp_buf here;

	if (outer == NULL) /* the arena will abort the process */
		return fn(db, arg);
	if (setjmp(here) != 0) {
		arena->on_full = outer;
		db->conn = NULL;
		/* In the middle of whatever it was doing; the server rolls back. */
		conn->broken = true;
		conn_give(conn);
		longjmp(*outer, 1);
	}
	arena->on_full = &here;
	int rc = fn(db, arg);
	arena->on_full = outer;
	return rc;
}

bool conn_command(struct db_conn *conn, const char *sql, struct trouble *ret)
{
	MYSQL_RES *result = NULL;

	if (mysql_query(conn->mysql, sql) == 0) {
		result = mysql_store_result(conn->mysql);
		if (result != NULL || mysql_errno(conn->mysql) == 0) {
			mysql_free_result(result);
			return true;
		}
	}
	trouble_set(ret, mysql_errno(conn->mysql), mysql_error(conn->mysql));
	if (ret->fault == FAULT_UNSENT || ret->fault == FAULT_LOST)
		conn->broken = true;
	return false;
}

int db_ping(struct db *db)
{
	struct trouble t = {.fault = FAULT_NONE};
	bool in_tx = db->conn != NULL;

	for (unsigned tries = 0; tries < 2; tries++) {
		struct db_conn *conn = db->conn;
		if (!in_tx)
			TRY(conn_take(db, tries > 0, &conn));
		bool ok = conn_command(conn, "SELECT 1", &t);
		bool again = conn->broken && !in_tx;
		if (!in_tx)
			conn_give(conn);
		else if (!ok)
			conn_doom(conn, E_UNAVAILABLE, t.fault);
		if (ok)
			return 0;
		if (!again)
			break;
	}
	return fail_cause(db->fail, E_UNAVAILABLE, "ping: %u %s", t.number, t.text);
}
