/* Brings the database to the newest migration. Forward only: a released file is never edited. */
#ifndef TURNPIKE_MIGRATE_H
#define TURNPIKE_MIGRATE_H

#include <stdio.h>

#include "../core/options.h"

/* Applies the files NNNN_name.sql of dir that the database does not have, numbered from 1 without a
 * gap. A file holds statements that end with ';' at the end of a line, and -- comments; a body with
 * several statements (BEGIN ... END) cannot be written. What is done is recorded after each
 * statement, so an interrupted run goes on where it was: statements that change rows exactly once,
 * others (DDL commits by itself) are known to have been done when they say that their result exists
 * already. dry_run: changes nothing, prints what would run.
 * One line per migration to out; what is wrong, and what to do, to err. 0 or 1. */
int migrate_run(const struct options *options, const char *dir, bool dry_run, FILE *out, FILE *err);

#endif
