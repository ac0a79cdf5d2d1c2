/* Whether the database answers in time, as the ticks of a process last saw it: a database that
 * hangs holds the thread of the ticks, and no request. */
#ifndef TURNPIKE_DATABASE_PROBE_H
#define TURNPIKE_DATABASE_PROBE_H

#include "../fcgi/db/db.h"

enum { PROBE_MAX_MS = 1000 }; /* what counts as an answer in time */

struct database_probe {
	bool is_fine;
	i64 latency_us; /* of the last answer */
};

/* One trivial query, unless there has just been one. From ticks. */
void database_probe_tick(struct db *db);
/* Asks nobody. What was seen too long ago is not fine. */
struct database_probe database_probe_read(void);

#endif
