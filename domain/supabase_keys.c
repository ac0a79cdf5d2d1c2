/* The public keys of the Supabase project, fetched when they are needed and shared by all threads.
 * Whoever needs newer ones fetches them; the others go on with what there is, or wait where there
 * is nothing yet. */
#include <pthread.h>
#include <stdlib.h>

#include "../fcgi/auth/jwt.h"
#include "../fcgi/core/clock.h"
#include "../fcgi/core/log.h"
#include "../fcgi/net/net.h"
#include "supabase.h"

enum {
	FRESH_S = 600,
	REFETCH_S = 5, /* between two attempts, whatever strangers' tokens ask for */
	LOOK_S = 60,
	FETCH_MS = 3000,
	DOCUMENT_MAX = 64 * 1024,
};

/* A set lives as long as somebody reads it. */
struct key_set {
	int n_users; /* under the lock; the cache is one */
	struct jwt_keys keys;
};

static struct {
	pthread_mutex_t lock;	  /* of all that follows; never held while waiting */
	pthread_mutex_t fetching; /* held during a fetch; taken before the lock */
	struct key_set *set;
	i64 fetched_mono_us, tried_mono_us; /* 0: never */
	i64 latency_us;
	bool last_failed;
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER, .fetching = PTHREAD_MUTEX_INITIALIZER};

static void unuse_locked(struct key_set *set)
{
	if (set == NULL || --set->n_users > 0)
		return;
	jwt_keys_free(&set->keys);
	free(set);
}

/* The set now in use, or NULL; *ret_age_us is its age, *ret_wait whether the last attempt is so
 * young that no other may be made. */
static struct key_set *use(i64 *ret_age_us, bool *ret_wait)
{
	i64 now_us = clock_mono_us();

	pthread_mutex_lock(&cache.lock);
	struct key_set *set = cache.set;
	if (set != NULL)
		set->n_users++;
	*ret_age_us = now_us - cache.fetched_mono_us;
	*ret_wait = cache.tried_mono_us != 0 && now_us - cache.tried_mono_us < S_TO_US(REFETCH_S);
	pthread_mutex_unlock(&cache.lock);
	return set;
}

static void unuse(struct key_set *set)
{
	pthread_mutex_lock(&cache.lock);
	unuse_locked(set);
	pthread_mutex_unlock(&cache.lock);
}

static struct key_set *download(struct net *net, const char *url, struct arena *a)
{
	struct fail failure = {.arena = a};
	struct net_request request = {
		.method = "GET",
		.url = url,
		.timeout_ms = FETCH_MS,
		.response_max = DOCUMENT_MAX,
		.abort_fd = -1, /* it is for everybody: the client that is first may leave */
	};
	struct net_response response;
	struct key_set *set = calloc(1, sizeof(*set));
	const char *why = NULL;

	if (set == NULL)
		return NULL;
	if (net_call(net, a, &request, &response, &failure) != 0)
		why = failure.cause != NULL ? failure.cause : "no answer";
	else if (response.status != 200)
		why = arena_printf(a, "status %d", response.status);
	else if (!jwt_keys_read(a, response.body, response.body_length, &set->keys))
		why = "no key set";
	else if (set->keys.n == 0)
		why = "no key that is of use";
	if (why == NULL)
		return set;
	LOG(WARN, "supabase_keys_not_fetched", LOG_TEXT("cause", why));
	jwt_keys_free(&set->keys);
	free(set);
	return NULL;
}

/* What there is stays when the endpoint has nothing better. */
static void fetch(struct net *net, const char *url, struct arena *a)
{
	i64 start_us = clock_mono_us();

	pthread_mutex_lock(&cache.lock);
	cache.tried_mono_us = start_us;
	pthread_mutex_unlock(&cache.lock);
	struct key_set *set = download(net, url, a);
	i64 now_us = clock_mono_us();
	pthread_mutex_lock(&cache.lock);
	cache.latency_us = now_us - start_us;
	cache.last_failed = set == NULL;
	if (set != NULL) {
		set->n_users = 1;
		unuse_locked(cache.set);
		cache.set = set;
		cache.fetched_mono_us = now_us;
	}
	pthread_mutex_unlock(&cache.lock);
}

/* Makes an attempt unless one was made since `since_us`; waits for one that is under way, if asked
 * to. */
static void fetch_once(struct net *net, const char *url, i64 since_us, bool waits, struct arena *a)
{
	if (pthread_mutex_trylock(&cache.fetching) != 0) {
		if (!waits)
			return;
		pthread_mutex_lock(&cache.fetching);
	}
	pthread_mutex_lock(&cache.lock);
	bool was_tried = cache.tried_mono_us >= since_us;
	pthread_mutex_unlock(&cache.lock);
	if (!was_tried)
		fetch(net, url, a);
	pthread_mutex_unlock(&cache.fetching);
}

static bool last_failed(void)
{
	pthread_mutex_lock(&cache.lock);
	bool failed = cache.set == NULL || cache.last_failed;
	pthread_mutex_unlock(&cache.lock);
	return failed;
}

int supabase_verify(struct net *net, const struct options *options, const char *text, i64 now_us,
	struct arena *a, struct fail *fail_, struct supabase_claims *ret)
{
	struct supabase_project project;
	const char *why = "no project is configured";
	enum supabase_verdict verdict = SUPABASE_INVALID;
	bool is_configured = supabase_project(a, options, &project);

	for (int i = 0; i < 2 && is_configured; i++) {
		i64 age_us, before_us = clock_mono_us();
		bool wait;
		struct key_set *set = use(&age_us, &wait);
		if (set != NULL && age_us > S_TO_US(FRESH_S) && !wait && project.jwks_url != NULL)
			fetch_once(net, project.jwks_url, before_us, false, a);
		verdict = supabase_check(
			a, &project, set != NULL ? &set->keys : NULL, text, now_us, ret, &why);
		unuse(set);
		if (verdict != SUPABASE_UNKNOWN_KEY || i == 1 || project.jwks_url == NULL)
			break;
		if (wait && set != NULL)
			break;
		fetch_once(net, project.jwks_url, wait ? before_us - S_TO_US(REFETCH_S) : before_us,
			true, a);
	}
	if (verdict == SUPABASE_VALID)
		return 0;
	if (verdict == SUPABASE_UNKNOWN_KEY && project.jwks_url != NULL && last_failed())
		return fail_cause(fail_, E_UNAVAILABLE, "the keys of the Supabase project");
	LOG(DEBUG, "supabase_token_refused", LOG_TEXT("cause", why));
	return fail(fail_, E_UNAUTHORIZED, NULL);
}

struct supabase_health supabase_look(
	struct net *net, const struct options *options, struct arena *a)
{
	struct supabase_project project;
	i64 age_us, now_us = clock_mono_us();
	bool wait;

	if (!supabase_project(a, options, &project) || project.jwks_url == NULL)
		return (struct supabase_health){0};
	struct key_set *set = use(&age_us, &wait);
	if (!wait && (set == NULL || age_us > S_TO_US(LOOK_S)))
		fetch_once(net, project.jwks_url, now_us, true, a);
	unuse(set);
	pthread_mutex_lock(&cache.lock);
	struct supabase_health health = {
		true, cache.set != NULL && !cache.last_failed, cache.latency_us};
	pthread_mutex_unlock(&cache.lock);
	return health;
}
