/* Governed calls while they run. */
#include "ai_call.h"

#include <stdio.h>
#include <string.h>

#include "../fcgi/core/clock.h"
#include "../fcgi/core/log.h"
#include "../fcgi/core/str.h"
#include "call_budget.h"
#include "upstream_verdict.h"

/* Of an answer that is no stream: more than any model can say, and room for it in the arena. */
enum { ANSWER_MAX_BYTES = 4 * 1024 * 1024 };

/* One upstream asked once. */
struct attempt {
	struct ai_call *c;
	const struct dialect_upstream *dialect;
	struct answer_reader *reader;
	struct relay relay; /* of a raw call that is streamed */
	bool client_left;   /* the sink said so */
	bool is_finished;   /* the model said that it has */
	int bad;	    /* what its bytes were refused with */
	int error_status;   /* of an error in the middle of an answer: what it stands for, or 0 */
	const char *error;  /* its text */
};

static void set_text(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from != NULL ? from : "");
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

/* Usage that comes with the model's last word, or after it, is all of it. */
static void note_usage(struct attempt *a)
{
	const struct token_counts *t = &a->c->record->tokens;

	a->c->has_usage = a->is_finished && (t->output > 0 || t->input > 0);
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
		r->relayed_chars += e->length > 0 ? (i64)utf8_count(e->text) : 0;
		break;
	case EVENT_USAGE:
		r->tokens = e->usage;
		note_usage(a);
		break;
	case EVENT_ERROR:
		a->error = arena_strdup(a->c->db->arena, e->text);
		a->error_status = e->status;
		break;
	case EVENT_FINISH:
	case EVENT_END:
		a->is_finished = true;
		note_usage(a);
		break;
	case EVENT_START:
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
	if (c->raw != NULL) {
		a->relay.is_open = true;
		return 0;
	}
	if (c->on_event == NULL || c->on_event(c->arg, e) == 0)
		return 0;
	a->client_left = true;
	return -1;
}

static int pass_on(void *arg, const char *data, size_t length)
{
	struct attempt *a = arg;

	a->c->record->has_begun = a->c->is_stream; /* else all of it is sent at the end */
	if (a->c->on_bytes(a->c->arg, data, length) == 0)
		return 0;
	a->client_left = true;
	return -1;
}

/* Event by event, so that what comes before nonsense is passed on, and the nonsense is not. */
static int on_raw_data(void *arg, const char *data, size_t length)
{
	struct attempt *a = arg;
	size_t n_read = 0;
	int rc = 0;

	while (rc == 0 && n_read < length) {
		size_t n = relay_next(&a->relay, data + n_read, length - n_read);
		rc = answer_feed(a->reader, data + n_read, n, a->c->db->fail);
		n_read += rc == 0 ? n : 0;
	}
	if (rc > 0)
		a->bad = rc;
	int passed = relay_feed(&a->relay, data, n_read);
	a->c->has_relayed_error = a->c->record->has_begun && a->error != NULL;
	return rc != 0 ? rc : passed;
}

static int on_data(void *arg, const char *data, size_t length)
{
	struct attempt *a = arg;

	int rc = answer_feed(a->reader, data, length, a->c->db->fail);
	if (rc > 0)
		a->bad = rc;
	return rc;
}

static int on_quiet(void *arg)
{
	struct attempt *a = arg;

	if (!a->c->record->has_begun || a->c->on_quiet == NULL || a->c->on_quiet(a->c->arg) == 0)
		return 0;
	a->client_left = true;
	return -1;
}

