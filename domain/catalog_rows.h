/* A catalog's file as rows. */
#ifndef TURNPIKE_CATALOG_ROWS_H
#define TURNPIKE_CATALOG_ROWS_H

#include "catalog.h"

int catalog_rows_insert(struct db *db, const struct catalog_file *file, u64 catalog_id);

/* Between catalog_rows.c and catalog_rows_models.c. */
int catalog_rows_insert_provider(
	struct db *db, const struct catalog_file_provider *p, u64 catalog_id, size_t position);
int catalog_rows_fetch_providers(struct db *db, u64 catalog_id, struct catalog_file *ret);
int catalog_rows_insert_model(
	struct db *db, const struct catalog_file_model *m, u64 catalog_id, size_t position);
int catalog_rows_fetch_models(struct db *db, u64 catalog_id, struct catalog_file *ret);
/* A JSON array of text, and back. */
const char *catalog_rows_json(struct arena *a, const char *const *items, size_t n);
const char *const *catalog_rows_texts(struct arena *a, const char *json, size_t *ret_n);

#endif
