/* Who calls the gateway (gateway.md 0.1). */
#include "../../fcgi/auth/auth.h"
#include "../../domain/ide_token.h"
#include "../../domain/person.h"
#include "../../domain/session.h"
#include "../../domain/supabase.h"
#include "../../fcgi/auth/jwt.h"
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
	r->caller.mfa_pending = person_mfa_pending(row.mfa_since_us, row.mfa_at_us);
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

static int by_ide_token(struct req *r, const char *token, struct gateway_account *ret)
{
	struct ide_token_caller_row row;

	TRY(ide_token_resolve(&r->db, token, r->now_us, &row));
	r->caller.mfa_pending = person_mfa_pending(row.mfa_since_us, row.mfa_at_us);
	*ret = (struct gateway_account){
		.user_id = row.user_id,
		.credential = GATEWAY_IDE_TOKEN,
		.public_id = row.public_id,
		.plan = row.plan,
		.email = row.email,
		.display_name = row.display_name,
		.created_at_us = row.created_at_us,
	};
	return 0;
}

static int by_jwt(struct req *r, const char *token, struct gateway_account *ret)
{
	struct supabase_claims claims;
	struct supabase_caller_row row;

	TRY(supabase_verify(
		r->net, r->worker->options, token, r->now_us, r->arena, r->fail, &claims));
	TRY(supabase_account(&r->db, &claims, r->now_us, &row));
	r->caller.mfa_pending = row.mfa_since_us.has && !claims.has_second_factor;
	*ret = (struct gateway_account){
		.user_id = (u64)row.user_id.value,
		.credential = GATEWAY_JWT,
		.public_id = row.public_id,
		.plan = row.plan,
		.email = row.email != NULL ? row.email : row.claimed_email,
		.display_name = row.display_name,
		.created_at_us = row.created_at_us.value,
	};
	return 0;
}

/* A JWT has dots, which no token of ours has. */
static int identify(struct req *r, const char *token, struct gateway_account *ret)
{
	if (str_starts(token, SESSION_PREFIX))
		return by_session(r, token, ret);
	if (jwt_looks_like(token))
		return by_jwt(r, token, ret);
	return by_ide_token(r, token, ret);
}

int gateway_authenticate(struct req *r)
{
	const char *token = auth_bearer(r);
	struct gateway_account *account = arena_new(r->arena, struct gateway_account);

	if (r->authorization == NULL && r->caller.kind == AUTH_OPTIONAL)
		return 0;
	if (token == NULL)
		return fail(r->fail, E_UNAUTHORIZED, NULL);
	TRY(identify(r, token, account));
	if (r->caller.kind == AUTH_HUMAN && account->credential == GATEWAY_IDE_TOKEN)
		return fail(r->fail, E_HUMAN_REQUIRED, NULL);
	r->caller.user_id = account->user_id;
	r->caller.account = account;
	return 0;
}
