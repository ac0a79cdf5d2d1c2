/* The versions of the catalog: storing a new one, reading one, telling two apart. */
#include "catalog.h"

#include <string.h>

#include "../fcgi/core/clock.h"
#include "../fcgi/core/crypto.h"
#include "../fcgi/core/str.h"
#include "catalog_rows.h"
#include "gen/sql.h"

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
	return catalog_rows_insert(db, file, ret->catalog_id);
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

/* What a schema's struct is known by: its first member. */
static const char *id_of(const void *item)
{
	return *(const char *const *)item;
}

static const void *item_of(const struct field *f, const void *file, size_t i)
{
	const char *items = *(const char *const *)(const void *)((const char *)file + f->offset);

	return items + i * f->schema->size;
}

static size_t count_of(const struct field *f, const void *file)
{
	return *(const size_t *)(const void *)((const char *)file + f->n_offset);
}

static const void *item_find(const struct field *f, const void *file, const char *id)
{
	for (size_t i = 0; i < count_of(f, file); i++)
		if (str_equal(id_of(item_of(f, file, i)), id))
			return item_of(f, file, i);
	return NULL;
}

/* One member as JSON without its name, for comparing and for showing. */
static const char *member_text(struct arena *a, const struct field *f, const void *item)
{
	const struct schema alone = {NULL, f, 1, 0, false};
	struct buf b;

	buf_init(&b, a, 64);
	schema_encode(&alone, item, &b);
	if (str_equal(b.data, "{}"))
		return "none";
	b.data[b.length - 1] = '\0';
	return b.data + strlen(field_name(f)) + 4; /* {"name": */
}

/* "plan" of "plans" */
static const char *kind_of(struct arena *a, const struct field *f)
{
	return arena_strndup(a, field_name(f), strlen(field_name(f)) - 1);
}

static size_t diff_item(struct arena *a, const struct field *list, const void *from, const void *to,
	struct buf *out)
{
	size_t n = 0;

	for (size_t i = 0; i < list->schema->n_fields; i++) {
		const struct field *f = &list->schema->field[i];
		const char *before = member_text(a, f, from), *after = member_text(a, f, to);
		if (str_equal(before, after))
			continue;
		buf_printf(out, "  %s %s: %s %s -> %s\n", kind_of(a, list), id_of(to),
			field_name(f), before, after);
		n++;
	}
	return n;
}

static size_t diff_list(struct arena *a, const struct field *list, const struct catalog_file *from,
	const struct catalog_file *to, struct buf *out)
{
	size_t n = 0;

	for (size_t i = 0; i < count_of(list, to); i++) {
		const void *item = item_of(list, to, i);
		const void *before = item_find(list, from, id_of(item));
		if (before != NULL) {
			n += diff_item(a, list, before, item, out);
			continue;
		}
		buf_printf(out, "  %s %s: new, ", kind_of(a, list), id_of(item));
		schema_encode(list->schema, item, out);
		buf_char(out, '\n');
		n++;
	}
	for (size_t i = 0; i < count_of(list, from); i++) {
		const char *id = id_of(item_of(list, from, i));
		if (item_find(list, to, id) != NULL)
			continue;
		buf_printf(out, "  %s %s: no longer there\n", kind_of(a, list), id);
		n++;
	}
	return n;
}

size_t catalog_diff(struct arena *arena, const struct catalog_file *from,
	const struct catalog_file *to, struct buf *out)
{
	size_t n = 0;

	for (size_t i = 0; i < catalog_file_schema.n_fields; i++)
		if (catalog_file_schema.field[i].type == FIELD_ARRAY)
			n += diff_list(arena, &catalog_file_schema.field[i], from, to, out);
	return n;
}
