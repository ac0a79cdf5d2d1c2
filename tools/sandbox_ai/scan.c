/* A JSON reader that walks over the text and calls back; see scan.h. */
#include "scan.h"

#include <string.h>

#include "fcgi/core/str.h"

enum { DEPTH_MAX = 200 };

char scan_peek(struct scan *s)
{
	while (s->at < s->end &&
		(*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
		s->at++;
	return s->at < s->end ? *s->at : '\0';
}

bool scan_end(struct scan *s)
{
	scan_peek(s);
	return s->at == s->end;
}

static bool take(struct scan *s, char c)
{
	if (scan_peek(s) != c)
		return false;
	s->at++;
	return true;
}

bool scan_string(struct scan *s, struct text *ret)
{
	if (!take(s, '"'))
		return false;
	const char *first = s->at;
	for (const char *p = first;;) {
		const char *quote = memchr(p, '"', (size_t)(s->end - p));
		if (quote == NULL)
			return false;
		const char *slash = quote;
		while (slash > first && slash[-1] == '\\')
			slash--;
		p = quote + 1;
		if ((quote - slash) % 2 == 0) {
			*ret = (struct text){first, (size_t)(quote - first)};
			s->at = p;
			return true;
		}
	}
}

/* A number or one of the three words. */
static bool scan_word(struct scan *s, struct text *ret)
{
	scan_peek(s);
	ret->data = s->at;
	while (s->at < s->end && strchr(",]} \n\r\t:\"[{", *s->at) == NULL)
		s->at++;
	ret->length = (size_t)(s->at - ret->data);
	if (text_is(*ret, "true") || text_is(*ret, "false") || text_is(*ret, "null"))
		return true;
	size_t i = ret->length > 0 && ret->data[0] == '-' ? 1 : 0;
	if (i >= ret->length || ret->data[i] < '0' || ret->data[i] > '9')
		return false;
	while (i < ret->length && strchr("0123456789+-.eE", ret->data[i]) != NULL)
		i++;
	return i == ret->length;
}

bool scan_i64(struct scan *s, i64 *ret)
{
	struct text t;
	char digits[24];

	*ret = 0;
	if (!scan_skip(s, &t))
		return false;
	if (t.length < sizeof(digits)) {
		memcpy(digits, t.data, t.length);
		digits[t.length] = '\0';
		if (!str_to_i64(digits, ret))
			*ret = 0;
	}
	return true;
}

bool scan_bool(struct scan *s, bool *ret)
{
	struct text t;

	if (!scan_skip(s, &t))
		return false;
	*ret = text_is(t, "true");
	return true;
}

static bool skip_one(struct scan *s, struct text key, void *context)
{
	(void)key;
	(void)context;
	return scan_skip(s, NULL);
}

bool scan_skip(struct scan *s, struct text *ret)
{
	struct text t;
	char c = scan_peek(s);
	const char *first = s->at;
	bool ok;

	if (c == '{')
		ok = scan_object(s, skip_one, NULL);
	else if (c == '[')
		ok = scan_array(s, skip_one, NULL);
	else if (c == '"')
		ok = scan_string(s, &t);
	else
		ok = scan_word(s, &t);
	if (ret != NULL)
		*ret = (struct text){first, (size_t)(s->at - first)};
	return ok;
}

static bool members(struct scan *s, char close, scan_visitor *visit, void *context)
{
	struct text key = {0};

	if (take(s, close))
		return true;
	do {
		if (close == '}' && (!scan_string(s, &key) || !take(s, ':')))
			return false;
		if (!visit(s, key, context))
			return false;
	} while (take(s, ','));
	return take(s, close);
}

bool scan_object(struct scan *s, scan_visitor *visit, void *context)
{
	if (!take(s, '{') || ++s->depth > DEPTH_MAX)
		return false;
	bool ok = members(s, '}', visit, context);
	s->depth--;
	return ok;
}

bool scan_array(struct scan *s, scan_visitor *visit, void *context)
{
	if (!take(s, '[') || ++s->depth > DEPTH_MAX)
		return false;
	bool ok = members(s, ']', visit, context);
	s->depth--;
	return ok;
}

/* How many bytes of UTF-8 the escape at p (its backslash) makes, and how many it takes. */
static size_t escape_bytes(const char *p, size_t left, size_t *ret_taken)
{
	unsigned char unit[2];
	char digits[5] = "";

	*ret_taken = left < 2 ? left : 2;
	if (left < 6 || p[1] != 'u')
		return 1;
	memcpy(digits, p + 2, 4);
	if (!hex_decode(digits, unit, 2))
		return 1;
	unsigned code = (unsigned)unit[0] << 8 | unit[1];
	*ret_taken = 6;
	if (code >= 0xd800 && code < 0xdc00 && left >= 12 && p[6] == '\\') {
		*ret_taken = 12; /* a pair */
		return 4;
	}
	return code < 0x80 ? 1 : code < 0x800 ? 2 : 3;
}

size_t scan_string_bytes(struct text raw)
{
	const char *p = raw.data, *end = raw.data + raw.length;
	size_t n = 0, taken;

	while (p < end) {
		const char *slash = memchr(p, '\\', (size_t)(end - p));
		if (slash == NULL)
			return n + (size_t)(end - p);
		n += (size_t)(slash - p) + escape_bytes(slash, (size_t)(end - slash), &taken);
		p = slash + taken;
	}
	return n;
}

bool scan_is_utf8(struct text t)
{
	static const u64 high = 0x8080808080808080;
	size_t i = 0;

	while (i < t.length) {
		u64 eight;
		if (t.length - i >= sizeof(eight)) {
			memcpy(&eight, t.data + i, sizeof(eight));
			if ((eight & high) == 0) {
				i += sizeof(eight);
				continue;
			}
		}
		size_t n = utf8_sequence(t.data + i, t.length - i);
		if (n == 0)
			return false;
		i += n;
	}
	return true;
}
