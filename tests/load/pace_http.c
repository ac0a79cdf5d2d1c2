/* HTTP/1.1 as far as pace needs it: writing a request, finding the end of an answer; and the sums.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fcgi/core/str.h"
#include "tests/load/pace.h"

bool plan_url(struct plan *plan, const char *url)
{
	char address[64];
	unsigned port = 80;
	int n = 0;

	if (strncmp(url, "http://", 7) != 0)
		return false;
	url += 7;
	size_t length = strcspn(url, "/");
	if (length == 0 || length >= sizeof(plan->host))
		return false;
	memcpy(plan->host, url, length);
	plan->host[length] = '\0';
	plan->path = url[length] != '\0' ? url + length : "/";
	if (sscanf(plan->host, "%63[0-9.]%n:%5u%n", address, &n, &port, &n) < 1 ||
		plan->host[n] != '\0' || port == 0 || port > 65535)
		return false;
	plan->server.sin_family = AF_INET;
	plan->server.sin_port = htons((uint16_t)port);
	return inet_pton(AF_INET, address, &plan->server.sin_addr) == 1;
}

struct writer {
	char *at, *end;
	u64 n;
};

/* Copies text, with the request's number for each {n}. */
static void put(struct writer *w, const char *text)
{
	while (*text != '\0' && w->at < w->end) {
		if (strncmp(text, "{n}", 3) == 0) {
			int n = snprintf(
				w->at, (size_t)(w->end - w->at), "%llu", (unsigned long long)w->n);
			w->at = n < w->end - w->at ? w->at + n : w->end;
			text += 3;
		} else {
			*w->at++ = *text++;
		}
	}
}

size_t plan_request(const struct plan *plan, u64 n, char *out, size_t size)
{
	char body[REQUEST_BYTES_MAX], length[64];
	struct writer b = {body, body + sizeof(body) - 1, n}, w = {out, out + size, n};

	put(&w, plan->method);
	put(&w, " ");
	put(&w, plan->path);
	put(&w, " HTTP/1.1\r\nHost: ");
	put(&w, plan->host);
	put(&w, "\r\n");
	for (size_t i = 0; i < plan->n_headers; i++) {
		put(&w, plan->header[i]);
		put(&w, "\r\n");
	}
	if (plan->closes)
		put(&w, "Connection: close\r\n");
	if (plan->body != NULL) {
		put(&b, plan->body);
		snprintf(length, sizeof(length), "Content-Length: %td\r\n", b.at - body);
		put(&w, length);
	}
	put(&w, "\r\n");
	if (plan->body != NULL) {
		*b.at = '\0';
		put(&w, body);
	}
	if (w.at == w.end) {
		fputs("pace: the request is too long\n", stderr);
		exit(2);
	}
	return (size_t)(w.at - out);
}

bool answer_is_untouched(const struct answer *a)
{
	return a->part == PART_HEAD && a->status == 0 && a->line_length == 0;
}

/* The value of a field line of this name, else NULL. */
static const char *field(const char *line, const char *name)
{
	size_t length = strlen(name);

	if (strncasecmp(line, name, length) != 0 || line[length] != ':')
		return NULL;
	line += length + 1;
	return line + strspn(line, " \t");
}

static enum answer_state head_ended(struct answer *a)
{
	if (a->status >= 100 && a->status < 200) {
		a->status = 0; /* an interim answer; the real one follows */
		return ANSWER_MORE;
	}
	if (a->is_head || a->status == 204 || a->status == 304)
		return ANSWER_DONE;
	a->part = a->is_chunked ? PART_CHUNK_SIZE : PART_BODY;
	return a->is_chunked || a->left > 0 ? ANSWER_MORE : ANSWER_DONE;
}

static enum answer_state head_line(struct answer *a)
{
	const char *value;

	if (a->status == 0) {
		if (sscanf(a->line, "HTTP/1.%*1[01] %3d", &a->status) != 1 || a->status < 100 ||
			a->status >= STATUS_MAX)
			return ANSWER_BAD;
		return ANSWER_MORE;
	}
	if (a->line[0] == '\0')
		return head_ended(a);
	if ((value = field(a->line, "Content-Length")) != NULL)
		a->left = strtoull(value, NULL, 10);
	else if ((value = field(a->line, "Transfer-Encoding")) != NULL)
		a->is_chunked = strcasecmp(value, "chunked") == 0;
	else if ((value = field(a->line, "Connection")) != NULL)
		a->wants_close = strcasecmp(value, "close") == 0;
	return ANSWER_MORE;
}

static enum answer_state line_ended(struct answer *a)
{
	char *end;

