/* Governed calls. */
#include "ai_call.h"

#include <stdio.h>
#include <string.h>

#include "../fcgi/core/clock.h"
#include "../fcgi/core/log.h"
#include "../fcgi/core/metrics.h"
#include "../fcgi/core/str.h"
#include "route_pick.h"

/* gateway.md section 2.4, in milliseconds. */
static const struct budget {
	const char *name;
	i64 connect, first_byte, idle, stream, whole;
} budgets[] = {
	[MODE_CHAT] = {"chat", 10000, 60000, 60000, 300000, 120000},
	[MODE_PLAN] = {"plan", 10000, 90000, 120000, 900000, 300000},
	[MODE_AGENT] = {"agent", 10000, 120000, 180000, 1800000, 600000},
	[MODE_TAB] = {"tab", 2000, 4000, 4000, 10000, 6000},
};

/* One upstream asked once. */
struct attempt {
	struct ai_call *c;
	const struct dialect_upstream *dialect;
	struct answer_reader *reader;
	bool client_left;  /* the sink said so */
	int bad;	   /* what its bytes were refused with */
	int error_status;  /* of an error in the middle of an answer: what it stands for, or 0 */
	const char *error; /* its text */
};

static void set_text(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from != NULL ? from : "");
}

/* --- before ----------------------------------------------------------------------------------- */

static int check_abilities(struct ai_call *c)
{
	unsigned has = c->model->capabilities;

	if (c->endpoint == CALL_COMPLETIONS ? (has & (MODEL_FIM | MODEL_CHAT)) == 0
					    : (has & MODEL_CHAT) == 0)
		return fail(c->db->fail, E_BAD_REQUEST, "The model '%s' is not for this route.",
			c->model->id);
	if (c->chat != NULL && c->chat->n_tools > 0 && (has & MODEL_TOOLS) == 0)
		return fail(
			c->db->fail, E_BAD_REQUEST, "The model '%s' knows no tools.", c->model->id);
	if (c->n_images > 0 && (has & MODEL_VISION) == 0)
		return fail(
			c->db->fail, E_BAD_REQUEST, "The model '%s' sees no images.", c->model->id);
	return 0;
}

static int find_model(struct ai_call *c)
{
	c->models = models_get();
	if (c->models == NULL)
		return fail_cause(c->db->fail, E_UNAVAILABLE, "no catalog is loaded");
	c->model = models_find(c->models, c->model_name);
	if (c->model == NULL)
		return fail(c->db->fail, E_MODEL_NOT_FOUND,
			"There is no model '%.100s'; GET /v1/models lists them.", c->model_name);
	if (!model_entitled(c->model, models_rank(c->models, c->plan)))
		return fail(c->db->fail, E_MODEL_NOT_ALLOWED, "The model '%s' needs the tier '%s'.",
			c->model->id, c->model->requires_tier);
	return check_abilities(c);
}

static int reserve(struct ai_call *c)
{
	struct call_request q = {
		.user_id = c->user_id,
		.endpoint = c->endpoint,
		.request_id = c->request_id,
		.mode = budgets[c->mode].name,
		.model = c->model->id,
		.catalog_id = c->models->version,
		.price = c->model->price,
		.input_bytes = c->input_bytes,
		.n_images = c->n_images,
		.now_us = clock_now_us(),
	};

	if (c->max_tokens == 0)
		c->max_tokens = c->model->default_max_output;
	if (c->max_tokens > c->model->max_output_tokens)
		c->max_tokens = c->model->max_output_tokens;
	if (model_estimate(c->model, c->input_bytes, c->n_images, c->max_tokens, &q.estimate) != 0)
		return fail(c->db->fail, E_BAD_REQUEST, "This call is too large.");
	if (q.estimate == 0) /* a model that costs nothing is counted all the same */
		q.estimate = 1;
	return purse_admit(c->db, &q, &c->record);
}

