/* turnpike-jobs: periodic work as a table of name, lane, period and function; the table is
 * domain/jobs.c. */
#ifndef TURNPIKE_JOBS_H
#define TURNPIKE_JOBS_H

#include "../core/options.h"
#include "../db/db.h"
#include "../net/net.h"

struct job_context {
	const struct options *options;
	struct db *db;
	struct net *net;
	i64 now_us;
};

/* Jobs of one lane run one after another, in a thread of its own: whoever waits for a service that
 * is slow or away holds up no other lane. */
enum job_lane { LANE_MAIL, LANE_UPKEEP, LANE_MAX };

struct job {
	const char *name;
	enum job_lane lane;
	i64 every_ms;
	/* 0, or an error (its cause is in db->fail); the next turn tries again. *ret_again: there
	 * is more to do at once. */
	int (*run)(struct job_context *c, bool *ret_again);
};

/* Ends with a NULL name. Every turnpike-jobs runs all of them: a job locks the rows it works on, or
 * holds a named lock of the database, or does no harm when it is done twice. */
extern const struct job jobs[];

#endif
