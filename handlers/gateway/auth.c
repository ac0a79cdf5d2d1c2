/* Who calls the gateway (gateway.md 0.1). */
#include "../../fcgi/auth/auth.h"
#include "../../domain/session.h"
#include "../../fcgi/core/str.h"
#include "../../fcgi/http/request.h"
#include "gateway.h"

const struct gateway_account *gateway_account(const struct req *r)
{
	return r->caller.account;
}

static int by_session(struct req *r, const char *token, struct gateway_account *ret)
{
	struct session_caller_row row;

	TRY(session_resolve(&r->db, token, r->remote_addr, r->now_us, &row));
	r->caller.session_id = row.session_id;
	*ret = (struct gateway_account){
		.user_id = row.user_id,
		.credential = GATEWAY_SESSION,
		.public_id = row.public_id,
		.plan = row.plan,
		.email = row.email,
		.display_name = row.display_name,
		.created_at_us = row.created_at_us,
	};
	return 0;
}

int gateway_authenticate(struct req *r)
{
	const char *token = auth_bearer(r);
	struct gateway_account *account = arena_new(r->arena, struct gateway_account);

	if (r->authorization == NULL && r->caller.kind == AUTH_OPTIONAL)
		return 0;
	if (token == NULL || !str_starts(token, SESSION_PREFIX))
		return fail(r->fail, E_UNAUTHORIZED, NULL);
	TRY(by_session(r, token, account));
	r->caller.user_id = account->user_id;
	r->caller.account = account;
	return 0;
}
