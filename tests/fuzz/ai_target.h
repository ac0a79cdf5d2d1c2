/* What the fuzz targets of the two dialects share: bytes are an upstream's stream, its one body,
 * and a client's request. */
#ifndef TURNPIKE_FUZZ_AI_TARGET_H
#define TURNPIKE_FUZZ_AI_TARGET_H

#include <string.h>

#include "fcgi/ai/chat.h"
#include "fcgi/core/str.h"
#include "fcgi/http/json.h"
#include "seeds.h"

struct heard {
	struct buf line; /* a line for each event */
	struct client_writer stream, body;
	bool has_ended;
};

static struct arena arena = {.ceiling_bytes = 512 * 1024 * 1024};

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void must_be_text(const char *text)
{
	must(utf8_valid(text, strlen(text)));
}

static int hear(void *arg, const struct chat_event *event)
{
	struct heard *h = arg;

	must(!h->has_ended);
	h->has_ended = event->kind == EVENT_END || event->kind == EVENT_ERROR;
	buf_printf(&h->line, "%d %zu %d %lld ", (int)event->kind, event->index, (int)event->finish,
		(long long)(event->usage.input + event->usage.output));
	if (event->text != NULL) {
		must(strlen(event->text) == event->length);
		must_be_text(event->text);
		buf_json(&h->line, event->text);
	}
	if (event->kind == EVENT_TOOL_START) {
		must_be_text(event->id);
		must_be_text(event->name);
		buf_json(&h->line, event->name);
	}
	must(event->usage.input >= 0 && event->usage.cached >= 0 && event->usage.output >= 0);
	client_stream_event(&h->stream, event);
	client_body_event(&h->body, event);
	return 0;
}

static struct heard *heard_new(void)
{
	struct heard *h = arena_new(&arena, struct heard);

	buf_init(&h->line, &arena, 0);
	client_writer_init(&h->stream, &arena, SHAPE_CHAT, "id", "m", 1, true);
	client_writer_init(&h->body, &arena, SHAPE_CHAT, "id", "m", 1, true);
	return h;
}

/* What goes to the client is JSON, whatever came. */
static void check_written(struct heard *h)
{
	client_stream_end(&h->stream, NULL);
	client_body_end(&h->body, NULL);
	must(json_check(&arena, h->body.out.data, h->body.out.length) == NULL);
	for (const char *p = h->stream.out.data; *p != '\0';) {
		const char *end = strstr(p, "\n\n");
		must(end != NULL && strncmp(p, "data: ", 6) == 0);
		if (strncmp(p, "data: [DONE]", 12) != 0)
			must(json_check(&arena, p + 6, (size_t)(end - p) - 6) == NULL);
		p = end + 2;
	}
}

/* The events of a stream in pieces of this size, and how it ended. */
static const char *heard_stream(
	const struct dialect_upstream *d, const char *data, size_t size, size_t piece)
{
	struct fail fail = {.arena = &arena};
	struct heard *h = heard_new();
	struct answer_reader *r = d->reader(&arena, hear, h);
	int rc = 0;

	for (size_t i = 0; i < size && rc == 0; i += piece)
		rc = answer_feed(r, data + i, piece < size - i ? piece : size - i, &fail);
	if (rc == 0)
		rc = answer_end(r, &fail);
	must(rc == 0 || (rc == E_UPSTREAM_ERROR && fail.cause != NULL));
	check_written(h);
	buf_printf(&h->line, "%d", rc);
	return h->line.data;
}

static void check_answer(const struct dialect_upstream *d, const char *data, size_t size)
{
	struct fail fail = {.arena = &arena};
	const char *whole = heard_stream(d, data, size, size + 1), *message = NULL, *type = NULL;

	must(strcmp(whole, heard_stream(d, data, size, 1)) == 0);
	must(strcmp(whole, heard_stream(d, data, size, 7)) == 0);
	struct heard *h = heard_new();
	must(answer_whole(d->reader(&arena, hear, h), data, size, &fail) == 0 ||
		fail.cause != NULL);
	check_written(h);
	d->read_error(&arena, data, size, &message, &type);
	must_be_text(message);
	must_be_text(type);
}

/* Whatever a client may ask, the upstream is asked in JSON. */
static void check_request(const struct dialect_upstream *d, const char *data, size_t size)
{
	static const struct upstream_model models[] = {
		{.name = "m", .max_tokens = 9},
		{.name = "m",
			.max_tokens = 9,
			.pass_sampling = true,
			.has_reasoning = true,
			.has_json_schema = true,
			.no_prefill = true},
	};
	const char *why;
	scoped(json_object) *doc = json_read(&arena, data, size, &why);
	struct fail fail = {.arena = &arena};
	struct upstream_call call;
	struct chat chat;
	struct fim fim;

	if (why != NULL)
		return;
	bool is_chat = chat_read(&arena, doc, &chat, &fail) == 0;
	fail_clear(&fail);
	bool is_fim = fim_read(&arena, doc, &fim, &fail) == 0;
	for (size_t i = 0; i < ARRAY_LEN(models); i++) {
		fail_clear(&fail);
		if (is_chat && d->write_chat(&arena, &chat, &models[i], "k", &call, &fail) == 0)
			must(json_check(&arena, call.body, call.body_length) == NULL);
		if (is_fim && d->write_fim(&arena, &fim, &models[i], "k", &call, &fail) == 0)
			must(json_check(&arena, call.body, call.body_length) == NULL);
	}
}

static void write_seeds(const char *const *seeds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		seed_write(seeds[i], strlen(seeds[i]));
}

#endif
