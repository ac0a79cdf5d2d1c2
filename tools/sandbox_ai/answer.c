/* The course of an answer: what is due when, and in which way it goes wrong. */
#include "answer.h"

#include <stdio.h>
#include <string.h>

#include "conn.h"
#include "fcgi/core/clock.h"
#include "fcgi/core/str.h"

/* BACKLOG_MAX: a reader that is slower than its stream makes the model wait. TURNS_MAX: then it is
 * somebody else's turn. */
enum { BACKLOG_MAX = 256 * 1024, TURNS_MAX = 256, STATUS_BAD = 400, STATUS_KEY = 401 };

static i64 smaller(i64 a, i64 b)
{
	return a < b ? a : b;
}

/* How many tokens of which kind: all of them at most max_tokens, so that a tool's arguments are
 * whole even then. */
static void set_shape(struct answer *a)
{
	const struct plan *plan = &a->ask.plan;
	i64 wanted = plan->think + plan->tokens, total = wanted;

	if (a->ask.max_tokens > 0 && plan->no_limit == 0)
		total = smaller(total, a->ask.max_tokens);
	if (a->ask.kind == ASK_COUNT)
		total = 0;
	a->is_clipped = total < wanted;
	a->n_think = smaller(plan->think, total);
	a->n_say = total - a->n_think;
	a->n_tool = 0;
	if (plan->tool[0] != '\0') {
		a->n_say = smaller(plan->say, a->n_say);
		a->n_tool = total - a->n_think - a->n_say;
	}
	a->n_call = smaller(plan->calls, a->n_tool);
	if (a->n_call < 1)
		a->n_call = 1;
	a->total = total;
}

static void set_usage(struct answer *a)
{
	const struct plan *plan = &a->ask.plan;
	struct usage u = {.input = plan->input,
		.cached = plan->cached,
		.cache_write = plan->cache_write,
		.output = a->total,
		.reasoning = a->n_think};

	if (u.input == PLAN_NONE) {
		u.input = (i64)(a->ask.text_bytes + 3) / 4;
		if (u.input < u.cached + u.cache_write)
			u.input = u.cached + u.cache_write;
	}
	u.cached = smaller(u.cached, u.input);
	u.cache_write = smaller(u.cache_write, u.input - u.cached);
	if (plan->usage == USAGE_ZERO)
		u = (struct usage){0};
	if (plan->usage == USAGE_HUGE)
		u.output = 1000000000000;
	a->usage = u;
}

/* Whether the faults of the directive are for this request. */
static bool has_faults(struct answer *a)
{
	const struct plan *plan = &a->ask.plan;

	if (plan->only[0] != '\0' && !str_starts(a->record.key, plan->only) &&
		!str_starts(a->record.model, plan->only))
		return false;
	return plan->fail == PLAN_NONE ||
	       served_tag(conn_server(a->conn)->served, plan->tag) < plan->fail;
}

static void set_record(struct answer *a, const struct http_head *head)
{
	struct record *r = &a->record;
	const char *model = a->ask.model[0] != '\0' ? a->ask.model : "default";

	text_label(head->key, r->key, sizeof(r->key));
	r->is_x_api_key = head->is_x_api_key;
	text_label((struct text){model, strlen(model)}, r->model, sizeof(r->model));
	text_label(head->request_id, r->request_id, sizeof(r->request_id));
	text_label((struct text){a->ask.plan.tag, strlen(a->ask.plan.tag)}, r->tag, sizeof(r->tag));
	r->dialect = a->dialect->name;
	r->is_stream = a->ask.is_stream;
}

/* Reads the request and decides about the answer; what cannot be served becomes an error. */
void answer_start(struct answer *a, const struct http_head *head, struct text body)
{
	struct plan *plan = &a->ask.plan;
	bool has_key = head->key.length > 0;

	a->ask = (struct ask){.kind = a->dialect->kind};
	a->record = (struct record){0};
	a->start_us = clock_mono_us();
	a->created_s = clock_now_us() / US_PER_S;
	a->message = ask_read(&a->ask, body, head->version);
	if (a->message != NULL) {
		plan_init(plan);
		plan->status = STATUS_BAD;
	}
	if ((!has_key && !a->dialect->takes_no_key) ||
		(has_key && head->key.length >= 3 && memcmp(head->key.data, "bad", 3) == 0)) {
		a->message = has_key ? "Incorrect API key provided" : "No API key provided";
		plan_init(plan);
		plan->status = STATUS_KEY;
	}
	if (a->dialect->begin == NULL)
		a->ask.is_stream = false;
	set_record(a, head);
	if (a->message == NULL && !has_faults(a))
		plan_drop_faults(plan);
	set_shape(a);
	set_usage(a);
	served_begin(conn_server(a->conn)->served, &a->record);
	snprintf(a->id, sizeof(a->id), "sbx%012llu", (unsigned long long)a->record.id);
	a->frame = &conn_server(a->conn)->frame;
	a->step = STEP_HEAD;
	a->emitted = 0;
	a->is_padded = a->is_garbled = false;
	body_start(a);
	a->body.is_chunked = a->ask.is_stream && !head->is_old;
	a->body.is_packed = a->ask.is_stream && plan->gzip != 0;
}

