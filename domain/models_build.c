/* Making a snapshot of models: texts become enums, names become pointers, key files are read. */
#include "models_build.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../fcgi/core/log.h"
#include "../fcgi/core/str.h"
#include "catalog_rows.h"

enum { SECRET_MAX_BYTES = 4096, CREDITS_PER_CENT = 10 };

const char *const provider_dialect_names[PROVIDER_DIALECT_MAX] = {
	"openai", "anthropic", "fim_openai", "fim_mistral", "fim_llamacpp"};
const char *const model_tier_names[MODEL_TIER_MAX] = {"efficient", "balanced", "flagship"};
static const char *const auth_names[] = {"bearer", "x-api-key", "none"};
static const char *const capability_names[] = {
	"chat", "tools", "vision", "reasoning", "fim", "streaming"}; /* by bit */

/* The place of a name in a list; the loader has checked that it is there. */
static unsigned place_of(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (str_equal(names[i], name))
			return (unsigned)i;
	return 0;
}
#define PLACE_OF(names, name) place_of((names), ARRAY_LEN(names), (name))

static const char *copy(struct arena *a, const char *text)
{
	return text != NULL ? arena_strdup(a, text) : NULL;
}

/* Of texts that end with NULL. */
static u64 identity_of(const char *const *text)
{
	u64 h = 14695981039346656037ULL;

	for (; *text != NULL; text++)
		for (const char *p = *text;; p++) {
			h = (h ^ (unsigned char)*p) * 1099511628211ULL;
			if (*p == '\0')
				break;
		}
	return h;
}
#define IDENTITY(...) identity_of((const char *const[]){__VA_ARGS__, NULL})

static struct models_key_file look_at(const char *path)
{
	struct stat st;
	struct models_key_file file = {.path = path};

	if (stat(path, &st) != 0)
		return file;
	file.changed_s = st.st_mtim.tv_sec;
	file.changed_ns = st.st_mtim.tv_nsec;
	file.size = st.st_size;
	file.inode = st.st_ino;
	return file;
}

bool models_key_file_changed(const struct models_key_file *file)
{
	struct models_key_file now = look_at(file->path);

	return now.inode != file->inode || now.changed_s != file->changed_s ||
	       now.changed_ns != file->changed_ns || now.size != file->size;
}

/* The content without white space at its end; NULL, and why, when it cannot be a header's value. */
static const char *read_secret(struct arena *a, const char *path, const char **ret_why)
{
	char text[SECRET_MAX_BYTES + 1];
	scoped_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text)) : -1;
	const char *secret = NULL;

	*ret_why = n < 0 ? "it cannot be read" : "it is empty, too long, or has other signs in it";
	if (n < 0 || n > SECRET_MAX_BYTES)
		return NULL;
	while (n > 0 && strchr(" \t\r\n", text[n - 1]) != NULL)
		n--;
	ssize_t plain = 0;
	while (plain < n && text[plain] > ' ' && text[plain] <= '~')
		plain++;
	if (n > 0 && plain == n)
		secret = arena_strndup(a, text, (size_t)n);
	explicit_bzero(text, sizeof(text));
	return secret;
}

static struct provider_key key_of(struct arena *a, const struct catalog_file_provider *p,
	const struct catalog_file_key *k, struct models_key_file *ret_file)
{
	const char *why;

	*ret_file = look_at(arena_strdup(a, k->secret_file));
	struct provider_key key = {
		.label = copy(a, k->label),
		.secret = read_secret(a, k->secret_file, &why),
		.weight = k->weight.value,
		.max_concurrent = k->max_concurrent.value,
		.identity = IDENTITY(p->id, k->label),
	};
	if (key.secret == NULL)
		LOG(WARN, "key_disabled", LOG_TEXT("provider", p->id), LOG_TEXT("key", k->label),
			LOG_TEXT("file", k->secret_file), LOG_TEXT("why", why));
	return key;
}

static void build_providers(
	struct arena *a, const struct catalog_file *file, struct models_parts *ret)
{
	struct provider *provider = arena_array(a, struct provider, file->n_providers);
	size_t n_keys = 0;

