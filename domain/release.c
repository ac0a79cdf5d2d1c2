/* The IDE's builds, kept in memory by every worker. */
#include "release.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../fcgi/core/crypto.h"
#include "../fcgi/core/str.h"
#include "../fcgi/limit/limits.h"
#include "gen/sql.h"

enum { SNAPSHOT_CEILING_BYTES = 16 * 1024 * 1024 };

/* What a client calls itself, and the platform whose builds it takes when there are none of its own
 * name. */
static const struct {
	const char *name, *base;
} platforms[] = {
	{"win32-x64", NULL},
	{"win32-x64-user", "win32-x64"},
	{"win32-x64-archive", "win32-x64"},
	{"win32-arm64", NULL},
	{"win32-arm64-user", "win32-arm64"},
	{"win32-arm64-archive", "win32-arm64"},
	{"darwin", "darwin-x64"},
	{"darwin-x64", NULL},
	{"darwin-arm64", NULL},
	{"darwin-universal", "darwin-x64"},
	{"linux-x64", NULL},
	{"linux-arm64", NULL},
	{"linux-armhf", NULL},
};

static const char *platform_base(const char *name, bool *ret_known)
{
	*ret_known = false;
	for (size_t i = 0; i < ARRAY_LEN(platforms); i++)
		if (str_equal(platforms[i].name, name)) {
			*ret_known = true;
			return platforms[i].base;
		}
	return NULL;
}

bool release_platform_known(const char *platform)
{
	bool known;

	platform_base(platform, &known);
	return known;
}

bool release_quality_known(const char *quality)
{
	return str_equal(quality, "stable") || str_equal(quality, "insider");
}

/* All builds, newest first. Readers hold the lock for reading while they copy one out. */
static struct {
	pthread_rwlock_t lock;
	struct arena arena;
	struct release_build *build;
	size_t n;
	u64 version;
	bool is_fresh; /* false: the database was away at the last look */
} snapshot = {.lock = PTHREAD_RWLOCK_INITIALIZER};

static struct release_build build_of(struct arena *a, const struct release_all_row *row)
{
	return (struct release_build){
		.platform = arena_strdup(a, row->platform),
		.quality = arena_strdup(a, row->quality),
		.commit = arena_strdup(a, row->commit_id),
		.name = arena_strdup(a, row->name),
		.product_version = arena_strdup(a, row->product_version),
		.url = arena_strdup(a, row->url),
		.sha256_hex = hex_encode(a, row->sha256.data, row->sha256.length),
		.min_os = row->min_os != NULL ? arena_strdup(a, row->min_os) : NULL,
		.notes = row->notes != NULL ? arena_strdup(a, row->notes) : NULL,
		.rollout_percent = row->rollout_percent,
		.published_at_us = row->published_at_us,
		.is_paused = row->is_paused,
	};
}

static void snapshot_replace(const struct release_all_row *row, size_t n, u64 version)
{
	struct arena fresh, old;

	arena_init(&fresh, SNAPSHOT_CEILING_BYTES);
	struct release_build *build = arena_array(&fresh, struct release_build, n);
	for (size_t i = 0; i < n; i++)
		build[i] = build_of(&fresh, &row[i]);
	pthread_rwlock_wrlock(&snapshot.lock);
	old = snapshot.arena;
	snapshot.arena = fresh;
	snapshot.build = build;
	snapshot.n = n;
	snapshot.version = version;
	snapshot.is_fresh = true;
	pthread_rwlock_unlock(&snapshot.lock);
	arena_free(&old);
}

static void snapshot_set_fresh(bool is_fresh)
{
	pthread_rwlock_wrlock(&snapshot.lock);
	snapshot.is_fresh = is_fresh;
	pthread_rwlock_unlock(&snapshot.lock);
}

/* The version is read before the rows: a change in between is seen again at the next look. Only the
 * tick of a process looks, so nobody else writes the version. */
void release_refresh(struct db *db)
{
	struct release_version_row version;
	struct release_all_row *row;
	size_t n;

	if (sql_release_version(db, &version) != 0) {
		snapshot_set_fresh(false);
		return;
	}
	if (version.version == snapshot.version)
		snapshot_set_fresh(true);
	else if (sql_release_all(db, &row, &n) == 0)
		snapshot_replace(row, n, version.version);
	else
		snapshot_set_fresh(false);
}

bool release_in_rollout(const char *address, const char *commit, i64 percent)
{
	unsigned char key[16], text[16 + 64];
	size_t n = 0, length = strlen(commit);

	if (percent >= 100)
		return true;
	if (address == NULL || !ip_key(address, key, &n))
		return false;
	if (n == 4)
		n = 3; /* one /24 sees one answer */
	if (length > 64)
		length = 64;
	memcpy(text, key, n);
	memcpy(text + n, commit, length);
	struct sha256 hash = sha256(text, n + length);
	unsigned draw = (unsigned)hash.byte[0] << 24 | (unsigned)hash.byte[1] << 16 |
			(unsigned)hash.byte[2] << 8 | hash.byte[3];
	return draw % 100 < (unsigned)percent;
}

