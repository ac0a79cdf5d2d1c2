/* Text: UTF-8, encodings, comparisons. */
#include "str.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

size_t utf8_sequence(const char *text, size_t length)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n;
	unsigned char low = 0x80, high = 0xbf;

	if (length == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		n = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		n = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (length < n)
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0; /* overlong below */
	else if (p[0] == 0xed)
		high = 0x9f; /* surrogates above */
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return n;
}

bool utf8_valid(const char *p, size_t length)
{
	while (length > 0) {
		size_t n = utf8_sequence(p, length);
		if (n == 0)
			return false;
		p += n;
		length -= n;
	}
	return true;
}

#define EACH_BYTE(b) (0x0101010101010101 * (u64)(b))

/* The high bit of each byte of w that is b; bits above the lowest one may be wrong. */
static u64 find_byte(u64 w, unsigned char b)
{
	u64 zero = w ^ EACH_BYTE(b);

	return (zero - EACH_BYTE(1)) & ~zero;
}

/* Eight bytes at once: the lowest set bit marks the first that json_plain() stops at. */
static u64 find_special(u64 w)
{
	u64 control = w - EACH_BYTE(0x20);

	return (w | control | find_byte(w, '"') | find_byte(w, '\\') | find_byte(w, 0x7f)) &
	       EACH_BYTE(0x80);
}

size_t json_plain(const char *text, size_t length)
{
	const char *p = text, *end = text + length;

	while (end - p >= 8) {
		u64 w;
		memcpy(&w, p, sizeof(w));
		u64 special = find_special(le64toh(w));
		if (special != 0)
			return (size_t)(p - text) + (size_t)__builtin_ctzll(special) / 8;
		p += 8;
	}
	while (p < end && *p >= 0x20 && *p < 0x7f && *p != '"' && *p != '\\')
		p++;
	return (size_t)(p - text);
}

char *utf8_clipped(struct arena *a, const char *text, size_t max)
{
	size_t n = 0, length;

	if (text == NULL)
		return NULL;
	while ((length = utf8_sequence(text + n, strlen(text + n))) > 0 && n + length <= max)
		n += length;
	return arena_strndup(a, text, n);
}

size_t utf8_count(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80 ? 1 : 0;
	return n;
}

size_t utf16_count(const char *text)
{
	size_t n = utf8_count(text);

	for (; *text != '\0'; text++)
		n += (unsigned char)*text >= 0xf0 ? 1 : 0;
	return n;
}

bool str_equal(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

bool str_starts(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool str_equal_nocase(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcasecmp(a, b) == 0;
}

bool str_to_i64(const char *text, i64 *ret)
{
	const char *digits = text[0] == '-' ? text + 1 : text;

	if (digits[0] == '\0' || strspn(digits, "0123456789") != strlen(digits))
		return false;
	errno = 0;
	long long value = strtoll(text, NULL, 10);
	if (errno != 0)
		return false;
	*ret = value;
	return true;
}

size_t str_distance(const char *a, const char *b)
{
	size_t row[64], n = strlen(b);

	if (strlen(a) >= ARRAY_LEN(row) || n >= ARRAY_LEN(row))
		return ARRAY_LEN(row);
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1] != '\0'; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t best = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[n];
}

const char *str_nearest(const char *word, const char *const *candidates, size_t n)
{
	const char *nearest = NULL;
	size_t best = strlen(word) / 3 + 2;

	for (size_t i = 0; i < n; i++) {
		size_t distance = str_distance(word, candidates[i]);
		if (distance < best) {
			best = distance;
			nearest = candidates[i];
		}
	}
	return nearest;
}

char *hex_encode(struct arena *a, const void *data, size_t length)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = data;
	char *out = arena_alloc(a, 2 * length + 1);

	for (size_t i = 0; i < length; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	return out;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool hex_decode(const char *text, void *ret, size_t length)
{
	unsigned char *out = ret;

	if (strlen(text) != 2 * length)
		return false;
	for (size_t i = 0; i < length; i++) {
		int high = hex_value(text[2 * i]), low = hex_value(text[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		out[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

static const char base64url_alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t base64url_span(const char *text)
{
	return strspn(text, base64url_alphabet);
}

char *base64url_encode(struct arena *a, const void *data, size_t length)
{
	const unsigned char *p = data;
	char *out = arena_alloc(a, (length * 4 + 2) / 3 + 1);
	size_t n = 0;

	for (size_t i = 0; i < length; i += 3) {
		unsigned v = (unsigned)p[i] << 16;
		if (i + 1 < length)
			v |= (unsigned)p[i + 1] << 8;
		if (i + 2 < length)
			v |= p[i + 2];
		out[n++] = base64url_alphabet[v >> 18 & 63];
		out[n++] = base64url_alphabet[v >> 12 & 63];
		if (i + 1 < length)
			out[n++] = base64url_alphabet[v >> 6 & 63];
		if (i + 2 < length)
			out[n++] = base64url_alphabet[v & 63];
	}
	return out;
}

static int base64url_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '-')
		return 62;
	if (c == '_')
		return 63;
	return -1;
}

unsigned char *base64url_decode(struct arena *a, const char *text, size_t length, size_t *ret_n)
{
	unsigned char *out = arena_alloc(a, length * 3 / 4 + 1);
	unsigned bits = 0, n_bits = 0;
	size_t n = 0;

	if (length % 4 == 1)
		return NULL;
	for (size_t i = 0; i < length; i++) {
		int v = base64url_value(text[i]);
		if (v < 0)
			return NULL;
		bits = (bits << 6 | (unsigned)v) & 0xffffff;
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			out[n++] = (unsigned char)(bits >> n_bits);
		}
	}
	if ((bits & ((1U << n_bits) - 1)) != 0)
		return NULL;
	*ret_n = n;
	return out;
}

char *form_decode(struct arena *a, const char *text, size_t length)
{
	char *out = arena_alloc(a, length + 1);
	size_t n = 0;

	for (size_t i = 0; i < length; i++) {
		char c = text[i];
		if (c == '+') {
			c = ' ';
		} else if (c == '%') {
			int high = length - i > 2 ? hex_value(text[i + 1]) : -1;
			int low = length - i > 2 ? hex_value(text[i + 2]) : -1;
			if (high < 0 || low < 0 || (high | low) == 0)
				return NULL;
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (c == '\0')
			return NULL;
		out[n++] = c;
	}
	return utf8_valid(out, n) ? out : NULL;
}

char *url_encode(struct arena *a, const char *text)
{
	static const char digits[] = "0123456789ABCDEF";
	char *out = arena_alloc(a, 3 * strlen(text) + 1);
	size_t n = 0;

	for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
		bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z');
		if (letter || (*p >= '0' && *p <= '9') || strchr("-._~", *p) != NULL) {
			out[n++] = (char)*p;
		} else {
			out[n++] = '%';
			out[n++] = digits[*p >> 4];
			out[n++] = digits[*p & 15];
		}
	}
	return out;
}

char *html_escape(struct arena *a, const char *text)
{
	static const char specials[] = "&<>\"'";
	static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
	char *out = arena_alloc(a, 6 * strlen(text) + 1);
	size_t n = 0;

	for (; *text != '\0'; text++) {
		const char *special = strchr(specials, *text);
		if (special == NULL) {
			out[n++] = *text;
			continue;
		}
		const char *entity = entities[special - specials];
		memcpy(out + n, entity, strlen(entity));
		n += strlen(entity);
	}
	return out;
}
