/* Idempotency keys: which are taken, and what happens to a second request with one, for every state
 * of the first. The statements are replaced by one row in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "fcgi/core/clock.h"
#include "fcgi/core/crypto.h"
#include "fcgi/core/str.h"
#include "fcgi/http/idem.h"
#include "fcgi/http/response.h"
#include "gen/sql.h"
#include "req_world.h"

#include <cmocka.h>
#undef fail /* cmocka's; ours has arguments */

/* No product behind this test, so that its statements are not linked. */
const struct family *const families[] = {NULL};

static struct world world;

/* The table: one row. */
static struct {
	bool has;
	struct sha256 scope, fingerprint;
	struct opt_i64 status;
	char body[256];
	i64 lease_until_us;
	bool lose_reclaim, vanish; /* what another request does in between */
	int n_dropped;
} row;

int sql_idem_claim(struct db *db, const struct idem_claim_in *in, u64 *ret_id)
{
	(void)db;
	assert_int_equal(in->scope_hash.length, SHA256_BYTES);
	assert_int_equal(in->fingerprint.length, SHA256_BYTES);
	if (row.has && memcmp(row.scope.byte, in->scope_hash.data, SHA256_BYTES) == 0)
		return SQL_CONFLICT;
	row.has = true;
	memcpy(row.scope.byte, in->scope_hash.data, SHA256_BYTES);
	memcpy(row.fingerprint.byte, in->fingerprint.data, SHA256_BYTES);
	row.lease_until_us = in->lease_until_us;
	row.status = (struct opt_i64){0};
	*ret_id = 7;
	return 0;
}

int sql_idem_find(struct db *db, struct sql_bytes scope_hash, struct idem_find_row *ret)
{
	(void)scope_hash;
	if (row.vanish)
		return SQL_NONE;
	*ret = (struct idem_find_row){
		.idem_id = 7,
		.fingerprint = {arena_memdup(db->arena, row.fingerprint.byte, SHA256_BYTES),
			SHA256_BYTES},
		.status = row.status,
		.body = row.body,
		.lease_until_us = row.lease_until_us,
	};
	return 0;
}

int sql_idem_reclaim(struct db *db, i64 lease_until_us, u64 idem_id, i64 now_us, u64 *ret_affected)
{
	(void)db;
	assert_int_equal(idem_id, 7);
	*ret_affected = row.lose_reclaim || row.lease_until_us >= now_us ? 0 : 1;
	if (*ret_affected == 1)
		row.lease_until_us = lease_until_us;
	return 0;
}

int sql_idem_store(struct db *db, i64 status, const char *body, u64 idem_id, u64 *ret_affected)
{
	(void)db;
	assert_int_equal(idem_id, 7);
	row.status = (struct opt_i64){true, status};
	snprintf(row.body, sizeof(row.body), "%s", body);
	*ret_affected = row.vanish ? 0 : 1;
	return 0;
}

int sql_idem_drop(struct db *db, u64 idem_id, u64 *ret_affected)
{
	(void)db;
	assert_int_equal(idem_id, 7);
	row.has = false;
	row.n_dropped++;
	*ret_affected = 1;
	return 0;
}

struct item {
	i64 n;
};
SCHEMA(item, I64(item, n));
static const struct route money = {.method = POST,
				  .flags = IDEMPOTENT,
				  .out = &item_schema,
				  .status = 201},
			  other = {.method = POST, .out = &item_schema, .status = 201};

static struct req *request(const char *key, const char *body)
{
	static struct item item = {5};
	struct req *r = world_request(&world, "POST", "/pay");

	r->method = POST;
	r->path = "/pay";
	r->route = &money;
	r->caller.user_id = 3;
	r->idempotency_key = key;
	r->body = body;
	r->body_length = strlen(body);
	r->out = &item;
	return r;
}

static void test_keys(void **state)
{
	static char key255[256], key256[257];
	const struct {
		const char *name, *key;
		int rc;
	} cases[] = {
		{"one character", "a", 0},
		{"all that is printed", " !\"#$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~", 0},
		{"255", key255, 0},
		{"256", key256, E_BAD_REQUEST},
		{"empty", "", E_BAD_REQUEST},
		{"tab", "a\tb", E_BAD_REQUEST},
		{"delete", "a\x7f", E_BAD_REQUEST},
		{"not ASCII", "é", E_BAD_REQUEST},
		{"byte 255", "\xff", E_BAD_REQUEST},
	};

	(void)state;
	memset(key255, 'k', 255);
	memset(key256, 'k', 256);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct req *r = request(cases[i].key, "{}");
		print_message("  %s\n", cases[i].name);
		row.has = false;
		assert_int_equal(idem_replay(r), cases[i].rc);
		assert_int_equal(row.has, cases[i].rc == 0);
		assert_int_equal(r->idem.is_active, cases[i].rc == 0);
	}
}

static void test_only_where_it_counts(void **state)
{
	struct req *r = request(NULL, "{}");

	(void)state;
	row.has = false;
	assert_int_equal(idem_replay(r), 0);
	r = request("key", "{}");
	r->route = &other;
	assert_int_equal(idem_replay(r), 0);
	assert_false(row.has);
	assert_null(r->db.before_commit);
}

