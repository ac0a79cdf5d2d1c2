/* The shared parts of device and IDE logins (gateway.md section 7). */
#include "login.h"

#include "../../domain/display_name.h"
#include "../../domain/models.h"
#include "../../fcgi/core/clock.h"
#include "../../fcgi/core/str.h"
#include "../../fcgi/http/request.h"
#include "../../fcgi/limit/limit.h"

enum { CLIENT_TEXT_MAX = 64 };

SCHEMA(gateway_client_info,
	STR(gateway_client_info, platform, .max = CLIENT_TEXT_MAX,
		DOC("What asks, for the person who decides: 'VS Code, Linux'")),
	STR(gateway_client_info, version, .max = CLIENT_TEXT_MAX));

SCHEMA(gateway_login_user, STR(gateway_login_user, id, REQUIRED),
	STR(gateway_login_user, email, REQUIRED, NULLABLE),
	STR(gateway_login_user, tier, REQUIRED));

SCHEMA(gateway_login_view,
	STR(gateway_login_view, status, REQUIRED, .values = "pending|approved|denied"),
	OBJECT(gateway_login_view, client_info, gateway_client_info, REQUIRED,
		DOC("What the client says of itself")),
	STR(gateway_login_view, ip, REQUIRED, DOC("Where the client is")),
	BOOL(gateway_login_view, same_address, REQUIRED,
		DOC("Whoever looks has it, too; somebody who was lured there has not")),
	STR(gateway_login_view, redirect_uri,
		DOC("Where the browser is sent back to, when the IDE has said so")),
	STR(gateway_login_view, created_at, REQUIRED, DOC("ISO 8601")),
	STR(gateway_login_view, expires_at, REQUIRED, DOC("ISO 8601")));

SCHEMA(gateway_decided, BOOL(gateway_decided, ok, REQUIRED),
	STR(gateway_decided, status, REQUIRED, .values = "approved|denied"),
	STR(gateway_decided, redirect_uri, DOC("Of an IDE: where the browser is to go back to")));

/* The account has the plan; without a catalog, the plan is all that can be said. */
static const char *tier_of(struct arena *a, const char *plan)
{
	const struct models *models = models_get();
	const struct model_plan *tier = NULL;

	if (models != NULL)
		tier = models_plan_of(models, models_rank(models, plan));
	const char *name = arena_strdup(a, tier != NULL ? tier->tier : plan);
	models_put(models);
	return name;
}

struct gateway_login_user *gateway_login_user(struct req *r, const struct login_grant *grant)
{
	struct gateway_login_user *user = arena_new(r->arena, struct gateway_login_user);

	*user = (struct gateway_login_user){
		grant->user.public_id, grant->user.email, tier_of(r->arena, grant->user.plan)};
	return user;
}

void gateway_login_view_fill(
	struct req *r, const struct login_view_row *row, struct gateway_login_view *out)
{
	*out = (struct gateway_login_view){
		.status = str_equal(row->state, "consumed") ? "approved" : row->state,
		.ip = row->ip,
		.same_address = str_equal(row->ip, r->remote_addr),
		.redirect_uri = row->redirect_uri,
		.created_at = clock_iso8601_ms(r->arena, row->created_at_us),
		.expires_at = clock_iso8601_ms(r->arena, row->expires_at_us),
		.client_info = arena_new(r->arena, struct gateway_client_info),
	};
	*out->client_info = (struct gateway_client_info){row->platform, row->version};
}

/* A text that will be shown to somebody else: one line, without what turns its direction. */
static bool read_text(struct req *r, const char *field, const char *text, const char **ret)
{
	*ret = NULL;
	if (text == NULL)
		return true;
	enum display_name_fault fault = display_name_read(r->arena, text, ret);
	if (fault != NAME_CHARACTERS)
		return true;
	fail_fault(r->fail, field, "characters");
	return false;
}

int gateway_login_client(
	struct req *r, const struct gateway_client_info *info, struct login_client *ret)
{
	*ret = (struct login_client){.visitor = req_visitor(r)};
	if (info == NULL)
		return 0;
	r->fail->path = "client_info.";
	bool has_platform = read_text(r, "platform", info->platform, &ret->platform);
	bool has_version = read_text(r, "version", info->version, &ret->version);
	return has_platform && has_version ? 0 : fail(r->fail, E_INVALID_FIELD, NULL);
}

struct login_decider gateway_decider(const struct req *r)
{
	return (struct login_decider){r->caller.user_id, r->caller.session_id, req_visitor(r)};
}

/* Counted first and taken back after, so that guesses sent all at once are counted, too. */
int gateway_try_code(struct req *r, int (*look)(struct req *r, void *arg), void *arg)
{
	const char *user = arena_printf(r->arena, "%llu", (unsigned long long)r->caller.user_id);

	TRY(limit_hit(r, LIMIT_USER_CODE, user));
	int rc = look(r, arg);
	if (rc != E_NOT_FOUND)
		limit_undo(r, LIMIT_USER_CODE, user);
	return rc;
}

int gateway_oauth_fail(struct req *r, enum error code)
{
	fail_text(r->fail, "error_description", error_table[code].text);
	return fail(r->fail, code, NULL);
}
