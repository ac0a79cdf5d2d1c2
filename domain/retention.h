/* How long what identifies people is kept, and what ends it (account.md section 7.2). */
#ifndef TURNPIKE_RETENTION_H
#define TURNPIKE_RETENTION_H

#include "../fcgi/core/options.h"
#include "gen/sql.h"

struct retention_counts {
	i64 accounts_deleted;	  /* whose time of grace was over */
	i64 audit_rows, sessions; /* pruned */
	bool is_cut_short;	  /* there was more to do than time */
};

/* Deletes what is due, for about budget_ms at most; the next run goes on. Safe to repeat. 0; or
 * SQL_NONE: another run is under way, this one did nothing. The counts are right in any case. */
int retention_run(struct db *db, const struct options *options, i64 now_us, i64 budget_ms,
	struct retention_counts *ret);
/* One statement each of what expires by itself: sessions, codes, tokens, sign-ups,
 * idempotency records, mail.
 * *ret_again: there is more. */
int retention_prune(struct db *db, i64 now_us, bool *ret_again);

#endif
