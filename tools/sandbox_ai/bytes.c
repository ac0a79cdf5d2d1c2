/* Text that grows: what the connections, the frames and the reports are made of. */
#include "bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BYTES = 2048, KEEP_BYTES = 128 * 1024 };

char *bytes_room(struct bytes *b, size_t more)
{
	if (b->size - b->length < more) {
		size_t size = b->size > 0 ? b->size : FIRST_BYTES;
		while (size - b->length < more)
			size *= 2;
		char *data = realloc(b->data, size);
		if (data == NULL)
			abort();
		b->data = data;
		b->size = size;
	}
	return b->data + b->length;
}

void bytes_add(struct bytes *b, const void *data, size_t length)
{
	if (length == 0)
		return;
	memcpy(bytes_room(b, length), data, length);
	b->length += length;
}

void bytes_str(struct bytes *b, const char *text)
{
	bytes_add(b, text, strlen(text));
}

void bytes_strs(struct bytes *b, const char *const *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		bytes_str(b, text[i]);
}

void bytes_text(struct bytes *b, struct text text)
{
	bytes_add(b, text.data, text.length);
}

void bytes_i64(struct bytes *b, i64 number)
{
	char digits[24], *p = digits + sizeof(digits);
	u64 rest = number < 0 ? 0 - (u64)number : (u64)number;

	do
		*--p = (char)('0' + rest % 10);
	while ((rest /= 10) != 0);
	if (number < 0)
		*--p = '-';
	bytes_add(b, p, (size_t)(digits + sizeof(digits) - p));
}

void bytes_fill(struct bytes *b, size_t at, char c, size_t n)
{
	bytes_room(b, n);
	memmove(b->data + at + n, b->data + at, b->length - at);
	memset(b->data + at, c, n);
	b->length += n;
}

void bytes_escaped(struct bytes *b, const char *data, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)data[i];
		if (c == '"' || c == '\\')
			bytes_add(b, "\\", 1);
		if (c < 0x20)
			bytes_printf(b, "\\u%04x", c);
		else
			bytes_add(b, &data[i], 1);
	}
}

void bytes_printf(struct bytes *b, const char *format, ...)
{
	va_list list, again;

	va_start(list, format);
	va_copy(again, list);
	int n = vsnprintf(NULL, 0, format, list);
	if (n > 0) {
		vsnprintf(bytes_room(b, (size_t)n + 1), (size_t)n + 1, format, again);
		b->length += (size_t)n;
	}
	va_end(again);
	va_end(list);
}

void bytes_drop(struct bytes *b, size_t n)
{
	if (n == b->length) {
		bytes_clear(b);
		return;
	}
	b->length -= n;
	memmove(b->data, b->data + n, b->length);
}

void bytes_clear(struct bytes *b)
{
	b->length = 0;
	if (b->size > KEEP_BYTES)
		bytes_free(b);
}

void bytes_free(struct bytes *b)
{
	free(b->data);
	*b = (struct bytes){0};
}

bool text_is(struct text t, const char *word)
{
	return t.length == strlen(word) && memcmp(t.data, word, t.length) == 0;
}

const char *text_find(struct text t, const char *needle)
{
	return t.length > 0 ? memmem(t.data, t.length, needle, strlen(needle)) : NULL;
}

void text_label(struct text t, char *ret, size_t size)
{
	size_t n = t.length < size ? t.length : size - 1;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)t.data[i];
		ret[i] = t.data[i];
		if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
			ret[i] = '_';
	}
	ret[n] = '\0';
}
