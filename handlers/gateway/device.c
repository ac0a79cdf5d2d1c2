/* Device logins: the gateway's own shape, and the same in the words of RFC 8628 (gateway.md section
 * 7). */
#include "../../domain/device_login.h"

#include "../../fcgi/auth/auth.h"
#include "../../fcgi/core/clock.h"
#include "../../fcgi/core/str.h"
#include "../../fcgi/http/request.h"
#include "../../fcgi/limit/limit.h"
#include "login.h"

#define GRANT_TYPE "urn:ietf:params:oauth:grant-type:device_code"

struct gateway_device_start_in {
	struct gateway_client_info *client_info;
	const char *client_id;
};
SCHEMA(gateway_device_start_in, OBJECT(gateway_device_start_in, client_info, gateway_client_info),
	STR(gateway_device_start_in, client_id, .max = 64,
		DOC("Of an OAuth client: shown as the platform when there is no client_info")));

struct gateway_device_start {
	const char *device_code, *user_code, *verification_uri, *verification_uri_complete;
	i64 expires_in, interval;
};
SCHEMA(gateway_device_start, STR(gateway_device_start, device_code, REQUIRED),
	STR(gateway_device_start, user_code, REQUIRED, DOC("For people: 'ABCD-EFGH'")),
	STR(gateway_device_start, verification_uri, REQUIRED, DOC("Where to type it")),
	STR(gateway_device_start, verification_uri_complete, REQUIRED, DOC("The same, typed")),
	I64(gateway_device_start, expires_in, REQUIRED, DOC("Seconds")),
	I64(gateway_device_start, interval, REQUIRED, DOC("Seconds between two polls")));

int gateway_device_start(struct req *r, const void *in_, void *out_)
{
	const struct gateway_device_start_in *in = in_;
	struct gateway_device_start *out = out_;
	const struct gateway_client_info by_id = {.platform = in->client_id};
	const char *site = r->worker->options->public_url;
	struct login_client client;
	struct device_start start;

	TRY(gateway_login_client(r, in->client_info != NULL ? in->client_info : &by_id, &client));
	TRY(device_login_start(&r->db, &client, r->now_us, &start));
	*out = (struct gateway_device_start){
		.device_code = start.device_code,
		.user_code = start.user_code,
		.verification_uri = arena_printf(r->arena, "%s/device", site),
		.verification_uri_complete =
			arena_printf(r->arena, "%s/device?user_code=%s", site, start.user_code),
		.expires_in = DEVICE_LOGIN_S,
		.interval = DEVICE_INTERVAL_S,
	};
	return 0;
}

/* Polls are counted for each code: faster than a device may ask anyway. */
static int poll(struct req *r, const char *device_code, struct device_poll *ret)
{
	struct visitor visitor = req_visitor(r);

	*ret = (struct device_poll){.status = DEVICE_EXPIRED};
	if (!device_code_is_formed(device_code))
		return 0;
	TRY(limit_hit(r, LIMIT_DEVICE_POLL, device_code));
	return device_login_poll(&r->db, device_code, &visitor, r->now_us, ret);
}

struct gateway_device_poll_in {
	const char *device_code;
};
SCHEMA(gateway_device_poll_in, STR(gateway_device_poll_in, device_code, REQUIRED, .max = 200));

struct gateway_device_poll {
	const char *status, *ide_token, *expires_at;
	struct opt_i64 interval;
	struct gateway_login_user *user;
};
SCHEMA(gateway_device_poll,
	STR(gateway_device_poll, status, REQUIRED,
		.values = "pending|slow_down|approved|denied|expired"),
	OPT_I64(gateway_device_poll, interval,
		DOC("pending, slow_down: seconds until the next poll")),
	STR(gateway_device_poll, ide_token, DOC("approved: shown only here")),
	STR(gateway_device_poll, expires_at, DOC("approved: ISO 8601, unless it is used")),
	OBJECT(gateway_device_poll, user, gateway_login_user, DOC("approved")));

int gateway_device_poll(struct req *r, const void *in_, void *out_)
{
	static const char *const names[] = {
		"pending", "slow_down", "approved", "denied", "expired"};
	const struct gateway_device_poll_in *in = in_;
	struct gateway_device_poll *out = out_;
	struct device_poll p;

	TRY(poll(r, in->device_code, &p));
	out->status = names[p.status];
	if (p.status == DEVICE_PENDING || p.status == DEVICE_SLOW_DOWN)
		out->interval = (struct opt_i64){true, p.interval_s};
	if (p.status != DEVICE_APPROVED)
		return 0;
	out->ide_token = p.grant.token.token;
	out->expires_at = clock_iso8601_ms(r->arena, p.grant.token.expires_at_us);
	out->user = gateway_login_user(r, &p.grant);
	return 0;
}

