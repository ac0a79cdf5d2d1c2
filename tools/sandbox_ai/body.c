/* The way of an answer's bytes: gzip, the place where they stop, the slow lane, chunks (RFC 9112
 * section 7.1), the connection. */
#include <string.h>

#include "answer.h"
#include "conn.h"
#include "fcgi/core/clock.h"

enum { SPLIT_GAP_US = 2000 };

void body_start(struct answer *a)
{
	const struct plan *plan = &a->ask.plan;
	const struct {
		i64 at;
		enum stop stop;
	} stops[] = {{plan->reset_at, STOP_RESET}, {plan->cut_at, STOP_CUT},
		{plan->end_at, STOP_END}, {plan->hang_at, STOP_HANG}};
	struct bytes held = a->body.held;

	held.length = 0;
	a->body = (struct body){.held = held};
	for (size_t i = 0; i < ARRAY_LEN(stops); i++) {
		if (stops[i].at == PLAN_NONE ||
			(a->body.stop != STOP_NONE && stops[i].at >= (i64)a->body.stop_at))
			continue;
		a->body.stop = stops[i].stop;
		a->body.stop_at = stops[i].at == PLAN_AT_ONCE ? 0 : (u64)stops[i].at;
	}
}

static bool is_slow(const struct answer *a)
{
	return a->ask.plan.drip_ms != PLAN_NONE || a->ask.plan.utf8 == UTF8_SPLIT;
}

/* Into the connection; the marks that are passed learn which of its bytes completes them. */
static void emit(struct answer *a, struct text piece)
{
	struct body *body = &a->body;
	struct bytes *out = conn_out(a->conn);

	if (piece.length == 0)
		return;
	if (body->is_chunked) {
		char size[20], *p = size + sizeof(size);
		size_t rest = piece.length;
		*--p = '\n';
		*--p = '\r';
		do
			*--p = "0123456789abcdef"[rest % 16];
		while ((rest /= 16) != 0);
		bytes_add(out, p, (size_t)(size + sizeof(size) - p));
	}
	bytes_text(out, piece);
	if (body->is_chunked)
		bytes_str(out, "\r\n");
	body->released += piece.length;
	for (size_t i = 0; i < ARRAY_LEN(body->mark); i++)
		if (body->mark[i].body_at != 0 && body->mark[i].sent_at == 0 &&
			body->mark[i].body_at <= body->released)
			body->mark[i].sent_at = conn_written(a->conn);
}

static void push_packed(struct answer *a, struct text payload)
{
	struct body *body = &a->body;

	if (body->stop != STOP_NONE && body->pushed + payload.length >= body->stop_at) {
		payload.length = (size_t)(body->stop_at - body->pushed);
		body->has_stopped = true;
	}
	body->pushed += payload.length;
	if (is_slow(a))
		bytes_text(&body->held, payload);
	else
		emit(a, payload);
}

/* Up to where a client that does not insist on the last line's end has it all. */
static size_t without_line_ends(struct text frame)
{
	while (frame.length > 0 && frame.data[frame.length - 1] == '\n')
		frame.length--;
	return frame.length;
}

void body_push(struct answer *a, struct text payload)
{
	struct body *body = &a->body;
	struct bytes packed = {0};
	size_t needed = without_line_ends(payload);

	if (body->has_stopped)
		return;
	if (body->is_packed) {
		gzip_add(&body->gzip, payload, &packed);
		payload = (struct text){packed.data, packed.length};
		needed = packed.length;
	}
	if (body->next.body_at != 0) {
		body->next.body_at = body->pushed + needed;
		body->mark[body->next.is_final ? 1 : 0] = body->next;
		body->next = (struct mark){0};
	}
	push_packed(a, payload);
	bytes_free(&packed);
}

i64 body_due_us(const struct answer *a)
{
	if (a->body.held_at == a->body.held.length)
		return 0;
	return a->body.held_due_us > 0 ? a->body.held_due_us : 1;
}

/* Up to the first byte of the next character that has several. */
static size_t split_length(const char *data, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)data[i] >= 0xc0)
			return i + 1;
	return length;
}

void body_release(struct answer *a, i64 now_us)
{
	struct body *body = &a->body;
	size_t left = body->held.length - body->held_at, n;

	if (a->ask.plan.drip_ms != PLAN_NONE) {
		n = 1;
		body->held_due_us = now_us + a->ask.plan.drip_ms * US_PER_MS;
	} else {
		n = split_length(body->held.data + body->held_at, left);
		body->held_due_us = now_us + SPLIT_GAP_US;
	}
	emit(a, (struct text){body->held.data + body->held_at, n});
	conn_flush(a->conn);
	body->held_at += n;
	if (body->held_at == body->held.length) {
		bytes_clear(&body->held);
		body->held_at = 0;
	}
}

void body_finish(struct answer *a)
{
	struct body *body = &a->body;
	struct bytes end = {0};

	if (body->is_packed && !body->has_stopped) {
		gzip_end(&body->gzip, &end);
		push_packed(a, (struct text){end.data, end.length});
		bytes_free(&end);
	}
	conn_flush(a->conn);
}

void body_sent(struct answer *a)
{
	for (size_t i = 0; i < ARRAY_LEN(a->body.mark); i++) {
		struct mark *mark = &a->body.mark[i];
		if (mark->sent_at == 0 || conn_sent(a->conn) < mark->sent_at)
			continue;
		a->record.usage = mark->usage;
		a->record.is_usage_sent = mark->is_final;
		*mark = (struct mark){0};
	}
}
