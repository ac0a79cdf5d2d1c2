/* The event log. Each line is built on the stack of its thread and written at once, so that lines
 * of many processes on one pipe or file never mix. */
#include "log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "str.h"

static const char *log_process = "turnpike";
static enum log_level log_lowest = LOG_LEVEL_INFO;

void log_open(const char *process, enum log_level lowest)
{
	log_process = process;
	log_lowest = lowest;
}

struct line {
	char text[4000]; /* below PIPE_BUF: one write is atomic */
	size_t length;
};

static void put(struct line *l, const char *text, size_t n)
{
	if (l->length + n < sizeof(l->text) - 8) {
		memcpy(l->text + l->length, text, n);
		l->length += n;
	}
}

static void put_json(struct line *l, const char *text)
{
	put(l, "\"", 1);
	for (size_t left = strlen(text); left > 0;) {
		char escaped[8];
		size_t n = utf8_sequence(text, left);
		unsigned char c = (unsigned char)*text;
		if (n == 0 || c < 0x20 || c == '"' || c == '\\' || c == 0x7f) {
			snprintf(escaped, sizeof(escaped), "\\u%04x", n == 0 ? 0xfffd : c);
			put(l, escaped, 6);
			n = 1;
		} else {
			put(l, text, n);
		}
		text += n;
		left -= n;
		if (l->length > sizeof(l->text) - 700)
			break; /* one long value never hides the rest */
	}
	put(l, "\"", 1);
}

static void put_name(struct line *l, const char *name)
{
	put(l, ",", 1);
	put_json(l, name);
	put(l, ":", 1);
}

static void put_number(struct line *l, i64 number)
{
	char digits[24];

	put(l, digits, (size_t)snprintf(digits, sizeof(digits), "%lld", (long long)number));
}

void log_write(enum log_level level, const char *event, const struct log_field *field, size_t n)
{
	static const char *const names[] = {"debug", "info", "warn", "error"};
	struct line l = {.length = 0};
	char time_text[40];
	struct tm tm;

	if (level < log_lowest)
		return;
	i64 now_us = clock_now_us();
	time_t now_s = (time_t)(now_us / US_PER_S);
	gmtime_r(&now_s, &tm);
	size_t length = strftime(time_text, sizeof(time_text), "{\"ts\":\"%Y-%m-%dT%H:%M:%S", &tm);
	put(&l, time_text, length);
	length = (size_t)snprintf(
		time_text, sizeof(time_text), ".%06dZ\"", (int)(now_us % US_PER_S));
	put(&l, time_text, length);
	put_name(&l, "level");
	put_json(&l, names[level]);
	put_name(&l, "process");
	put_json(&l, log_process);
	put_name(&l, "pid");
	put_number(&l, getpid());
	put_name(&l, "event");
	put_json(&l, event);
	for (size_t i = 0; i < n; i++) {
		put_name(&l, field[i].name);
		if (field[i].text != NULL)
			put_json(&l, field[i].text);
		else
			put_number(&l, field[i].number);
	}
	memcpy(l.text + l.length, "}\n", 2);
	if (write(STDERR_FILENO, l.text, l.length + 2) < 0)
		return; /* nobody is left to tell */
}
