/* Header fields that every answer has without its handler: what the route, the family, the origin
 * and the limits say. */
#include "fields.h"

#include <string.h>
#include <strings.h>

#include "../core/clock.h"
#include "../core/str.h"
#include "dialect.h"
#include "request.h"

static bool origin_is_allowed(const struct options *o, const char *origin)
{
	if (str_equal(origin, o->public_url))
		return true;
	for (const char *p = o->cors_origins; p != NULL && *p != '\0';) {
		size_t length = strcspn(p, " ");
		if (length > 0 && strlen(origin) == length && strncmp(p, origin, length) == 0)
			return true;
		p += length;
		p += strspn(p, " ");
	}
	return false;
}

/* The names of a preflight that begin with "x-stainless-": clients of that make send a dozen. */
static void put_stainless(const struct req *r, struct buf *b)
{
	static const char prefix[] = "x-stainless-";
	const char *asked = req_header(r, "HTTP_ACCESS_CONTROL_REQUEST_HEADERS");

	for (const char *p = asked; p != NULL && *p != '\0';) {
		p += strspn(p, ", ");
		size_t length = strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					  "0123456789-");
		if (strncasecmp(p, prefix, sizeof(prefix) - 1) == 0)
			buf_printf(b, ", %.*s", (int)length, p);
		p += length;
		p += strcspn(p, ", ");
	}
}

static void put_preflight(const struct req *r, struct buf *b)
{
	const char *more = r->family->cors_allow;

	buf_printf(b,
		"Access-Control-Allow-Methods: %s\r\n"
		"Access-Control-Allow-Headers: Authorization, Content-Type, Idempotency-Key",
		r->allow);
	if (more != NULL) {
		buf_printf(b, ", %s", more);
		put_stainless(r, b);
	}
	buf_str(b, "\r\nAccess-Control-Max-Age: 600\r\n");
}

static void put_cors(struct req *r, struct buf *b)
{
	if (r->route == NULL || r->family == NULL || r->family->no_cors)
		return;
	if ((r->route->flags & PUBLIC_CORS) != 0) {
		buf_str(b, "Access-Control-Allow-Origin: *\r\n");
	} else if (r->origin != NULL && origin_is_allowed(r->worker->options, r->origin)) {
		buf_str(b, "Access-Control-Allow-Origin: ");
		buf_str(b, r->origin);
		buf_str(b, "\r\nVary: Origin\r\n");
	} else {
		return;
	}
	if (r->is_options)
		put_preflight(r, b);
	else if (r->family->cors_expose != NULL)
		buf_printf(b, "Access-Control-Expose-Headers: %s\r\n", r->family->cors_expose);
}

/* The set of draft-ietf-httpapi-ratelimit-headers-06, and the one field of -07. */
static void put_rate(const struct req *r, struct buf *b)
{
	const struct limit_row *l = r->rate.row;

	if (l == NULL || !r->family->dialect->rate_headers)
		return;
	buf_printf(b,
		"RateLimit-Policy: %lld;w=%lld\r\nRateLimit-Limit: %lld\r\n"
		"RateLimit-Remaining: %lld\r\nRateLimit-Reset: %lld\r\n"
		"RateLimit: limit=%lld, remaining=%lld, reset=%lld\r\n",
		(long long)l->count, (long long)l->window_s, (long long)l->count,
		(long long)r->rate.remaining, (long long)r->rate.reset_s, (long long)l->count,
		(long long)r->rate.remaining, (long long)r->rate.reset_s);
}

static void put_deprecation(const struct deprecation *d, struct arena *a, struct buf *b)
{
	buf_printf(b, "Deprecation: @%lld\r\n", (long long)d->since_s);
	if (d->sunset_s != 0)
		buf_printf(b, "Sunset: %s\r\n", clock_http_date(a, S_TO_US(d->sunset_s)));
	if (d->successor != NULL)
		buf_printf(b, "Link: <%s>; rel=\"successor-version\"\r\n", d->successor);
}

static void put_cache_control(struct req *r, struct buf *b)
{
	const char *value = r->response.cache_control;

	buf_str(b, "Cache-Control: ");
	if (value != NULL)
		buf_str(b, value);
	else if (r->route != NULL && r->route->cache_s > 0)
		buf_printf(b, "public, max-age=%d", r->route->cache_s);
	else
		buf_str(b, "no-store");
	buf_str(b, "\r\n");
}

void fields_put(struct req *r, struct buf *b)
{
	put_cache_control(r, b);
	put_cors(r, b);
	put_rate(r, b);
	if (r->route != NULL && r->route->deprecated != NULL)
		put_deprecation(r->route->deprecated, r->arena, b);
}
