/* Many streams at once. The words of the sandbox's models are known, so every frame that is lost
 * or out of order is seen; its rate is known, too, so how late each frame came. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "fcgi/core/clock.h"
#include "gateway_bench.h"

enum {
	READ_BYTES = 64 * 1024,
	LINE_BYTES = 1024,
	OPENING_MS = 3000, /* one by one */
	GIVE_UP_S = 60,	   /* after the time that the streams should have taken */
	SLOW_BYTES = 512,  /* what a slow reader takes, so often: */
	SLOW_EVERY_MS = 200,
	SLOW_TOKENS = 64000,
	SLOW_RECEIVE_BYTES = 4096,
};

enum part { PART_HEAD, PART_SIZE, PART_DATA, PART_CHUNK_END };

struct stream {
	int fd;
	enum part part;
	bool is_done;
	size_t chunk_left, line_length, n_frames, n_disordered;
	char line[LINE_BYTES];
	float *at_ms; /* of each frame */
};

struct load {
	struct target target;
	struct stream *stream;
	size_t n, n_tokens, n_open;
	double rate;
	int epoll_fd;
	i64 start_us;
};

/* A line of the answer's body. Token i of a text is the word i of sixteen. */
static void take_line(const struct load *l, struct stream *s)
{
	static const char *const words[16] = {"alpha ", "bravo ", "charlie ", "delta ", "echo ",
		"foxtrot ", "golf ", "hotel ", "india ", "juliett ", "kilo ", "lima ", "mike ",
		"november ", "oscar ", "papa "};
	static const char key[] = "\"content\":\"";

	s->line[s->line_length] = '\0';
	s->line_length = 0;
	if (strcmp(s->line, "data: [DONE]") == 0)
		s->is_done = true;
	const char *text = strstr(s->line, key);
	if (text == NULL || text[sizeof(key) - 1] == '"')
		return;
	const char *word = words[s->n_frames % 16];
	s->n_disordered += strncmp(text + sizeof(key) - 1, word, strlen(word)) != 0;
	if (s->n_frames < l->n_tokens)
		s->at_ms[s->n_frames] = (float)(clock_mono_us() - l->start_us) / US_PER_MS;
	s->n_frames++;
}

/* A line of the answer's head; the empty one is the last. */
static void take_head(struct stream *s)
{
	s->line[s->line_length] = '\0';
	if (strncmp(s->line, "HTTP/1.1 ", 9) == 0 && strncmp(s->line + 9, "200", 3) != 0)
		fprintf(stderr, "gateway_bench: %s\n", s->line);
	if (s->line_length == 0)
		s->part = PART_SIZE;
	s->line_length = 0;
}

/* Lines of the body go on from chunk to chunk. */
static void take_byte(const struct load *l, struct stream *s, char c)
{
	enum part part = s->part;

	if (part == PART_SIZE) {
		if (c == '\n')
			s->part = PART_DATA;
		else if (c != '\r')
			s->chunk_left = s->chunk_left * 16 +
					(size_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
		return;
	}
	if (part == PART_CHUNK_END) {
		s->part = c == '\n' ? PART_SIZE : PART_CHUNK_END;
		return;
	}
	if (part == PART_DATA && --s->chunk_left == 0)
		s->part = PART_CHUNK_END;
	if (c != '\n') {
		if (c != '\r' && s->line_length < LINE_BYTES - 1)
			s->line[s->line_length++] = c;
	} else if (part == PART_HEAD) {
		take_head(s);
	} else {
		take_line(l, s);
	}
}

static void take(struct load *l, struct stream *s)
{
	static char bytes[READ_BYTES];
	ssize_t n = read(s->fd, bytes, sizeof(bytes));

	if (n < 0 && errno == EAGAIN)
		return;
	for (ssize_t i = 0; i < n; i++)
		take_byte(l, s, bytes[i]);
	if (n > 0 && !s->is_done)
		return;
	close(s->fd);
	l->n_open--;
}

static void stream_open(struct load *l, struct stream *s)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = s};

	s->fd = target_dial(&l->target, 0);
	target_ask(&l->target, s->fd);
	fcntl(s->fd, F_SETFL, O_NONBLOCK);
	epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, s->fd, &event);
	l->n_open++;
}

/* Unevenly, so that the frames of all streams are spread over time as those of strangers are. */
static i64 opening_us(const struct load *l, size_t i)
{
	uint32_t noise = (uint32_t)i * 2654435761u;

	return (i64)(((double)i + noise / 4294967296.0) / (double)l->n * OPENING_MS * US_PER_MS);
}

