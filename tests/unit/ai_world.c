/* Support for the tests of fcgi/ai. */
#include "ai_world.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/http/json.h"

#include <cmocka.h>

struct arena world_arena = {.ceiling_bytes = 512 * 1024 * 1024};
struct fail world_fail = {.arena = &world_arena};

void world_reset(void)
{
	arena_reset(&world_arena);
	fail_clear(&world_fail);
}

char *quoted(const char *text)
{
	char *copy = arena_strdup(&world_arena, text);

	for (char *p = copy; *p != '\0'; p++)
		*p = *p == '\'' ? '"' : *p == '`' ? '\'' : *p;
	return copy;
}

static void put_doc(void *doc)
{
	json_object_put(doc);
}

static struct json_object *read_doc(const char *body)
{
	const char *why, *text = quoted(body);
	struct json_object *doc = json_read(&world_arena, text, strlen(text), &why);

	assert_null(why);
	arena_defer(&world_arena, put_doc, doc);
	return doc;
}

int read_chat_text(const char *body, struct chat *ret)
{
	return chat_read(&world_arena, read_doc(body), ret, &world_fail);
}

int read_fim_text(const char *body, struct fim *ret)
{
	return fim_read(&world_arena, read_doc(body), ret, &world_fail);
}

const char *faults(void)
{
	struct buf b;

	buf_init(&b, &world_arena, 0);
	for (size_t i = 0; i < world_fail.n_fault; i++) {
		const struct fault *f = &world_fail.fault[i];
		buf_printf(&b, "%s%s: %s", i > 0 ? "; " : "", f->field, f->rule);
		if (f->has_limit)
			buf_printf(&b, " %lld", (long long)f->limit);
	}
	return b.data;
}

static void note_text(struct buf *b, const char *name, const struct chat_event *event)
{
	assert_int_equal(strlen(event->text), event->length);
	buf_printf(b, "%s ", name);
	buf_json_n(b, event->text, event->length);
	buf_char(b, '\n');
}

int note_event(void *arg, const struct chat_event *event)
{
	const struct token_counts *u = &event->usage;
	struct buf *b = arg;

	switch (event->kind) {
	case EVENT_START:
		buf_str(b, "start\n");
		break;
	case EVENT_TEXT:
		note_text(b, "text", event);
		break;
	case EVENT_REASONING:
		note_text(b, "reasoning", event);
		break;
	case EVENT_REFUSAL:
		note_text(b, "refusal", event);
		break;
	case EVENT_TOOL_START:
		buf_printf(b, "tool %zu %s %s\n", event->index, event->id, event->name);
		break;
	case EVENT_TOOL_INPUT:
		buf_printf(b, "%zu ", event->index);
		note_text(b, "input", event);
		break;
	case EVENT_FINISH:
		buf_printf(b, "finish %s\n", finish_names[event->finish]);
		break;
	case EVENT_USAGE:
		buf_printf(b, "usage in %lld, cached %lld, write %lld (1h %lld), out %lld (%lld)\n",
			(long long)u->input, (long long)u->cached, (long long)u->cache_write,
			(long long)u->cache_write_1h, (long long)u->output,
			(long long)u->reasoning);
		break;
	case EVENT_ERROR:
		buf_printf(b, "%d ", event->status);
		note_text(b, "error", event);
		break;
	case EVENT_END:
		buf_str(b, "end\n");
		break;
	}
	return 0;
}

/* From memory of exactly its length, so that AddressSanitizer sees a byte too far. */
static int feed(struct answer_reader *r, const char *bytes, size_t length)
{
	char *exact = malloc(length > 0 ? length : 1);

	assert_non_null(exact);
	memcpy(exact, bytes, length);
	int rc = answer_feed(r, exact, length, &world_fail);
	free(exact);
	return rc;
}

static int feed_pieces(struct answer_reader *r, const char *bytes, size_t length, int cut)
{
	if (cut == CUT_EVERY) {
		for (size_t i = 0; i < length; i++)
			TRY(feed(r, bytes + i, 1));
	} else {
		TRY(feed(r, bytes, (size_t)cut));
		TRY(feed(r, bytes + cut, length - (size_t)cut));
	}
	return answer_end(r, &world_fail);
}

static const char *note_end(struct buf *b, int rc)
{
	if (rc != 0)
		buf_printf(b, "%s: %s\n", error_table[rc].name,
			world_fail.cause != NULL ? world_fail.cause : "");
	return b->data;
}

const char *events_of_bytes(
	const struct dialect_upstream *dialect, const char *bytes, size_t length, int cut)
{
	struct buf b;

	buf_init(&b, &world_arena, 0);
	struct answer_reader *r = dialect->reader(&world_arena, note_event, &b);
	return note_end(&b, feed_pieces(r, bytes, length, cut));
}

const char *events_of_stream(const struct dialect_upstream *dialect, const char *bytes, int cut)
{
	const char *text = quoted(bytes);

	return events_of_bytes(dialect, text, strlen(text), cut);
}

const char *events_of_whole(const struct dialect_upstream *dialect, const char *body)
{
	const char *text = quoted(body);
	struct buf b;

	buf_init(&b, &world_arena, 0);
	struct answer_reader *r = dialect->reader(&world_arena, note_event, &b);
	return note_end(&b, answer_whole(r, text, strlen(text), &world_fail));
}

static int keep_text(void *arg, const struct chat_event *event)
{
	if (event->kind == EVENT_TEXT)
		buf_bytes(arg, event->text, event->length);
	return 0;
}

static void filter_piece(struct fim_filter *f, const char *text, size_t length)
{
	if (length == 0)
		return;
	const char *piece = arena_strndup(&world_arena, text, length);
	const struct chat_event event = {.kind = EVENT_TEXT, .text = piece, .length = length};
	assert_int_equal(fim_filter_event(f, &event), 0);
}

const char *text_of_completion(
	const struct fim *fim, const struct dialect_upstream *dialect, const char *text, int cut)
{
	size_t length = strlen(text);
	struct buf b;

	buf_init(&b, &world_arena, 0);
	struct fim_filter *f = fim_filter_new(&world_arena, fim, dialect, keep_text, &b);
	if (cut == CUT_EVERY) {
		for (size_t i = 0; i < length; i++)
			filter_piece(f, text + i, 1);
	} else {
		filter_piece(f, text, (size_t)cut);
		filter_piece(f, text + cut, length - (size_t)cut);
	}
	assert_int_equal(fim_filter_event(f, &(struct chat_event){.kind = EVENT_FINISH}), 0);
	assert_int_equal(fim_filter_event(f, &(struct chat_event){.kind = EVENT_END}), 0);
	return b.data;
}
