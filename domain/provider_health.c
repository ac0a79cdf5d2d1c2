/* Notes of calls, in a file that all map. Nothing is locked: a slot is taken with one instruction,
 * and a call is one word. */
#include "provider_health.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "../fcgi/core/clock.h"
#include "../fcgi/core/mapped.h"

/* SLOTS: more than a catalog has providers; one that finds none is not noted. */
enum { SLOTS = 1024, PROBES = 16 };
static const u64 magic = 0x7475726e70726f01; /* changes with the layout */

struct slot {
	_Atomic u64 provider;		    /* 0: free */
	_Atomic u64 n;			    /* calls so far */
	_Atomic i64 call[STATUS_CALLS_MAX]; /* 2 * its time + whether it was good; 0: none yet */
};

struct notes {
	u64 magic;
	struct slot slot[SLOTS];
};

static struct notes own, *notes = &own;

bool provider_health_share(const char *dir)
{
	char path[300];
	struct mapped m;

	snprintf(path, sizeof(path), "%s/providers", dir);
	scoped_fd int folder = mapped_lock_folder(path);
	if (folder < 0)
		return false;
	if (mapped_open(path, sizeof(*notes), &m) && ((struct notes *)m.data)->magic == magic) {
		notes = m.data;
		return true;
	}
	if (!mapped_make(path, sizeof(*notes), &m))
		return false;
	((struct notes *)m.data)->magic = magic;
	if (!mapped_publish(&m, path))
		return false;
	notes = m.data;
	return true;
}

static struct slot *slot_of(u64 provider, bool is_made)
{
	for (size_t i = 0; i < PROBES; i++) {
		struct slot *s = &notes->slot[(provider + i) % SLOTS];
		u64 found = 0;
		if (is_made)
			atomic_compare_exchange_strong(&s->provider, &found, provider);
		else
			found = atomic_load(&s->provider);
		if (found == provider || (is_made && found == 0))
			return s;
		if (found == 0)
			return NULL;
	}
	return NULL;
}

void provider_health_note(u64 provider, bool is_good, i64 now_us)
{
	struct slot *s = slot_of(provider, true);

	if (s != NULL)
		atomic_store(&s->call[atomic_fetch_add(&s->n, 1) % STATUS_CALLS_MAX],
			2 * now_us + is_good);
}

/* The monotonic clock begins anew with the host: what seems to lie ahead is from before. */
struct provider_health provider_health_of(u64 provider, i64 now_us)
{
	struct slot *s = slot_of(provider, false);
	struct provider_health h = {.n_calls = 0};

	for (size_t i = 0; s != NULL && i < STATUS_CALLS_MAX; i++) {
		i64 call = atomic_load(&s->call[i]), at_us = call / 2;
		if (call == 0 || at_us > now_us || at_us < now_us - S_TO_US(STATUS_CALLS_S))
			continue;
		h.n_calls++;
		h.n_failed += call % 2 == 0;
	}
	h.state = status_of_calls(h.n_calls, h.n_failed);
	return h;
}

enum status_state provider_health_of_all(const struct models *models, i64 now_us)
{
	size_t n_called = 0, n_down = 0, n_bad = 0;

	for (size_t i = 0; models != NULL && i < models->n_providers; i++) {
		struct provider_health h = provider_health_of(models->provider[i].identity, now_us);
		n_called += h.n_calls > 0;
		n_down += h.state == STATUS_DOWN;
		n_bad += h.state != STATUS_OK;
	}
	if (n_down > 0 && n_down == n_called)
		return STATUS_DOWN;
	return n_bad > 0 ? STATUS_DEGRADED : STATUS_OK;
}
