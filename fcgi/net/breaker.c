/* The circuit breaker. Only origins that failed have a slot, so the table stays small and a lookup
 * is a walk over it. */
#include "breaker.h"

#include <stdio.h>
#include <string.h>

#include "../core/clock.h"

static struct breaker_slot *slot_find(struct breaker *b, const char *origin)
{
	for (size_t i = 0; i < BREAKER_SLOTS; i++)
		if (strcmp(b->slot[i].origin, origin) == 0)
			return &b->slot[i];
	return NULL;
}

/* A free slot, or the one whose origin was called the longest ago. */
static struct breaker_slot *slot_take(struct breaker *b, const char *origin)
{
	struct breaker_slot *oldest = &b->slot[0];

	for (size_t i = 0; i < BREAKER_SLOTS && oldest->origin[0] != '\0'; i++)
		if (b->slot[i].origin[0] == '\0' || b->slot[i].used_at_us < oldest->used_at_us)
			oldest = &b->slot[i];
	*oldest = (struct breaker_slot){.used_at_us = 0};
	snprintf(oldest->origin, sizeof(oldest->origin), "%s", origin);
	return oldest;
}

bool breaker_state_admits(const struct breaker_state *s, i64 now_us)
{
	return s->n_failures < BREAKER_FAILURES_MAX || (!s->is_probing && now_us >= s->retry_at_us);
}

enum breaker_pass breaker_state_enter(struct breaker_state *s, i64 now_us)
{
	if (!breaker_state_admits(s, now_us))
		return BREAKER_REFUSED;
	if (s->n_failures < BREAKER_FAILURES_MAX)
		return BREAKER_PASSED;
	s->is_probing = true;
	return BREAKER_PROBE;
}

static bool note_failure(struct breaker_state *s, enum breaker_pass pass, i64 now_us)
{
	if (pass == BREAKER_PROBE) {
		s->is_probing = false;
		s->retry_at_us = now_us + S_TO_US(BREAKER_OPEN_S);
		s->n_failures = BREAKER_FAILURES_MAX; /* also when its slot was taken meanwhile */
		return false;
	}
	if (s->n_failures >= BREAKER_FAILURES_MAX)
		return false; /* began before it opened: nothing new */
	s->n_failures++;
	if (s->n_failures < BREAKER_FAILURES_MAX)
		return false;
	s->retry_at_us = now_us + S_TO_US(BREAKER_OPEN_S);
	return true;
}

bool breaker_state_leave(
	struct breaker_state *s, enum breaker_pass pass, enum breaker_outcome outcome, i64 now_us)
{
	if (outcome == BREAKER_FAILED)
		return note_failure(s, pass, now_us);
	if (outcome == BREAKER_OK)
		*s = (struct breaker_state){.n_failures = 0};
	else if (pass == BREAKER_PROBE)
		s->is_probing = false;
	return false;
}

enum breaker_pass breaker_enter(struct breaker *b, const char *origin, i64 now_us)
{
	enum breaker_pass pass = BREAKER_PASSED;

	pthread_mutex_lock(&b->lock);
	struct breaker_slot *s = slot_find(b, origin);
	if (s != NULL) {
		s->used_at_us = now_us;
		pass = breaker_state_enter(&s->state, now_us);
	}
	pthread_mutex_unlock(&b->lock);
	return pass;
}

bool breaker_leave(struct breaker *b, const char *origin, enum breaker_pass pass,
	enum breaker_outcome outcome, i64 now_us)
{
	bool has_opened = false;

	pthread_mutex_lock(&b->lock);
	struct breaker_slot *s = slot_find(b, origin);
	if (s == NULL && outcome == BREAKER_FAILED)
		s = slot_take(b, origin);
	if (s != NULL) {
		s->used_at_us = now_us;
		has_opened = breaker_state_leave(&s->state, pass, outcome, now_us);
		if (outcome == BREAKER_OK)
			s->origin[0] = '\0';
	}
	pthread_mutex_unlock(&b->lock);
	return has_opened;
}