static void run(struct load *l)
{
	i64 until_us = l->start_us + OPENING_MS * US_PER_MS + S_TO_US(GIVE_UP_S) +
		       (i64)((double)l->n_tokens / l->rate * US_PER_S);
	struct epoll_event event[256];
	size_t n_begun = 0;

	do {
		i64 since_us = clock_mono_us() - l->start_us;
		while (n_begun < l->n && since_us >= opening_us(l, n_begun))
			stream_open(l, &l->stream[n_begun++]);
		int n = epoll_wait(l->epoll_fd, event, 256, n_begun < l->n ? 1 : 100);
		for (int i = 0; i < n; i++)
			take(l, event[i].data.ptr);
	} while (clock_mono_us() < until_us && (n_begun < l->n || l->n_open > 0));
}

/* How late each frame of a stream came, measured from its most punctual one. */
static size_t lateness(const struct load *l, const struct stream *s, float *ret)
{
	size_t n = s->n_frames < l->n_tokens ? s->n_frames : l->n_tokens;
	float period_ms = (float)(1000 / l->rate), punctual = 1e9f;

	for (size_t k = 0; k < n; k++) {
		ret[k] = s->at_ms[k] - (float)k * period_ms;
		punctual = ret[k] < punctual ? ret[k] : punctual;
	}
	for (size_t k = 0; k < n; k++)
		ret[k] -= punctual;
	return n;
}

static void report(const struct load *l)
{
	size_t n = 0, n_lost = 0, n_disordered = 0, n_unfinished = 0;
	float *late = calloc(l->n * l->n_tokens, sizeof(*late));

	for (size_t i = 0; i < l->n; i++) {
		const struct stream *s = &l->stream[i];
		n += lateness(l, s, late + n);
		n_disordered += s->n_disordered;
		n_unfinished += !s->is_done;
		n_lost += s->n_frames > l->n_tokens ? s->n_frames - l->n_tokens
						    : l->n_tokens - s->n_frames;
	}
	sort_times(late, n);
	printf("%zu %zu %zu %zu %.2f %.2f %.2f\n", n, n_lost, n_disordered, n_unfinished,
		percentile(late, n, 0.5), percentile(late, n, 0.99), percentile(late, n, 1));
	free(late);
}

static struct target target_for(const char *text, size_t n_tokens, const char *rate)
{
	char *body;

	if (asprintf(&body,
		    "{\"model\":\"sandbox-chat\",\"stream\":true,\"max_tokens\":%zu,\"messages\":[{"
		    "\"role\":\"user\",\"content\":\"[[sandbox: tokens=%zu rate=%s]]\"}]}",
		    n_tokens, n_tokens, rate) < 0)
		die("memory");
	return target_of(text, body);
}

int bench_streams(const char *target, size_t n, const char *rate, size_t n_tokens)
{
	struct load l = {
		.target = target_for(target, n_tokens, rate),
		.stream = calloc(n, sizeof(struct stream)),
		.n = n,
		.n_tokens = n_tokens,
		.rate = strtod(rate, NULL),
		.epoll_fd = epoll_create1(EPOLL_CLOEXEC),
		.start_us = clock_mono_us(),
	};

	for (size_t i = 0; i < n; i++)
		l.stream[i].at_ms = calloc(n_tokens, sizeof(float));
	run(&l);
	report(&l);
	return 0;
}

int bench_slow(const char *target, size_t n, size_t seconds)
{
	struct target t = target_for(target, SLOW_TOKENS, "0");
	i64 until_us = clock_mono_us() + S_TO_US((i64)seconds);
	int *fd = calloc(n, sizeof(*fd));
	char bytes[SLOW_BYTES];

	for (size_t i = 0; i < n; i++) {
		fd[i] = target_dial(&t, SLOW_RECEIVE_BYTES);
		target_ask(&t, fd[i]);
		fcntl(fd[i], F_SETFL, O_NONBLOCK);
	}
	for (; clock_mono_us() < until_us; clock_sleep_us(SLOW_EVERY_MS * US_PER_MS))
		for (size_t i = 0; i < n; i++)
			if (read(fd[i], bytes, sizeof(bytes)) == 0)
				die("a slow reader was sent away");
	for (size_t i = 0; i < n; i++)
		close(fd[i]);
	free(fd);
	return 0;
}