/* When the arena is reset: also where the handler was left by a jump. */
static void leave(void *arg)
{
	struct ai_call *c = arg;

	if (c->record != NULL) {
		ai_call_price(c);
		purse_finish(c->record);
	}
	models_put(c->models);
}

int ai_call_begin(struct ai_call *c)
{
	arena_defer(c->db->arena, leave, c);
	TRY(find_model(c));
	return reserve(c);
}

/* --- while it runs ---------------------------------------------------------------------------- */

static void note_first_token(struct ai_call *c)
{
	struct call_record *r = c->record;

	if (r->has_first_token)
		return;
	r->has_first_token = true;
	r->first_token_us = clock_mono_us() - r->started_mono_us;
}

static void note_event(struct attempt *a, const struct chat_event *e)
{
	struct call_record *r = a->c->record;

	switch (e->kind) {
	case EVENT_TEXT:
	case EVENT_REASONING:
	case EVENT_REFUSAL:
	case EVENT_TOOL_INPUT:
	case EVENT_TOOL_START:
		note_first_token(a->c);
		r->relayed_bytes += (i64)e->length;
		break;
	case EVENT_USAGE:
		r->tokens = e->usage;
		break;

	case EVENT_ERROR:
		a->error = arena_strdup(a->c->db->arena, e->text);
		a->error_status = e->status;
		break;
	case EVENT_END:
		a->c->has_usage = r->tokens.output > 0 || r->tokens.input > 0;
		break;
	case EVENT_START:
	case EVENT_FINISH:
		break;
	}
}

static int on_event(void *arg, const struct chat_event *e)
{
	struct attempt *a = arg;
	struct ai_call *c = a->c;

	note_event(a, e);
	if (e->kind == EVENT_ERROR || e->kind == EVENT_USAGE || e->kind == EVENT_END)
		return 0; /* what becomes of them is decided at the end */
	c->has_begun = c->has_begun || c->is_stream;
	if (c->on_event == NULL || c->on_event(c->arg, e) == 0)
		return 0;
	a->client_left = true;
	return -1;
}

static int on_data(void *arg, const char *data, size_t length)
{
	struct attempt *a = arg;
	struct ai_call *c = a->c;

	if (c->on_bytes != NULL) {
		c->has_begun = true;
		if (c->on_bytes(c->arg, data, length) != 0) {
			a->client_left = true;
			return -1;
		}
	}
	int rc = answer_feed(a->reader, data, length, c->db->fail);
	if (rc > 0)
		a->bad = rc;
	return rc;
}

static int on_quiet(void *arg)
{
	struct attempt *a = arg;

	if (!a->c->has_begun || a->c->on_quiet == NULL || a->c->on_quiet(a->c->arg) == 0)
		return 0;
	a->client_left = true;
	return -1;
}

/* What this upstream is sent. */
static int write_call(struct attempt *a, struct upstream_call *ret)
{
	const struct ai_call *c = a->c;
	const struct model_route *route = c->choice.route;
	const struct dialect_upstream *dialect = a->dialect;
	struct upstream_model m = {
		.name = route->upstream_model,
		.api_version = route->provider->api_version,
		.max_tokens = c->max_tokens,
		.pass_sampling = c->model->passes_sampling,
		.has_reasoning = c->model->allows_reasoning,
		.max_completion_tokens = route->provider->max_completion_tokens,
	};
	struct arena *arena = c->db->arena;

	a->reader = dialect->reader(arena, on_event, a);
	if (c->chat != NULL && dialect->write_chat != NULL)
		return dialect->write_chat(
			arena, c->chat, &m, c->choice.key->secret, ret, c->db->fail);
	if (c->fim != NULL && dialect->write_fim != NULL) {
		a->reader = dialect->reader(arena, fim_filter_event,
			fim_filter_new(arena, c->fim, dialect, on_event, a));
		return dialect->write_fim(
			arena, c->fim, &m, c->choice.key->secret, ret, c->db->fail);
	}
	return fail_cause(c->db->fail, E_INTERNAL, "%s does not speak the dialect of %s",
		route->provider->id, call_endpoint_names[c->endpoint]);
}

