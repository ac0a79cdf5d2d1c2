/* Threads that hash passwords: so many at a time, each with memory of its own that it keeps between
 * uses. They yield to everything else that wants a core. Knows nothing of what is hashed. */
#ifndef TURNPIKE_HASH_SLOTS_H
#define TURNPIKE_HASH_SLOTS_H

#include "../fcgi/core/types.h"

struct hash_slots;

/* Starts n threads with memory_bytes each, for which at most max_waiting callers may wait beyond
 * those that are served. NULL when the system does not give so much; errno tells. */
struct hash_slots *hash_slots_new(unsigned n, unsigned max_waiting, size_t memory_bytes);
/* Ends the threads; nobody waits any more. NULL does nothing. */
void hash_slots_free(struct hash_slots *slots);

typedef void hash_job_fn(void *arg, unsigned char *memory);

/* Runs job(arg, a slot's memory) in one of the threads and returns when it is done. False at once,
 * and nothing is run, when too many wait already. */
bool hash_slots_run(struct hash_slots *slots, hash_job_fn *job, void *arg);
/* Whether it would be run now; counts as refused when not. */
bool hash_slots_has_room(struct hash_slots *slots);

#endif
