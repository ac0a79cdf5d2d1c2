/* Admitting calls without a commit for each. A purse is what this process has leased of a user's
 * credit (ledger_lease_set()); calls are admitted from it in memory, and one thread settles what
 * they cost, many at a time. A lease is durable before any upstream is asked, so what is admitted
 * is always reserved; while money is short a lease is exactly what its calls need, and what it has
 * on top is given back SLACK_MS after calls have ended or money became short, so that no call is
 * refused for money that lies idle. */
#ifndef TURNPIKE_PURSE_H
#define TURNPIKE_PURSE_H

#include "call_record.h"

struct options;

/* Once per process, before the threads; `pool` names its journal. n_calls: how many may be under
 * way or unsettled. 0, or -1 with a sentence in why. */
int purses_start(const struct options *options, struct db_pool *db_pool, const char *pool,
	size_t n_calls, char *why, size_t why_size);
/* After the threads: settles what is left and ends the leases. What the database does not take
 * within seconds stays in the journal, for whoever starts next. */
void purses_stop(void);

/* Once a second: settles what processes of this host that died had begun, and sets the metrics. */
void purses_tick(struct db *db);

struct call_request {
	u64 user_id;
	i64 estimate;		/* what it may cost at most */
	struct opt_i64 day_max; /* what this user's calls of the day may cost; absent: no bound */
	enum call_endpoint endpoint;
	const char *request_id, *mode, *model;
	u64 catalog_id;
	struct model_price price;
	i64 input_bytes, n_images;
	i64 now_us;
};

/* Reserves the estimate and returns the call's record, RECORD_HELD. E_INSUFFICIENT_BALANCE with
 * `required` and `available` (credits) noted; E_RATE_LIMITED by day_max; E_UNAVAILABLE when the
 * database is away or too many calls are unsettled. */
int purse_admit(struct db *db, const struct call_request *q, struct call_record **ret);
/* An upstream is asked now. */
void purse_running(struct call_record *r);
/* Its cost is in the record, and the client may be told: it is that from now on, whatever happens.
 */
void purse_priced(struct call_record *r);
/* The call is over, and was priced. It is settled soon; the record is no longer ours. */
void purse_finish(struct call_record *r);

#endif
