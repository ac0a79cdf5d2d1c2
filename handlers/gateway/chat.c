/* POST /v1/chat/completions and POST /v1/completions (gateway.md sections 2.1 to 2.5): between the
 * client's dialect and a governed call. */
#include "../../domain/ai_call.h"
#include "../../fcgi/core/clock.h"
#include "../../fcgi/http/request.h"
#include "../../fcgi/http/response.h"
#include "gateway.h"

struct answering {
	struct req *r;
	struct ai_call call;
	struct client_writer writer;
};

static void put_error(
	struct client_writer *w, enum error code, const char *detail, const char *request_id)
{
	const struct error_info *info = &error_table[code];
	const char *text = info->gateway_text != NULL ? info->gateway_text : info->text;

	client_stream_error(w, detail != NULL ? detail : text,
		info->gateway_code != NULL ? info->gateway_code : info->code, request_id);
}

/* What the stream ends with when there is no memory to write it any more. */
static void prepare_last_words(struct answering *a)
{
	struct client_writer w = a->writer;

	buf_init(&w.out, a->r->arena, 256);
	put_error(&w, E_UNAVAILABLE, resp_full_text, a->r->request_id);
	a->r->response.last_words = w.out;
}

/* Sends what the writer has made; the first time with the headers. */
static int send_frames(struct answering *a)
{
	struct req *r = a->r;
	struct buf *out = &a->writer.out;

	if (!r->response.is_open) {
		if (a->call.chat != NULL) { /* no other route will be asked: it may be large */
			a->call.chat = NULL;
			req_json_release(r);
		}
		r->response.cache_control = "no-cache, no-transform";
		resp_header(r, "X-Accel-Buffering", "no");
		prepare_last_words(a);
		TRY(resp_open(r, "text/event-stream; charset=utf-8"));
	}
	a->call.record->has_begun = true;
	TRY(resp_stream_write(r, out->data, out->length));
	out->length = 0;
	return resp_stream_flush(r);
}

static int on_event(void *arg, const struct chat_event *event)
{
	struct answering *a = arg;

	if (!a->call.is_stream) {
		client_body_event(&a->writer, event);
		return 0;
	}
	client_stream_event(&a->writer, event);
	return a->writer.out.length > 0 ? send_frames(a) : 0;
}

static int on_quiet(void *arg)
{
	struct answering *a = arg;

	buf_str(&a->writer.out, ": keep-alive\n\n");
	return send_frames(a);
}

/* The price of a call, in dollars. */
static const char *dollars(struct arena *a, i64 micro)
{
	struct buf b;

	buf_init(&b, a, 32);
	buf_decimal(&b, micro, 6);
	return b.data;
}

/* What was used and what it costs, rounded up to a hundredth of a credit. */
static struct client_usage usage_of(const struct call_record *record)
{
	return (struct client_usage){
		.tokens = record->tokens,
		.credits_hundredths = money_charge_hundredths(record->cost),
	};
}

static int end_stream(struct answering *a, int rc)
{
	const struct call_record *record = a->call.record;
	const struct fail *f = a->r->fail;
	struct client_usage usage = usage_of(record);

	buf_printf(&a->writer.out, ": x-turnpike-cost: %s\n\n", dollars(a->r->arena, record->cost));
	if (rc == 0) {
		client_stream_end(&a->writer, &usage);
	} else {
		put_error(&a->writer, f->code, f->detail, a->r->request_id);
	}
	(void)send_frames(a); /* who has left will not read it */
	return 0;
}

static int end_body(struct answering *a)
{
	const struct call_record *record = a->call.record;
	struct client_usage usage = usage_of(record);

	client_body_end(&a->writer, &usage);
	resp_header(a->r, "x-turnpike-cost", dollars(a->r->arena, record->cost));
	return resp_text(a->r, 200, "application/json; charset=utf-8", a->writer.out.data,
		a->writer.out.length);
}

/* Runs the call that is described so far. */
static int answer(struct answering *a, enum client_shape shape, bool include_usage)
{
	struct req *r = a->r;
	struct ai_call *c = &a->call;
	const struct gateway_account *account = gateway_account(r);

	c->options = r->worker->options;
	c->db = &r->db;
	c->net = r->net;
	c->client_fd = r->client_fd;
	c->user_id = account->user_id;
	c->plan = account->plan;
	c->request_id = r->request_id;
	c->on_event = on_event;
	c->on_quiet = on_quiet;
	c->arg = a;
	c->model_name = arena_strdup(r->arena, c->model_name); /* outlives the tree */
	TRY(ai_call_begin(c));
	/* The receipt's and the answer's ids differ in their first letters only. */
	const char *id = arena_printf(r->arena, "%s%s", shape == SHAPE_CHAT ? "chatcmpl-" : "cmpl-",
		c->record->id + sizeof("act_") - 1);
	resp_header_kept(r, "x-turnpike-hold", c->record->hold_id);
	resp_header_kept(r, "x-turnpike-receipt", c->record->id);
	client_writer_init(&a->writer, r->arena, shape, id, c->model_name, r->now_us / US_PER_S,
		include_usage);
	a->writer.error_object = resp_wants_error_object(r);
	int rc = ai_call_run(c);
	ai_call_price(c);
	if (r->response.is_open)
		return end_stream(a, rc);
	if (rc == 0)
		return c->is_stream ? end_stream(a, 0) : end_body(a);
	r->fail->no_retry = r->fail->no_retry || c->record->cost > 0;
	return rc;
}

int gateway_chat(struct req *r, const void *in, void *out)
{
	struct answering *a = arena_new(r->arena, struct answering);
	struct chat *chat = arena_new(r->arena, struct chat);
	struct json_object *body;

	(void)in;
	(void)out;
	TRY(req_json(r, &body));
	TRY(chat_read(r->arena, body, chat, r->fail));
	a->r = r;
	a->call = (struct ai_call){
		.endpoint = CALL_CHAT,
		.mode = chat->mode,
		.model_name = chat->model,
		.chat = chat,
		.is_stream = chat->is_stream,
		.input_bytes = chat->input_bytes,
		.n_images = chat->n_images,
		.max_tokens = chat->sampling.max_tokens,
	};
	return answer(a, SHAPE_CHAT, chat->include_usage);
}

int gateway_completions(struct req *r, const void *in, void *out)
{
	struct answering *a = arena_new(r->arena, struct answering);
	struct fim *fim = arena_new(r->arena, struct fim);
	struct json_object *body;

	(void)in;
	(void)out;
	TRY(req_json(r, &body));
	TRY(fim_read(r->arena, body, fim, r->fail));
	a->r = r;
	a->call = (struct ai_call){
		.endpoint = CALL_COMPLETIONS,
		.mode = MODE_TAB,
		.model_name = fim->model,
		.fim = fim,
		.is_stream = fim->is_stream,
		.input_bytes = fim->input_bytes,
		.max_tokens = fim->sampling.max_tokens,
	};
	return answer(a, SHAPE_COMPLETION, fim->include_usage);
}
