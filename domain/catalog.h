/* Loading what is sold from a file: checked, compared with what is loaded, effective-dated. */
#ifndef TURNPIKE_CATALOG_H
#define TURNPIKE_CATALOG_H

#include "../fcgi/db/db.h"

struct catalog_file_plan {
	const char *id, *name, *interval;
	struct opt_bool listed; /* absent: yes */
	i64 price_cents, rank, allowance_cents;
	struct opt_i64 founding_price_cents, daily_turns;
	const char *const *features;
	size_t n_features;
};

struct catalog_file_topup {
	const char *id;
	i64 price_cents, credits_cents;
};

struct catalog_file {
	struct opt_i64 effective_at; /* Unix seconds; absent: now */
	struct catalog_file_plan *plans;
	struct catalog_file_topup *topups;
	size_t n_plans, n_topups;
	unsigned char checksum[32]; /* of the bytes */
};

/* Reads and checks a catalog file's text; all faults are noted in fail. 0, E_INVALID_JSON or
 * E_INVALID_FIELD. */
int catalog_parse(struct arena *arena, const char *text, size_t length, struct catalog_file *ret,
	struct fail *fail);
/* Stores it as a new version; *ret_is_new false: the newest version is this very file already. */
int catalog_store(struct db *db, const struct catalog_file *file, i64 now_us, bool *ret_is_new);

#endif
