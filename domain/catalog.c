/* The catalog's file and its versions in the database. */
#include "catalog.h"

#include <string.h>

#include "../fcgi/core/clock.h"
#include "../fcgi/core/crypto.h"
#include "../fcgi/core/str.h"
#include "../fcgi/http/json.h"
#include "../fcgi/http/schema.h"
#include "gen/sql.h"

enum { PRICE_MAX_CENTS = 100000000, MICRO_PER_CENT = 10000 };

#define ID_CHARS "abcdefghijklmnopqrstuvwxyz0123456789_"

SCHEMA(catalog_file_plan, STR(catalog_file_plan, id, REQUIRED, .min = 1, .max = 32),
	STR(catalog_file_plan, name, REQUIRED, .min = 1, .max = 64),
	OPT_BOOL(catalog_file_plan, listed),
	I64(catalog_file_plan, price_cents, REQUIRED, .min = 0, .max = PRICE_MAX_CENTS),
	OPT_I64(catalog_file_plan, founding_price_cents, .min = 0, .max = PRICE_MAX_CENTS),
	STR(catalog_file_plan, interval, REQUIRED, .values = "month|year|once"),
	I64(catalog_file_plan, rank, REQUIRED, .min = 0, .max = 100),
	I64(catalog_file_plan, allowance_cents, .min = 0, .max = PRICE_MAX_CENTS),
	OPT_I64(catalog_file_plan, daily_turns, .min = 0, .max = 1000000),
	STR_ARRAY(catalog_file_plan, features, REQUIRED, .min = 0, .max = 50));

SCHEMA(catalog_file_topup, STR(catalog_file_topup, id, REQUIRED, .min = 1, .max = 32),
	I64(catalog_file_topup, price_cents, REQUIRED, .min = 1, .max = PRICE_MAX_CENTS),
	I64(catalog_file_topup, credits_cents, REQUIRED, .min = 1, .max = PRICE_MAX_CENTS));

SCHEMA(catalog_file, OPT_I64(catalog_file, effective_at, .min = 0, .max = 253402300799),
	ARRAY(catalog_file, plans, catalog_file_plan, REQUIRED, .min = 1, .max = 100),
	ARRAY(catalog_file, topups, catalog_file_topup, REQUIRED, .min = 0, .max = 100));

static bool is_id(const char *id)
{
	return strspn(id, ID_CHARS) == strlen(id);
}

/* What the schema cannot say: ids are plain and each stands once; people without a plan are on
 * "free". */
static int check_ids(const struct catalog_file *file, struct fail *fail)
{
	bool has_free = false;
	int rc = 0;

	for (size_t i = 0; i < file->n_plans; i++) {
		const char *id = file->plans[i].id;
		has_free = has_free || str_equal(id, "free");
		if (!is_id(id))
			fail_fault(fail, id, "letters, digits and '_'"), rc = E_INVALID_FIELD;
		for (size_t j = 0; j < i; j++)
			if (str_equal(id, file->plans[j].id))
				fail_fault(fail, id, "twice"), rc = E_INVALID_FIELD;
	}
	for (size_t i = 0; i < file->n_topups; i++) {
		const char *id = file->topups[i].id;
		if (!is_id(id))
			fail_fault(fail, id, "letters, digits and '_'"), rc = E_INVALID_FIELD;
		for (size_t j = 0; j < file->n_plans; j++)
			if (str_equal(id, file->plans[j].id))
				fail_fault(fail, id, "plan and top-up"), rc = E_INVALID_FIELD;
		for (size_t j = 0; j < i; j++)
			if (str_equal(id, file->topups[j].id))
				fail_fault(fail, id, "twice"), rc = E_INVALID_FIELD;
	}
	if (!has_free)
		fail_fault(fail, "plans", "a plan with the id 'free'"), rc = E_INVALID_FIELD;
	return rc;
}

int catalog_parse(struct arena *arena, const char *text, size_t length, struct catalog_file *ret,
	struct fail *fail_)
{
	const char *why = NULL;
	scoped(json_object) *doc = json_read(arena, text, length, &why);

	if (why != NULL)
		return fail(fail_, E_INVALID_JSON, "The file is not valid JSON: %s.", why);
	*ret = (struct catalog_file){0};
	int rc = schema_bind_body(&catalog_file_schema, doc, ret, arena, fail_);
	if (rc == 0)
		rc = check_ids(ret, fail_);
	struct sha256 hash = sha256(text, length);
	memcpy(ret->checksum, &hash, sizeof(hash));
	return rc == 0 ? 0 : fail(fail_, (enum error)rc, NULL);
}

static const char *json_array(struct arena *a, const char *const *items, size_t n)
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

struct store {
	const struct catalog_file *file;
	i64 now_us;
	bool is_new;
};

static int insert_rows(struct db *db, const struct catalog_file *file, u64 catalog_id)
{
	for (size_t i = 0; i < file->n_plans; i++) {
		const struct catalog_file_plan *p = &file->plans[i];
		TRY(sql_catalog_plan_insert(db,
			&(struct catalog_plan_insert_in){
				.catalog_id = catalog_id,
				.position = (i64)i,
				.plan_id = p->id,
				.name = p->name,
				.is_listed = !p->listed.has || p->listed.value,
				.price_cents = p->price_cents,
				.founding_price_cents = p->founding_price_cents,
				.billing_interval = p->interval,
				.plan_rank = p->rank,
				.allowance_micro = p->allowance_cents * MICRO_PER_CENT,
				.daily_turns = p->daily_turns,
				.features = json_array(db->arena, p->features, p->n_features),
			},
			NULL));
	}
	for (size_t i = 0; i < file->n_topups; i++)
		TRY(sql_catalog_topup_insert(db,
			&(struct catalog_topup_insert_in){
				.catalog_id = catalog_id,
				.position = (i64)i,
				.topup_id = file->topups[i].id,
				.price_cents = file->topups[i].price_cents,
				.credits_cents = file->topups[i].credits_cents,
			},
			NULL));
	return 0;
}

static int store_apply(struct db *db, void *arg)
{
	struct store *w = arg;
	struct catalog_newest_row newest;
	u64 catalog_id;
	int rc = sql_catalog_newest(db, &newest);

	w->is_new = true;
	if (rc != SQL_NONE) {
		TRY(rc);
		if (memcmp(newest.checksum.data, w->file->checksum, SHA256_BYTES) == 0) {
			w->is_new = false;
			return 0;
		}
	}
	i64 effective_at_us =
		w->file->effective_at.has ? S_TO_US(w->file->effective_at.value) : w->now_us;
	TRY(sql_catalog_insert(db, (struct sql_bytes){w->file->checksum, SHA256_BYTES},
		effective_at_us, w->now_us, &catalog_id));
	return insert_rows(db, w->file, catalog_id);
}

int catalog_store(struct db *db, const struct catalog_file *file, i64 now_us, bool *ret_is_new)
{
	struct store w = {.file = file, .now_us = now_us};

	TRY(db_tx(db, store_apply, &w));
	*ret_is_new = w.is_new;
	return 0;
}
