/* The export of what is stored about an account (account.md section 4.6), indented for people and
 * written as it is read. */
#include "export.h"

#include <ctype.h>
#include <string.h>

#include "../../fcgi/core/clock.h"
#include "../../fcgi/core/str.h"
#include "../../fcgi/http/request.h"
#include "../../fcgi/http/response.h"
#include "../../fcgi/limit/limit.h"

struct account_export_account {
	const char *id, *email, *name, *created_at, *email_verified_at, *totp_enabled_at;
	const char *password_changed_at, *deletion_scheduled_for;
};
SCHEMA(account_export_account, STR(account_export_account, id, REQUIRED),
	STR(account_export_account, email, REQUIRED, NULLABLE),
	STR(account_export_account, name, REQUIRED, NULLABLE),
	STR(account_export_account, created_at, REQUIRED, .json = "createdAt"),
	STR(account_export_account, email_verified_at, REQUIRED, NULLABLE,
		.json = "emailVerifiedAt"),
	STR(account_export_account, totp_enabled_at, REQUIRED, NULLABLE, .json = "totpEnabledAt"),
	STR(account_export_account, password_changed_at, REQUIRED, NULLABLE,
		.json = "passwordChangedAt"),
	STR(account_export_account, deletion_scheduled_for, REQUIRED, NULLABLE,
		.json = "deletionScheduledFor"));

struct account_subscription {
	const char *user_id, *plan, *status, *dodo_customer_id, *dodo_subscription_id;
	const char *current_period_end, *trial_ends_at;
	bool granted_by_admin;
	const char *granted_at, *admin_note, *created_at, *updated_at;
};
#define WORD(member, name) STR(account_subscription, member, REQUIRED, NULLABLE, .json = name)
SCHEMA(account_subscription, WORD(user_id, "userId"), WORD(plan, "plan"), WORD(status, "status"),
	WORD(dodo_customer_id, "dodoCustomerId"), WORD(dodo_subscription_id, "dodoSubscriptionId"),
	WORD(current_period_end, "currentPeriodEnd"), WORD(trial_ends_at, "trialEndsAt"),
	BOOL(account_subscription, granted_by_admin, REQUIRED, .json = "grantedByAdmin"),
	WORD(granted_at, "grantedAt"), WORD(admin_note, "adminNote"), WORD(created_at, "createdAt"),
	WORD(updated_at, "updatedAt"));

struct account_settings {
	bool overage_enabled;
};
SCHEMA(account_settings,
	BOOL(account_settings, overage_enabled, REQUIRED, .json = "overageEnabled"));

struct account_notes {
	const char *encryption, *audit_limit, *more;
};
SCHEMA(account_notes, STR(account_notes, encryption, REQUIRED),
	STR(account_notes, audit_limit, REQUIRED, .json = "auditLimit"),
	STR(account_notes, more, REQUIRED));

/* The shape of the answer; of it only what stands before the rows is ever held. */
struct account_export {
	const char *exported_at;
	i64 schema_version;
	struct account_export_account *account;
	struct account_subscription *subscription;
	struct account_settings *user_settings;
	const char *connections, *memberships, *saved_views, *dashboards, *custom_actions;
	const char *agent_sessions;
	struct account_identity *identities;
	struct account_web_session *web_sessions;
	struct account_device *sessions;
	struct account_ide_token *ide_tokens;
	struct account_event *audit_log;
	struct account_notes *notes;
	size_t n_identities, n_web_sessions, n_sessions, n_ide_tokens, n_audit_log;
	struct indent indent; /* where the text has got to */
};
#define NOTHING(member, name) JSON(account_export, member, REQUIRED, .json = name, DOC("[]"))
#define BEFORE_ROWS                                                                             \
	STR(account_export, exported_at, REQUIRED, .json = "exportedAt"),                       \
		I64(account_export, schema_version, REQUIRED, .json = "schemaVersion"),         \
		OBJECT(account_export, account, account_export_account, REQUIRED),              \
		OBJECT(account_export, subscription, account_subscription, REQUIRED, NULLABLE), \
		OBJECT(account_export, user_settings, account_settings, REQUIRED, NULLABLE,     \
			.json = "userSettings"),                                                \
		NOTHING(connections, "connections"), NOTHING(memberships, "memberships"),       \
		NOTHING(saved_views, "savedViews"), NOTHING(dashboards, "dashboards"),          \
		NOTHING(custom_actions, "customActions"), NOTHING(agent_sessions, "agentSessions")
SCHEMA(account_export, BEFORE_ROWS, ARRAY(account_export, identities, account_identity, REQUIRED),
	ARRAY(account_export, web_sessions, account_web_session, REQUIRED, .json = "webSessions"),
	ARRAY(account_export, sessions, account_device, REQUIRED),
	ARRAY(account_export, ide_tokens, account_ide_token, REQUIRED, .json = "ideTokens"),
	ARRAY(account_export, audit_log, account_event, REQUIRED, .json = "auditLog",
		DOC("Newest first")),
	OBJECT(account_export, notes, account_notes, REQUIRED));

