/* Calls of models with everything that can go wrong, drawn from a seed; and what an answer says. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/core/str.h"
#include "tests/load/storm.h"

/* splitmix64: every number of a call comes from the seed and the call's number alone, so that a
 * run can be replayed whatever the times of its answers were. */
struct dice {
	u64 state;
};

static u64 roll(struct dice *d)
{
	u64 z = d->state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static i64 between(struct dice *d, i64 low, i64 high)
{
	return low + (i64)(roll(d) % (u64)(high - low + 1));
}

static const struct {
	unsigned weight;
	enum storm_kind kind;
	const char *model;
} kinds[] = {
	{25, KIND_CHAT, "sandbox-chat"},	     /* OpenAI's dialect upstream */
	{10, KIND_CHAT, "sandbox-claude"},	     /* Anthropic's */
	{25, KIND_STREAM, "sandbox-chat"},	     /* likewise */
	{20, KIND_STREAM, "sandbox-claude"},	     /* likewise */
	{10, KIND_COMPLETION, "sandbox-tab"},	     /* in the pool tab */
	{10, KIND_COMPLETION_STREAM, "sandbox-tab"}, /* likewise */
};

/* What the upstream does wrong, in percent of the calls; and a number up to max behind it. once:
 * only at the first attempt, so that another route or a repetition may save the call. */
static const struct fault {
	unsigned percent;
	const char *name, *directive;
	i64 max;
	bool once;
} faults[] = {
	{3, "reset", "reset_at=", 3000, false},
	{2, "reset", "reset_at=", 600, true},
	{2, "status", "status=429", 0, true},
	{1, "status", "status=429", 0, false},
	{1, "status", "status=529", 0, true},
	{1, "status", "status=500", 0, false},
	{2, "cut", "end_at=", 3000, false},
	{1, "error", "error_at=", 20, false},
	{1, "garbage", "garbage=", 20, false},
	{3, "no usage", "usage=none", 0, false},
	{1, "wrong usage", "usage=wrong", 0, false},
	{1, "no tokens", "usage=zero", 0, false},
	{4, "cached", "input=900 cache_write=100 cached=", 800, false},
};

static bool is_stream(const struct storm_call *call)
{
	return call->kind == KIND_STREAM || call->kind == KIND_COMPLETION_STREAM;
}

static void draw_kind(struct dice *d, struct storm_call *call)
{
	i64 left = between(d, 0, 99);
	size_t i = 0;

	while (left >= kinds[i].weight)
		left -= kinds[i++].weight;
	call->kind = kinds[i].kind;
	call->model = kinds[i].model;
}

static void draw_directive(struct dice *d, const struct storm *s, struct storm_call *call)
{
	const struct fault *fault = NULL;
	char text[80] = "", pace[60] = "", once[80] = "";
	i64 left = between(d, 0, 99);

	for (size_t i = 0; i < ARRAY_LEN(faults) && fault == NULL; i++) {
		fault = left < faults[i].percent ? &faults[i] : NULL;
		left -= faults[i].percent;
	}
	call->fault = "";
	if (fault != NULL) {
		call->fault = fault->name;
		int n = snprintf(text, sizeof(text), "%s", fault->directive);
		if (fault->max > 0)
			snprintf(text + n, sizeof(text) - (size_t)n, "%" PRId64,
				between(d, 0, fault->max));
		if (fault->once)
			snprintf(once, sizeof(once), "fail=1 tag=s%" PRIu64 "-%" PRIu64, s->seed,
				call->number);
	}
	if (between(d, 0, 1) == 1)
		snprintf(pace, sizeof(pace), "first_ms=%" PRId64 " rate=%" PRId64,
			between(d, 0, 100), between(d, 150, 3000));
	snprintf(call->directive, sizeof(call->directive), "tokens=%" PRId64 " %s %s %s",
		call->tokens, pace, text, once);
}

/* At any byte of what the answer may be long. Three calls in ten are left: what is drawn beyond the
 * end of its answer, or is refused, is not. */
static void draw_leave(struct dice *d, struct storm_call *call)
{
	enum { HEAD_BYTES = 900, BODY_BYTES = 400, FRAME_BYTES = 200, WORD_BYTES = 6 };
	i64 each = is_stream(call) ? FRAME_BYTES : WORD_BYTES;
	i64 length = HEAD_BYTES + (is_stream(call) ? 0 : BODY_BYTES) + call->tokens * each;

	if (between(d, 0, 99) >= 44)
		return;
	call->leave = between(d, 0, 1) == 0 ? LEAVE_CLOSE : LEAVE_RESET;
	call->leave_at_bytes = (u64)between(d, 0, length);
	if (between(d, 0, 3) == 0)
		call->leave_at_bytes = 0;
	call->leave_after_us = between(d, 0, 60000);
}

void storm_draw(const struct storm *s, u64 n, struct storm_call *ret)
{
	struct dice d = {s->seed * 0x2545f4914f6cdd1du + n};

	*ret = (struct storm_call){.number = n, .model = "sandbox-chat", .fault = ""};
	if (s->directive != NULL) {
		ret->user = n % s->n_users;
		ret->max_tokens = 100;
		snprintf(ret->directive, sizeof(ret->directive), "%s", s->directive);
		return;
	}
	draw_kind(&d, ret);
	ret->user = (size_t)between(&d, 0, (i64)s->n_users - 1);
	ret->tokens = between(&d, 1, between(&d, 1, 150));
	/* A few answers are clipped. */
	ret->max_tokens = ret->tokens + between(&d, -5, 200);
	if (ret->max_tokens < 1)
		ret->max_tokens = 1;
	ret->filler = between(&d, 0, 2000);
	ret->include_usage = between(&d, 0, 1) == 1;
	draw_directive(&d, s, ret);
	draw_leave(&d, ret);
}

size_t storm_request(const struct storm *s, const struct storm_call *call, char *out)
{
	static const char filler[2001] = {[0 ... 1999] = 'w'};
	static char body[STORM_REQUEST_MAX]; /* one thread */
	bool is_chat = call->kind == KIND_CHAT || call->kind == KIND_STREAM;
	int n = snprintf(body, sizeof(body),
		is_chat ? "{\"model\":\"%s\",\"max_tokens\":%" PRId64 ",\"stream\":%s,"
			  "\"stream_options\":{\"include_usage\":%s},\"messages\":[{\"role\":"
			  "\"user\",\"content\":\"%.*s [[sandbox: %s]]\"}]}"
			: "{\"model\":\"%s\",\"max_tokens\":%" PRId64 ",\"stream\":%s,"
			  "\"stream_options\":{\"include_usage\":%s},\"suffix\":\"}\",\"prefix\":"
			  "\"%.*s [[sandbox: %s]]\"}",
		call->model, call->max_tokens, is_stream(call) ? "true" : "false",
		call->include_usage ? "true" : "false", (int)call->filler, filler, call->directive);
	int length = snprintf(out, STORM_REQUEST_MAX,
		"POST /v1/%s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n"
		"X-Request-Id: storm-%" PRIu64 "-%" PRIu64 "\r\nContent-Type: application/json\r\n"
		"Content-Length: %d\r\n\r\n%s",
		is_chat ? "chat/completions" : "completions", s->token[call->user], s->seed,
		call->number, n, body);

	if (n < 0 || n >= (int)sizeof(body) || length < 0 || length >= STORM_REQUEST_MAX)
		abort();
	return (size_t)length;
}

/* The number after the last `name` in a text, -1: it is not there. */
static i64 last_number(const char *text, const char *name)
{
	const char *found = NULL;

	for (const char *p = text; (p = strstr(p, name)) != NULL; p++)
		found = p + strlen(name);
	return found != NULL ? strtoll(found, NULL, 10) : -1;
}

/* The last price, "0.0012", as micro-dollars; -1: there is no whole one. */
static i64 last_cost(const char *text)
{
	static const char name[] = "x-turnpike-cost: ";
	const char *found = NULL;
	char *end;

	for (const char *p = text; (p = strstr(p, name)) != NULL; p++)
		found = p + sizeof(name) - 1;
	if (found == NULL)
		return -1;
	i64 micro = strtoll(found, &end, 10) * 1000000;
	if (*end == '.')
		for (i64 unit = 100000; *++end >= '0' && *end <= '9'; unit /= 10)
			micro += (*end - '0') * unit;
	return *end == '\n' ? micro : -1;
}

/* The word after name, up to a line's end or a quote; `\N` is SQL's NULL. */
static const char *word_after(const char *text, const char *name, char *word, size_t size)
{
	const char *p = strstr(text, name);

	if (p == NULL)
		return "\\N";
	p += strlen(name);
	size_t n = strcspn(p, "\r\n\"\t");
	snprintf(word, size, "%.*s", (int)n, p);
	return word;
}

static const char *number_text(i64 number, char *text, size_t size)
{
	if (number < 0)
		return "\\N";
	snprintf(text, size, "%" PRId64, number);
	return text;
}

void storm_note(const struct storm *s, const struct storm_call *call, const char *outcome,
	const struct answer *answer, u64 bytes)
{
	static const char *const names[] = {
		"chat", "chat stream", "completion", "completion stream"};
	char receipt[40], hold[40], code[60], cost[24], input[24], output[24];
	char *text = answer->kept;

	text[answer->n_kept] = '\0';
	/* The proxy ends a stream properly even when the worker has died in the middle of it: only
	 * its last event says that all came, and its error event, that it did not. */
	bool is_done = strcmp(outcome, "done") == 0 && answer->status == 200 &&
		       strstr(text, "\"code\":\"") == NULL &&
		       (!is_stream(call) || strstr(text, "data: [DONE]\n\n") != NULL);
	fprintf(s->out,
		"%" PRIu64 "\tstorm-%" PRIu64 "-%" PRIu64
		"\t%zu\t%s\t%s\t%s\t%s\t%d\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%" PRIu64 "\n",
		call->number, s->seed, call->number, call->user, names[call->kind], call->model,
		call->fault, outcome, is_done, answer->status,
		word_after(text, "\"code\":\"", code, sizeof(code)),
		word_after(text, "x-turnpike-receipt: ", receipt, sizeof(receipt)),
		word_after(text, "x-turnpike-hold: ", hold, sizeof(hold)),
		number_text(last_cost(text), cost, sizeof(cost)),
		number_text(last_number(text, "\"inputTokens\":"), input, sizeof(input)),
		number_text(last_number(text, "\"outputTokens\":"), output, sizeof(output)), bytes);
}
