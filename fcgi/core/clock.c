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