static const struct field head_fields[] = {BEFORE_ROWS};
static const struct schema head_schema = {.name = "account_export_head",
	.field = head_fields,
	.n_fields = ARRAY_LEN(head_fields),
	.size = sizeof(struct account_export)};

static const char *iso(struct req *r, struct opt_i64 at_us)
{
	return at_us.has ? clock_iso8601_ms(r->arena, at_us.value) : NULL;
}

static void fill_account(
	struct req *r, const struct account_facts_row *facts, struct account_export_account *ret)
{
	const struct account_caller *caller = account_caller(r);

	*ret = (struct account_export_account){
		.id = caller->public_id,
		.email = caller->email,
		.name = caller->display_name,
		.created_at = clock_iso8601_ms(r->arena, caller->created_at_us),
		.email_verified_at = iso(r, facts->email_verified_at_us),
		.totp_enabled_at = iso(r, facts->mfa_enabled_at_us),
		.password_changed_at = iso(r, facts->password_changed_at_us),
		.deletion_scheduled_for = iso(r, facts->delete_after_us),
	};
}

/* NULL: none. */
static struct account_subscription *subscription_of(
	struct req *r, const struct account_facts_row *facts)
{
	bool is_active = facts->renews_at_us.has && facts->renews_at_us.value > r->now_us;

	if (str_equal(facts->plan, "free"))
		return NULL;
	struct account_subscription *s = arena_new(r->arena, struct account_subscription);
	*s = (struct account_subscription){
		.user_id = account_caller(r)->public_id,
		.plan = facts->plan,
		.status = !is_active			? "expired"
			  : facts->cancel_at_period_end ? "cancelled"
							: "active",
		.current_period_end = iso(r, facts->renews_at_us),
	};
	return s;
}

/* "suparbase-data-alice@example.org-2026-01-31.json" */
static const char *file_name(struct req *r)
{
	const struct account_caller *caller = account_caller(r);
	const char *brand = r->worker->options->account_brand;
	char *name = arena_printf(r->arena, "%s-data-%s-%s.json", brand,
		caller->email != NULL ? caller->email : caller->public_id,
		clock_date(r->arena, r->now_us));

	for (char *p = name; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) && strchr("@._-", *p) == NULL)
			*p = '_';
	for (char *p = name; p < name + strlen(brand); p++)
		*p = (char)tolower((unsigned char)*p);
	return name;
}

static int write_rest(struct req *r)
{
	struct account_export *out = r->out;
	struct account_notes notes = {
		.encryption = "Passwords, tokens, codes and keys are kept as hashes or encrypted; "
			      "they are in no export.",
		.audit_limit = "auditLog has the newest 100000 events of the last 90 days.",
		.more = "Orders, usage, calls of models and what clients reported: GET "
			"/api/account/export with a session token.",
	};
	struct buf b, indented;

	for (const struct export_part *part = account_export_parts; part->name != NULL; part++)
		TRY(export_write_part(r, part, &out->indent));
	buf_init(&b, r->arena, 1024);
	buf_init(&indented, r->arena, 1024);
	buf_str(&b, ",\"notes\":");
	schema_encode(&account_notes_schema, &notes, &b);
	buf_char(&b, '}');
	indent_put(&out->indent, b.data, b.length, &indented);
	buf_char(&indented, '\n');
	return resp_stream_write(r, indented.data, indented.length);
}

/* All that can fail is read before the answer begins, except the rows. */
static int begin(struct req *r, struct account_export *out)
{
	struct buf b, indented;

	buf_init(&b, r->arena, 4096);
	buf_init(&indented, r->arena, 4096);
	schema_encode(&head_schema, out, &b);
	indent_put(&out->indent, b.data, b.length - 1, &indented); /* the object goes on */
	resp_header(r, "Content-Disposition",
		arena_printf(r->arena, "attachment; filename=\"%s\"", file_name(r)));
	return resp_stream_begin(r, indented.data, indented.length, write_rest);
}

int account_export_get(struct req *r, const void *in, void *out_)
{
	struct account_export *out = out_;
	struct account_settings *settings = arena_new(r->arena, struct account_settings);
	struct visitor visitor = req_visitor(r);
	struct account_facts_row facts;

	(void)in;
	TRY(limit_hit(r, LIMIT_EXPORT,
		arena_printf(r->arena, "%llu", (unsigned long long)r->caller.user_id)));
	int rc = sql_account_facts(&r->db, r->caller.user_id, &facts);
	if (rc == SQL_NONE)
		return fail(r->fail, E_UNAUTHORIZED, NULL);
	TRY(rc);
	TRY(audit_add(&r->db, AUDIT_EXPORTED, r->caller.user_id, "account", &visitor, r->now_us));
	settings->overage_enabled = facts.overage_enabled;
	*out = (struct account_export){
		.exported_at = clock_iso8601_ms(r->arena, r->now_us),
		.schema_version = 1,
		.account = arena_new(r->arena, struct account_export_account),
		.subscription = subscription_of(r, &facts),
		.user_settings = settings,
		.connections = "[]",
		.memberships = "[]",
		.saved_views = "[]",
		.dashboards = "[]",
		.custom_actions = "[]",
		.agent_sessions = "[]",
	};
	fill_account(r, &facts, out->account);
	return begin(r, out);
}
