/* Time. */
#include "clock.h"

#include <time.h>

static i64 read_us(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return S_TO_US(t.tv_sec) + t.tv_nsec / 1000;
}

i64 clock_now_us(void)
{
	return read_us(CLOCK_REALTIME);
}

i64 clock_mono_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

void clock_sleep_us(i64 us)
{
	struct timespec t = {.tv_sec = us / US_PER_S, .tv_nsec = us % US_PER_S * 1000};

	nanosleep(&t, NULL);
}

__attribute__((format(strftime, 3, 0))) static char *formatted(
	struct arena *a, i64 at_us, const char *format)
{
	enum { ROOM = 40 };
	char *text = arena_alloc(a, ROOM);
	time_t at_s = (time_t)(at_us / US_PER_S - (at_us % US_PER_S < 0 ? 1 : 0));
	struct tm tm;

	gmtime_r(&at_s, &tm);
	strftime(text, ROOM, format, &tm);
	return text;
}

char *clock_date(struct arena *a, i64 at_us)
{
	return formatted(a, at_us, "%Y-%m-%d");
}

char *clock_http_date(struct arena *a, i64 at_us)
{
	return formatted(a, at_us, "%a, %d %b %Y %H:%M:%S GMT");
}

char *clock_iso8601(struct arena *a, i64 at_us)
{
	return formatted(a, at_us, "%Y-%m-%dT%H:%M:%SZ");
}

char *clock_iso8601_ms(struct arena *a, i64 at_us)
{
	i64 ms = at_us / US_PER_MS - (at_us % US_PER_MS < 0 ? 1 : 0);

	return arena_printf(a, "%s.%03dZ", formatted(a, at_us, "%Y-%m-%dT%H:%M:%S"),
		(int)((ms % 1000 + 1000) % 1000));
}