/* By the receipt's id a provider's log is matched with ours: unlike the client's request id it is
 * unique, and says nothing of the client. */
static void put_request_id(const struct ai_call *c, struct upstream_call *up)
{
	size_t n = 0;

	while (up->header[n] != NULL)
		n++;
	if (n > UPSTREAM_HEADERS_MAX - 2)
		return;
	up->header[n] = arena_printf(c->db->arena, "X-Request-Id: %s", c->record->id);
	up->header[n + 1] = NULL;
}

static void note_route(struct ai_call *c)
{
	const struct choice *choice = &c->choice;
	struct call_record *r = c->record;

	r->attempts++;
	r->price = choice->route->price;
	r->tokens = (struct token_counts){.input = 0};
	set_text(r->provider, sizeof(r->provider), choice->route->provider->id);
	set_text(r->upstream_model, sizeof(r->upstream_model), choice->route->upstream_model);
	set_text(r->key_label, sizeof(r->key_label), choice->key->label);
}

/* Time-outs of the mode, less what other attempts have used. */
static void set_times(const struct ai_call *c, struct net_stream *call)
{
	const struct budget *b = &budgets[c->mode];
	i64 used_ms = (clock_mono_us() - c->record->started_mono_us) / US_PER_MS;

	call->connect_ms = b->connect;
	call->total_ms = (c->is_stream ? b->stream : b->whole) - used_ms;
	if (call->total_ms < 1)
		call->total_ms = 1;
	call->first_byte_ms = c->is_stream ? b->first_byte : call->total_ms;
	call->idle_ms = c->is_stream ? b->idle : 0;
	call->quiet_ms = c->is_stream ? QUIET_MS : 0;
}

/* An answer that is an error, or none: what the client is told, and whether another upstream may
 * be asked instead. */
static int failed(struct attempt *a, const struct net_result *n, bool *ret_retry)
{
	struct fail *f = a->c->db->fail;
	const char *message = a->error, *type = "";
	int status = a->error != NULL ? a->error_status : n->head.status;

	*ret_retry = true;
	switch (n->end) {
	case NET_DONE:
	case NET_STOPPED:
		break;
	case NET_TIMEOUT_FIRST:
	case NET_TIMEOUT_IDLE:
	case NET_TIMEOUT_TOTAL:
		*ret_retry = n->end == NET_TIMEOUT_FIRST && a->c->is_stream;
		return fail_cause(f, E_TIMEOUT, "%s: %s", a->c->record->provider, n->cause);
	case NET_TIMEOUT_CONNECT:
		return fail_cause(
			f, E_UPSTREAM_TIMEOUT, "%s: %s", a->c->record->provider, n->cause);
	default:
		return fail_cause(f, E_UPSTREAM_ERROR, "%s: %s", a->c->record->provider, n->cause);
	}
	if (a->bad != 0) /* what it sent makes no sense; the cause is noted */
		return a->bad;
	if (a->error == NULL && n->head.status >= 400)
		a->dialect->read_error(a->c->db->arena, n->body, n->body_length, &message, &type);
	struct verdict v = upstream_verdict(status, type, message);
	*ret_retry = v.retry;
	if (v.text != NULL)
		return fail(f, v.error, "%s", v.text);
	if (v.error == E_UPSTREAM_OVERLOADED && n->head.retry_after_s > 0)
		f->retry_after_s = n->head.retry_after_s;
	return fail_cause(f, v.error, "%s: %d %s %.200s", a->c->record->provider, status, type,
		message != NULL ? message : "");
}

