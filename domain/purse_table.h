/* The inside of domain/purse*.c: the purses of this process. */
#ifndef TURNPIKE_PURSE_TABLE_H
#define TURNPIKE_PURSE_TABLE_H

#include <pthread.h>

#include "call_journal.h"
#include "purse.h"

enum {
	SLACK_MS = 200,	       /* how long a lease may hold more than its calls need; anew when
				* a settlement finds that there is plenty */
	SLACK_CALLS = 64,      /* and for how many calls of the size of the last one */
	RECORD_WAIT_MS = 2000, /* for a record, when too many calls are unsettled */
	RECALL_MS = 250,       /* until other processes have given their slack back */
	SETTLE_DELAY_MS = 4,   /* from a call's end, so that its answer goes out first */
	SETTLE_EVERY_MS = 20,  /* and at least so long between two settlements */
	LEASE_S = 120,	       /* a lease ends so long after its last renewal */
	RENEW_S = 30,
	LATE_S = 5,	/* nothing is admitted from a lease that ends sooner */
	RETRY_MS = 500, /* after the database failed */
	STOP_S = 10,
	HASH_SLOTS = 2 * LEASES_MAX,
	ARENA_CEILING_BYTES = 64 * 1024 * 1024,
	STACK_BYTES = 256 * 1024,
};

/* A user's lease. held is what is reserved, committed what calls under way may still cost, due what
 * ended calls did cost and was not charged yet. */
struct purse {
	u64 user_id; /* 0: not in use */
	i64 held, committed, due;
	i64 unit; /* the estimate of the last call */
	/* Monotonic times: of the slack's end, the next renewal, the next settlement of what ended
	 * calls did cost, the last one, and (else 0) when a failed one is tried again. */
	i64 slack_until_us, renew_at_us, settle_at_us, settled_us, retry_at_us;
	i64 lapses_at_us;  /* too near to the lease's end to admit calls: the database was away */
	bool is_busy;	   /* the database is being asked */
	bool is_uncertain; /* the last change may have happened: the next one asks first */
	u64 n_asked;	   /* how often the database was asked for more */
	u64 refused_ask;   /* the last of these that was refused, for refused_amount */
	i64 refused_amount;
	int refused_error;
	unsigned first_done, last_done; /* records to be settled */
	size_t n_calls, n_waiting;	/* under way; threads that wait for a change */
	struct lease_record *lease;
};

struct purses {
	pthread_mutex_t lock;
	pthread_cond_t changed;	   /* a purse is no longer busy */
	pthread_cond_t work;	   /* the settler has something to do */
	unsigned slot[HASH_SLOTS]; /* 1 + index of the purse; open addressing */
	unsigned free_purse[LEASES_MAX], free_record;
	/* Purses and records from these numbers on were never used: the memory is not touched. */
	unsigned n_purses, n_records;
	size_t n_free_purses, n_calls, n_unsettled;
	i64 wakes_at_us; /* when the sleeping settler wakes; 0: it is awake */
	bool is_stopping;
	struct db_pool *db_pool;
	char dir[256];
	struct journal journal;
	pthread_t thread;
	struct purse purse[LEASES_MAX];
};

extern struct purses purses;

/* All of these under purses.lock. */
i64 purse_free(const struct purse *p);
bool purse_is_empty(const struct purse *p);
void purse_drop(struct purse *purse);
struct call_record *record_at(unsigned index);
unsigned record_index(const struct call_record *r);
void record_free(struct call_record *r);

void *purse_settler(void *arg);

#endif