void answer_reports(struct answer *a, const struct usage *u, bool is_final)
{
	if (a->ask.plan.usage != USAGE_NONE && a->ask.plan.usage != USAGE_WRONG)
		a->body.next = (struct mark){.body_at = 1, .is_final = is_final, .usage = *u};
}

/* Lengthens the frame's text until the line it is in has the length that was asked for. */
static void pad(struct answer *a)
{
	struct bytes *f = a->frame;
	const char *before = memrchr(f->data, '\n', a->pad_at);
	const char *after = memchr(f->data + a->pad_at, '\n', f->length - a->pad_at);
	i64 length = (after != NULL ? after : f->data + f->length) -
		     (before != NULL ? before + 1 : f->data);

	if (a->ask.plan.line > length)
		bytes_fill(f, a->pad_at, 'x', (size_t)(a->ask.plan.line - length));
	a->is_padded = true;
}

void answer_frame(struct answer *a)
{
	if (a->ask.plan.line > 0 && a->pad_at > 0 && !a->is_padded)
		pad(a);
	body_push(a, (struct text){a->frame->data, a->frame->length});
	bytes_clear(a->frame);
	a->pad_at = 0;
	if (++a->body.frames_waiting >= a->ask.plan.burst) {
		a->body.frames_waiting = 0;
		conn_flush(a->conn);
	}
}

