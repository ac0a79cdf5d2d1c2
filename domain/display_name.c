/* What people call themselves. */
#include "display_name.h"

#include <stddef.h>

#include "../fcgi/core/str.h"

struct range {
	uint32_t first, last;
};

static bool in_ranges(uint32_t c, const struct range *range, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (c >= range[i].first && c <= range[i].last)
			return true;
	return false;
}

/* White space (Unicode's White_Space) and the byte order mark. */
static bool is_blank(uint32_t c)
{
	static const struct range blanks[] = {{0x09, 0x0d}, {0x20, 0x20}, {0x85, 0x85},
		{0xa0, 0xa0}, {0x1680, 0x1680}, {0x2000, 0x200a}, {0x2028, 0x2029},
		{0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}, {0xfeff, 0xfeff}};

	return in_ranges(c, blanks, ARRAY_LEN(blanks));
}

/* Control characters, line ends, and what turns the direction of all text that follows. */
static bool is_control(uint32_t c)
{
	static const struct range controls[] = {
		{0x00, 0x1f}, {0x7f, 0x9f}, {0x2028, 0x2029}, {0x202a, 0x202e}, {0x2066, 0x2069}};

	return in_ranges(c, controls, ARRAY_LEN(controls));
}

static uint32_t character_at(const char *p, size_t length)
{
	static const unsigned char first_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t c = (unsigned char)*p & first_bits[length];

	for (size_t i = 1; i < length; i++)
		c = c << 6 | ((unsigned char)p[i] & 0x3f);
	return c;
}

enum display_name_fault display_name_read(struct arena *a, const char *text, const char **ret_name)
{
	const char *start = NULL, *end = NULL;
	size_t n = 0, n_to_end = 0, length;
	bool has_control = false, control_to_end = false;

	for (const char *p = text; *p != '\0'; p += length) {
		length = utf8_sequence(p, 4);
		if (length == 0)
			return NAME_CHARACTERS;
		uint32_t c = character_at(p, length);
		if (start == NULL && is_blank(c))
			continue;
		if (start == NULL)
			start = p;
		n++;
		has_control = has_control || is_control(c);
		if (is_blank(c))
			continue;
		end = p + length;
		n_to_end = n;
		control_to_end = has_control;
	}
	if (end == NULL)
		return NAME_EMPTY;
	if (control_to_end)
		return NAME_CHARACTERS;
	if (n_to_end > DISPLAY_NAME_MAX)
		return NAME_TOO_LONG;
	*ret_name = arena_strndup(a, start, (size_t)(end - start));
	return NAME_FINE;
}
