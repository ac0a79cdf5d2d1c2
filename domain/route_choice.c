/* Routes and keys by what is known of them. One lock: what it guards takes less than a microsecond,
 * and every call comes here twice. */
#include "route_choice.h"

#include <pthread.h>
#include <string.h>

#include "../fcgi/core/clock.h"
#include "../fcgi/core/log.h"
#include "../fcgi/core/metrics.h"
#include "provider_health.h"

enum { GAUGES = 2048, PROBES = 32, ITEMS_MAX = 64, WINDOW_S = 60 };

/* What is known of one route or key. */
struct gauge {
	u64 identity;
	enum { GAUGE_FREE, GAUGE_ROUTE, GAUGE_KEY } kind;
	i64 busy;
	i64 turn;	      /* whose turn it is among equally busy ones */
	i64 resting_until_us; /* monotonic, as all here */
	bool must_rest;	      /* the vendor said so */
	unsigned n_overloads; /* in a row */
	struct breaker_state breaker;
	i64 window_at_us, in_window; /* calls of the minute that began then */
	i64 used_at_us;
};

static struct {
	pthread_mutex_t lock;
	i64 retries; /* that may be made, times 100 */
	struct gauge gauge[GAUGES], spare;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .retries = 100 * CHOICE_RETRIES_AT_ONCE};

/* Of a provider that asks for none. */
static const struct provider_key no_key = {.label = "", .secret = "", .weight = 1};

/* How far to go for a route. */
enum eagerness { EAGER_FRESH, EAGER_REPEAT, EAGER_LAST_RESORT, EAGERNESS_MAX };

struct search {
	const struct choice *choice;
	enum eagerness eagerness;
	i64 now_us, ready_at_us; /* the latter: when the first of those who cannot may serve */
};

struct item {
	struct gauge *gauge;
	i64 weight;
	const struct model_route *route;
	const struct provider_key *key;
};

/* Those in use are never forgotten; a table full of them shares one gauge. */
static struct gauge *gauge_of(int kind, u64 identity, i64 now_us)
{
	struct gauge *oldest = NULL;

	for (size_t i = 0; i < PROBES; i++) {
		struct gauge *g = &state.gauge[(identity + i) % GAUGES];
		if (g->kind == (unsigned)kind && g->identity == identity) {
			g->used_at_us = now_us;
			return g;
		}
		if (g->busy == 0 && (oldest == NULL || g->kind == GAUGE_FREE ||
					    g->used_at_us < oldest->used_at_us))
			if (oldest == NULL || oldest->kind != GAUGE_FREE)
				oldest = g;
	}
	if (oldest == NULL)
		return &state.spare;
	*oldest = (struct gauge){.identity = identity, .used_at_us = now_us};
	oldest->kind = (unsigned)kind;
	return oldest;
}

static struct gauge *route_gauge(const struct model_route *route, i64 now_us)
{
	return gauge_of(GAUGE_ROUTE, route->identity, now_us);
}

static struct gauge *key_gauge(
	const struct model_route *route, const struct provider_key *key, i64 now_us)
{
	u64 identity = key == &no_key ? route->provider->identity : key->identity;

	return gauge_of(GAUGE_KEY, identity, now_us);
}

/* False, and when it will be true. */
static bool is_ready(struct search *s, i64 ready_at_us)
{
	if (ready_at_us <= s->now_us)
		return true;
	if (ready_at_us < s->ready_at_us)
		s->ready_at_us = ready_at_us;
	return false;
}

static bool is_rested(struct search *s, const struct gauge *g)
{
	if (s->eagerness == EAGER_LAST_RESORT && !g->must_rest)
		return true;
	return is_ready(s, g->resting_until_us);
}

static bool has_room(struct search *s, const struct gauge *g, i64 max_concurrent)
{
	bool has = max_concurrent == 0 || g->busy < max_concurrent;

	return is_ready(s, has ? s->now_us : s->now_us + US_PER_S);
}

static bool is_admitted(struct search *s, const struct breaker_state *b)
{
	if (breaker_state_admits(b, s->now_us))
		return true;
	return is_ready(s, b->retry_at_us > s->now_us ? b->retry_at_us : s->now_us + US_PER_S);
}

static bool is_within_rate(struct search *s, const struct gauge *g, i64 per_minute)
{
	i64 ends_us = g->window_at_us + S_TO_US(WINDOW_S);

	return per_minute == 0 || s->now_us >= ends_us || g->in_window < per_minute ||
	       is_ready(s, ends_us);
}

/* By what this call has met already: a key's fault does not count against its route. */
static bool may_be_tried(const struct search *s, u64 route)
{
	const struct choice *c = s->choice;
	size_t n = 0, n_failed = 0;

	for (size_t i = 0; i < c->n_tried; i++) {
		enum choice_outcome outcome = c->attempt[i].outcome;
		if (c->attempt[i].route != route || outcome == CHOICE_LIMITED ||
			outcome == CHOICE_REFUSED)
			continue;
		n++;
		n_failed += outcome != CHOICE_OVERLOADED;
	}
	return s->eagerness == EAGER_REPEAT ? n == 1 && n_failed == 1 : n == 0;
}

