/* Faults of a catalog's file in words that need no schema to be understood. */
#ifndef TURNPIKE_CATALOG_WORDS_H
#define TURNPIKE_CATALOG_WORDS_H

#include "catalog.h"

struct json_object;

/* Adds the faults of a binding, whose paths start at `root`. */
void catalog_words_add(
	struct catalog_faults *faults, const struct schema *root, const struct fail *fail);
/* Adds a fault for each member of `object` and below that its schema does not know. */
void catalog_words_unknown(struct catalog_faults *faults, const struct schema *s,
	struct json_object *object, const char *path);

#endif