/* What this upstream is sent. */
static int write_call(struct attempt *a, struct upstream_call *ret)
{
	static const enum key_header headers[] = {
		[PROVIDER_BEARER] = KEY_BEARER,
		[PROVIDER_X_API_KEY] = KEY_X_API_KEY,
		[PROVIDER_NO_AUTH] = KEY_AS_USUAL,
	};
	const struct ai_call *c = a->c;
	const struct model_route *route = c->choice.route;
	const struct dialect_upstream *dialect = a->dialect;
	struct upstream_model m = {
		.name = route->upstream_model,
		.api_version = route->provider->api_version,
		.max_tokens = c->max_tokens,
		.pass_sampling = c->model->passes_sampling,
		.has_reasoning = c->model->allows_reasoning,
		.fim_template = c->model->fim_template,
		.has_json_schema = c->model->has_json_schema,
		.no_prefill = c->model->no_prefill,
		.max_completion_tokens = route->provider->max_completion_tokens,
		.key_header = headers[route->provider->auth],
		.no_stream_usage = !route->provider->stream_usage,
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
	if (c->raw != NULL) {
		dialect->write_raw(arena, c->raw, &m, c->choice.key->secret, ret);
		return 0;
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
	if (n > UPSTREAM_HEADERS_MAX - 2 || c->is_free) /* which has no receipt */
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
	r->has_first_token = false;
	r->relayed_chars = 0;
	c->has_usage = false;
	set_text(r->provider, sizeof(r->provider), choice->route->provider->id);
	set_text(r->upstream_model, sizeof(r->upstream_model), choice->route->upstream_model);
	set_text(r->key_label, sizeof(r->key_label), choice->key->label);
}

/* Time-outs of the mode, less what other attempts have used. */
static void set_times(const struct ai_call *c, struct net_stream *call)
{
	const struct call_budget b = call_budget(c->options, c->mode);
	i64 used_ms = (clock_mono_us() - c->record->started_mono_us) / US_PER_MS;
	i64 connect_ms = c->choice.route->provider->connect_ms;

	call->connect_ms = connect_ms > 0 ? connect_ms : b.connect;
	call->total_ms = (c->is_stream ? b.stream : b.whole) - used_ms;
	if (call->total_ms < 1)
		call->total_ms = 1;
	call->first_byte_ms = c->is_stream ? b.first_byte : call->total_ms;
	call->idle_ms = c->is_stream ? b.idle : 0;
	call->quiet_ms = c->is_stream ? QUIET_MS : 0;
}

/* An answer that is an error, or none: what the client is told, and what it means for the route. */
static int failed(struct attempt *a, const struct net_result *n, struct verdict *ret)
{
	struct fail *f = a->c->db->fail;
	const char *message = a->error, *type = "";
	int status = a->error != NULL ? a->error_status : n->head.status;

	*ret = upstream_verdict_of_end(n->end);
	if (n->end != NET_DONE && n->end != NET_STOPPED)
		return fail_cause(f, ret->error, "%s: %s", a->c->record->provider, n->cause);
	if (a->bad != 0) { /* what it sent makes no sense; the cause is noted */
		*ret = upstream_verdict_of_end(NET_DONE);
		return a->bad;
	}
	if (a->error == NULL && n->head.status >= 400)
		a->dialect->read_error(a->c->db->arena, n->body, n->body_length, &message, &type);
	*ret = upstream_verdict(status, type, message);
	if (ret->text != NULL)
		return fail(f, ret->error, "%s", ret->text);
	if (ret->error == E_UPSTREAM_OVERLOADED && n->head.retry_after_s > 0)
		f->retry_after_s = n->head.retry_after_s;
	return fail_cause(f, ret->error, "%s: %d %s %.200s", a->c->record->provider, status, type,
		message != NULL ? message : "");
}

/* Whether a whole answer is one: E_UPSTREAM_ERROR. */
static int read_end(struct attempt *a, const struct net_result *n)
{
	struct fail *f = a->c->db->fail;

	if (a->c->is_free)
		return 0;
	return a->c->is_stream ? answer_end(a->reader, f)
			       : answer_whole(a->reader, n->body, n->body_length, f);
}

/* The end of one attempt. 0, or why there is no answer, in db->fail. */
static int judge(struct attempt *a, const struct net_result *n, bool *ret_retry)
{
	struct ai_call *c = a->c;
	struct verdict verdict;
	int rc = a->bad;

	*ret_retry = false;
	if (a->client_left || n->end == NET_CLIENT_LEFT) {
		c->end = AI_CALL_LEFT;
		choice_done(&c->choice, CHOICE_UNKNOWN, 0);
		return fail(c->db->fail, E_CLIENT_LEFT, NULL);
	}
	if (n->end == NET_DONE && n->head.status < 300) {
		if (rc == 0)
			rc = read_end(a, n);
		if (rc == 0 && a->error == NULL) {
			c->end = AI_CALL_COMPLETE;
			choice_done(&c->choice, CHOICE_GOOD, 0);
			if (c->raw != NULL) /* who has left meanwhile got all but the last of it */
				(void)(c->is_stream ? relay_end(&a->relay)
						    : pass_on(a, n->body, n->body_length));
			return 0;
		}
		a->bad = rc;
	}
	rc = failed(a, n, &verdict);
	*ret_retry = verdict.retry;
	choice_done(&c->choice, verdict.outcome, n->head.retry_after_s);
	return rc;
}

static int ask(struct ai_call *c, bool *ret_retry)
{
	struct attempt *a = arena_new(c->db->arena, struct attempt);
	struct upstream_call up;
	struct net_result result;

	*ret_retry = false;
	a->c = c;
	a->dialect = model_route_dialect(c->choice.route);
	relay_init(&a->relay, c->db->arena, pass_on, a);
	note_route(c);
	TRY(write_call(a, &up));
	put_request_id(c, &up);
	const struct provider *provider = c->choice.route->provider;
	struct net_stream call = {
		.url = arena_printf(c->db->arena, "%s%s%s", provider->base_url,
			provider->path != NULL ? provider->path : up.path,
			up.below != NULL ? up.below : ""),
		.header = up.header,
		.body = up.body,
		.body_length = up.body_length,
		.response_max = c->is_stream ? 0 : ANSWER_MAX_BYTES,
		.trust = NET_OPERATOR,
		.client_fd = c->client_fd,
		.on_data = !c->is_stream    ? NULL
			   : c->raw != NULL ? on_raw_data
					    : on_data,
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
	const struct call_budget b = call_budget(c->options, c->mode);
	const struct arena_mark mark = arena_mark(c->db->arena);
	bool retry = true;
	int rc = fail(c->db->fail, E_UPSTREAM_OVERLOADED, NULL);

	c->end = AI_CALL_GIVEN_UP; /* unless this is left by its end */
	c->choice.until_mono_us =
		c->record->started_mono_us + (c->is_stream ? b.stream : b.whole) * US_PER_MS;
	while (retry && choice_next(&c->choice, c->model)) {
		fail_clear(c->db->fail);
		arena_rewind(c->db->arena, mark); /* a prompt may be large, and is written anew */
		rc = ask(c, &retry);
		retry = retry && rc != 0 && !c->record->has_begun;
	}
	if (c->end == AI_CALL_GIVEN_UP)
		c->end = AI_CALL_FAILED;
	if (rc == E_UPSTREAM_OVERLOADED && c->db->fail->retry_after_s == 0)
		c->db->fail->retry_after_s = c->choice.retry_after_s;
	return rc;
}