	for (size_t i = 0; i < file->n_providers; i++)
		n_keys += file->providers[i].n_keys;
	ret->key_file = arena_array(a, struct models_key_file, n_keys);
	for (size_t i = 0; i < file->n_providers; i++) {
		const struct catalog_file_provider *p = &file->providers[i];
		struct provider_key *key = arena_array(a, struct provider_key, p->n_keys);
		for (size_t k = 0; k < p->n_keys; k++)
			key[k] = key_of(a, p, &p->keys[k], &ret->key_file[ret->n_key_files++]);
		provider[i] = (struct provider){
			.id = copy(a, p->id),
			.name = copy(a, p->name),
			.dialect =
				(enum provider_dialect)PLACE_OF(provider_dialect_names, p->dialect),
			.auth = (enum provider_auth)PLACE_OF(auth_names, p->auth),
			.base_url = copy(a, p->base_url),
			.path = copy(a, p->path),
			.api_version = copy(a, p->api_version),
			.connect_ms = p->connect_ms.value,
			.max_completion_tokens = p->max_completion_tokens.value,
			.stream_usage = p->stream_usage.value,
			.key = key,
			.n_keys = p->n_keys,
			.identity = IDENTITY(p->id),
		};
	}
	ret->models.provider = provider;
	ret->models.n_providers = file->n_providers;
}

static int by_rank(const void *a, const void *b)
{
	i64 x = ((const struct model_plan *)a)->rank, y = ((const struct model_plan *)b)->rank;

	return x < y ? -1 : x > y;
}

static const struct catalog_file_plan *plan_of(const struct catalog_file *file, const char *id)
{
	size_t i = 0;

	while (i < file->n_plans && !str_equal(file->plans[i].id, id))
		i++;
	return &file->plans[i]; /* a tier's plan exists: a foreign key says so */
}

static void build_plans(struct arena *a, const struct catalog_file *file, struct models_parts *ret)
{
	struct model_plan *plan = arena_array(a, struct model_plan, file->n_tiers);
	struct model_pack *pack = arena_array(a, struct model_pack, file->n_packs);

	for (size_t i = 0; i < file->n_tiers; i++) {
		const struct catalog_file_tier *t = &file->tiers[i];
		const struct catalog_file_plan *p = plan_of(file, t->plan);
		plan[i] = (struct model_plan){
			.tier = copy(a, t->id),
			.plan_id = copy(a, p->id),
			.name = copy(a, p->name),
			.description = copy(a, t->description),
			.features = catalog_rows_json(a, p->features, p->n_features),
			.rank = p->rank,
			.monthly_price_cents = p->price_cents,
			.credits_per_month = p->allowance_cents * CREDITS_PER_CENT,
			.yearly_price_cents = t->yearly_price_cents,
			.credits_per_request = t->credits_per_request,
			.credits_per_day = t->credits_per_day,
			.is_active = t->active.value,
		};
	}
	if (file->n_tiers > 0)
		qsort(plan, file->n_tiers, sizeof(*plan), by_rank);
	for (size_t i = 0; i < file->n_packs; i++)
		pack[i] = (struct model_pack){copy(a, file->packs[i].id),
			copy(a, file->packs[i].name), file->packs[i].credits,
			file->packs[i].price_cents, file->packs[i].active.value};
	ret->rank = arena_array(a, struct models_rank, file->n_plans);
	for (size_t i = 0; i < file->n_plans; i++)
		ret->rank[i] =
			(struct models_rank){copy(a, file->plans[i].id), file->plans[i].rank};
	ret->n_ranks = file->n_plans;
	ret->models.plan = plan;
	ret->models.n_plans = file->n_tiers;
	ret->models.pack = pack;
	ret->models.n_packs = file->n_packs;
}

static i64 either(struct opt_i64 first, struct opt_i64 second)
{
	return first.has ? first.value : second.value;
}

static struct model_price price_of(
	const struct catalog_file_price *p, const struct catalog_file_price *otherwise)
{
	return (struct model_price){
		.input = either(p->input, otherwise->input),
		.cached_input = either(p->cached_input, otherwise->cached_input),
		.cache_write = either(p->cache_write, otherwise->cache_write),
		.output = either(p->output, otherwise->output),
		.reasoning = either(p->reasoning, otherwise->reasoning),
		.multiplier = either(p->multiplier, otherwise->multiplier),
		.cache_write_1h = either(p->cache_write_1h, otherwise->cache_write_1h),
	};
}

static i64 larger(i64 a, i64 b)
{
	return a > b ? a : b;
}

