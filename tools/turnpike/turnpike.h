/* The operator's command: one table of subcommands, one file for each topic. */
#ifndef TURNPIKE_COMMAND_H
#define TURNPIKE_COMMAND_H

#include <stdio.h>

#include "../../fcgi/core/buf.h"
#include "../../fcgi/db/db.h"

/* What every command works with. */
struct command_context {
	const char *config; /* path of turnpike.conf */
	struct options options;
	struct arena arena;
	struct fail fail;
	struct db db;
};

/* Exit statuses (sysexits.h): fine, wrong words, it did not work. */
enum { EXIT_FINE = 0, EXIT_USAGE = 64, EXIT_FAILED = 70 };

#define COMMAND(name) int command_##name(struct command_context *c, int argc, char **argv)
COMMAND(audit);
COMMAND(catalog);
COMMAND(doctor);
COMMAND(ide_token);
COMMAND(incident);
COMMAND(ledger);
COMMAND(migrate);
COMMAND(nginx);
COMMAND(openapi);
COMMAND(options);
COMMAND(outbox);
COMMAND(release);
COMMAND(routes);
COMMAND(user);
#undef COMMAND

/* The value of `--name VALUE` in argv, or fallback; each may stand once. */
const char *argument(int argc, char **argv, const char *name, const char *fallback);
bool has_flag(int argc, char **argv, const char *name);
/* "2026-08-01T00:00:00Z" or Unix seconds. */
bool read_time(const char *text, i64 *ret_s);
/* Prints why and the text of c->fail; EXIT_FAILED. */
int command_failed(struct command_context *c, const char *what);
int command_usage(const char *usage);

/* nginx.c and openapi.c write into `out`. */
void nginx_write_http(const struct options *options, FILE *out);
void nginx_write_locations(const struct options *options, struct arena *arena, FILE *out);
/* The OpenAPI 3.0.3 document of all families. */
void openapi_write(const struct options *options, struct arena *arena, struct buf *out);

#endif
