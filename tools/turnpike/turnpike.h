/* The operator's command: one table of subcommands, one file for each topic. */
#ifndef TURNPIKE_COMMAND_H
#define TURNPIKE_COMMAND_H

#include <stdio.h>

#include "../../fcgi/core/buf.h"
#include "../../fcgi/db/db.h"

struct command_context;

/* A row of the table in main.c. */
struct command {
	const char *name;
	int (*run)(struct command_context *c, int argc, char **argv);
	bool needs_config;   /* false: works without turnpike.conf */
	int words_max;	     /* behind the name, options and their values not counted */
	const char *options; /* all it takes: "--dry-run --dir="; with = those that have a value */
	const char *usage;   /* a line for each way to call it */
	const char *text;
};

/* What every command works with. */
struct command_context {
	const struct command *command;
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

/* The value of `--name VALUE` in argv, or fallback. */
const char *argument(int argc, char **argv, const char *name, const char *fallback);
bool has_flag(int argc, char **argv, const char *name);
/* "2026-08-01T00:00:00Z" or Unix seconds. */
bool read_time(const char *text, i64 *ret_s);
/* Prints why and the text of c->fail; EXIT_FAILED. */
int command_failed(struct command_context *c, const char *what);
/* Prints how the command is called; EXIT_USAGE. */
int command_usage(const struct command_context *c);
/* The user who has this e-mail address or public id: EXIT_FINE, or after a message EXIT_FAILED. */
int command_find_user(struct command_context *c, const char *who, u64 *ret_user_id);

/* The zones and maps of nginx's http block. */
void nginx_write_http(const struct options *options, FILE *out);
/* The OpenAPI 3.0.3 document of all families. */
void openapi_write(const struct options *options, struct arena *arena, struct buf *out);

#endif