/* The end of one attempt. 0, or why there is no answer, in db->fail. */
static int judge(struct attempt *a, const struct net_result *n, bool *ret_retry)
{
	struct ai_call *c = a->c;
	int rc = a->bad;

	*ret_retry = false;
	if (a->client_left || n->end == NET_CLIENT_LEFT) {
		c->end = AI_CALL_LEFT;
		choice_done(&c->choice, CHOICE_UNKNOWN, 0);
		return fail_cause(c->db->fail, E_UPSTREAM_ERROR, "the client left");
	}
	if (n->end == NET_DONE && n->head.status < 300) {
		if (rc == 0)
			rc = c->is_stream ? answer_end(a->reader, c->db->fail)
					  : answer_whole(a->reader, n->body, n->body_length,
						    c->db->fail);
		if (rc == 0 && a->error == NULL) {
			c->end = AI_CALL_COMPLETE;
			choice_done(&c->choice, CHOICE_GOOD, 0);
			return 0;
		}
		a->bad = rc;
	}
	rc = failed(a, n, ret_retry);
	choice_done(&c->choice, CHOICE_BAD, n->head.retry_after_s);
	return rc;
}

static int ask(struct ai_call *c, bool *ret_retry)
{
	struct attempt *a = arena_new(c->db->arena, struct attempt);
	struct upstream_call up;
	struct net_result result;

	*ret_retry = false;
	a->c = c;
	a->dialect =
		dialect_upstream_find(provider_dialect_names[c->choice.route->provider->dialect]);
	note_route(c);
	TRY(write_call(a, &up));
	put_request_id(c, &up);
	const struct provider *provider = c->choice.route->provider;
	struct net_stream call = {
		.url = arena_printf(c->db->arena, "%s%s", provider->base_url,
			provider->path != NULL ? provider->path : up.path),
		.header = up.header,
		.body = up.body,
		.body_length = up.body_length,
		.trust = NET_OPERATOR,
		.client_fd = c->client_fd,
		.on_data = c->is_stream ? on_data : NULL,
		.on_quiet = on_quiet,
		.arg = a,
	};
	set_times(c, &call);
	purse_running(c->record);
	net_stream(c->net, c->db->arena, &call, &result);
	return judge(a, &result, ret_retry);
}

int ai_call_run(struct ai_call *c)
{
	bool retry = true;
	int rc = fail(c->db->fail, E_UPSTREAM_OVERLOADED, NULL);

	while (retry && choice_next(&c->choice, c->model)) {
		fail_clear(c->db->fail);
		rc = ask(c, &retry);
		retry = retry && rc != 0 && !c->has_begun;
	}
	return rc;
}

/* --- after ------------------------------------------------------------------------------------ */

static void give_back(struct call_record *r, enum call_status status, const char *reason)
{
	r->status = status;
	r->tokens = (struct token_counts){.input = 0};
	r->cost = 0;
	r->is_estimated = false;
	set_text(r->reason, sizeof(r->reason), reason);
}

static void price(struct ai_call *c)
{
	struct call_record *r = c->record;
	bool has_input = r->tokens.input + r->tokens.cached + r->tokens.cache_write > 0;
	bool is_whole = c->end == AI_CALL_COMPLETE && has_input && c->has_usage;

	if (c->end != AI_CALL_COMPLETE && !r->has_first_token && !has_input) {
		give_back(r, CALL_REFUNDED,
			c->end == AI_CALL_LEFT	     ? "the client left before the first token"
			: c->db->fail->cause != NULL ? c->db->fail->cause
						     : "no upstream answered");
		return;
	}
	static const struct {
		enum call_status status;
		const char *reason;
	} ends[] = {
		[AI_CALL_FAILED] = {CALL_CUT, "the upstream broke off"},
		[AI_CALL_COMPLETE] = {CALL_OK, "the upstream reported no usage"},
		[AI_CALL_LEFT] = {CALL_ABORTED, "the client left in the middle"},
	};
	r->status = ends[c->end].status;
	if (!is_whole) {
		call_estimate_missing(r, has_input, false);
		set_text(r->reason, sizeof(r->reason), ends[c->end].reason);
	}
	if (call_price(r) != 0)
		set_text(r->reason, sizeof(r->reason),
			"the upstream reported more than can be priced: the estimate is charged");
}

void ai_call_price(struct ai_call *c)
{
	if (c->is_priced)
		return;
	c->is_priced = true;
	price(c);
	purse_priced(c->record);
}
