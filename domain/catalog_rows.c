/* The catalog's file to rows, and rows to the file: one pair of functions for each table. Providers
 * and models: catalog_rows_models.c. */
#include "catalog_rows.h"

#include <string.h>

#include "../fcgi/http/json.h"
#include "gen/sql.h"
#include "money.h"

const char *catalog_rows_json(struct arena *a, const char *const *items, size_t n)
{
	struct buf b;

	buf_init(&b, a, 256);
	buf_char(&b, '[');
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_char(&b, ',');
		buf_json(&b, items[i]);
	}
	buf_char(&b, ']');
	return b.data;
}

/* The array of text that catalog_rows_json() wrote. */
const char *const *catalog_rows_texts(struct arena *a, const char *json, size_t *ret_n)
{
	const char *why;
	scoped(json_object) *doc = json_read(a, json, strlen(json), &why);

	*ret_n = why == NULL && doc != NULL ? json_object_array_length(doc) : 0;
	const char **items = arena_array(a, const char *, *ret_n);
	for (size_t i = 0; i < *ret_n; i++)
		items[i] =
			arena_strdup(a, json_object_get_string(json_object_array_get_idx(doc, i)));
	return items;
}

static int insert_plan(
	struct db *db, const struct catalog_file_plan *p, u64 catalog_id, size_t position)
{
	return sql_catalog_plan_insert(db,
		&(struct catalog_plan_insert_in){
			.catalog_id = catalog_id,
			.position = (i64)position,
			.plan_id = p->id,
			.name = p->name,
			.is_listed = p->listed.value,
			.price_cents = p->price_cents,
			.founding_price_cents = p->founding_price_cents,
			.billing_interval = p->interval,
			.plan_rank = p->rank,
			.allowance_micro = p->allowance_cents * MICRO_PER_CENT,
			.daily_turns = p->daily_turns,
			.features = catalog_rows_json(db->arena, p->features, p->n_features),
		},
		NULL);
}

static int fetch_plans(struct db *db, u64 catalog_id, struct catalog_file *ret)
{
	struct catalog_plans_row *row;

	TRY(sql_catalog_plans(db, catalog_id, &row, &ret->n_plans));
	ret->plans = arena_array(db->arena, struct catalog_file_plan, ret->n_plans);
	for (size_t i = 0; i < ret->n_plans; i++) {
		struct catalog_file_plan *p = &ret->plans[i];
		*p = (struct catalog_file_plan){
			.id = row[i].plan_id,
			.name = row[i].name,
			.interval = row[i].billing_interval,
			.listed = {true, row[i].is_listed},
			.price_cents = row[i].price_cents,
			.rank = row[i].plan_rank,
			.allowance_cents = row[i].allowance_micro / MICRO_PER_CENT,
			.founding_price_cents = row[i].founding_price_cents,
			.daily_turns = row[i].daily_turns,
		};
		p->features = catalog_rows_texts(db->arena, row[i].features, &p->n_features);
	}
	return 0;
}

static int insert_topup(
	struct db *db, const struct catalog_file_topup *t, u64 catalog_id, size_t position)
{
	return sql_catalog_topup_insert(db,
		&(struct catalog_topup_insert_in){
			.catalog_id = catalog_id,
			.position = (i64)position,
			.topup_id = t->id,
			.price_cents = t->price_cents,
			.credits_cents = t->credits_cents,
		},
		NULL);
}

static int fetch_topups(struct db *db, u64 catalog_id, struct catalog_file *ret)
{
	struct catalog_topups_row *row;

	TRY(sql_catalog_topups(db, catalog_id, &row, &ret->n_topups));
	ret->topups = arena_array(db->arena, struct catalog_file_topup, ret->n_topups);
	for (size_t i = 0; i < ret->n_topups; i++)
		ret->topups[i] = (struct catalog_file_topup){
			row[i].topup_id, row[i].price_cents, row[i].credits_cents};
	return 0;
}

static int insert_tier(
	struct db *db, const struct catalog_file_tier *t, u64 catalog_id, size_t position)
{
	return sql_catalog_tier_insert(db,
		&(struct catalog_tier_insert_in){
			.catalog_id = catalog_id,
			.position = (i64)position,
			.tier_id = t->id,
			.plan_id = t->plan,
			.description = t->description,
			.yearly_price_cents = t->yearly_price_cents,
			.credits_per_request = t->credits_per_request,
			.credits_per_day = t->credits_per_day,
			.is_active = t->active.value,
		},
		NULL);
}

static int fetch_tiers(struct db *db, u64 catalog_id, struct catalog_file *ret)
{
	struct catalog_tiers_row *row;

	TRY(sql_catalog_tiers(db, catalog_id, &row, &ret->n_tiers));
	ret->tiers = arena_array(db->arena, struct catalog_file_tier, ret->n_tiers);
	for (size_t i = 0; i < ret->n_tiers; i++)
		ret->tiers[i] = (struct catalog_file_tier){
			.id = row[i].tier_id,
			.plan = row[i].plan_id,
			.description = row[i].description,
			.yearly_price_cents = row[i].yearly_price_cents,
			.credits_per_request = row[i].credits_per_request,
			.credits_per_day = row[i].credits_per_day,
			.active = {true, row[i].is_active},
		};
	return 0;
}

static int insert_pack(
	struct db *db, const struct catalog_file_pack *p, u64 catalog_id, size_t position)
{
	return sql_catalog_pack_insert(db,
		&(struct catalog_pack_insert_in){catalog_id, (i64)position, p->id, p->name,
			p->credits, p->price_cents, p->active.value},
		NULL);
}

static int fetch_packs(struct db *db, u64 catalog_id, struct catalog_file *ret)
{
	struct catalog_packs_row *row;

	TRY(sql_catalog_packs(db, catalog_id, &row, &ret->n_packs));
	ret->packs = arena_array(db->arena, struct catalog_file_pack, ret->n_packs);
	for (size_t i = 0; i < ret->n_packs; i++)
		ret->packs[i] = (struct catalog_file_pack){row[i].pack_id, row[i].name,
			row[i].credits, row[i].price_cents, {true, row[i].is_active}};
	return 0;
}

#define INSERT_EACH(list, insert)                   \
	for (size_t i = 0; i < file->n_##list; i++) \
	TRY(insert(db, &file->list[i], catalog_id, i))

int catalog_rows_insert(struct db *db, const struct catalog_file *file, u64 catalog_id)
{
	INSERT_EACH(plans, insert_plan);
	INSERT_EACH(topups, insert_topup);
	INSERT_EACH(tiers, insert_tier);
	INSERT_EACH(packs, insert_pack);
	INSERT_EACH(providers, catalog_rows_insert_provider);
	INSERT_EACH(models, catalog_rows_insert_model);
	return 0;
}

int catalog_fetch(struct db *db, u64 catalog_id, struct catalog_file *ret)
{
	*ret = (struct catalog_file){0};
	TRY(fetch_plans(db, catalog_id, ret));
	TRY(fetch_topups(db, catalog_id, ret));
	TRY(fetch_tiers(db, catalog_id, ret));
	TRY(fetch_packs(db, catalog_id, ret));
	TRY(catalog_rows_fetch_providers(db, catalog_id, ret));
	return catalog_rows_fetch_models(db, catalog_id, ret);
}
