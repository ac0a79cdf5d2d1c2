/* Reads the head of a request. */
#include "http.h"

#include <string.h>
#include <strings.h>

static bool is_name(struct text t, const char *name)
{
	return t.length == strlen(name) && strncasecmp(t.data, name, t.length) == 0;
}

static struct text trimmed(const char *first, const char *end)
{
	while (first < end && (*first == ' ' || *first == '\t'))
		first++;
	while (first < end && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return (struct text){first, (size_t)(end - first)};
}

static bool read_length(struct text value, size_t *ret)
{
	*ret = 0;
	for (size_t i = 0; i < value.length; i++) {
		if (value.data[i] < '0' || value.data[i] > '9' || *ret > SIZE_MAX / 100)
			return false;
		*ret = *ret * 10 + (size_t)(value.data[i] - '0');
	}
	return value.length > 0;
}

static bool read_field(struct http_head *h, struct text name, struct text value)
{
	if (is_name(name, "content-length"))
		return read_length(value, &h->body_bytes);
	if (is_name(name, "transfer-encoding"))
		h->is_chunked = true;
	else if (is_name(name, "expect"))
		h->expects = true;
	else if (is_name(name, "x-request-id"))
		h->request_id = value;
	else if (is_name(name, "anthropic-version"))
		h->version = value;
	else if (is_name(name, "x-api-key"))
		h->key = value, h->is_x_api_key = true;
	else if (is_name(name, "connection"))
		h->keeps = h->keeps && !is_name(value, "close");
	else if (is_name(name, "authorization") && value.length > 7 &&
		 strncasecmp(value.data, "Bearer ", 7) == 0)
		h->key = trimmed(value.data + 7, value.data + value.length);
	return true;
}

static bool read_request_line(struct http_head *h, struct text line)
{
	const char *end = line.data + line.length;
	const char *target = memchr(line.data, ' ', line.length);
	const char *version =
		target != NULL ? memrchr(target + 1, ' ', (size_t)(end - target - 1)) : NULL;

	if (version == NULL || target[1] != '/')
		return false;
	struct text protocol = {version + 1, (size_t)(end - version - 1)};
	h->is_old = text_is(protocol, "HTTP/1.0");
	h->keeps = !h->is_old;
	h->method = (struct text){line.data, (size_t)(target - line.data)};
	h->path = (struct text){target + 1, (size_t)(version - target - 1)};
	const char *query = memchr(h->path.data, '?', h->path.length);
	if (query != NULL) {
		h->path.length = (size_t)(query - h->path.data);
		h->query = (struct text){query + 1, (size_t)(version - query - 1)};
	}
	return h->is_old || text_is(protocol, "HTTP/1.1");
}

enum http_result http_read(struct text text, struct http_head *ret)
{
	const char *end = text_find(text, "\r\n\r\n");

	if (end == NULL)
		return text.length > HTTP_HEAD_MAX ? HTTP_BAD : HTTP_MORE;
	*ret = (struct http_head){.bytes = (size_t)(end - text.data) + 4, .query = {"", 0}};
	for (const char *line = text.data; line < end + 2;) {
		const char *stop = memmem(line, (size_t)(end + 2 - line), "\r\n", 2);
		if (line == text.data) {
			if (!read_request_line(ret, (struct text){line, (size_t)(stop - line)}))
				return HTTP_BAD;
		} else {
			const char *colon = memchr(line, ':', (size_t)(stop - line));
			if (colon == NULL ||
				!read_field(ret, (struct text){line, (size_t)(colon - line)},
					trimmed(colon + 1, stop)))
				return HTTP_BAD;
		}
		line = stop + 2;
	}
	return HTTP_READY;
}
