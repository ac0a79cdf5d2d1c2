/* Escapes, surrogate pairs and broken UTF-8. */
#include "text.h"

#include "../core/str.h"

#define REPLACED "\xef\xbf\xbd"

/* A code unit as UTF-8 would write it, were surrogates characters; pairs are joined later. */
static size_t put_unit(char *to, unsigned unit)
{
	if (unit < 0x80) {
		to[0] = (char)unit;
		return 1;
	}
	if (unit < 0x800) {
		to[0] = (char)(0xc0 | unit >> 6);
		to[1] = (char)(0x80 | (unit & 0x3f));
		return 2;
	}
	to[0] = (char)(0xe0 | unit >> 12);
	to[1] = (char)(0x80 | (unit >> 6 & 0x3f));
	to[2] = (char)(0x80 | (unit & 0x3f));
	return 3;
}

static unsigned hex_unit(const char *p)
{
	unsigned unit = 0;

	for (size_t i = 0; i < 4; i++) {
		unsigned c = (unsigned char)p[i];
		unit = unit << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return unit;
}

/* Takes the escapes out; the result is never longer. The escapes were checked by pull.c. */
static size_t unescape(char *to, const struct pull_text *text)
{
	static const char letters[] = "bfnrt", meant[] = "\b\f\n\r\t";
	const char *p = text->at, *end = p + text->length;
	char *start = to;

	while (p < end) {
		if (*p != '\\') {
			*to++ = *p++;
			continue;
		}
		const char *letter = strchr(letters, p[1]);
		if (p[1] == 'u') {
			to += put_unit(to, hex_unit(p + 2));
			p += 6;
			continue;
		}
		*to++ = letter != NULL ? meant[letter - letters] : p[1];
		p += 2;
	}
	return (size_t)(to - start);
}

static bool is_half(const char *p, unsigned char low, unsigned char high)
{
	const unsigned char *b = (const unsigned char *)p;

	return b[0] == 0xed && b[1] >= low && b[1] <= high && b[2] >= 0x80 && b[2] <= 0xbf;
}

static void put_pair(struct buf *out, const char *p)
{
	unsigned high = ((unsigned)p[1] & 0x0f) << 6 | ((unsigned)p[2] & 0x3f);
	unsigned low = ((unsigned)p[4] & 0x0f) << 6 | ((unsigned)p[5] & 0x3f);
	unsigned c = 0x10000 + (high << 10 | low);

	buf_char(out, (char)(0xf0 | c >> 18));
	buf_char(out, (char)(0x80 | (c >> 12 & 0x3f)));
	buf_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
	buf_char(out, (char)(0x80 | (c & 0x3f)));
}

/* Whether the n bytes that are left could be the beginning of a character or of a pair. */
static bool may_begin(const char *text, size_t n)
{
	const unsigned char *p = (const unsigned char *)text;

	if (n >= 3 && is_half(text, 0xa0, 0xaf))
		return n == 3 || (p[3] == 0xed && (n == 4 || (p[4] >= 0xb0 && p[4] <= 0xbf)));
	size_t whole = p[0] < 0xc2 || p[0] > 0xf4 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	unsigned char low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
	unsigned char high = p[0] == 0xf4 ? 0x8f : 0xbf;
	if (n >= whole || (n >= 2 && (p[1] < low || p[1] > high)))
		return false;
	return n < 3 || (p[2] >= 0x80 && p[2] <= 0xbf);
}

/* Appends what is whole; returns how many bytes of the end may still become a character. */
static size_t put_characters(struct buf *out, const char *p, size_t length)
{
	const char *end = p + length, *plain = p;

	while (p < end) {
		size_t left = (size_t)(end - p), n = *p == '\0' ? 0 : utf8_sequence(p, left);
		if (n > 0) {
			p += n;
			continue;
		}
		buf_bytes(out, plain, (size_t)(p - plain));
		plain = p;
		if (left < 6 && may_begin(p, left))
			return left;
		if (left >= 6 && is_half(p, 0xa0, 0xaf) && is_half(p + 3, 0xb0, 0xbf)) {
			put_pair(out, p);
			p += 6;
		} else {
			buf_str(out, REPLACED);
			p += left >= 3 && is_half(p, 0xa0, 0xbf) ? 3 : 1;
		}
		plain = p;
	}
	buf_bytes(out, plain, (size_t)(p - plain));
	return 0;
}

void text_append(struct buf *out, struct text_tail *tail, const struct pull_text *fragment)
{
	if (tail->length == 0 && !fragment->is_escaped &&
		json_plain(fragment->at, fragment->length) == fragment->length) {
		buf_bytes(out, fragment->at, fragment->length);
		return;
	}
	char *bytes = arena_alloc(out->arena, tail->length + fragment->length);
	size_t length = tail->length;
	memcpy(bytes, tail->byte, length);
	if (fragment->is_escaped) {
		length += unescape(bytes + length, fragment);
	} else {
		memcpy(bytes + length, fragment->at, fragment->length);
		length += fragment->length;
	}
	tail->length = put_characters(out, bytes, length);
	memcpy(tail->byte, bytes + length - tail->length, tail->length);
}

void text_flush(struct buf *out, struct text_tail *tail)
{
	if (tail->length > 0)
		buf_str(out, REPLACED);
	tail->length = 0;
}

const char *text_of(struct arena *a, const struct pull_text *text)
{
	struct text_tail tail = {0};
	struct buf out;

	buf_init(&out, a, text->length + 1);
	text_append(&out, &tail, text);
	text_flush(&out, &tail);
	return out.data;
}
