/* Counters and the ring of the last requests; see served.h. */
#include "served.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/core/clock.h"
#include "fcgi/core/str.h"

static const char *const state_names[] = {"open", "completed", "failed", "aborted"};

struct count {
	i64 requests, state[4];
	i64 unreported;
	struct usage usage;
	u64 body_bytes;
};

struct row {
	char key[40], model[64];
	struct count count;
};

struct tag {
	char name[PLAN_NAME_MAX];
	i64 seen;
};

struct served {
	u64 last_id, first_id; /* first_id: of those that count, since the last reset */
	i64 since_ms;
	size_t n_row, n_tag;
	struct row row[SERVED_ROWS]; /* the last one takes what finds no place */
	struct tag tag[SERVED_TAGS];
	struct record list[SERVED_LIST]; /* at id modulo its size */
};

static i64 now_ms(void)
{
	return clock_now_us() / US_PER_MS;
}

struct served *served_new(void)
{
	struct served *s = calloc(1, sizeof(*s)); /* touched as it fills */

	if (s == NULL)
		abort();
	s->first_id = 1;
	s->since_ms = now_ms();
	return s;
}

void served_free(struct served *s)
{
	free(s);
}

static size_t row_of(struct served *s, const struct record *r)
{
	for (size_t i = 0; i < s->n_row; i++)
		if (str_equal(s->row[i].key, r->key) && str_equal(s->row[i].model, r->model))
			return i;
	if (s->n_row == SERVED_ROWS)
		return SERVED_ROWS - 1;
	struct row *row = &s->row[s->n_row];
	if (s->n_row < SERVED_ROWS - 1) {
		memcpy(row->key, r->key, sizeof(row->key));
		memcpy(row->model, r->model, sizeof(row->model));
	} else {
		snprintf(row->key, sizeof(row->key), "others");
		snprintf(row->model, sizeof(row->model), "others");
	}
	return s->n_row++;
}

void served_begin(struct served *s, struct record *r)
{
	r->id = ++s->last_id;
	r->started_at_ms = now_ms();
	r->row = row_of(s, r);
	s->row[r->row].count.requests++;
	s->row[r->row].count.state[RECORD_OPEN]++;
	s->list[r->id % SERVED_LIST] = *r;
}

void served_end(struct served *s, struct record *r)
{
	struct count *count = &s->row[r->row].count;

	r->ended_at_ms = now_ms();
	if (r->id < s->first_id)
		return;
	count->state[RECORD_OPEN]--;
	count->state[r->state]++;
	count->usage.input += r->usage.input;
	count->usage.output += r->usage.output;
	count->usage.cached += r->usage.cached;
	count->usage.cache_write += r->usage.cache_write;
	count->usage.reasoning += r->usage.reasoning;
	if (!r->is_usage_sent)
		count->unreported += r->generated - r->usage.output;
	count->body_bytes += r->body_bytes;
	if (s->list[r->id % SERVED_LIST].id == r->id)
		s->list[r->id % SERVED_LIST] = *r;
}

i64 served_tag(struct served *s, const char *name)
{
	size_t n = s->n_tag < SERVED_TAGS ? s->n_tag : SERVED_TAGS;

	for (size_t i = 0; i < n; i++)
		if (str_equal(s->tag[i].name, name))
			return s->tag[i].seen++;
	struct tag *tag = &s->tag[s->n_tag++ % SERVED_TAGS]; /* the oldest is forgotten */
	memcpy(tag->name, name, strlen(name) + 1);
	tag->seen = 1;
	return 0;
}

void served_reset(struct served *s)
{
	s->first_id = s->last_id + 1;
	s->since_ms = now_ms();
	s->n_row = 0;
	s->n_tag = 0;
	memset(s->row, 0, sizeof(s->row));
}

static void write_numbers(struct bytes *b, const char *const *names, const i64 *numbers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		BYTES_STRS(b, ",\"", names[i], "\":");
		bytes_i64(b, numbers[i]);
	}
}

static void write_usage(struct bytes *b, const struct usage *u)
{
	static const char *const names[] = {"input_tokens", "output_tokens", "cached_tokens",
		"cache_write_tokens", "reasoning_tokens"};

	write_numbers(b, names,
		(const i64[]){u->input, u->output, u->cached, u->cache_write, u->reasoning}, 5);
}

static void write_count(struct bytes *b, const struct count *c)
{
	static const char *const names[] = {
		"open", "completed", "failed", "aborted", "unreported_tokens", "bytes"};

	bytes_str(b, "\"requests\":");
	bytes_i64(b, c->requests);
	write_numbers(b, names,
		(const i64[]){c->state[RECORD_OPEN], c->state[RECORD_COMPLETED],
			c->state[RECORD_FAILED], c->state[RECORD_ABORTED], c->unreported,
			(i64)c->body_bytes},
		6);
	write_usage(b, &c->usage);
}

