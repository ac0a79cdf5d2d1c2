/* What the tests of fcgi/db share: a database of their own on a real server, and a proxy that cuts
 * connections at a chosen command. */
#ifndef TURNPIKE_DB_SUPPORT_H
#define TURNPIKE_DB_SUPPORT_H

#include <stdatomic.h>

#include "fcgi/core/metrics.h"
#include "fcgi/core/options.h"
#include "fcgi/db/db.h"

struct support {
	struct options options;
	struct arena arena;
	struct fail fail;
	struct db db;
};

extern atomic_llong support_metric[METRIC_MAX];

/* Makes the database and the user turnpike_test and applies the sample migrations; false (and a
 * message) when TURNPIKE_TEST_SOCKET is not set. The server must let root in without a password. */
bool support_database(void);
/* The same with other migrations: those of the product. */
bool support_database_of(const char *migrations);
/* Only a pool of n connections as that user. */
void support_connect(struct support *s, size_t n_connections);
/* An empty item table, and a pool of n connections as that user. */
void support_open(struct support *s, size_t n_connections);
void support_close(struct support *s);
/* Another struct db on the same pool, for another thread. */
void support_share(struct support *s, const struct support *from);
void support_unshare(struct support *s);
/* Fails the test unless rc is code and the cause of the failure holds `text` (may be NULL); then
 * forgets the failure. */
void support_expect(struct support *s, int rc, int code, const char *text);
/* Runs SQL as root on a connection of its own; returns the first value as a number. */
i64 support_admin(const char *sql);
/* Kills the sessions of turnpike_test, and returns how many there were. */
unsigned support_kill(void);

enum cut { CUT_NEVER, CUT_BEFORE, CUT_AFTER };

/* From now on new connections of s go through a proxy. */
void support_proxy(struct support *s);
/* The next packet with this command byte whose text starts with `text` (may be NULL) is swallowed,
 * or its answer is; then the connection is closed. */
void support_cut(enum cut when, unsigned char command, const char *text);
/* The nth packet from now on, whatever it is (1: the next). */
void support_cut_nth(enum cut when, unsigned n);
/* Whether the cut has been made. */
bool support_was_cut(void);

enum { COMMAND_QUERY = 0x03, COMMAND_PREPARE = 0x16, COMMAND_EXECUTE = 0x17 };

#endif
