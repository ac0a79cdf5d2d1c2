/* One request without a server. */
#include "req_world.h"

#include <string.h>

#include "fcgi/core/clock.h"
#include "fcgi/http/response.h"

enum { CEILING_BYTES = 8 * 1024 * 1024 };

struct req *world_request(struct world *w, const char *method, const char *path)
{
	if (w->arena.ceiling_bytes == 0)
		arena_init(&w->arena, CEILING_BYTES);
	arena_reset(&w->arena);
	w->fail = (struct fail){.arena = &w->arena};
	w->n_env = 0;
	w->env[0] = NULL;
	w->client_is_gone = false;
	w->worker.options = &w->options;
	w->req = (struct req){
		.worker = &w->worker,
		.arena = &w->arena,
		.fail = &w->fail,
		.db = {.arena = &w->arena, .fail = &w->fail},
		.now_us = S_TO_US(NOON_S),
		.env = w->env,
		.client_fd = -1,
	};
	if (method != NULL)
		world_env(w, arena_printf(&w->arena, "REQUEST_METHOD=%s", method));
	if (path != NULL)
		world_env(w, arena_printf(&w->arena, "DOCUMENT_URI=%s", path));
	return &w->req;
}

void world_env(struct world *w, const char *entry)
{
	if (w->n_env == WORLD_ENV_MAX)
		return;
	w->env[w->n_env++] = arena_strdup(&w->arena, entry);
	w->env[w->n_env] = NULL;
}

static void body_fill(struct FCGX_Stream *stream)
{
	struct world *w = stream->data;
	size_t n = w->n_unread < w->piece_bytes ? w->n_unread : w->piece_bytes;

	/* Each piece is its own memory, so that reading past it is seen. */
	stream->rdNext = arena_memdup(&w->arena, w->unread, n);
	stream->stop = stream->wrNext = stream->rdNext + n;
	stream->isClosed = n == 0;
	w->unread += n;
	w->n_unread -= n;
}

void world_body(struct world *w, const void *data, size_t length)
{
	w->unread = data;
	w->n_unread = length;
	if (w->piece_bytes == 0)
		w->piece_bytes = 1000;
	w->body = (struct FCGX_Stream){.isReader = 1, .fillBuffProc = body_fill, .data = w};
	w->req.body_stream = &w->body;
}

static void out_empty(struct FCGX_Stream *stream, int do_close)
{
	(void)do_close;
	stream->isClosed = 1; /* as after a write that failed; also when `sent` is full */
	stream->FCGI_errno = 32;
}

void world_open(struct world *w)
{
	unsigned char *start = (unsigned char *)w->sent;

	w->out = (struct FCGX_Stream){.emptyBuffProc = out_empty,
		.rdNext = start,
		.wrNext = start,
		.stop = w->client_is_gone ? start : start + WORLD_SENT_MAX};
	w->req.out_stream = &w->out;
}

const char *world_send(struct world *w)
{
	world_open(w);
	if (resp_send(&w->req, &w->out) != 0)
		return NULL;
	*w->out.wrNext = '\0';
	return w->sent;
}

const char *world_faults(struct world *w)
{
	const struct fail *f = &w->fail;
	struct buf b;

	buf_init(&b, &w->arena, 0);
	for (size_t i = 0; i < f->n_fault; i++) {
		buf_printf(&b, "%s%s:%s", i > 0 ? " " : "", f->fault[i].field, f->fault[i].rule);
		if (f->fault[i].has_limit)
			buf_printf(&b, "=%lld", (long long)f->fault[i].limit);
	}
	return b.data;
}

void world_close(struct world *w)
{
	arena_free(&w->arena);
}