static void write_record(struct bytes *b, const struct record *r)
{
	static const char *const names[] = {"status", "generated_tokens", "unreported_tokens",
		"bytes", "started_at_ms", "ended_at_ms"};

	bytes_str(b, "{\"id\":");
	bytes_i64(b, (i64)r->id);
	BYTES_STRS(b, ",\"state\":\"", state_names[r->state], "\",\"key\":\"", r->key,
		"\",\"key_header\":\"", r->is_x_api_key ? "x-api-key" : "authorization",
		"\",\"model\":\"", r->model, "\",\"dialect\":\"", r->dialect,
		"\",\"request_id\":\"", r->request_id, "\",\"tag\":\"", r->tag,
		"\",\"stream\":", r->is_stream ? "true" : "false",
		",\"usage_sent\":", r->is_usage_sent ? "true" : "false",
		",\"aborted\":", r->state == RECORD_ABORTED ? "true" : "false");
	write_numbers(b, names,
		(const i64[]){r->status, r->generated,
			r->is_usage_sent ? 0 : r->generated - r->usage.output, (i64)r->body_bytes,
			r->started_at_ms, r->ended_at_ms},
		6);
	write_usage(b, &r->usage);
	bytes_str(b, "}");
}

/* The value of NAME= in a query, empty when it is not there. Names and numbers need no decoding. */
static struct text parameter(struct text query, const char *name)
{
	size_t length = strlen(name);
	const char *p = query.data, *end = query.data + query.length;

	while (p < end) {
		const char *next = memchr(p, '&', (size_t)(end - p));
		const char *stop = next != NULL ? next : end;
		if ((size_t)(stop - p) > length && memcmp(p, name, length) == 0 && p[length] == '=')
			return (struct text){p + length + 1, (size_t)(stop - p - 1) - length};
		p = stop + 1;
	}
	return (struct text){"", 0};
}

static void write_list(const struct served *s, struct text query, struct bytes *b)
{
	char since_text[24], tag[PLAN_NAME_MAX];
	i64 since = 0;
	bool is_first = true;

	text_label(parameter(query, "since"), since_text, sizeof(since_text));
	text_label(parameter(query, "tag"), tag, sizeof(tag));
	if (!str_to_i64(since_text, &since) || since < 0)
		since = 0;
	u64 id = s->last_id > SERVED_LIST ? s->last_id - SERVED_LIST + 1 : 1;
	if (id < s->first_id)
		id = s->first_id;
	if (id <= (u64)since)
		id = (u64)since + 1;
	bytes_str(b, ",\"requests\":[");
	for (; id <= s->last_id; id++) {
		const struct record *r = &s->list[id % SERVED_LIST];
		if (tag[0] != '\0' && !str_equal(r->tag, tag))
			continue;
		bytes_str(b, is_first ? "" : ",");
		write_record(b, r);
		is_first = false;
	}
	bytes_str(b, "]");
}

void served_report(const struct served *s, struct text query, struct bytes *b)
{
	struct count total = {0};

	for (size_t i = 0; i < s->n_row; i++) {
		const struct count *c = &s->row[i].count;
		total.requests += c->requests;
		for (size_t j = 0; j < ARRAY_LEN(c->state); j++)
			total.state[j] += c->state[j];
		total.unreported += c->unreported;
		total.body_bytes += c->body_bytes;
		total.usage.input += c->usage.input;
		total.usage.output += c->usage.output;
		total.usage.cached += c->usage.cached;
		total.usage.cache_write += c->usage.cache_write;
		total.usage.reasoning += c->usage.reasoning;
	}
	bytes_str(b, "{\"since_ms\":");
	bytes_i64(b, s->since_ms);
	bytes_str(b, ",\"last_id\":");
	bytes_i64(b, (i64)s->last_id);
	bytes_str(b, ",\"total\":{");
	write_count(b, &total);
	bytes_str(b, "},\"models\":[");
	for (size_t i = 0; i < s->n_row; i++) {
		BYTES_STRS(b, i > 0 ? "," : "", "{\"key\":\"", s->row[i].key, "\",\"model\":\"",
			s->row[i].model, "\",");
		write_count(b, &s->row[i].count);
		bytes_str(b, "}");
	}
	bytes_str(b, "]");
	if (text_is(parameter(query, "detail"), "1"))
		write_list(s, query, b);
	bytes_str(b, "}");
}
