/* POST /api/anthropic/v1/messages and its count_tokens: the client's call goes to an upstream as it
 * is, and the answer comes back as it is; what it cost is read on the way (product.md 5.5, 5.6). */
#include "anthropic.h"

#include <string.h>

#include "../../domain/ai_call.h"
#include "../../domain/ide_token.h"
#include "../../domain/ledger.h"
#include "../../domain/person.h"
#include "../../domain/session.h"
#include "../../fcgi/ai/anthropic_client.h"
#include "../../fcgi/core/str.h"
#include "../../fcgi/http/dialect.h"
#include "../../fcgi/http/request.h"
#include "../../fcgi/http/response.h"

/* Who calls. */
struct account {
	const char *plan;
};

/* A call on its way through. */
struct passage {
	struct req *r;
	struct ai_call call;
	struct raw_call raw;
	struct anthropic_request request;
	const char *answer; /* one that is not streamed */
	size_t answer_length;
};

/* --- who may ---------------------------------------------------------------------------------- */

static const char *token_of(const struct req *r)
{
	const char *token = auth_bearer(r);

	return token != NULL ? token : req_header(r, "HTTP_X_API_KEY");
}

int anthropic_authenticate(struct req *r)
{
	struct account *account = arena_new(r->arena, struct account);
	const char *token = token_of(r);
	struct session_caller_row session;
	struct ide_token_caller_row ide;

	if (token == NULL)
		return fail(r->fail, E_UNAUTHORIZED, NULL);
	if (str_starts(token, IDE_TOKEN_PREFIX)) {
		TRY(ide_token_resolve(&r->db, token, r->now_us, &ide));
		r->caller.user_id = ide.user_id;
		r->caller.mfa_pending = person_mfa_pending(ide.mfa_since_us, ide.mfa_at_us);
		account->plan = ide.plan;
	} else {
		TRY(session_resolve(&r->db, token, r->remote_addr, r->now_us, &session));
		r->caller.user_id = session.user_id;
		r->caller.session_id = session.session_id;
		r->caller.mfa_pending = person_mfa_pending(session.mfa_since_us, session.mfa_at_us);
		account->plan = session.plan;
	}
	r->caller.account = account;
	return 0;
}

/* Hosted models are for who has a plan, or a top-up. */
static int check_plan(struct req *r, const char *plan)
{
	const struct models *models = models_get();
	struct ledger_balance balance;
	i64 rank = models != NULL ? models_rank(models, plan) : 0;

	models_put(models);
	if (rank > 0)
		return 0;
	TRY(ledger_balance_get(&r->db, r->caller.user_id, &balance));
	if (balance.balance[FUND_TOPUP] > 0)
		return 0;
	return fail(r->fail, E_PLAN_REQUIRED, "Hosted models need a plan or a top-up.");
}

/* --- the answer ------------------------------------------------------------------------------- */

static void put_error_event(struct req *r, const struct fail *f, struct buf *ret)
{
	struct buf message;

	buf_init(&message, r->arena, 128);
	dialect_message(f, &message);
	buf_init(ret, r->arena, 256);
	buf_str(ret, "event: error\ndata: ");
	anthropic_error(
		ret, dialect_status(&dialect_messages, f->code), message.data, r->request_id);
	buf_str(ret, "\n\n");
}

static int send_events(struct req *r, const char *data, size_t length)
{
	const struct fail full = {.code = E_UNAVAILABLE, .detail = resp_full_text};

	if (!r->response.is_open) {
		r->response.cache_control = "no-cache, no-transform";
		resp_header(r, "X-Accel-Buffering", "no");
		put_error_event(r, &full, &r->response.last_words);
		TRY(resp_open(r, "text/event-stream; charset=utf-8"));
	}
	TRY(resp_stream_write(r, data, length));
	return resp_stream_flush(r);
}

static int on_bytes(void *arg, const char *data, size_t length)
{
	struct passage *p = arg;

	if (p->call.is_stream)
		return send_events(p->r, data, length);
	p->answer = data;
	p->answer_length = length;
	return 0;
}

