/* Time. Wall-clock time is microseconds since 1970 UTC (_at_us), intervals use the monotonic clock.
 */
#ifndef TURNPIKE_CLOCK_H
#define TURNPIKE_CLOCK_H

#include "arena.h"

enum { US_PER_MS = 1000, US_PER_S = 1000000 };

#define S_TO_US(s) ((i64)(s)*US_PER_S)

/* Wall clock now, microseconds UTC. For expiry and for what people see. */
i64 clock_now_us(void);
/* Monotonic clock, microseconds since some point. For durations and deadlines. */
i64 clock_mono_us(void);
void clock_sleep_us(i64 us);
/* "2026-01-31", "Sat, 31 Jan 2026 12:34:56 GMT" and "2026-01-31T12:34:56Z", UTC. */
char *clock_date(struct arena *a, i64 at_us);
char *clock_http_date(struct arena *a, i64 at_us);
char *clock_iso8601(struct arena *a, i64 at_us);
/* The same with milliseconds: "2026-01-02T03:04:05.678Z". */
char *clock_iso8601_ms(struct arena *a, i64 at_us);
/* The same back: "2026-01-31T12:34:56Z", with any number of decimals, also with an offset as
 * "+01:00". False when text is anything else. */
bool clock_from_iso8601(const char *text, i64 *ret_at_us);

#endif
