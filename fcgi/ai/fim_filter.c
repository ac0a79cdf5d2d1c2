/* The text of a completion, cleaned while it streams: what a chat model thinks is left out and its
 * wrapping is taken off, then the beginning of the suffix, which models like to repeat. Both hold
 * back only what may turn out to be such a thing. */
#include <string.h>

#include "fim.h"

enum {
	OPENING_BYTES_MAX = 256,
	SUFFIX_BYTES_MAX = 1024,
	/* A repetition of this many bytes is one even in the middle of an answer, which then went
	 * on to write what is there already. */
	SURE_BYTES = 32,
};

#define OPENING_TAG "<" FIM_TAG ">"
#define CLOSING_TAG "</" FIM_TAG ">"
#define FENCE "```"

enum stage { STAGE_OPENING, STAGE_BODY, STAGE_OVER };

struct fim_filter {
	chat_sink *sink;
	void *arg;
	/* The wrapping of a chat. */
	bool is_chat, is_fenced;
	enum stage stage;
	size_t n_skip; /* of raw: seen, but not said */
	struct buf raw;
	/* The suffix: how much of its beginning the text ends with now (Knuth, Morris, Pratt). */
	const char *suffix;
	size_t n_suffix, n_matched;
	uint16_t *border;
	struct buf held;
	struct buf piece;
	size_t n_open[3]; /* brackets in what was said */
	bool is_cut, is_flushed;
};

static const char openers[] = "([{", closers[] = ")]}";

static void borders_make(struct arena *a, struct fim_filter *f)
{
	f->border = arena_array(a, uint16_t, f->n_suffix);
	for (size_t i = 1, k = 0; i < f->n_suffix; i++) {
		while (k > 0 && f->suffix[i] != f->suffix[k])
			k = f->border[k - 1];
		if (f->suffix[i] == f->suffix[k])
			k++;
		f->border[i] = (uint16_t)k;
	}
}

struct fim_filter *fim_filter_new(struct arena *a, const struct fim *fim,
	const struct dialect_upstream *dialect, chat_sink *sink, void *arg)
{
	struct fim_filter *f = arena_new(a, struct fim_filter);

	f->sink = sink;
	f->arg = arg;
	f->is_chat = dialect->fim_is_chat;
	f->suffix = fim->suffix;
	f->n_suffix = strnlen(fim->suffix, SUFFIX_BYTES_MAX);
	borders_make(a, f);
	buf_init(&f->raw, a, 0);
	buf_init(&f->held, a, 0);
	buf_init(&f->piece, a, 0);
	return f;
}

static void drop_front(struct buf *b, size_t n)
{
	memmove(b->data, b->data + n, b->length - n);
	b->length -= n;
}

static void count_bracket(struct fim_filter *f, char c)
{
	const char *opener = c != '\0' ? strchr(openers, c) : NULL;
	const char *closer = c != '\0' ? strchr(closers, c) : NULL;

	if (opener != NULL)
		f->n_open[opener - openers]++;
	else if (closer != NULL && f->n_open[closer - closers] > 0)
		f->n_open[closer - closers]--;
}

