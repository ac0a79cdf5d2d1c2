/* Time. */
#include "clock.h"

#include <string.h>
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

/* Whether text begins as the shape says: 'd' stands for any digit, the rest for itself. */
static bool has_shape(const char *text, const char *shape)
{
	for (; *shape != '\0'; text++, shape++)
		if (*shape == 'd' ? *text < '0' || *text > '9' : *text != *shape)
			return false;
	return true;
}

static int two_digits(const char *text)
{
	return (text[0] - '0') * 10 + text[1] - '0';
}

bool clock_from_iso8601(const char *text, i64 *ret_at_us)
{
	i64 fraction_us = 0, unit_us = US_PER_S / 10, offset_s = 0;

	if (!has_shape(text, "dddd-dd-ddTdd:dd:dd"))
		return false;
	struct tm tm = {
		.tm_year = two_digits(text) * 100 + two_digits(text + 2) - 1900,
		.tm_mon = two_digits(text + 5) - 1,
		.tm_mday = two_digits(text + 8),
		.tm_hour = two_digits(text + 11),
		.tm_min = two_digits(text + 14),
		.tm_sec = two_digits(text + 17),
	};
	struct tm same = tm;
	time_t at_s = timegm(&same); /* which makes the 1st of March of the 29th of February */
	if (same.tm_mon != tm.tm_mon || same.tm_mday != tm.tm_mday || tm.tm_hour > 23 ||
		tm.tm_min > 59 || tm.tm_sec > 59)
		return false;
	text += strlen("0000-00-00T00:00:00");
	if (has_shape(text, ".d"))
		for (text++; *text >= '0' && *text <= '9'; text++, unit_us /= 10)
			fraction_us += (*text - '0') * unit_us;
	if (has_shape(text, "+dd:dd") || has_shape(text, "-dd:dd")) {
		offset_s = two_digits(text + 1) * 3600 + two_digits(text + 4) * 60;
		offset_s = text[0] == '-' ? -offset_s : offset_s;
		text += strlen("+00:00");
	} else if (*text++ != 'Z') {
		return false;
	}
	*ret_at_us = S_TO_US(at_s - offset_s) + fraction_us;
	return *text == '\0';
}
