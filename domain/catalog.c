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

int catalog_check_time(struct db *db, const struct catalog_file *file, i64 now_us)
{
	struct catalog_current_row current;
	int rc = sql_catalog_current(db, now_us, &current);

	if (rc == SQL_NONE)
		return 0;
	TRY(rc);
	if (!file->effective_at.has || S_TO_US(file->effective_at.value) >= current.effective_at_us)
		return 0;
	return fail(db->fail, E_CONFLICT,
		"Its effective_at, %s, lies before that of version %llu, which is in effect since "
		"%s: it would never take effect.",
		clock_iso8601(db->arena, S_TO_US(file->effective_at.value)),
		(unsigned long long)current.catalog_id,
		clock_iso8601(db->arena, current.effective_at_us));
}

struct store {
	const struct catalog_file *file;
	i64 now_us;
	struct catalog_stored result;
};

static int store_new(struct db *db, const struct store *w, struct catalog_stored *ret)
{
	const struct catalog_file *file = w->file;

	TRY(catalog_check_time(db, file, w->now_us));
	ret->is_new = true;
	ret->effective_at_us =
		file->effective_at.has ? S_TO_US(file->effective_at.value) : w->now_us;
	TRY(sql_catalog_insert(db, (struct sql_bytes){file->checksum, SHA256_BYTES},
		ret->effective_at_us, w->now_us, &ret->catalog_id));
	return insert_rows(db, file, ret->catalog_id);
}

static int store_apply(struct db *db, void *arg)
{
	struct store *w = arg;
	struct catalog_newest_row newest;
	struct catalog_current_row current;
	int rc = sql_catalog_newest(db, &newest);

	w->result = (struct catalog_stored){0};
	if (rc != SQL_NONE)
		TRY(rc);
	if (rc == 0 && memcmp(newest.checksum.data, w->file->checksum, SHA256_BYTES) == 0) {
		w->result.catalog_id = newest.catalog_id;
		w->result.effective_at_us = newest.effective_at_us;
	} else {
		TRY(store_new(db, w, &w->result));
	}
	rc = sql_catalog_current(db, w->now_us, &current);
	if (rc == SQL_NONE)
		return 0;
	w->result.current_id = rc == 0 ? current.catalog_id : 0;
	return rc;
}

int catalog_store(
	struct db *db, const struct catalog_file *file, i64 now_us, struct catalog_stored *ret)
{
	struct store w = {.file = file, .now_us = now_us};

	TRY(db_tx(db, store_apply, &w));
	*ret = w.result;
	return 0;
}