/* Says the first n bytes of what was held. */
static int say(struct fim_filter *f, size_t n)
{
	if (n == 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		count_bracket(f, f->held.data[i]);
	f->piece.length = 0;
	buf_bytes(&f->piece, f->held.data, n);
	drop_front(&f->held, n);
	const struct chat_event event = {
		.kind = EVENT_TEXT, .text = f->piece.data, .length = f->piece.length};
	return f->sink(f->arg, &event);
}

/* How much of the overlap with the suffix belongs to the text after all: a bracket that closes one
 * which the text has opened is no repetition ("foo(1" + ")" in front of a suffix ")"). */
static size_t own_closers(const struct fim_filter *f)
{
	size_t n_open[3], n_own = 0;

	if (strspn(f->suffix, " \t\r\n)]};,") < f->n_matched)
		return 0;
	memcpy(n_open, f->n_open, sizeof(n_open));
	for (size_t i = 0; i < f->n_matched; i++) {
		const char *closer = strchr(closers, f->suffix[i]);
		if (closer == NULL)
			continue;
		if (n_open[closer - closers] == 0)
			break;
		n_open[closer - closers]--;
		n_own = i + 1;
	}
	return n_own;
}

static int take_text(struct fim_filter *f, const char *text, size_t length)
{
	for (size_t i = 0; i < length && !f->is_cut; i++) {
		size_t m = f->n_matched;
		buf_char(&f->held, text[i]);
		while (m > 0 && (m == f->n_suffix || f->suffix[m] != text[i]))
			m = f->border[m - 1];
		if (f->n_suffix > 0 && f->suffix[m] == text[i])
			m++;
		f->n_matched = m;
		f->is_cut = m == f->n_suffix && m >= SURE_BYTES;
	}
	return say(f, f->held.length - f->n_matched);
}

/* The text is over: what is held is the beginning of the suffix. */
static int flush_text(struct fim_filter *f)
{
	size_t n_own = f->is_cut ? 0 : own_closers(f);

	TRY(say(f, n_own));
	f->held.length = 0;
	f->n_matched = 0;
	return 0;
}

/* --- the wrapping of a chat --- */

enum verdict { NO, MAYBE, YES };

static enum verdict begins_with(const char *text, size_t length, const char *word)
{
	size_t n = strlen(word);

	if (length >= n)
		return memcmp(text, word, n) == 0 ? YES : NO;
	return memcmp(text, word, length) == 0 ? MAYBE : NO;
}

/* How many bytes of raw are wrapping, or MAYBE when that cannot be said yet. */
static enum verdict read_opening(struct fim_filter *f, size_t *ret_n)
{
	const char *text = f->raw.data, *end = text + f->raw.length;
	const char *p = text + strspn(text, " \t\r\n");
	enum verdict tag = begins_with(p, (size_t)(end - p), OPENING_TAG);

	*ret_n = 0;
	if (tag == YES) {
		p += strlen(OPENING_TAG);
		*ret_n = (size_t)(p - text);
		p += strspn(p, " \t\r\n");
	}
	enum verdict fence = begins_with(p, (size_t)(end - p), FENCE);
	const char *newline = fence == YES ? memchr(p, '\n', (size_t)(end - p)) : NULL;
	if (newline != NULL) {
		f->is_fenced = true;
		f->n_skip = 1;
		*ret_n = (size_t)(newline - text); /* it begins the closing fence of an empty one */
		return YES;
	}
	return tag == MAYBE || fence != NO ? MAYBE : YES;
}

/* Where the closing word begins, or could begin; ret says which of both. */
static size_t find_closing(const struct buf *raw, const char *word, enum verdict *ret)
{
	for (const char *p = raw->data, *end = p + raw->length; p < end; p++) {
		p = memchr(p, word[0], (size_t)(end - p));
		if (p == NULL)
			break;
		*ret = begins_with(p, (size_t)(end - p), word);
		if (*ret != NO)
			return (size_t)(p - raw->data);
	}
	*ret = NO;
	return raw->length;
}

static int say_raw(struct fim_filter *f, size_t n)
{
	size_t n_skip = f->n_skip < n ? f->n_skip : n;
	int rc = take_text(f, f->raw.data + n_skip, n - n_skip);

	f->n_skip -= n_skip;
	drop_front(&f->raw, n);
	return rc;
}

static int read_body(struct fim_filter *f)
{
	enum verdict tag, fence = NO;
	size_t n = find_closing(&f->raw, CLOSING_TAG, &tag);
	size_t n_fence = f->is_fenced ? find_closing(&f->raw, "\n" FENCE, &fence) : n;

	if (n_fence < n) {
		n = n_fence;
		tag = fence;
	}
	if (tag == YES)
		f->stage = STAGE_OVER;
	return say_raw(f, n);
}

static int unwrap(struct fim_filter *f, const char *text, size_t length)
{
	size_t n;

	if (f->stage == STAGE_OVER)
		return 0;
	buf_bytes(&f->raw, text, length);
	if (f->stage == STAGE_OPENING) {
		if (read_opening(f, &n) == MAYBE && f->raw.length < OPENING_BYTES_MAX)
			return 0;
		drop_front(&f->raw, n);
		f->stage = STAGE_BODY;
	}
	return read_body(f);
}

static int flush(struct fim_filter *f)
{
	size_t n;

	if (f->is_flushed)
		return 0;
	f->is_flushed = true;
	if (f->stage == STAGE_OPENING && f->raw.length > 0) {
		read_opening(f, &n);
		drop_front(&f->raw, n);
	}
	if (f->stage != STAGE_OVER)
		TRY(say_raw(f, f->raw.length));
	return flush_text(f);
}

int fim_filter_event(void *filter, const struct chat_event *event)
{
	struct fim_filter *f = filter;

	if (event->kind == EVENT_REASONING || (event->kind == EVENT_TEXT && f->is_flushed))
		return 0;
	if (event->kind == EVENT_TEXT)
		return f->is_chat ? unwrap(f, event->text, event->length)
				  : take_text(f, event->text, event->length);
	if (event->kind == EVENT_FINISH || event->kind == EVENT_END)
		TRY(flush(f));
	return f->sink(f->arg, event);
}