	switch (a->part) {
	case PART_HEAD:
		return head_line(a);
	case PART_CHUNK_SIZE:
		a->left = strtoull(a->line, &end, 16);
		if (end == a->line)
			return ANSWER_BAD;
		a->part = a->left > 0 ? PART_CHUNK : PART_TRAILER;
		return ANSWER_MORE;
	case PART_CHUNK_END:
		a->part = PART_CHUNK_SIZE;
		return a->line[0] == '\0' ? ANSWER_MORE : ANSWER_BAD;
	case PART_TRAILER:
		return a->line[0] == '\0' ? ANSWER_DONE : ANSWER_MORE;
	case PART_BODY:
	case PART_CHUNK:
		break;
	}
	return ANSWER_BAD;
}

static void keep(struct answer *a, const char *data, size_t length)
{
	if (a->kept == NULL)
		return;
	if (length > a->kept_max - a->n_kept)
		length = a->kept_max - a->n_kept;
	memcpy(a->kept + a->n_kept, data, length);
	a->n_kept += length;
}

/* Bytes after the end belong to nothing that was asked for: they are a malformed answer. */
enum answer_state answer_feed(struct answer *a, const char *data, size_t length)
{
	enum answer_state state = ANSWER_MORE;

	for (size_t i = 0; i < length; i++) {
		if (state == ANSWER_DONE)
			return ANSWER_BAD;
		if (a->part == PART_BODY || a->part == PART_CHUNK) {
			u64 n = length - i < a->left ? length - i : a->left;
			keep(a, data + i, n);
			a->left -= n;
			i += n - 1;
			if (a->left == 0 && a->part == PART_BODY)
				state = ANSWER_DONE;
			else if (a->left == 0)
				a->part = PART_CHUNK_END;
			continue;
		}
		if (data[i] != '\n') {
			if (a->line_length < sizeof(a->line) - 1)
				a->line[a->line_length++] = data[i];
			continue;
		}
		if (a->line_length > 0 && a->line[a->line_length - 1] == '\r')
			a->line_length--;
		a->line[a->line_length] = '\0';
		if (a->part == PART_HEAD) {
			keep(a, a->line, a->line_length);
			keep(a, "\n", 1);
		}
		a->line_length = 0;
		state = line_ended(a);
		if (state == ANSWER_BAD)
			return state;
	}
	return state;
}

void tally_latency(struct tally *t, i64 us)
{
	if (t->n == t->capacity) {
		t->capacity = t->capacity > 0 ? 2 * t->capacity : 65536;
		t->latency_us = realloc(t->latency_us, t->capacity * sizeof(*t->latency_us));
		if (t->latency_us == NULL)
			abort();
	}
	t->latency_us[t->n++] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

void tally_answer(struct tally *t, const struct plan *plan, int status, i64 us)
{
	bool fine = plan->has_expected ? plan->expected[status] : status / 100 == 2;

	t->status[status]++;
	t->n_failures += fine ? 0 : 1;
	tally_latency(t, us);
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static double percentile_ms(const struct tally *t, double share)
{
	size_t i = (size_t)(share * (double)t->n);

	return t->n == 0 ? 0 : t->latency_us[i < t->n ? i : t->n - 1] / 1000.0;
}

void tally_print(struct tally *t, const struct plan *plan, u64 n_requests)
{
	const char *comma = "";

	if (t->n > 0)
		qsort(t->latency_us, t->n, sizeof(*t->latency_us), by_size);
	printf("{\"requests\":%llu,\"failures\":%llu,\"retried\":%llu,\"seconds\":%.3f,"
	       "\"rate\":%.1f,\"asked_rate\":%llu,\"p50_ms\":%.3f,\"p90_ms\":%.3f,\"p99_ms\":%.3f,"
	       "\"p999_ms\":%.3f,\"max_ms\":%.3f,\"statuses\":{",
		(unsigned long long)n_requests, (unsigned long long)t->n_failures,
		(unsigned long long)t->n_retried, (double)t->took_us / 1e6,
		(double)n_requests * 1e6 / (double)t->took_us, (unsigned long long)plan->rate,
		percentile_ms(t, 0.5), percentile_ms(t, 0.9), percentile_ms(t, 0.99),
		percentile_ms(t, 0.999), percentile_ms(t, 1));
	for (int i = 0; i < STATUS_MAX; i++)
		if (t->status[i] > 0) {
			printf("%s\"%d\":%llu", comma, i, (unsigned long long)t->status[i]);
			comma = ",";
		}
	printf("},\"errors\":{\"connect\":%llu,\"broken\":%llu,\"malformed\":%llu,\"late\":%llu,"
	       "\"unsent\":%llu}}\n",
		(unsigned long long)t->n_unconnected, (unsigned long long)t->n_broken,
		(unsigned long long)t->n_malformed, (unsigned long long)t->n_late,
		(unsigned long long)t->n_unsent);
}
