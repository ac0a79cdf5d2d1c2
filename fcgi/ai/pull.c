/* The JSON reader without a tree. */
#include "pull.h"

#include "../core/str.h"

enum { DEPTH_MAX = 64 };

void pull_init(struct pull *p, const char *data, size_t length)
{
	*p = (struct pull){.start = data, .p = data, .end = data + length};
}

/* Ends the reading: everything after this finds nothing. */
static bool wrong(struct pull *p, const char *why)
{
	if (p->why == NULL)
		p->why = why;
	p->p = p->end;
	return false;
}

char pull_peek(struct pull *p)
{
	while (p->p < p->end && (*p->p == ' ' || *p->p == '\n' || *p->p == '\r' || *p->p == '\t'))
		p->p++;
	return p->p < p->end ? *p->p : '\0';
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* p->p is at the backslash. */
static bool skip_escape(struct pull *p)
{
	size_t left = (size_t)(p->end - p->p);

	if (left >= 2 && p->p[1] != 'u' && p->p[1] != '\0' && strchr("\"\\/bfnrt", p->p[1])) {
		p->p += 2;
		return true;
	}
	if (left < 6 || p->p[1] != 'u')
		return wrong(p, "broken escape");
	for (size_t i = 2; i < 6; i++)
		if (!is_hex(p->p[i]))
			return wrong(p, "broken escape");
	p->p += 6;
	return true;
}

/* p->p is at the opening quote; ends behind the closing one. */
static bool read_string(struct pull *p, struct pull_text *ret)
{
	const char *start = ++p->p;
	bool is_escaped = false;

	for (;;) {
		p->p += json_plain(p->p, (size_t)(p->end - p->p));
		if (p->p == p->end)
			return wrong(p, "text without end");
		unsigned char c = (unsigned char)*p->p;
		if (c == '"')
			break;
		if (c < 0x20)
			return wrong(p, "control character in text");
		if (c != '\\') {
			p->p++;
			continue;
		}
		is_escaped = true;
		if (!skip_escape(p))
			return false;
	}
	*ret = (struct pull_text){start, (size_t)(p->p - start), is_escaped};
	p->p++;
	return true;
}

static const char *skip_digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

/* Behind the digits of a number: a fraction and an exponent. */
static bool skip_real(struct pull *p)
{
	if (p->p < p->end && *p->p == '.') {
		const char *digits = p->p + 1;
		p->p = skip_digits(digits, p->end);
		if (p->p == digits)
			return wrong(p, "digit expected");
	}
	if (p->p < p->end && (*p->p == 'e' || *p->p == 'E')) {
		const char *digits = p->p + 1;
		if (digits < p->end && (*digits == '+' || *digits == '-'))
			digits++;
		p->p = skip_digits(digits, p->end);
		if (p->p == digits)
			return wrong(p, "digit expected");
	}
	return true;
}

static bool skip_number(struct pull *p)
{
	const char *digits = p->p + (*p->p == '-' ? 1 : 0);

	p->p = skip_digits(digits, p->end);
	if (p->p == digits)
		return wrong(p, "value expected");
	if (*digits == '0' && p->p - digits > 1)
		return wrong(p, "number with a leading zero");
	return skip_real(p);
}

static bool skip_word(struct pull *p, const char *word)
{
	size_t length = strlen(word);

	if ((size_t)(p->end - p->p) < length || memcmp(p->p, word, length) != 0)
		return wrong(p, "value expected");
	p->p += length;
	return true;
}

/* Any value but an array or object. */
static bool skip_scalar(struct pull *p)
{
	struct pull_text text;

	p->is_first = false;
	switch (pull_peek(p)) {
	case '"':
		return read_string(p, &text);
	case 't':
		return skip_word(p, "true");
	case 'f':
		return skip_word(p, "false");
	case 'n':
		return skip_word(p, "null");
	case '\0':
		return wrong(p, "value expected");
	default:
		return skip_number(p);
	}
}

static bool open_level(struct pull *p, char bracket)
{
	if (pull_peek(p) != bracket)
		return false;
	p->p++;
	p->is_first = true;
	return true;
}

/* Before a member or an item: false at the closing bracket, which is taken. */
static bool next(struct pull *p, char bracket)
{
	char c = pull_peek(p);

	if (c == bracket) {
		p->p++;
		p->is_first = false;
		return false;
	}
	if (p->is_first) {
		p->is_first = false;
		return p->p < p->end || wrong(p, "unfinished");
	}
	if (c != ',')
		return wrong(p, p->p < p->end ? "',' expected" : "unfinished");
	p->p++;
	return true;
}

static bool next_member(struct pull *p, struct pull_text *ret_name)
{
	if (!next(p, '}'))
		return false;
	if (pull_peek(p) != '"')
		return wrong(p, "name expected");
	if (!read_string(p, ret_name))
		return false;
	if (pull_peek(p) != ':')
		return wrong(p, "':' expected");
	p->p++;
	return true;
}

/* Uses no stack for levels: a bit of `objects` for each says what it is. */
void pull_skip(struct pull *p)
{
	struct pull_text name;
	u64 objects = 0;
	size_t depth = 0;

	do {
		bool is_object = open_level(p, '{');
		if (is_object || open_level(p, '[')) {
			if (depth == DEPTH_MAX) {
				wrong(p, "nested too deeply");
				return;
			}
			depth++;
			objects = objects << 1 | (is_object ? 1 : 0);
		} else if (!skip_scalar(p)) {
			return;
		}
		while (depth > 0 && !((objects & 1) != 0 ? next_member(p, &name) : next(p, ']'))) {
			if (p->why != NULL)
				return;
			depth--;
			objects >>= 1;
		}
	} while (depth > 0);
}

bool pull_object(struct pull *p)
{
	if (open_level(p, '{'))
		return true;
	pull_skip(p);
	return false;
}

bool pull_member(struct pull *p, struct pull_text *ret_name)
{
	return next_member(p, ret_name);
}

bool pull_array(struct pull *p)
{
	if (open_level(p, '['))
		return true;
	pull_skip(p);
	return false;
}

bool pull_item(struct pull *p)
{
	return next(p, ']');
}

bool pull_string(struct pull *p, struct pull_text *ret)
{
	if (pull_peek(p) != '"') {
		pull_skip(p);
		return false;
	}
	p->is_first = false;
	return read_string(p, ret);
}

bool pull_i64(struct pull *p, i64 *ret)
{
	char c = pull_peek(p);
	struct pull_text raw;
	i64 n = 0;

	if ((c != '-' && (c < '0' || c > '9')) || !pull_raw(p, &raw)) {
		pull_skip(p);
		return false;
	}
	for (size_t i = c == '-' ? 1 : 0; i < raw.length; i++)
		if (raw.at[i] < '0' || raw.at[i] > '9' || __builtin_mul_overflow(n, 10, &n) ||
			__builtin_sub_overflow(n, raw.at[i] - '0', &n))
			return false;
	if (c == '-')
		*ret = n;
	else if (n != INT64_MIN)
		*ret = -n;
	return c == '-' || n != INT64_MIN;
}

bool pull_bool(struct pull *p, bool *ret)
{
	char c = pull_peek(p);

	pull_skip(p);
	if (p->why != NULL || (c != 't' && c != 'f'))
		return false;
	*ret = c == 't';
	return true;
}

bool pull_raw(struct pull *p, struct pull_text *ret)
{
	char c = pull_peek(p);
	const char *start = p->p;

	pull_skip(p);
	if (p->why != NULL || c == 'n')
		return false;
	*ret = (struct pull_text){start, (size_t)(p->p - start), false};
	return true;
}

bool pull_end(struct pull *p)
{
	pull_peek(p);
	if (p->p < p->end)
		wrong(p, "text after the end");
	return p->why == NULL;
}