static bool is_before(const struct item *a, const struct item *b)
{
	return a->gauge->busy * b->weight < b->gauge->busy * a->weight;
}

/* The least busy for its weight. Equals take turns, each as often as its weight says (the smooth
 * weighted round-robin of nginx's upstreams). */
static struct item *least_busy(struct item *item, size_t n)
{
	struct item *least = &item[0], *next = NULL;
	i64 sum = 0;

	for (size_t i = 1; i < n; i++)
		if (is_before(&item[i], least))
			least = &item[i];
	for (size_t i = 0; i < n; i++) {
		if (is_before(least, &item[i]))
			continue;
		item[i].gauge->turn += item[i].weight;
		sum += item[i].weight;
		if (next == NULL || item[i].gauge->turn > next->gauge->turn)
			next = &item[i];
	}
	next->gauge->turn -= sum;
	return next;
}

static void add_key(struct search *s, const struct model_route *route,
	const struct provider_key *key, struct item *item, size_t *n)
{
	struct gauge *g;

	if (key->secret == NULL || *n == ITEMS_MAX)
		return;
	g = key_gauge(route, key, s->now_us);
	if (is_rested(s, g) && has_room(s, g, key->max_concurrent))
		item[(*n)++] = (struct item){.gauge = g, .weight = key->weight, .key = key};
}

/* The keys of a route that may be used now. */
static size_t list_keys(struct search *s, const struct model_route *route, struct item *item)
{
	const struct provider *provider = route->provider;
	size_t n = 0;

	if (route->key != NULL)
		add_key(s, route, route->key, item, &n);
	else if (provider->auth == PROVIDER_NO_AUTH && provider->n_keys == 0)
		add_key(s, route, &no_key, item, &n);
	else
		for (size_t i = 0; i < provider->n_keys; i++)
			add_key(s, route, &provider->key[i], item, &n);
	return n;
}

static bool is_usable(struct search *s, const struct model_route *route)
{
	const struct gauge *g = route_gauge(route, s->now_us);
	struct item keys[ITEMS_MAX];

	return may_be_tried(s, route->identity) && is_rested(s, g) && is_admitted(s, &g->breaker) &&
	       has_room(s, g, route->max_concurrent) &&
	       is_within_rate(s, g, route->requests_per_minute) && list_keys(s, route, keys) > 0;
}

static const struct model_route *find_route(struct search *s, const struct model *model)
{
	struct item item[ITEMS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < model->n_routes && n < ITEMS_MAX; i++) {
		const struct model_route *route = &model->route[i];
		if (n > 0 && route->position != item[0].route->position)
			break;
		if (is_usable(s, route))
			item[n++] = (struct item){.gauge = route_gauge(route, s->now_us),
				.weight = route->weight,
				.route = route};
	}
	return n > 0 ? least_busy(item, n)->route : NULL;
}

static const struct model_route *search(struct search *s, const struct model *model)
{
	bool is_first = s->choice->n_tried == 0;

	for (s->eagerness = 0; s->eagerness < EAGERNESS_MAX; s->eagerness++) {
		if (s->eagerness == (is_first ? EAGER_REPEAT : EAGER_LAST_RESORT))
			continue;
		const struct model_route *route = find_route(s, model);
		if (route != NULL)
			return route;
	}
	return NULL;
}

static void take(struct choice *c, struct search *s, const struct model_route *route)
{
	struct gauge *g = route_gauge(route, s->now_us);
	struct item keys[ITEMS_MAX];
	struct item *key = least_busy(keys, list_keys(s, route, keys));

	if (s->now_us >= g->window_at_us + S_TO_US(WINDOW_S)) {
		g->window_at_us = s->now_us;
		g->in_window = 0;
	}
	g->in_window++;
	g->busy++;
	key->gauge->busy++;
	c->route = route;
	c->key = key->key;
	c->pass = breaker_state_enter(&g->breaker, s->now_us);
	c->is_open = true;
	c->attempt[c->n_tried].route = route->identity;
	c->attempt[c->n_tried].outcome = CHOICE_UNKNOWN;
	c->n_tried++;
}

/* Retries are paid from a purse that calls fill: a vendor's bad day is not multiplied. */
static bool may_try(const struct choice *c, i64 now_us)
{
	if (c->n_tried == 0)
		return true;
	return c->n_tried < CHOICE_ATTEMPTS_MAX && state.retries >= 100 &&
	       (c->until_mono_us == 0 || now_us < c->until_mono_us);
}

static void pay(const struct choice *c)
{
	i64 max = 100 * CHOICE_RETRIES_AT_ONCE;

	if (c->n_tried > 0) {
		state.retries -= 100;
		metrics_add(METRIC_ROUTE_RETRIES, 1);
	} else {
		state.retries += CHOICE_RETRY_PERCENT;
		state.retries = state.retries < max ? state.retries : max;
	}
}

