/* The limit stage of a request, on the shared windows. */
#include "limit.h"

#include <stdatomic.h>
#include <string.h>

#include "../core/clock.h"
#include "../core/log.h"
#include "../core/metrics.h"
#include "../core/str.h"
#include "../http/request.h"
#include "window.h"

enum { KEY_MAX = 300 };

/* Every one is counted; the log gets one line a second and limit, so that a flood does not become
 * one of lines. */
static void note_dry_run(struct req *r, enum limit_id limit, bool by_nginx)
{
	static _Atomic i64 logged_us[LIMIT_MAX][2];
	i64 last_us = logged_us[limit][by_nginx];

	metrics_limit(limit, true, true);
	if (r->now_us - last_us < US_PER_S ||
		!atomic_compare_exchange_strong(&logged_us[limit][by_nginx], &last_us, r->now_us))
		return;
	LOG(INFO, "limit_dry_run", LOG_TEXT("request_id", r->request_id),
		LOG_TEXT("limit", limit_table[limit].name),
		LOG_TEXT("counted_by", by_nginx ? "nginx" : "worker"));
}

/* The limit's own name space of keys; returns the length. */
static size_t full_key(
	enum limit_id limit, const void *key, size_t length, unsigned char ret[KEY_MAX])
{
	ret[0] = (unsigned char)limit;
	if (length > KEY_MAX - 1)
		length = KEY_MAX - 1;
	memcpy(ret + 1, key, length);
	return length + 1;
}

static struct window_answer hit(
	struct req *r, const struct limit_row *row, const void *key, size_t length)
{
	struct window_map *windows = r->worker->windows;

	if (row->kind == LIMIT_SLIDING)
		return window_hit(windows, key, length, row->count, row->window_s, r->now_us);
	if (row->kind == LIMIT_BUCKET)
		return window_hit_bucket(
			windows, key, length, row->count, row->window_s, r->now_us);
	struct window_answer answer =
		window_hit_fixed(windows, key, length, row->count, row->window_s, r->now_us);
	r->rate = (struct rate){row, answer.remaining, answer.reset_s};
	return answer;
}

static int count(struct req *r, enum limit_id limit, const void *key, size_t length)
{
	const struct limit_row *row = &limit_table[limit];
	unsigned char full[KEY_MAX];
	size_t n = full_key(limit, key, length, full);
	struct window_answer answer = hit(r, row, full, n);

	if (answer.admitted) {
		metrics_limit(limit, false, false);
		return 0;
	}
	if (r->worker->limits_dry_run) {
		note_dry_run(r, limit, false);
		return 0;
	}
	metrics_limit(limit, true, false);
	return fail_later(r->fail, E_RATE_LIMITED, answer.retry_after_s);
}

int limit_hit_address(struct req *r, enum limit_id limit)
{
	unsigned char key[16];
	size_t length = 0;

	if (r->remote_addr == NULL || !ip_key(r->remote_addr, key, &length))
		return fail_cause(r->fail, E_INTERNAL, "no client address");
	return count(r, limit, key, length);
}

void limit_undo_address(struct req *r, enum limit_id limit)
{
	const struct limit_row *row = &limit_table[limit];
	unsigned char key[16], full[KEY_MAX];
	size_t length = 0;

	if (r->remote_addr == NULL || !ip_key(r->remote_addr, key, &length))
		return;
	length = full_key(limit, key, length, full);
	if (row->kind == LIMIT_BUCKET)
		window_undo_bucket(r->worker->windows, full, length, row->count, row->window_s);
	else
		window_undo(r->worker->windows, full, length);
}

int limit_hit_pair(struct req *r, enum limit_id limit, const char *key)
{
	unsigned char full[KEY_MAX];
	size_t n = 0, length = strlen(key);

	if (r->remote_addr == NULL || !ip_key(r->remote_addr, full, &n))
		return fail_cause(r->fail, E_INTERNAL, "no client address");
	if (length > sizeof(full) - n)
		length = sizeof(full) - n;
	memcpy(full + n, key, length);
	return count(r, limit, full, n + length);
}

int limit_hit(struct req *r, enum limit_id limit, const char *key)
{
	return count(r, limit, key, strlen(key));
}

void limit_undo(struct req *r, enum limit_id limit, const char *key)
{
	unsigned char full[KEY_MAX];

	window_undo(r->worker->windows, full, full_key(limit, key, strlen(key), full));
}

int limit_hit_password(struct req *r, const char *email)
{
	TRY(limit_hit_address(r, LIMIT_PASSWORD_IP));
	TRY(limit_hit_pair(r, LIMIT_PASSWORD_EMAIL, email != NULL ? email : ""));
	return email != NULL ? limit_hit(r, LIMIT_PASSWORD_ACCOUNT, email) : 0;
}

/* A family's own limit counts before the route's: what it refuses does not count there. */
static int check_family(struct req *r)
{
	enum limit_id limit = r->family != NULL ? r->family->limit : LIMIT_NONE;

	if (limit == LIMIT_NONE || r->route->limit == LIMIT_NONE || r->route->limit == limit)
		return 0;
	return limit_hit_address(r, limit);
}

int limit_check_address(struct req *r)
{
	const struct limit_row *row = &limit_table[r->route->limit];

	if (r->limit_status != NULL && str_equal(r->limit_status, "REJECTED_DRY_RUN")) {
		note_dry_run(r, r->route->limit, true);
		if (row->kind == LIMIT_FIXED)
			r->rate = (struct rate){row, 0, row->window_s};
		return 0; /* refused once: when limits are enforced, this hit is not seen here */
	}
	TRY(check_family(r));
	if (row->key != LIMIT_KEY_IP || !limit_in_worker(row))
		return 0;
	return limit_hit_address(r, r->route->limit);
}

/* Limits per e-mail address are left to the handler, which knows it and calls limit_hit(). */
int limit_check_caller(struct req *r)
{
	const struct limit_row *row = &limit_table[r->route->limit];

	if (row->key != LIMIT_KEY_USER || !limit_in_worker(row))
		return 0;
	return count(r, r->route->limit, &r->caller.user_id, sizeof(r->caller.user_id));
}
