/* Migration files, read and taken apart. Only migrate.c and its tests include it. */
#ifndef TURNPIKE_MIGRATE_FILE_H
#define TURNPIKE_MIGRATE_FILE_H

#include <stdio.h>

#include "../core/crypto.h"

struct migration {
	unsigned number;
	const char *name; /* "0007_add_payouts" */
	const char **statements;
	size_t n_statements;
};

/* All migrations of dir, in order: ret[i].number is i + 1. false when something is wrong with the
 * files; then err says what. */
bool migrations_read(
	struct arena *a, const char *dir, struct migration **ret, size_t *ret_n, FILE *err);
/* Takes text apart into m's statements; false when the last one has no end. */
bool migration_split(struct arena *a, char *text, struct migration *m);
/* A fingerprint of the first n statements; comments and the layout between them do not count. */
struct sha256 migration_checksum(const struct migration *m, size_t n);

#endif
