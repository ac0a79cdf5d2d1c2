/* What a worker process does once a second beside answering: the tick of each family that it
 * serves, in a thread of its own, so that no request waits for it. */
#ifndef TURNPIKE_TICK_H
#define TURNPIKE_TICK_H

struct tick;
struct worker;

/* Starts the thread and waits for its first round, but no longer than a second (a database that
 * hangs must not keep the process from answering). NULL when no family of the pool has a tick. */
struct tick *tick_start(const struct worker *worker, int stop_fd);
/* Waits for its end; stop_fd is readable. tick may be NULL. */
void tick_join(struct tick *tick);

#endif
