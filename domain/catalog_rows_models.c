/* Providers with their keys, and models with their aliases and routes, to rows and back. */
#include <string.h>

#include "../fcgi/core/str.h"
#include "catalog_rows.h"
#include "gen/sql.h"

/* Which of the rows belong to `id`: they begin with what they belong to, and are sorted by it. */
static size_t range_of(const void *rows, size_t n, size_t size, const char *id, size_t *ret_n)
{
	const char *base = rows;
	size_t first = 0, end = n;

	while (first < end) {
		size_t middle = first + (end - first) / 2;
		const char *key = *(const char *const *)(const void *)(base + middle * size);
		if (strcmp(key, id) < 0)
			first = middle + 1;
		else
			end = middle;
	}
	for (end = first; end < n; end++)
		if (!str_equal(*(const char *const *)(const void *)(base + end * size), id))
			break;
	*ret_n = end - first;
	return first;
}

int catalog_rows_insert_provider(
	struct db *db, const struct catalog_file_provider *p, u64 catalog_id, size_t position)
{
	TRY(sql_catalog_provider_insert(db,
		&(struct catalog_provider_insert_in){
			.catalog_id = catalog_id,
			.position = (i64)position,
			.provider_id = p->id,
			.name = p->name,
			.dialect = p->dialect,
			.auth = p->auth,
			.base_url = p->base_url,
			.path = p->path,
			.api_version = p->api_version,
			.connect_ms = p->connect_ms,
			.max_completion_tokens = p->max_completion_tokens.value,
			.stream_usage = p->stream_usage.value,
		},
		NULL));
	for (size_t i = 0; i < p->n_keys; i++)
		TRY(sql_catalog_key_insert(db,
			&(struct catalog_key_insert_in){
				.catalog_id = catalog_id,
				.provider_id = p->id,
				.label = p->keys[i].label,
				.position = (i64)i,
				.secret_file = p->keys[i].secret_file,
				.weight = p->keys[i].weight.value,
				.max_concurrent = p->keys[i].max_concurrent,
			},
			NULL));
	return 0;
}

static void take_keys(struct arena *a, const struct catalog_keys_row *row, size_t n,
	struct catalog_file_provider *p)
{
	row += range_of(row, n, sizeof(*row), p->id, &p->n_keys);
	p->keys = arena_array(a, struct catalog_file_key, p->n_keys);
	for (size_t i = 0; i < p->n_keys; i++)
		p->keys[i] = (struct catalog_file_key){row[i].label, row[i].secret_file,
			{true, row[i].weight}, row[i].max_concurrent};
}

int catalog_rows_fetch_providers(struct db *db, u64 catalog_id, struct catalog_file *ret)
{
	struct catalog_providers_row *row;
	struct catalog_keys_row *key;
	size_t n_keys;

	TRY(sql_catalog_providers(db, catalog_id, &row, &ret->n_providers));
	TRY(sql_catalog_keys(db, catalog_id, &key, &n_keys));
	ret->providers = arena_array(db->arena, struct catalog_file_provider, ret->n_providers);
	for (size_t i = 0; i < ret->n_providers; i++) {
		ret->providers[i] = (struct catalog_file_provider){
			.id = row[i].provider_id,
			.name = row[i].name,
			.dialect = row[i].dialect,
			.auth = row[i].auth,
			.base_url = row[i].base_url,
			.path = row[i].path,
			.api_version = row[i].api_version,
			.connect_ms = row[i].connect_ms,
			.max_completion_tokens = {true, row[i].max_completion_tokens},
			.stream_usage = {true, row[i].stream_usage},
		};
		take_keys(db->arena, key, n_keys, &ret->providers[i]);
	}
	return 0;
}

static int insert_routes(struct db *db, const struct catalog_file_model *m, u64 catalog_id)
{
	for (size_t i = 0; i < m->n_routes; i++) {
		const struct catalog_file_route *r = &m->routes[i];
		TRY(sql_catalog_route_insert(db,
			&(struct catalog_route_insert_in){
				.catalog_id = catalog_id,
				.model_id = m->id,
				.route_no = (i64)i,
				.position = r->position.value,
				.provider_id = r->provider,
				.key_label = r->key,
				.upstream_model = r->upstream_model,
				.weight = r->weight.value,
				.max_concurrent = r->max_concurrent,
				.requests_per_minute = r->requests_per_minute,
				.input_price = r->price.input,
				.cached_input_price = r->price.cached_input,
				.cache_write_price = r->price.cache_write,
				.output_price = r->price.output,
				.reasoning_price = r->price.reasoning,
				.multiplier = r->price.multiplier,
			},
			NULL));
	}
	return 0;
}

