/* Whether we are well (gateway.md section 9). */
#include <pthread.h>

#include "../../domain/database_probe.h"
#include "../../domain/provider_health.h"
#include "../../domain/supabase.h"
#include "../../fcgi/core/clock.h"
#include "../../fcgi/core/metrics.h"
#include "../../fcgi/http/request.h"
#include "../../fcgi/http/response.h"
#include "../../fcgi/limit/window.h"
#include "encoded.h"
#include "gateway.h"
#include "gen/commit.h"

enum { STORE_CACHED_S = 2 };

struct gateway_health {
	const char *status;
};
SCHEMA(gateway_health, STR(gateway_health, status, REQUIRED, .values = "ok"));

/* Asks nothing of anybody. */
int gateway_health(struct req *r, const void *in, void *out_)
{
	struct gateway_health *out = out_;

	(void)r, (void)in;
	out->status = "ok";
	return 0;
}

struct probe {
	bool is_fine;
	i64 latency_us, ended_mono_us; /* the latter 0: never looked */
};

static struct {
	pthread_mutex_t lock;
	struct probe store;
} last = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct probe read_probe(const struct probe *p)
{
	pthread_mutex_lock(&last.lock);
	struct probe copy = *p;
	pthread_mutex_unlock(&last.lock);
	return copy;
}

static struct probe note_probe(struct probe *p, bool is_fine, i64 start_mono_us)
{
	i64 now_us = clock_mono_us();
	bool in_time = now_us - start_mono_us <= PROBE_MAX_MS * US_PER_MS;

	pthread_mutex_lock(&last.lock);
	*p = (struct probe){is_fine && in_time, now_us - start_mono_us, now_us};
	pthread_mutex_unlock(&last.lock);
	return read_probe(p);
}

void gateway_tick(const struct worker *worker, struct db *db)
{
	if (worker->pool == POOL_OPS)
		database_probe_tick(db);
}

static struct probe probe_store(struct window_map *windows)
{
	struct probe p = read_probe(&last.store);
	i64 now_us = clock_mono_us();

	if (p.ended_mono_us != 0 && now_us - p.ended_mono_us <= S_TO_US(STORE_CACHED_S))
		return p;
	return note_probe(&last.store, window_answers(windows, PROBE_MAX_MS), now_us);
}

static const char *word_of(bool is_fine)
{
	return is_fine ? "ok" : "fail";
}

/* `redis` is the contract's name for the store that limits are counted in: our shared memory. */
struct ready_checks {
	const char *database, *redis;
};
SCHEMA(ready_checks, STR(ready_checks, database, REQUIRED, .values = "ok|fail"),
	STR(ready_checks, redis, REQUIRED, .values = "ok|fail"));

struct gateway_ready {
	const char *status;
	struct ready_checks *checks;
};
SCHEMA(gateway_ready, STR(gateway_ready, status, REQUIRED, .values = "ready|not_ready"),
	OBJECT(gateway_ready, checks, ready_checks, REQUIRED));

int gateway_ready(struct req *r, const void *in, void *out_)
{
	struct gateway_ready *out = out_;
	bool database = database_probe_read().is_fine;
	bool store = probe_store(r->worker->windows).is_fine;

	(void)in;
	out->status = database && store ? "ready" : "not_ready";
	out->checks = arena_new(r->arena, struct ready_checks);
	*out->checks = (struct ready_checks){word_of(database), word_of(store)};
	TRY(resp_json(r, &gateway_ready_schema, out));
	if (!database || !store) {
		r->response.status = 503;
		resp_header(r, "Retry-After", "2");
	}
	return 0;
}

struct check {
	const char *status;
	struct opt_i64 latency_ms;
};
SCHEMA(check, STR(check, status, REQUIRED, .values = "ok|degraded|down|fail|off"),
	OPT_I64(check, latency_ms, .json = "latencyMs"));

struct detailed_checks {
	struct check *database, *redis, *stripe, *supabase_jwks;
	const char *providers;
};
SCHEMA(detailed_checks, OBJECT(detailed_checks, database, check, REQUIRED),
	OBJECT(detailed_checks, redis, check, REQUIRED),
	OBJECT(detailed_checks, stripe, check, REQUIRED),
	OBJECT(detailed_checks, supabase_jwks, check, REQUIRED, .json = "supabaseJwks"),
	JSON(detailed_checks, providers, REQUIRED,
		DOC("For each provider of models its status, and of its last calls how many "
		    "failed")));

struct detailed_workers {
	i64 busy, idle;
};
SCHEMA(detailed_workers, I64(detailed_workers, busy, REQUIRED),
	I64(detailed_workers, idle, REQUIRED));

