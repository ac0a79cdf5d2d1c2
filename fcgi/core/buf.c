/* Growing buffers and JSON string escaping. */
#include "buf.h"

#include <stdio.h>
#include <string.h>

#include "str.h"

void buf_init(struct buf *b, struct arena *arena, size_t capacity)
{
	*b = (struct buf){.arena = arena, .capacity = capacity < 64 ? 64 : capacity};
	b->data = arena_raw(arena, b->capacity);
	b->data[0] = '\0';
}

/* Makes room for `more` bytes and the NUL. */
static void buf_reserve(struct buf *b, size_t more)
{
	if (b->capacity - b->length > more)
		return;
	size_t capacity = 2 * b->capacity;
	if (capacity - b->length <= more)
		capacity = b->length + more + 1;
	char *data = arena_raw(b->arena, capacity);
	memcpy(data, b->data, b->length + 1);
	b->data = data;
	b->capacity = capacity;
}

void buf_bytes(struct buf *b, const void *data, size_t length)
{
	buf_reserve(b, length);
	if (length > 0)
		memcpy(b->data + b->length, data, length);
	b->length += length;
	b->data[b->length] = '\0';
}

void buf_str(struct buf *b, const char *text)
{
	buf_bytes(b, text, strlen(text));
}

void buf_char(struct buf *b, char c)
{
	buf_bytes(b, &c, 1);
}

void buf_i64(struct buf *b, i64 number)
{
	char digits[24], *p = digits + sizeof(digits);
	u64 n = number < 0 ? 0 - (u64)number : (u64)number;

	do {
		*--p = (char)('0' + n % 10);
		n /= 10;
	} while (n != 0);
	if (number < 0)
		*--p = '-';
	buf_bytes(b, p, (size_t)(digits + sizeof(digits) - p));
}

void buf_decimal(struct buf *b, i64 number, int decimals)
{
	u64 unit = 1, magnitude = number < 0 ? 0 - (u64)number : (u64)number;

	for (int i = 0; i < decimals; i++)
		unit *= 10;
	if (number < 0)
		buf_char(b, '-');
	buf_i64(b, (i64)(magnitude / unit));
	u64 rest = magnitude % unit;
	if (rest == 0)
		return;
	buf_char(b, '.');
	while (rest != 0) {
		unit /= 10;
		buf_char(b, (char)('0' + rest / unit));
		rest %= unit;
	}
}

void buf_printf(struct buf *b, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (length <= 0)
		return;
	buf_reserve(b, (size_t)length);
	va_start(args, format);
	vsnprintf(b->data + b->length, (size_t)length + 1, format, args);
	va_end(args);
	b->length += (size_t)length;
}

static void json_escape(struct buf *b, unsigned char c)
{
	switch (c) {
	case '"':
		buf_str(b, "\\\"");
		break;
	case '\\':
		buf_str(b, "\\\\");
		break;
	case '\n':
		buf_str(b, "\\n");
		break;
	case '\r':
		buf_str(b, "\\r");
		break;
	case '\t':
		buf_str(b, "\\t");
		break;
	default:
		buf_printf(b, "\\u%04x", c);
	}
}

void buf_json_n(struct buf *b, const char *text, size_t length)
{
	const char *end = text + length, *plain = text;

	buf_reserve(b, length + 2);
	buf_char(b, '"');
	for (const char *p = text;;) {
		size_t n;
		p += json_plain(p, (size_t)(end - p));
		if (p == end)
			break;
		unsigned char c = (unsigned char)*p;
		if (c >= 0x80 && (n = utf8_sequence(p, (size_t)(end - p))) > 0) {
			p += n;
			continue;
		}
		buf_bytes(b, plain, (size_t)(p - plain));
		if (c >= 0x80)
			buf_str(b, "\xef\xbf\xbd");
		else
			json_escape(b, c);
		plain = ++p;
	}
	buf_bytes(b, plain, (size_t)(end - plain));
	buf_char(b, '"');
}

void buf_json(struct buf *b, const char *text)
{
	buf_json_n(b, text, strlen(text));
}
