/* What an anonymous visitor asks for by e-mail address. */
#include "errand.h"

#include <string.h>

#include "../fcgi/core/buf.h"
#include "../fcgi/core/clock.h"
#include "../fcgi/core/crypto.h"
#include "../fcgi/core/str.h"
#include "../fcgi/http/json.h"
#include "email_verify.h"
#include "gen/sql.h"
#include "password_change.h"
#include "signup.h"

enum { LIFETIME_S = 86400, USER_AGENT_MAX = 200 };

static const struct {
	const char *name;
	int (*run)(struct db *db, const struct errand *errand);
} kinds[ERRAND_MAX] = {
	[ERRAND_SIGN_UP] = {"sign_up", signup_quietly},
	[ERRAND_FORGOT_PASSWORD] = {"forgot_password", password_forgot},
	[ERRAND_VERIFY_EMAIL] = {"verify_email", email_verify_ask},
};

static void put_member(struct buf *b, const char *name, const char *value)
{
	if (value == NULL)
		return;
	buf_char(b, b->length == 0 ? '{' : ',');
	buf_json(b, name);
	buf_char(b, ':');
	buf_json(b, value);
}

int errand_add(struct db *db, enum errand_kind kind, const struct errand *errand)
{
	const struct visitor *visitor = &errand->visitor;
	struct sha256 hash = sha256(errand->email, strlen(errand->email));
	struct buf b;

	buf_init(&b, db->arena, 1024);
	put_member(&b, "email", errand->email);
	put_member(&b, "password_hash", errand->password_hash);
	put_member(&b, "display_name", errand->display_name);
	put_member(&b, "ip", visitor->ip);
	put_member(&b, "user_agent", utf8_clipped(db->arena, visitor->user_agent, USER_AGENT_MAX));
	put_member(&b, "request_id", visitor->request_id);
	buf_char(&b, '}');
	return sql_outbox_insert(db,
		&(struct outbox_insert_in){
			.public_id = public_id(db->arena, "out_"),
			.kind = kinds[kind].name,
			.payload = b.data,
			.recipient_hash = {&hash, sizeof(hash)},
			.next_at_us = errand->now_us,
			.expires_at_us = {true, errand->now_us + S_TO_US(LIFETIME_S)},
			.created_at_us = errand->now_us,
		},
		NULL);
}

static int kind_of(const char *name)
{
	int i = 0;

	while (i < ERRAND_MAX && !str_equal(kinds[i].name, name))
		i++;
	return i;
}

bool errand_is(const char *kind)
{
	return kind_of(kind) != ERRAND_MAX;
}

struct work {
	int kind;
	u64 outbox_id;
	struct errand errand;
};

/* The row is done in the transaction of its effect: a process that dies, or another one that has
 * taken the row for abandoned, does not do it twice. */
static int apply(struct db *db, void *arg)
{
	struct work *w = arg;
	u64 n;

	TRY(kinds[w->kind].run(db, &w->errand));
	TRY(sql_outbox_done(db, w->errand.now_us, w->outbox_id, &n));
	return n == 1 ? 0 : fail_cause(db->fail, E_CONFLICT, "somebody else has done it");
}

int errand_run(
	struct db *db, const struct options *options, const struct errand_row *row, i64 now_us)
{
	struct arena *a = db->arena;
	const char *why = NULL;
	scoped(json_object) *doc = json_read(a, row->payload, strlen(row->payload), &why);

	if (doc == NULL)
		return fail_cause(db->fail, E_INTERNAL, "the payload is no JSON");
	struct work w = {kind_of(row->kind), row->outbox_id,
		{
			.options = options,
			.email = json_text(a, doc, "email"),
			.password_hash = json_text(a, doc, "password_hash"),
			.display_name = json_text(a, doc, "display_name"),
			.visitor = {json_text(a, doc, "ip"), json_text(a, doc, "user_agent"),
				json_text(a, doc, "request_id")},
			.now_us = now_us,
		}};
	if (w.errand.email == NULL)
		return fail_cause(db->fail, E_INTERNAL, "the payload is incomplete");
	return db_tx(db, apply, &w);
}