struct gateway_device_token_in {
	const char *grant_type, *device_code;
};
SCHEMA(gateway_device_token_in,
	STR(gateway_device_token_in, grant_type, REQUIRED, .max = 200, .error = E_INVALID_REQUEST,
		DOC(GRANT_TYPE)),
	STR(gateway_device_token_in, device_code, REQUIRED, .max = 200,
		.error = E_INVALID_REQUEST));

struct gateway_device_token {
	const char *access_token, *token_type;
	i64 expires_in;
};
SCHEMA(gateway_device_token, STR(gateway_device_token, access_token, REQUIRED),
	STR(gateway_device_token, token_type, REQUIRED, .values = "bearer"),
	I64(gateway_device_token, expires_in, REQUIRED, DOC("Seconds, unless it is used")));

int gateway_device_token(struct req *r, const void *in_, void *out_)
{
	static const enum error errors[] = {
		[DEVICE_PENDING] = E_AUTHORIZATION_PENDING,
		[DEVICE_SLOW_DOWN] = E_SLOW_DOWN,
		[DEVICE_DENIED] = E_ACCESS_DENIED,
		[DEVICE_EXPIRED] = E_EXPIRED_TOKEN,
	};
	const struct gateway_device_token_in *in = in_;
	struct gateway_device_token *out = out_;
	struct device_poll p;

	if (!str_equal(in->grant_type, GRANT_TYPE))
		return gateway_oauth_fail(r, E_UNSUPPORTED_GRANT_TYPE);
	TRY(poll(r, in->device_code, &p));
	if (p.status != DEVICE_APPROVED)
		return gateway_oauth_fail(r, errors[p.status]);
	*out = (struct gateway_device_token){p.grant.token.token, "bearer",
		(p.grant.token.expires_at_us - r->now_us) / US_PER_S};
	return 0;
}

struct gateway_user_code_in {
	const char *user_code;
};
SCHEMA(gateway_user_code_in, STR(gateway_user_code_in, user_code, REQUIRED, .max = 64,
				     DOC("In any case; all but letters is ignored")));

struct gateway_device_in {
	const char *user_code;
};
SCHEMA(gateway_device_in, STR(gateway_device_in, user_code, REQUIRED, PATH, .max = 64));

struct decision {
	const char *user_code;
	bool approves;
};

static int decide(struct req *r, void *arg)
{
	const struct decision *d = arg;
	struct login_decider decider = gateway_decider(r);

	return device_login_decide(&r->db, d->user_code, d->approves, &decider, r->now_us);
}

int gateway_device_approve(struct req *r, const void *in_, void *out)
{
	const struct gateway_user_code_in *in = in_;
	struct decision d = {in->user_code, true};

	TRY(gateway_try_code(r, decide, &d));
	*(struct gateway_decided *)out = (struct gateway_decided){true, "approved", NULL};
	return 0;
}

int gateway_device_deny(struct req *r, const void *in_, void *out)
{
	const struct gateway_user_code_in *in = in_;
	struct decision d = {in->user_code, false};

	TRY(gateway_try_code(r, decide, &d));
	*(struct gateway_decided *)out = (struct gateway_decided){true, "denied", NULL};
	return 0;
}

struct view {
	const char *user_code;
	struct login_view_row row;
};

static int show(struct req *r, void *arg)
{
	struct view *v = arg;

	return device_login_show(&r->db, v->user_code, r->now_us, &v->row);
}

int gateway_device_get(struct req *r, const void *in_, void *out)
{
	const struct gateway_device_in *in = in_;
	struct view v = {.user_code = in->user_code};

	TRY(gateway_try_code(r, show, &v));
	gateway_login_view_fill(r, &v.row, out);
	return 0;
}

struct gateway_device_revoke_in {
	const char *ide_token;
};
SCHEMA(gateway_device_revoke_in, STR(gateway_device_revoke_in, ide_token, .max = 200,
					 DOC("Or as the bearer of the request")));

struct gateway_ok {
	bool ok;
};
SCHEMA(gateway_ok, BOOL(gateway_ok, ok, REQUIRED));

/* The token is the proof: whoever has it may end it, and learns nothing else. */
int gateway_device_revoke(struct req *r, const void *in_, void *out_)
{
	const struct gateway_device_revoke_in *in = in_;
	struct gateway_ok *out = out_;
	const char *token = in->ide_token != NULL ? in->ide_token : auth_bearer(r);
	struct visitor visitor = req_visitor(r);

	if (token == NULL) {
		fail_fault(r->fail, "ide_token", "required");
		return fail(r->fail, E_INVALID_FIELD, NULL);
	}
	TRY(ide_token_sign_out(&r->db, token, &visitor, r->now_us));
	out->ok = true;
	return 0;
}