int catalog_rows_insert_model(
	struct db *db, const struct catalog_file_model *m, u64 catalog_id, size_t position)
{
	TRY(sql_catalog_model_insert(db,
		&(struct catalog_model_insert_in){
			.catalog_id = catalog_id,
			.position = (i64)position,
			.model_id = m->id,
			.name = m->name,
			.owned_by = m->owned_by,
			.tier = m->tier,
			.capabilities =
				catalog_rows_json(db->arena, m->capabilities, m->n_capabilities),
			.context_window = m->context_window,
			.max_output_tokens = m->max_output_tokens,
			.default_max_output = m->default_max_output.value,
			.input_price = m->price.input.value,
			.cached_input_price = m->price.cached_input.value,
			.cache_write_price = m->price.cache_write.value,
			.output_price = m->price.output.value,
			.reasoning_price = m->price.reasoning.value,
			.multiplier = m->price.multiplier.value,
			.requires_tier = m->requires_tier,
			.sampling = m->sampling,
			.allows_reasoning = m->reasoning.value,
			.fim_template = m->fim_template,
			.is_deprecated = m->deprecated.value,
			.is_enabled = m->enabled.value,
			.created_at_us = m->created_at_us,
		},
		NULL));
	for (size_t i = 0; i < m->n_aliases; i++)
		TRY(sql_catalog_alias_insert(db,
			&(struct catalog_alias_insert_in){catalog_id, m->aliases[i], m->id, (i64)i},
			NULL));
	return insert_routes(db, m, catalog_id);
}

static struct catalog_file_model model_of(struct arena *a, const struct catalog_models_row *row)
{
	struct catalog_file_model m = {
		.id = row->model_id,
		.name = row->name,
		.owned_by = row->owned_by,
		.tier = row->tier,
		.requires_tier = row->requires_tier,
		.sampling = row->sampling,
		.fim_template = row->fim_template,
		.context_window = row->context_window,
		.max_output_tokens = row->max_output_tokens,
		.created_at_us = row->created_at_us,
		.default_max_output = {true, row->default_max_output},
		.reasoning = {true, row->allows_reasoning},
		.deprecated = {true, row->is_deprecated},
		.enabled = {true, row->is_enabled},
		.price = {{true, row->input_price}, {true, row->cached_input_price},
			{true, row->cache_write_price}, {true, row->output_price},
			{true, row->reasoning_price}, {true, row->multiplier}},
	};

	m.capabilities = catalog_rows_texts(a, row->capabilities, &m.n_capabilities);
	return m;
}

static void take_aliases(struct arena *a, const struct catalog_aliases_row *row, size_t n,
	struct catalog_file_model *m)
{
	row += range_of(row, n, sizeof(*row), m->id, &m->n_aliases);
	const char **aliases = arena_array(a, const char *, m->n_aliases);
	for (size_t i = 0; i < m->n_aliases; i++)
		aliases[i] = row[i].alias;
	m->aliases = aliases;
}

static void take_routes(struct arena *a, const struct catalog_routes_row *row, size_t n,
	struct catalog_file_model *m)
{
	row += range_of(row, n, sizeof(*row), m->id, &m->n_routes);
	m->routes = arena_array(a, struct catalog_file_route, m->n_routes);
	for (size_t i = 0; i < m->n_routes; i++)
		m->routes[i] = (struct catalog_file_route){
			.provider = row[i].provider_id,
			.key = row[i].key_label,
			.upstream_model = row[i].upstream_model,
			.position = {true, row[i].position},
			.weight = {true, row[i].weight},
			.max_concurrent = row[i].max_concurrent,
			.requests_per_minute = row[i].requests_per_minute,
			.price = {row[i].input_price, row[i].cached_input_price,
				row[i].cache_write_price, row[i].output_price,
				row[i].reasoning_price, row[i].multiplier},
		};
}

int catalog_rows_fetch_models(struct db *db, u64 catalog_id, struct catalog_file *ret)
{
	struct catalog_models_row *row;
	struct catalog_aliases_row *alias;
	struct catalog_routes_row *route;
	size_t n_aliases, n_routes;

	TRY(sql_catalog_models(db, catalog_id, &row, &ret->n_models));
	TRY(sql_catalog_aliases(db, catalog_id, &alias, &n_aliases));
	TRY(sql_catalog_routes(db, catalog_id, &route, &n_routes));
	ret->models = arena_array(db->arena, struct catalog_file_model, ret->n_models);
	for (size_t i = 0; i < ret->n_models; i++) {
		ret->models[i] = model_of(db->arena, &row[i]);
		take_aliases(db->arena, alias, n_aliases, &ret->models[i]);
		take_routes(db->arena, route, n_routes, &ret->models[i]);
	}
	return 0;
}