/* Which second requests are the same one. */
static void test_scope(void **state)
{
	static const struct {
		const char *name;
		u64 user_id;
		const char *path, *key;
		bool same;
	} cases[] = {
		{"the same", 3, "/pay", "key", true},
		{"another account", 4, "/pay", "key", false},
		{"another path", 3, "/pays", "key", false},
		{"another key", 3, "/pay", "keys", false},
		{"text moved from path to key", 3, "/pa", "y key", false},
		{"text moved from key to path", 3, "/pay k", "ey", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		print_message("  %s\n", cases[i].name);
		row.has = false;
		assert_int_equal(idem_replay(request("key", "{}")), 0);
		struct req *r = request(cases[i].key, "{}");
		r->caller.user_id = cases[i].user_id;
		r->path = cases[i].path;
		assert_int_equal(idem_replay(r), cases[i].same ? E_IDEMPOTENCY_RUNNING : 0);
	}
}

static const struct {
	const char *name, *body;
	bool done, vanish, lose_reclaim;
	i64 after_s; /* the first one's start */
	int rc;
	i64 retry_after_s;
} seconds[] = {
	{"done: the answer again", "{}", true, false, false, 1, 0, 0},
	{"done: the answer again, after the lease", "{}", true, false, false, 999, 0, 0},
	{"done, another body", "{ }", true, false, false, 1, E_IDEMPOTENCY_MISMATCH, 0},
	{"running, another body", "{ }", false, false, false, 1, E_IDEMPOTENCY_MISMATCH, 0},
	{"running", "{}", false, false, false, 20, E_IDEMPOTENCY_RUNNING, 41},
	{"running, last moment", "{}", false, false, false, 60, E_IDEMPOTENCY_RUNNING, 1},
	{"its lease is over", "{}", false, false, false, 61, 0, 0},
	{"its lease is over, another was faster", "{}", false, false, true, 61,
		E_IDEMPOTENCY_RUNNING, 1},
	{"given up in between", "{}", false, true, false, 1, E_IDEMPOTENCY_RUNNING, 1},
};

static void test_seconds(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(seconds); i++) {
		print_message("  %s\n", seconds[i].name);
		row.has = row.vanish = row.lose_reclaim = false;
		struct req *r = request("key", "{}");
		assert_int_equal(idem_replay(r), 0);
		if (seconds[i].done)
			assert_int_equal(r->db.before_commit(&r->db, r->db.before_commit_arg), 0);
		row.vanish = seconds[i].vanish;
		row.lose_reclaim = seconds[i].lose_reclaim;

		r = request("key", seconds[i].body);
		r->now_us += S_TO_US(seconds[i].after_s);
		assert_int_equal(idem_replay(r), seconds[i].rc);
		assert_int_equal(world.fail.retry_after_s, seconds[i].retry_after_s);
		assert_int_equal(r->response.is_ready, seconds[i].done && seconds[i].rc == 0);
		assert_int_equal(r->idem.is_active, !seconds[i].done && seconds[i].rc == 0);
		if (!r->response.is_ready)
			continue;
		const char *sent = world_send(&world);
		assert_true(str_starts(sent, "Status: 201 "));
		assert_non_null(strstr(sent, "\r\nIdempotent-Replayed: true\r\n"));
		assert_non_null(strstr(sent, "\r\n\r\n{\"n\":5}\n"));
	}
	row.vanish = row.lose_reclaim = false;
}

static const struct {
	const char *name;
	enum error failure;
	bool in_transaction;
	i64 kept; /* status in the store, 0: none */
	int n_dropped;
} ends[] = {
	{"committed", E_OK, true, 201, 0},
	{"answered without a transaction", E_OK, false, 201, 0},
	{"refused", E_INSUFFICIENT_BALANCE, false, 402, 0},
	{"failed", E_INTERNAL, false, 500, 0},
	{"nothing happened", E_UNAVAILABLE, false, 0, 1},
	{"unknown: the row decides after its lease", E_OUTCOME_UNKNOWN, false, 0, 0},
};

static void test_ends(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		struct req *r = request("key", "{}");
		print_message("  %s\n", ends[i].name);
		row.has = false;
		row.n_dropped = 0;
		assert_int_equal(idem_replay(r), 0);
		if (ends[i].in_transaction)
			assert_int_equal(r->db.before_commit(&r->db, r->db.before_commit_arg), 0);
		if (ends[i].failure != E_OK) {
			fail(r->fail, ends[i].failure, NULL);
			resp_error(r);
		} else if (!r->response.is_ready) {
			resp_json(r, &item_schema, r->out);
		}
		idem_finish(r);
		assert_int_equal(row.status.has ? row.status.value : 0, ends[i].kept);
		assert_int_equal(row.n_dropped, ends[i].n_dropped);
		assert_ptr_equal(r->db.fail, &world.fail);
	}
}

/* The lease went to another request meanwhile: this one must not commit. */
static void test_lost_lease(void **state)
{
	struct req *r = request("key", "{}");

	(void)state;
	row.has = false;
	assert_int_equal(idem_replay(r), 0);
	row.vanish = true;
	assert_int_equal(r->db.before_commit(&r->db, r->db.before_commit_arg), E_OUTCOME_UNKNOWN);
	assert_false(r->idem.is_stored);
	row.vanish = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_only_where_it_counts),
		cmocka_unit_test(test_scope),
		cmocka_unit_test(test_seconds),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_lost_lease),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	world_close(&world);
	return failed;
}