/* Compares dotted numbers: <0, 0, >0. Missing parts are 0. */
static int version_compare(const char *a, const char *b)
{
	for (;;) {
		char *end_a, *end_b;
		unsigned long x = strtoul(a, &end_a, 10), y = strtoul(b, &end_b, 10);
		if (x != y)
			return x < y ? -1 : 1;
		if (*end_a != '.' && *end_b != '.')
			return 0;
		a = *end_a == '.' ? end_a + 1 : "";
		b = *end_b == '.' ? end_b + 1 : "";
	}
}

bool release_os_too_old(const char *user_agent, const char *min_os)
{
	static const char *const marks[] = {"Darwin/", "Windows NT "};

	for (size_t i = 0; user_agent != NULL && i < ARRAY_LEN(marks); i++) {
		const char *found = strstr(user_agent, marks[i]);
		if (found != NULL)
			return version_compare(found + strlen(marks[i]), min_os) < 0;
	}
	return false;
}

static const struct release_build *offer(
	const char *platform, const struct release_query *q, bool *ret_any)
{
	for (size_t i = 0; i < snapshot.n; i++) {
		const struct release_build *b = &snapshot.build[i];
		if (!str_equal(b->platform, platform) || !str_equal(b->quality, q->quality))
			continue;
		*ret_any = true;
		if (strncasecmp(b->commit, q->commit, strlen(q->commit)) == 0)
			return NULL; /* has it, also when it was paused since: never back to an
					older one */
		if (b->is_paused || !release_in_rollout(q->address, b->commit, b->rollout_percent))
			continue;
		if (b->min_os != NULL && release_os_too_old(q->user_agent, b->min_os))
			continue;
		return b;
	}
	return NULL;
}

static const struct release_build *build_copy(struct arena *a, const struct release_build *b)
{
	struct release_build *copy = arena_memdup(a, b, sizeof(*b));

	copy->platform = arena_strdup(a, b->platform);
	copy->quality = arena_strdup(a, b->quality);
	copy->commit = arena_strdup(a, b->commit);
	copy->name = arena_strdup(a, b->name);
	copy->product_version = arena_strdup(a, b->product_version);
	copy->url = arena_strdup(a, b->url);
	copy->sha256_hex = arena_strdup(a, b->sha256_hex);
	copy->min_os = b->min_os != NULL ? arena_strdup(a, b->min_os) : NULL;
	copy->notes = b->notes != NULL ? arena_strdup(a, b->notes) : NULL;
	return copy;
}

const struct release_build *release_for(struct arena *arena, const struct release_query *query)
{
	bool known, any = false;
	const char *base = platform_base(query->platform, &known);
	const struct release_build *build = NULL;

	pthread_rwlock_rdlock(&snapshot.lock);
	if (snapshot.is_fresh) {
		build = offer(query->platform, query, &any);
		if (!any && base != NULL)
			build = offer(base, query, &any);
		if (build != NULL)
			build = build_copy(arena, build);
	}
	pthread_rwlock_unlock(&snapshot.lock);
	return build;
}

struct change {
	const struct release_insert_in *insert;
	const char *platform, *quality, *commit;
	bool sets_pause, is_paused;
	i64 percent;
};

static int change_apply(struct db *db, void *arg)
{
	const struct change *w = arg;
	u64 affected = 1;
	int rc;

	if (w->insert != NULL)
		rc = sql_release_insert(db, w->insert, NULL);
	else if (w->sets_pause)
		rc = sql_release_pause(db,
			&(struct release_pause_in){
				w->is_paused, w->platform, w->quality, w->commit},
			&affected);
	else
		rc = sql_release_rollout(db,
			&(struct release_rollout_in){
				w->percent, w->platform, w->quality, w->commit},
			&affected);
	if (rc == SQL_CONFLICT)
		return fail(db->fail, E_CONFLICT, "This commit is published for this platform.");
	TRY(rc);
	if (affected == 0)
		return fail(db->fail, E_NOT_FOUND, "There is no such release.");
	return sql_release_changed(db, NULL);
}

int release_add(struct db *db, const struct release_insert_in *release)
{
	struct change w = {.insert = release};

	return db_tx(db, change_apply, &w);
}

int release_pause(struct db *db, const char *platform, const char *quality, const char *commit,
	bool is_paused)
{
	struct change w = {NULL, platform, quality, commit, true, is_paused, 0};

	return db_tx(db, change_apply, &w);
}

int release_rollout(
	struct db *db, const char *platform, const char *quality, const char *commit, i64 percent)
{
	struct change w = {NULL, platform, quality, commit, false, false, percent};

	return db_tx(db, change_apply, &w);
}
