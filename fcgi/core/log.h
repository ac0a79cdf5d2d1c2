/* The event log: one JSON line per event on stderr, written with one write(). No secret, token,
 * prompt or mail address goes into it. Library code does not log; its caller does, once. */
#ifndef TURNPIKE_LOG_H
#define TURNPIKE_LOG_H

#include "types.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

struct log_field {
	const char *name;
	const char *text; /* NULL: the number counts */
	i64 number;
};

#define LOG_TEXT(n, t) ((struct log_field){.name = (n), .text = (t) != NULL ? (t) : ""})
#define LOG_NUMBER(n, v) ((struct log_field){.name = (n), .number = (v)})

/* Called once: the process's name ("core", "jobs") and the lowest level written. */
void log_open(const char *process, enum log_level lowest);
/* {"ts":"2026-01-02T03:04:05.678901Z","level":"warn","process":"core","pid":7,"event":"db_lost"}
 * and the fields behind it. */
void log_write(enum log_level level, const char *event, const struct log_field *field, size_t n);

#define LOG(level, event, ...)                                                         \
	log_write(LOG_LEVEL_##level, (event), (const struct log_field[]){__VA_ARGS__}, \
		ARRAY_LEN(((const struct log_field[]){__VA_ARGS__})))

#endif