/* The stream broke off: the client is told, in its words. */
static void send_error_event(struct req *r)
{
	struct buf event;

	put_error_event(r, r->fail, &event);
	(void)send_events(r, event.data, event.length); /* who has left will not read it */
}

static int send_answer(struct passage *p)
{
	struct req *r = p->r;
	struct buf dollars;

	if (!p->call.is_free) {
		buf_init(&dollars, r->arena, 32);
		buf_decimal(&dollars, p->call.record->cost, 6);
		resp_header(r, "x-turnpike-cost", dollars.data);
	}
	return resp_text(r, 200, "application/json", p->answer, p->answer_length);
}

/* --- the call --------------------------------------------------------------------------------- */

/* The values of a header field that may be there several times. */
static const char *joined_header(struct req *r, const char *name)
{
	size_t length = strlen(name);
	const char *joined = NULL;

	for (size_t i = 0; r->env[i] != NULL; i++) {
		if (strncmp(r->env[i], name, length) != 0 || r->env[i][length] != '=')
			continue;
		const char *value = r->env[i] + length + 1;
		joined = joined == NULL ? value : arena_printf(r->arena, "%s,%s", joined, value);
	}
	return joined;
}

/* Reads the client's call; below is what follows the upstream's path. */
static int read_call(struct passage *p, const char *below, bool is_free)
{
	struct req *r = p->r;
	const struct account *account = r->caller.account;
	struct anthropic_request *q = &p->request;

	TRY(check_plan(r, account->plan));
	TRY(req_json_text(r));
	TRY(anthropic_request_read(
		r->arena, r->body != NULL ? r->body : "", r->body_length, !is_free, q, r->fail));
	p->raw = (struct raw_call){
		.request = q,
		.body = r->body,
		.length = r->body_length,
		.below = r->query != NULL && str_equal(r->query, "beta=true")
				 ? arena_printf(r->arena, "%s?beta=true", below)
				 : below,
		.version = req_header(r, "HTTP_ANTHROPIC_VERSION"),
		.beta = joined_header(r, "HTTP_ANTHROPIC_BETA"),
	};
	p->call = (struct ai_call){
		.options = r->worker->options,
		.db = &r->db,
		.net = r->net,
		.client_fd = r->client_fd,
		.user_id = r->caller.user_id,
		.plan = account->plan,
		.request_id = r->request_id,
		.endpoint = CALL_MESSAGES,
		.mode = is_free ? MODE_CHAT : MODE_AGENT,
		.model_name = q->model,
		.raw = &p->raw,
		.is_stream = q->is_stream && !is_free,
		.is_free = is_free,
		.input_bytes = q->input_bytes + q->file_bytes,
		.n_images = q->n_images,
		.max_tokens = q->max_tokens,
		.on_bytes = on_bytes,
		.arg = p,
	};
	return 0;
}

int anthropic_messages(struct req *r, const void *in, void *out)
{
	struct passage *p = arena_new(r->arena, struct passage);
	struct ai_call *c = &p->call;

	(void)in;
	(void)out;
	p->r = r;
	TRY(read_call(p, "", false));
	TRY(ai_call_begin(c));
	resp_header_kept(r, "x-turnpike-hold", c->record->hold_id);
	resp_header_kept(r, "x-turnpike-receipt", c->record->id);
	int rc = ai_call_run(c);
	ai_call_price(c);
	if (r->response.is_open) {
		if (rc != 0 && !c->has_relayed_error)
			send_error_event(r);
		return 0;
	}
	if (rc == 0)
		return send_answer(p);
	r->fail->no_retry = r->fail->no_retry || c->record->cost > 0;
	return rc;
}

int anthropic_count_tokens(struct req *r, const void *in, void *out)
{
	struct passage *p = arena_new(r->arena, struct passage);

	(void)in;
	(void)out;
	p->r = r;
	TRY(read_call(p, "/count_tokens", true));
	TRY(ai_call_begin(&p->call));
	TRY(ai_call_run(&p->call));
	return send_answer(p);
}
