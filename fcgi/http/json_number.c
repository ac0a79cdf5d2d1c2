/* Numbers are never rounded to infinity and integers never clamped: what does not fit is refused.
 */
#include "json_number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *skip_digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

/* digits: without sign and leading zeros. */
static bool integer_fits(const char *digits, size_t n, bool negative)
{
	const char *bound = negative ? "9223372036854775808" : "18446744073709551615";
	size_t n_bound = strlen(bound);

	return n < n_bound || (n == n_bound && memcmp(digits, bound, n) <= 0);
}

/* Whether the number at p, which has a fraction or an exponent, is finite as a double. Only those
 * near the largest double are converted. */
static bool real_fits(struct arena *arena, const char *number, const char *end, i64 exponent)
{
	const char *p = number, *point = NULL, *significant = NULL;

	for (; p < end && *p != 'e' && *p != 'E'; p++) {
		if (*p == '.')
			point = p;
		else if (significant == NULL && *p >= '1' && *p <= '9')
			significant = p;
	}
	if (significant == NULL)
		return true; /* zero */
	if (point == NULL)
		point = p;
	/* value = d.ddd * 10^magnitude */
	i64 magnitude = point - significant;
	if (magnitude > 0)
		magnitude--;
	magnitude += exponent;
	if (magnitude != 308)
		return magnitude < 308;
	struct arena_mark mark = arena_mark(arena);
	double value = strtod(arena_strndup(arena, number, (size_t)(end - number)), NULL);
	arena_rewind(arena, mark);
	return isfinite(value);
}

/* Stops counting before i64 is full: no mantissa is long enough to make up for such an exponent. */
static i64 exponent_value(const char *p, const char *end)
{
	bool negative = *p == '-';
	i64 value = 0;

	if (*p == '-' || *p == '+')
		p++;
	for (; p < end && value < INT64_MAX / 16; p++)
		value = value * 10 + (*p - '0');
	return negative ? -value : value;
}

/* Behind the integer part: an optional fraction, an optional exponent. */
static const char *read_real(const char *p, const char *end, i64 *ret_exponent, const char **ret_at)
{
	const char *digits;

	*ret_exponent = 0;
	if (*p == '.') {
		digits = p + 1;
		*ret_at = p = skip_digits(digits, end);
		if (p == digits)
			return "digit expected";
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		const char *exponent = p + 1;
		digits = exponent;
		if (digits < end && (*digits == '+' || *digits == '-'))
			digits++;
		*ret_at = p = skip_digits(digits, end);
		if (p == digits)
			return "digit expected";
		*ret_exponent = exponent_value(exponent, p);
	}
	return NULL;
}

const char *json_number(struct arena *arena, const char *p, const char *end, const char **ret_at)
{
	const char *number = p, *digits = *p == '-' ? p + 1 : p;
	i64 exponent;

	*ret_at = p = skip_digits(digits, end);
	if (p == digits)
		return "digit expected";
	if (*digits == '0' && p - digits > 1) {
		*ret_at = number;
		return "number with a leading zero";
	}
	if (p == end || (*p != '.' && *p != 'e' && *p != 'E')) {
		if (integer_fits(digits, (size_t)(p - digits), *number == '-'))
			return NULL;
		*ret_at = number;
		return "integer out of range";
	}
	const char *why = read_real(p, end, &exponent, ret_at);
	if (why == NULL && !real_fits(arena, number, *ret_at, exponent)) {
		*ret_at = number;
		return "number out of range";
	}
	return why;
}

/* The exponent behind 'e', cut off far from the ends of i64: a longer one is out of every range. */
static i64 exponent_of(const char *p)
{
	bool negative = *p == '-';
	i64 n = 0;

	for (p += *p == '-' || *p == '+' ? 1 : 0; *p >= '0' && *p <= '9' && n < 1000000; p++)
		n = n * 10 + (*p - '0');
	return negative ? -n : n;
}

bool json_number_micro(const char *text, i64 *ret)
{
	bool negative = *text == '-', rest = false;
	const char *digits = text + (negative ? 1 : 0);
	size_t whole = strspn(digits, "0123456789"), length = strcspn(digits, "eE");
	i64 keep = (i64)whole + 6, micro = 0;

	if (digits[length] != '\0')
		keep += exponent_of(digits + length + 1);
	for (const char *p = digits; p < digits + length; p++) {
		if (*p == '.')
			continue;
		if (keep > 0 && (__builtin_mul_overflow(micro, 10, &micro) ||
					__builtin_add_overflow(micro, *p - '0', &micro)))
			return false;
		rest = rest || (keep <= 0 && *p != '0');
		keep--;
	}
	for (; keep > 0 && micro != 0; keep--)
		if (__builtin_mul_overflow(micro, 10, &micro))
			return false;
	if (negative && (micro != 0 || rest))
		return false;
	return !__builtin_add_overflow(micro, rest ? 1 : 0, ret);
}
