/* A catalog as the snapshot of models.h. */
#ifndef TURNPIKE_MODELS_BUILD_H
#define TURNPIKE_MODELS_BUILD_H

#include "catalog.h"
#include "models.h"

/* The file that holds a key, as it was when it was read. */
struct models_key_file {
	const char *path;
	i64 changed_s, changed_ns, size;
	u64 inode; /* 0: there was none */
};

/* A plan's rank, by its id: also of plans that the gateway has no tier for. */
struct models_rank {
	const char *plan_id;
	i64 rank;
};

struct models_parts {
	struct models models;
	struct models_rank *rank;
	size_t n_ranks;
	struct models_key_file *key_file;
	size_t n_key_files;
};

/* Everything is copied into the arena. */
void models_build(struct arena *arena, const struct catalog_file *file, struct models_parts *ret);
/* Whether a key's file is not what it was. */
bool models_key_file_changed(const struct models_key_file *file);

#endif