bool choice_next_at(struct choice *c, const struct model *model, i64 now_us)
{
	struct search s = {.choice = c, .now_us = now_us, .ready_at_us = INT64_MAX};
	const struct model_route *route = NULL;

	choice_done_at(c, CHOICE_UNKNOWN, 0, now_us);
	pthread_mutex_lock(&state.lock);
	if (may_try(c, now_us))
		route = search(&s, model);
	if (route != NULL) {
		pay(c);
		take(c, &s, route);
	}
	pthread_mutex_unlock(&state.lock);
	c->retry_after_s = 1;
	if (route == NULL && s.ready_at_us != INT64_MAX)
		c->retry_after_s = (s.ready_at_us - now_us + US_PER_S - 1) / US_PER_S;
	return route != NULL;
}

static void rest(struct gauge *g, i64 now_us, i64 said_s, i64 otherwise_s)
{
	i64 s = said_s > 0 ? said_s : otherwise_s;
	i64 until_us = now_us + S_TO_US(s < CHOICE_REST_MAX_S ? s : CHOICE_REST_MAX_S);

	g->must_rest = said_s > 0 || (g->must_rest && g->resting_until_us > now_us);
	if (until_us > g->resting_until_us)
		g->resting_until_us = until_us;
}

static void note_outcome(struct gauge *route, struct gauge *key, enum choice_outcome outcome,
	i64 retry_after_s, i64 now_us)
{
	i64 overload_s = CHOICE_OVERLOAD_MAX_S;

	switch (outcome) {
	case CHOICE_GOOD:
		route->n_overloads = 0;
		break;
	case CHOICE_LIMITED:
		rest(key, now_us, retry_after_s, CHOICE_KEY_REST_S);
		break;
	case CHOICE_REFUSED:
		rest(key, now_us, CHOICE_KEY_OFF_S, 0);
		break;
	case CHOICE_OVERLOADED:
		if (route->n_overloads < 5)
			overload_s = 1 << route->n_overloads++;
		rest(route, now_us, retry_after_s, overload_s);
		break;
	case CHOICE_FAILED:
	case CHOICE_UNKNOWN:
		break;
	}
}

static void report(const struct choice *c, enum choice_outcome outcome, bool has_opened, i64 now_us)
{
	if (outcome != CHOICE_UNKNOWN)
		provider_health_note(c->route->provider->identity, outcome == CHOICE_GOOD, now_us);
	if (outcome == CHOICE_REFUSED) {
		metrics_add(METRIC_ROUTE_KEY_REFUSED, 1);
		LOG(ERROR, "upstream_key_refused", LOG_TEXT("provider", c->route->provider->id),
			LOG_TEXT("key", c->key->label), LOG_TEXT("model", c->route->upstream_model),
			LOG_NUMBER("off_s", CHOICE_KEY_OFF_S));
	}
	if (has_opened) {
		metrics_add(METRIC_ROUTE_OPENED, 1);
		LOG(WARN, "route_failing", LOG_TEXT("provider", c->route->provider->id),
			LOG_TEXT("model", c->route->upstream_model),
			LOG_NUMBER("off_s", BREAKER_OPEN_S));
	}
}

void choice_done_at(struct choice *c, enum choice_outcome outcome, i64 retry_after_s, i64 now_us)
{
	enum breaker_outcome said = outcome == CHOICE_GOOD     ? BREAKER_OK
				    : outcome == CHOICE_FAILED ? BREAKER_FAILED
							       : BREAKER_UNKNOWN;

	if (!c->is_open)
		return;
	c->is_open = false;
	c->attempt[c->n_tried - 1].outcome = outcome;
	pthread_mutex_lock(&state.lock);
	struct gauge *route = route_gauge(c->route, now_us);
	struct gauge *key = key_gauge(c->route, c->key, now_us);
	route->busy--;
	key->busy--;
	note_outcome(route, key, outcome, retry_after_s, now_us);
	bool has_opened = breaker_state_leave(&route->breaker, c->pass, said, now_us);
	pthread_mutex_unlock(&state.lock);
	report(c, outcome, has_opened, now_us);
}

bool choice_next(struct choice *c, const struct model *model)
{
	return choice_next_at(c, model, clock_mono_us());
}

void choice_done(struct choice *c, enum choice_outcome outcome, i64 retry_after_s)
{
	choice_done_at(c, outcome, retry_after_s, clock_mono_us());
}

void choice_forget(void)
{
	pthread_mutex_lock(&state.lock);
	memset(state.gauge, 0, sizeof(state.gauge));
	memset(&state.spare, 0, sizeof(state.spare));
	state.retries = 100 * CHOICE_RETRIES_AT_ONCE;
	pthread_mutex_unlock(&state.lock);
}
