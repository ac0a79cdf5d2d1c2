/* The snapshot of models in force: who holds it, finding in it, replacing it. */
#include "models.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "../fcgi/core/clock.h"
#include "../fcgi/core/log.h"
#include "../fcgi/core/str.h"
#include "catalog.h"
#include "gen/sql.h"
#include "models_build.h"

enum { CEILING_BYTES = 256 * 1024 * 1024 };

struct name {
	const char *text; /* NULL: a free place */
	const struct model *model;
};

struct snapshot {
	struct models_parts parts; /* begins with the struct models that callers see */
	struct arena arena;
	struct name *name; /* open addressing; at most half full */
	size_t n_names;	   /* a power of two */
	atomic_size_t n_holders;
};

/* One holder is the process itself, as long as the snapshot is in force. */
static struct {
	pthread_mutex_t lock;
	struct snapshot *current;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct snapshot *snapshot_of(const struct models *models)
{
	return (struct snapshot *)(uintptr_t)models;
}

const struct models *models_get(void)
{
	pthread_mutex_lock(&state.lock);
	struct snapshot *s = state.current;
	if (s != NULL)
		atomic_fetch_add(&s->n_holders, 1);
	pthread_mutex_unlock(&state.lock);
	return s != NULL ? &s->parts.models : NULL;
}

void models_put(const struct models *models)
{
	struct snapshot *s = snapshot_of(models);

	if (s == NULL || atomic_fetch_sub(&s->n_holders, 1) > 1)
		return;
	arena_free(&s->arena);
	free(s);
}

static size_t name_hash(const char *text)
{
	u64 h = 14695981039346656037ULL;

	for (; *text != '\0'; text++)
		h = (h ^ (unsigned char)*text) * 1099511628211ULL;
	return (size_t)(h ^ h >> 32);
}

/* Where a name is, or would go. */
static struct name *name_place(const struct snapshot *s, const char *text)
{
	for (size_t i = name_hash(text);; i++) {
		struct name *name = &s->name[i & (s->n_names - 1)];
		if (name->text == NULL || str_equal(name->text, text))
			return name;
	}
}

static void index_names(struct snapshot *s)
{
	const struct models *models = &s->parts.models;
	size_t n = 0;

	for (size_t i = 0; i < models->n_models; i++)
		n += 1 + models->model[i].n_aliases;
	for (s->n_names = 16; s->n_names < 2 * n;)
		s->n_names *= 2;
	s->name = arena_array(&s->arena, struct name, s->n_names);
	for (size_t i = 0; i < models->n_models; i++) {
		const struct model *m = &models->model[i];
		*name_place(s, m->id) = (struct name){m->id, m};
		for (size_t k = 0; k < m->n_aliases; k++)
			*name_place(s, m->alias[k]) = (struct name){m->alias[k], m};
	}
}

const struct model *models_find(const struct models *models, const char *id)
{
	const struct model *m = name_place(snapshot_of(models), id)->model;

	return m != NULL && m->is_enabled ? m : NULL;
}

i64 models_rank(const struct models *models, const char *plan_id)
{
	const struct models_parts *parts = &snapshot_of(models)->parts;

	for (size_t i = 0; i < parts->n_ranks; i++)
		if (str_equal(parts->rank[i].plan_id, plan_id))
			return parts->rank[i].rank;
	return 0;
}

const struct model_plan *models_plan_of(const struct models *models, i64 plan_rank)
{
	for (size_t i = models->n_plans; i-- > 0;)
		if (models->plan[i].rank <= plan_rank)
			return &models->plan[i];
	return NULL;
}

const struct dialect_upstream *model_route_dialect(const struct model_route *route)
{
	return dialect_upstream_find(provider_dialect_names[route->provider->dialect]);
}

bool provider_has_key(const struct provider *p)
{
	for (size_t k = 0; k < p->n_keys; k++)
		if (p->key[k].secret != NULL)
			return true;
	return p->auth == PROVIDER_NO_AUTH;
}

bool model_has_key(const struct model *m)
{
	for (size_t r = 0; r < m->n_routes; r++)
		if (provider_has_key(m->route[r].provider))
			return true;
	return false;
}

static struct snapshot *snapshot_new(const struct catalog_file *file,
	const struct catalog_current_row *version, models_encode_fn *encode)
{
	struct snapshot *s = calloc(1, sizeof(*s));

	if (s == NULL)
		abort();
	arena_init(&s->arena, CEILING_BYTES);
	models_build(&s->arena, file, &s->parts);
	s->parts.models.version = version->catalog_id;
	s->parts.models.effective_at_us = version->effective_at_us;
	index_names(s);
	if (encode != NULL)
		s->parts.models.encoded = encode(&s->arena, &s->parts.models);
	atomic_init(&s->n_holders, 1);
	return s;
}

static void publish(struct snapshot *s)
{
	pthread_mutex_lock(&state.lock);
	struct snapshot *old = state.current;
	state.current = s;
	pthread_mutex_unlock(&state.lock);
	models_put(old != NULL ? &old->parts.models : NULL);
}

static bool is_stale(const struct snapshot *s, const struct catalog_current_row *version)
{
	if (s == NULL || s->parts.models.version != version->catalog_id)
		return true;
	for (size_t i = 0; i < s->parts.n_key_files; i++)
		if (models_key_file_changed(&s->parts.key_file[i]))
			return true;
	return false;
}

/* None of the versions is in force any more only where the clock was set back to before the first:
 * then the one that is known here stays. */
static int keep_known(const struct models *known, struct catalog_current_row *version)
{
	if (known->version == 0)
		return SQL_NONE;
	version->catalog_id = known->version;
	version->effective_at_us = known->effective_at_us;
	return 0;
}

/* The rows of a version never change, so it does not matter that they are read one table after the
 * other. Only the tick of a process comes here, so `current` may be read without the lock. */
void models_refresh(struct db *db, models_encode_fn *encode)
{
	struct catalog_current_row version = {0};
	struct catalog_file file = {0};
	int rc = sql_catalog_current(db, clock_now_us(), &version);

	if (rc != 0 && rc != SQL_NONE)
		return; /* the database is away: what is known stays in force */
	if (rc == SQL_NONE && state.current != NULL)
		rc = keep_known(&state.current->parts.models, &version);
	if (!is_stale(state.current, &version))
		return;
	if (rc == 0 && catalog_fetch(db, version.catalog_id, &file) != 0)
		return;
	publish(snapshot_new(&file, &version, encode));
	LOG(INFO, "catalog_in_force", LOG_NUMBER("version", (i64)version.catalog_id),
		LOG_NUMBER("models", (i64)file.n_models));
}