static struct model_price dearest(struct model_price a, const struct model_price *b)
{
	return (struct model_price){
		.input = larger(a.input, b->input),
		.cached_input = larger(a.cached_input, b->cached_input),
		.cache_write = larger(a.cache_write, b->cache_write),
		.output = larger(a.output, b->output),
		.reasoning = larger(a.reasoning, b->reasoning),
		.multiplier = larger(a.multiplier, b->multiplier),
		.cache_write_1h = larger(a.cache_write_1h, b->cache_write_1h),
	};
}

static struct model_route route_of(struct arena *a, const struct models *models,
	const struct catalog_file_model *m, const struct catalog_file_route *r)
{
	struct model_route route = {
		.upstream_model = copy(a, r->upstream_model),
		.position = r->position.value,
		.weight = r->weight.value,
		.max_concurrent = r->max_concurrent.value,
		.requests_per_minute = r->requests_per_minute.value,
		.price = price_of(&r->price, &m->price),
		.identity = IDENTITY(
			m->id, r->provider, r->upstream_model, r->key != NULL ? r->key : ""),
	};

	for (size_t i = 0; i < models->n_providers; i++)
		if (str_equal(models->provider[i].id, r->provider))
			route.provider = &models->provider[i];
	for (size_t k = 0; r->key != NULL && k < route.provider->n_keys; k++)
		if (str_equal(route.provider->key[k].label, r->key))
			route.key = &route.provider->key[k];
	return route;
}

/* By position; those of one position stay in the file's order. */
static void build_routes(struct arena *a, const struct models *models,
	const struct catalog_file_model *m, struct model *ret)
{
	struct model_route *route = arena_array(a, struct model_route, m->n_routes);

	for (size_t i = 0; i < m->n_routes; i++) {
		struct model_route new = route_of(a, models, m, &m->routes[i]);
		size_t at = i;
		for (; at > 0 && route[at - 1].position > new.position; at--)
			route[at] = route[at - 1];
		route[at] = new;
		ret->price_limit = i == 0 ? new.price : dearest(ret->price_limit, &new.price);
	}
	ret->route = route;
	ret->n_routes = m->n_routes;
}

static struct model model_of(
	struct arena *a, const struct models *models, const struct catalog_file_model *m)
{
	struct model model = {
		.id = copy(a, m->id),
		.name = copy(a, m->name),
		.owned_by = copy(a, m->owned_by),
		.n_aliases = m->n_aliases,
		.tier = (enum model_tier)PLACE_OF(model_tier_names, m->tier),
		.context_window = m->context_window,
		.max_output_tokens = m->max_output_tokens,
		.default_max_output = m->default_max_output.value,
		.price = price_of(&m->price, &m->price),
		.requires_tier = copy(a, m->requires_tier),
		.passes_sampling = str_equal(m->sampling, "pass"),
		.allows_reasoning = m->reasoning.value,
		.fim_template = copy(a, m->fim_template),
		.has_json_schema = m->json_schema.value,
		.no_prefill = !m->prefill.value,
		.is_deprecated = m->deprecated.value,
		.is_enabled = m->enabled.value,
		.created_at_us = m->created_at_us,
	};

	const char **alias = arena_array(a, const char *, m->n_aliases);
	for (size_t i = 0; i < m->n_aliases; i++)
		alias[i] = copy(a, m->aliases[i]);
	model.alias = alias;
	for (size_t i = 0; i < m->n_capabilities; i++)
		model.capabilities |= 1U << PLACE_OF(capability_names, m->capabilities[i]);
	for (size_t i = 0; m->requires_tier != NULL && i < models->n_plans; i++)
		if (str_equal(models->plan[i].tier, m->requires_tier))
			model.min_rank = models->plan[i].rank;
	model.price_limit = model.price;
	build_routes(a, models, m, &model);
	return model;
}

void models_build(struct arena *arena, const struct catalog_file *file, struct models_parts *ret)
{
	struct model *model = arena_array(arena, struct model, file->n_models);

	*ret = (struct models_parts){0};
	build_providers(arena, file, ret);
	build_plans(arena, file, ret);
	for (size_t i = 0; i < file->n_models; i++)
		model[i] = model_of(arena, &ret->models, &file->models[i]);
	ret->models.model = model;
	ret->models.n_models = file->n_models;
}