struct detailed_queue {
	i64 outbox;
	i64 reservations;
};
SCHEMA(detailed_queue, I64(detailed_queue, outbox, REQUIRED),
	I64(detailed_queue, reservations, REQUIRED));

struct gateway_detailed {
	const char *status, *version, *commit;
	i64 uptime_s;
	struct detailed_checks *checks;
	struct detailed_workers *workers;
	struct detailed_queue *queue;
};
SCHEMA(gateway_detailed, STR(gateway_detailed, status, REQUIRED, .values = "ok|fail"),
	STR(gateway_detailed, version, REQUIRED), STR(gateway_detailed, commit, REQUIRED),
	I64(gateway_detailed, uptime_s, REQUIRED, .json = "uptimeSeconds"),
	OBJECT(gateway_detailed, checks, detailed_checks, REQUIRED),
	OBJECT(gateway_detailed, workers, detailed_workers, REQUIRED),
	OBJECT(gateway_detailed, queue, detailed_queue, REQUIRED));

static struct check *check_of(struct arena *a, const char *status, i64 latency_us)
{
	struct check *check = arena_new(a, struct check);

	check->status = status;
	if (latency_us >= 0)
		check->latency_ms = (struct opt_i64){true, latency_us / US_PER_MS};
	return check;
}

static struct check *check_keys(struct req *r)
{
	struct supabase_health keys = supabase_look(r->net, r->worker->options, r->arena);

	if (!keys.is_configured)
		return check_of(r->arena, "off", -1);
	return check_of(r->arena, word_of(keys.is_fine), keys.latency_us);
}

/* Every provider of models by its id: by its last calls, or off without a key. */
static const char *check_providers(struct req *r)
{
	const struct models *models;
	i64 now_us = clock_mono_us();
	struct buf b;

	if (gateway_models(r, &models) != 0) {
		fail_clear(r->fail);
		return "{}"; /* no catalog was loaded so far */
	}
	buf_init(&b, r->arena, 1024);
	buf_char(&b, '{');
	for (size_t i = 0; i < models->n_providers; i++) {
		const struct provider *p = &models->provider[i];
		struct provider_health h = provider_health_of(p->identity, now_us);
		if (i > 0)
			buf_char(&b, ',');
		buf_json(&b, p->id);
		buf_printf(&b, ":{\"status\":\"%s\",\"calls\":%zu,\"failed\":%zu}",
			provider_has_key(p) ? status_names[h.state] : "off", h.n_calls, h.n_failed);
	}
	buf_char(&b, '}');
	return b.data;
}

static void fill_checks(struct req *r, const struct database_probe *database,
	const struct probe *store, struct detailed_checks *ret)
{
	struct status_report report;

	status_report(&r->db, STATUS_OK, r->now_us, &report); /* only Stripe is told here */
	ret->database = check_of(r->arena, word_of(database->is_fine), database->latency_us);
	ret->redis = check_of(r->arena, word_of(store->is_fine), store->latency_us);
	ret->stripe = check_of(r->arena, status_names[report.state[STATUS_STRIPE]], -1);
	ret->supabase_jwks = check_keys(r);
	ret->providers = check_providers(r);
}

int gateway_detailed(struct req *r, const void *in, void *out_)
{
	struct gateway_detailed *out = out_;
	struct database_probe database = database_probe_read();
	struct probe store = probe_store(r->worker->windows);
	const char *dir = arena_printf(r->arena, "%s/shm", r->worker->options->state_dir);

	(void)in;
	*out = (struct gateway_detailed){
		.status = word_of(database.is_fine && store.is_fine),
		.version = PACKAGE_VERSION,
		.commit = TURNPIKE_COMMIT,
		.uptime_s = (clock_mono_us() - r->worker->started_mono_us) / US_PER_S,
		.checks = arena_new(r->arena, struct detailed_checks),
		.workers = arena_new(r->arena, struct detailed_workers),
		.queue = arena_new(r->arena, struct detailed_queue),
	};
	fill_checks(r, &database, &store, out->checks);
	out->workers->busy = metrics_gauge(dir, METRIC_THREADS_BUSY, r->arena);
	out->workers->idle = metrics_gauge(dir, METRIC_THREADS, r->arena) - out->workers->busy;
	out->queue->outbox = metrics_gauge(dir, METRIC_OUTBOX_PENDING, r->arena);
	out->queue->reservations = metrics_gauge(dir, METRIC_AI_LEASES, r->arena);
	return 0;
}
