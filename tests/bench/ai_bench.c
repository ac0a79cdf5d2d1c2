/* What one small event of a stream costs: a frame of an upstream is read and written again for the
 * client. Prints nanoseconds for each dialect, the best of some rounds. usage: ai_bench [frames] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fcgi/ai/chat.h"

enum { ROUNDS = 7, FRAMES_A_READ = 4 };

static const struct {
	const char *dialect, *frame;
} cases[] = {
	{"openai",
		"data: "
		"{\"id\":\"chatcmpl-AbCdEfGhIjKlMnOpQrStUvWx\",\"object\":\"chat.completion."
		"chunk\","
		"\"created\":1714000000,\"model\":\"gpt-4o-2024-08-06\",\"choices\":[{\"index\":0,"
		"\"delta\":{\"content\":\" tokens\"},\"finish_reason\":null}]}\n\n"},
	{"anthropic",
		"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
		"\"delta\":{\"type\":\"text_delta\",\"text\":\" tokens\"}}\n\n"},
};

static i64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (i64)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int relay(void *arg, const struct chat_event *event)
{
	client_stream_event(arg, event);
	return 0;
}

/* Frames come a few at a time, as from a socket; the last one of a read is cut. */
static i64 round_ns(const char *dialect, const char *frame, size_t n_frames)
{
	struct arena arena = {.ceiling_bytes = 1024 * 1024};
	struct fail fail = {.arena = &arena};
	struct client_writer w;
	struct buf bytes;

	buf_init(&bytes, &arena, 0);
	for (int i = 0; i < FRAMES_A_READ; i++)
		buf_str(&bytes, frame);
	client_writer_init(&w, &arena, SHAPE_CHAT, "chatcmpl-AbCdEfGhIjKlMnOpQrStUvWx",
		"claude-sonnet-4-6", 1714000000, false);
	struct answer_reader *r = dialect_upstream_find(dialect)->reader(&arena, relay, &w);
	size_t cut = bytes.length - strlen(frame) / 2, n_out = 0;
	i64 start = now_ns();
	for (size_t i = 0; i < n_frames; i += FRAMES_A_READ) {
		if (answer_feed(r, bytes.data, cut, &fail) != 0 ||
			answer_feed(r, bytes.data + cut, bytes.length - cut, &fail) != 0)
			exit(1);
		n_out += w.out.length;
		w.out.length = 0;
	}
	i64 ns = now_ns() - start;
	if (n_out < n_frames * strlen(" tokens"))
		exit(1);
	arena_free(&arena);
	return ns;
}

int main(int argc, char **argv)
{
	size_t n_frames = argc > 1 ? strtoul(argv[1], NULL, 10) : 200000;

	if (n_frames < FRAMES_A_READ)
		return 1;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		i64 best = INT64_MAX;
		for (int j = 0; j < ROUNDS; j++) {
			i64 ns = round_ns(cases[i].dialect, cases[i].frame, n_frames);
			best = ns < best ? ns : best;
		}
		printf("%s: %zu bytes read and written again in %lld ns\n", cases[i].dialect,
			strlen(cases[i].frame), (long long)(best / (i64)n_frames));
	}
	return 0;
}