static const char *reason(int status)
{
	static const struct {
		int status;
		const char *text;
	} reasons[] = {{200, "OK"}, {400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"},
		{404, "Not Found"}, {429, "Too Many Requests"}, {500, "Internal Server Error"},
		{503, "Service Unavailable"}, {529, "Overloaded"}};

	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "Status";
}

static void write_head(struct answer *a, int status, bool is_stream, size_t body_bytes)
{
	const struct plan *plan = &a->ask.plan;
	struct bytes *out = conn_out(a->conn);

	a->record.status = status;
	bytes_str(out, "HTTP/1.1 ");
	bytes_i64(out, status);
	BYTES_STRS(out, " ", reason(status), "\r\nContent-Type: ",
		is_stream ? "text/event-stream; charset=utf-8\r\nCache-Control: no-cache"
			  : "application/json",
		"\r\n", a->dialect->id_header, ": req_", a->id, "\r\n");
	if (plan->retry_after != PLAN_NONE) {
		bytes_str(out, "Retry-After: ");
		bytes_i64(out, plan->retry_after);
		bytes_str(out, "\r\n");
	}
	if (plan->gzip != 0)
		bytes_str(out, "Content-Encoding: gzip\r\n");
	if (a->body.is_chunked) {
		bytes_str(out, "Transfer-Encoding: chunked\r\n");
	} else if (!is_stream) {
		bytes_str(out, "Content-Length: ");
		bytes_i64(out, (i64)body_bytes);
		bytes_str(out, "\r\n");
	}
	bytes_str(out, conn_keeps(a->conn) ? "\r\n" : "Connection: close\r\n\r\n");
}

/* An answer in one piece; the frame holds it. */
static void send_whole(struct answer *a, int status)
{
	struct bytes packed = {0};
	struct text body;
	struct gzip gzip = {0};

	if (a->ask.plan.garbage != PLAN_NONE) {
		bytes_clear(a->frame);
		bytes_str(a->frame, "{\"choices\":[ this is not JSON");
		a->body.next = (struct mark){0};
	}
	body = (struct text){a->frame->data, a->frame->length};
	if (a->ask.plan.gzip != 0) {
		gzip_add(&gzip, body, &packed);
		gzip_end(&gzip, &packed);
		body = (struct text){packed.data, packed.length};
	}
	/* Its Content-Length is right: only the JSON is not whole. */
	if (a->body.stop == STOP_END && body.length > a->body.stop_at) {
		body.length = (size_t)a->body.stop_at;
		a->body.next = (struct mark){0};
	}
	write_head(a, status, false, body.length);
	body_push(a, body);
	bytes_free(&packed);
	bytes_clear(a->frame);
	a->pad_at = 0;
	conn_flush(a->conn);
	a->step = STEP_OVER;
}

static void send_error(struct answer *a, int status)
{
	a->dialect->error(a, status, a->message != NULL ? a->message : "The sandbox was told so");
	a->body.is_chunked = a->body.is_packed = false;
	send_whole(a, status);
}

static void do_head(struct answer *a)
{
	const struct plan *plan = &a->ask.plan;

	if (plan->reset_at == PLAN_AT_ONCE || plan->cut_at == PLAN_AT_ONCE ||
		plan->hang_at == PLAN_AT_ONCE) {
		a->body.has_stopped = true;
		return;
	}
	if (plan->status != PLAN_NONE) {
		send_error(a, (int)plan->status);
	} else if (!a->ask.is_stream) {
		a->emitted = a->total;
		a->dialect->whole(a);
		if (plan->line > 0 && a->pad_at > 0) {
			bytes_fill(a->frame, a->pad_at, 'x', (size_t)plan->line);
			a->is_padded = true;
		}
		send_whole(a, 200);
	} else {
		write_head(a, 200, true, 0);
		a->dialect->begin(a);
		a->step = a->total > 0 ? STEP_TOKENS : STEP_END;
	}
}

/* An error within a stream, after which it ends. */
static void do_error_event(struct answer *a)
{
	BYTES_STRS(a->frame, a->dialect->error_event, "data: ");
	a->dialect->error(a, 529, "The sandbox was told so");
	bytes_str(a->frame, "\n\n");
	answer_frame(a);
	body_finish(a);
	a->step = STEP_OVER;
}

static void do_token(struct answer *a)
{
	struct token t;

	if (a->ask.plan.garbage == a->emitted && !a->is_garbled) {
		a->is_garbled = true;
		bytes_str(a->frame, "data: {\"choices\":[ this is not JSON\n\n");
		answer_frame(a);
	}
	answer_token_at(a, a->emitted, &t);
	a->emitted++;
	a->dialect->token(a, &t);
	if (a->emitted == a->total)
		a->step = STEP_END;
}

static void do_end(struct answer *a)
{
	a->dialect->end(a);
	body_finish(a);
	a->step = STEP_OVER;
}

/* All pieces have left. */
static void finish(struct answer *a)
{
	static const enum ending endings[] = {[STOP_NONE] = ENDING_NEXT,
		[STOP_RESET] = ENDING_RESET,
		[STOP_CUT] = ENDING_CLOSE,
		[STOP_END] = ENDING_NEXT};
	enum stop stop = a->body.has_stopped ? a->body.stop : STOP_NONE;

	if (a->body.is_chunked && (stop == STOP_NONE || stop == STOP_END))
		bytes_str(conn_out(a->conn), "0\r\n\r\n");
	conn_flush(a->conn);
	if (stop != STOP_HANG) /* that lasts until the client leaves */
		conn_finish(a->conn, endings[stop]);
}

static i64 due_us(const struct answer *a)
{
	const struct plan *plan = &a->ask.plan;
	i64 first_us = a->start_us + plan->first_ms * US_PER_MS;
	i64 held_us = body_due_us(a);

	if (held_us != 0)
		return held_us;
	if (a->step == STEP_HEAD && !a->ask.is_stream && plan->rate > 0 &&
		plan->status == PLAN_NONE)
		return first_us + a->total * US_PER_S / plan->rate;
	if (a->step == STEP_HEAD)
		return first_us;
	if (a->step == STEP_TOKENS && plan->rate > 0 && !a->body.has_stopped)
		return first_us + a->emitted * US_PER_S / plan->rate;
	return 0;
}

void answer_run(struct answer *a)
{
	i64 now_us = clock_mono_us();

	for (int turn = 0;; turn++) {
		i64 at_us = due_us(a);
		if (conn_backlog(a->conn) > BACKLOG_MAX) {
			conn_flush(a->conn);
			if (conn_backlog(a->conn) > BACKLOG_MAX)
				return; /* called again when some of it has left */
		}
		if (at_us > now_us || turn == TURNS_MAX) {
			conn_wake_at(a->conn, at_us);
			return;
		}
		if (body_due_us(a) != 0) {
			body_release(a, now_us);
		} else if (a->body.has_stopped || a->step == STEP_OVER) {
			finish(a);
			return;
		} else if (a->step == STEP_HEAD) {
			do_head(a);
		} else if (a->ask.plan.error_at == a->emitted) {
			do_error_event(a);
		} else if (a->step == STEP_TOKENS) {
			do_token(a);
		} else {
			do_end(a);
		}
	}
}

void answer_end(struct answer *a, bool is_aborted)
{
	const struct plan *plan = &a->ask.plan;
	struct record *r = &a->record;
	i64 waited_us = clock_mono_us() - a->start_us - plan->first_ms * US_PER_MS;

	/* A model works on an answer in one piece while its client waits, and may be left then. */
	if (is_aborted && a->step == STEP_HEAD && !a->ask.is_stream && plan->rate > 0 &&
		plan->status == PLAN_NONE && !a->body.has_stopped && waited_us > 0)
		a->emitted = smaller(a->total, waited_us * plan->rate / US_PER_S);
	r->generated = a->emitted;
	r->body_bytes = a->body.released;
	r->state = RECORD_COMPLETED;
	if (is_aborted)
		r->state = RECORD_ABORTED;
	else if (r->status != 200 || a->body.has_stopped ||
		 (plan->error_at != PLAN_NONE && plan->error_at <= a->emitted))
		r->state = RECORD_FAILED;
	served_end(conn_server(a->conn)->served, r);
}

void answer_free(struct answer *a)
{
	bytes_free(&a->body.held);
}
