/* The file of a process's calls under way: its leases and its records. Its owner holds a lock on it
 * as long as it lives, whatever ends it. */
#ifndef TURNPIKE_CALL_JOURNAL_H
#define TURNPIKE_CALL_JOURNAL_H

#include "../fcgi/core/mapped.h"
#include "call_record.h"

enum { LEASES_MAX = 4096 };

struct lease_record {
	u64 user_id; /* 0: none */
	char hold_id[CALL_ID_BYTES];
};

struct journal_head {
	u64 magic;
	u64 n_records;
	struct lease_record lease[LEASES_MAX];
	struct call_record record[]; /* [0] is not used: 0 ends a list */
};

struct journal {
	struct mapped mapped;
	struct journal_head *head;
	char path[300];
};

/* A new file for this process in dir, locked. -1 and errno. */
int journal_new(struct journal *j, const char *dir, const char *pool, size_t n_records);
/* Its calls are settled and its leases ended: the file goes. */
void journal_remove(struct journal *j);
/* A file in dir whose owner is dead, locked for us, after `skip` others that we have left; false:
 * there is none. The caller ends with journal_remove(), or with journal_leave() to try again later.
 */
bool journal_orphan(struct journal *j, const char *dir, size_t skip);
void journal_leave(struct journal *j);

#endif
