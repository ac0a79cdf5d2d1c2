/* The hashing threads, the queue before them, and their memory. */
#include "hash_slots.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "../fcgi/core/metrics.h"

/* A thread of its own can stay nice; one that answers requests could not become less nice again
 * without a privilege that workers do not have. */
enum { NICENESS = 10, IDLE_S = 5, STACK_BYTES = 256 * 1024, HUGE_PAGE_BYTES = 2 * 1024 * 1024 };

struct job {
	hash_job_fn *run;
	void *arg;
	struct job *next;
	bool is_done;
	pthread_cond_t done;
};

struct slot {
	struct hash_slots *slots;
	pthread_t thread;
	unsigned char *memory;
	bool is_warm; /* its memory was used and not given back since */
};

struct hash_slots {
	pthread_mutex_t mutex;
	pthread_cond_t wanted; /* by CLOCK_MONOTONIC */
	struct job *first, **end;
	unsigned n_jobs, max_jobs; /* running and waiting */
	bool is_stopping;
	size_t memory_bytes;
	unsigned n_slots;
	struct slot slot[];
};

static struct job *take_job(struct hash_slots *s)
{
	struct job *job = s->first;

	if (job != NULL) {
		s->first = job->next;
		if (s->first == NULL)
			s->end = &s->first;
	}
	return job;
}

/* Waits for work; a slot that has none for a while gives its memory back to the system. */
static void wait_for_work(struct slot *me)
{
	struct hash_slots *s = me->slots;
	struct timespec until;

	if (!me->is_warm) {
		pthread_cond_wait(&s->wanted, &s->mutex);
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += IDLE_S;
	int rc = 0;
	while (rc == 0 && s->first == NULL && !s->is_stopping)
		rc = pthread_cond_timedwait(&s->wanted, &s->mutex, &until);
	if (s->first != NULL || s->is_stopping)
		return;
	madvise(me->memory, s->memory_bytes, MADV_DONTNEED);
	me->is_warm = false;
}

static void run_job(struct slot *me, struct job *job)
{
	struct hash_slots *s = me->slots;

	pthread_mutex_unlock(&s->mutex);
	metrics_add(METRIC_PASSWORDS_HASHING, 1);
	me->is_warm = true;
	job->run(job->arg, me->memory);
	metrics_add(METRIC_PASSWORDS_HASHING, -1);
	metrics_add(METRIC_PASSWORDS_HASHED, 1);
	pthread_mutex_lock(&s->mutex);
	s->n_jobs--;
	job->is_done = true;
	pthread_cond_signal(&job->done);
}

static void *slot_main(void *arg)
{
	struct slot *me = arg;
	struct hash_slots *s = me->slots;
	id_t me_id = (id_t)gettid();
	struct job *job;

	/* On Linux this is the thread's, not the process's. */
	setpriority(PRIO_PROCESS, me_id, getpriority(PRIO_PROCESS, me_id) + NICENESS);
	pthread_mutex_lock(&s->mutex);
	while (!s->is_stopping) {
		job = take_job(s);
		if (job != NULL)
			run_job(me, job);
		else
			wait_for_work(me);
	}
	pthread_mutex_unlock(&s->mutex);
	return NULL;
}

bool hash_slots_has_room(struct hash_slots *s)
{
	pthread_mutex_lock(&s->mutex);
	bool has = s->n_jobs < s->max_jobs;
	pthread_mutex_unlock(&s->mutex);
	if (!has)
		metrics_add(METRIC_PASSWORDS_REFUSED, 1);
	return has;
}

bool hash_slots_run(struct hash_slots *s, hash_job_fn *run, void *arg)
{
	struct job job = {.run = run, .arg = arg};

	pthread_mutex_lock(&s->mutex);
	if (s->n_jobs >= s->max_jobs) {
		pthread_mutex_unlock(&s->mutex);
		metrics_add(METRIC_PASSWORDS_REFUSED, 1);
		return false;
	}
	s->n_jobs++;
	pthread_cond_init(&job.done, NULL);
	*s->end = &job;
	s->end = &job.next;
	pthread_cond_signal(&s->wanted);
	while (!job.is_done)
		pthread_cond_wait(&job.done, &s->mutex);
	pthread_mutex_unlock(&s->mutex);
	pthread_cond_destroy(&job.done);
	return true;
}

/* Whole huge pages where they fit, which saves misses all over the memory; the rest in small ones,
 * so that a slot takes what it was asked to. */
static unsigned char *map_memory(size_t bytes)
{
	size_t n_huge = bytes / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES, room = bytes + HUGE_PAGE_BYTES;
	unsigned char *all = mmap(NULL, room, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (all == MAP_FAILED)
		return NULL;
	size_t before = HUGE_PAGE_BYTES - (uintptr_t)all % HUGE_PAGE_BYTES;
	munmap(all, before);
	if (before < HUGE_PAGE_BYTES)
		munmap(all + before + bytes, HUGE_PAGE_BYTES - before);
	madvise(all + before, n_huge, MADV_HUGEPAGE);
	return all + before;
}

static bool start(struct hash_slots *s, struct slot *slot)
{
	pthread_attr_t attributes;
	sigset_t all, before;

	slot->slots = s;
	slot->memory = map_memory(s->memory_bytes);
	if (slot->memory == NULL)
		return false;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	sigfillset(&all); /* signals are for who waits for them */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(&slot->thread, &attributes, slot_main, slot);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	if (rc == 0)
		return true;
	munmap(slot->memory, s->memory_bytes);
	errno = rc;
	return false;
}

struct hash_slots *hash_slots_new(unsigned n, unsigned max_waiting, size_t memory_bytes)
{
	struct hash_slots *s = calloc(1, sizeof(*s) + n * sizeof(s->slot[0]));
	pthread_condattr_t monotonic;

	if (s == NULL)
		return NULL;
	s->memory_bytes = memory_bytes;
	s->max_jobs = n + max_waiting;
	s->end = &s->first;
	pthread_mutex_init(&s->mutex, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&s->wanted, &monotonic);
	pthread_condattr_destroy(&monotonic);
	while (s->n_slots < n) {
		if (!start(s, &s->slot[s->n_slots])) {
			int why = errno;
			hash_slots_free(s);
			errno = why;
			return NULL;
		}
		s->n_slots++;
	}
	return s;
}

void hash_slots_free(struct hash_slots *s)
{
	if (s == NULL)
		return;
	pthread_mutex_lock(&s->mutex);
	s->is_stopping = true;
	pthread_cond_broadcast(&s->wanted);
	pthread_mutex_unlock(&s->mutex);
	for (unsigned i = 0; i < s->n_slots; i++) {
		pthread_join(s->slot[i].thread, NULL);
		munmap(s->slot[i].memory, s->memory_bytes);
	}
	pthread_cond_destroy(&s->wanted);
	pthread_mutex_destroy(&s->mutex);
	free(s);
}
