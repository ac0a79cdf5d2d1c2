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
/* What became of a file: its version, new unless the newest one is this very file already. */
struct catalog_stored {
	bool is_new;
	u64 catalog_id, current_id; /* equal: it is in force */
	i64 effective_at_us;
};

/* E_CONFLICT for a file whose time lies before that of the version in force: it would never be. */
int catalog_check_time(struct db *db, const struct catalog_file *file, i64 now_us);
/* Checks the time and stores the file as a new version. */
int catalog_store(
	struct db *db, const struct catalog_file *file, i64 now_us, struct catalog_stored *ret);

#endif
