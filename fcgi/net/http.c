/* HTTP as libcurl is told it: addresses are checked before anything is looked up, no header or
 * method can carry another request. */
#include "http.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "../core/str.h"

/* Of a large body libcurl sends as much at a time; it holds the buffer as long as the call. */
enum { METHOD_BYTES_MAX = 20, LARGE_BODY_BYTES = 64 * 1024 };

static bool has_control(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return true;
	return false;
}

static bool url_has(CURLU *url, CURLUPart part)
{
	char *text = NULL;
	bool has = curl_url_get(url, part, &text, 0) == CURLUE_OK;

	curl_free(text);
	return has;
}

/* What a user's address must be before any lookup; NULL when it is. */
static const char *user_url_fault(CURLU *url, const char *host, const char *port)
{
	size_t length = strlen(host);

	if (url_has(url, CURLUPART_USER) || url_has(url, CURLUPART_PASSWORD))
		return "address holds a user name";
	if (!str_equal(port, "80") && !str_equal(port, "443"))
		return "port not allowed";
	if (url_has(url, CURLUPART_ZONEID) || length == 0 || host[length - 1] == '.')
		return "host not allowed";
	for (const char *p = host; *p != '\0'; p++)
		if ((unsigned char)*p >= 0x80)
			return "host not allowed"; /* an IDN is given as A-labels */
	return NULL;
}

static const char *read_origin(
	CURLU *url, enum net_trust trust, char ret_origin[BREAKER_ORIGIN_BYTES])
{
	char *scheme = NULL, *host = NULL, *port = NULL;
	const char *why = "address is malformed";

	if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
		if (!str_equal(scheme, "http") && !str_equal(scheme, "https"))
			why = "scheme not allowed";
		else if (curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK)
			why = trust == NET_USER ? user_url_fault(url, host, port) : NULL;
	}
	if (why == NULL) {
		int n = snprintf(
			ret_origin, BREAKER_ORIGIN_BYTES, "%s://%s:%s", scheme, host, port);
		if (n >= BREAKER_ORIGIN_BYTES)
			why = "host name is too long";
		for (char *p = ret_origin; *p != '\0'; p++)
			*p = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
	}
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	return why;
}

const char *http_read_url(const char *text, enum net_trust trust, CURLU **ret_url,
	char ret_origin[BREAKER_ORIGIN_BYTES])
{
	*ret_url = curl_url();
	if (*ret_url == NULL || has_control(text) || strchr(text, ' ') != NULL ||
		curl_url_set(*ret_url, CURLUPART_URL, text,
			CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS) != CURLUE_OK)
		return "address is malformed";
	return read_origin(*ret_url, trust, ret_origin);
}

#define SET(option, value) (curl_easy_setopt(lane->easy, (option), (value)) == CURLE_OK)

static bool set_headers(struct lane *lane, const struct net_stream *call)
{
	bool has_type = false;

	for (const char *const *line = call->header; line != NULL && *line != NULL; line++) {
		if (has_control(*line) || !lane_header(lane, *line))
			return false;
		has_type |= strncasecmp(*line, "content-type:", 13) == 0;
	}
	/* An empty value takes back what libcurl would add by itself. */
	return (has_type || lane_header(lane, "Content-Type:")) && lane_header(lane, "Expect:") &&
	       SET(CURLOPT_HTTPHEADER, lane->list);
}

static bool set_method(struct lane *lane, const struct net_stream *call)
{
	const char *method = call->method != NULL ? call->method : "POST";
	size_t length = strspn(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
	bool has_body = call->body_length > 0 || str_equal(method, "POST") ||
			str_equal(method, "PUT") || str_equal(method, "PATCH");

	if (length == 0 || length > METHOD_BYTES_MAX || method[length] != '\0')
		return false;
	if (str_equal(method, "HEAD"))
		return SET(CURLOPT_NOBODY, 1L);
	if (!has_body)
		return SET(CURLOPT_HTTPGET, 1L) && SET(CURLOPT_CUSTOMREQUEST, method);
	if (call->body_length > LARGE_BODY_BYTES &&
		!SET(CURLOPT_UPLOAD_BUFFERSIZE, (long)LARGE_BODY_BYTES))
		return false;
	return SET(CURLOPT_POST, 1L) &&
	       SET(CURLOPT_POSTFIELDS, call->body_length > 0 ? call->body : "") &&
	       SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_length) &&
	       SET(CURLOPT_CUSTOMREQUEST, method);
}

/* Whether the request, sent twice, does what it does once (RFC 9110 section 9.2.2). */
static bool is_idempotent(const struct net_stream *call)
{
	static const char *const methods[] = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"};

	for (size_t i = 0; call->method != NULL && i < ARRAY_LEN(methods); i++)
		if (str_equal(call->method, methods[i]))
			return true;
	for (const char *const *line = call->header; line != NULL && *line != NULL; line++)
		if (strncasecmp(*line, "idempotency-key:", 16) == 0)
			return true;
	return false;
}

/* An answer that is compressed although nobody asked for it is decompressed: libcurl does so when
 * any encoding was named. */
const char *http_prepare(struct lane *lane, const struct net_stream *call)
{
	if (!set_method(lane, call) || !set_headers(lane, call))
		return "method or header is malformed";
	lane->is_sent_once = !is_idempotent(call);
	if (!SET(CURLOPT_CURLU, lane->url) || !SET(CURLOPT_PROTOCOLS_STR, "http,https") ||
		!SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) ||
		!SET(CURLOPT_PATH_AS_IS, 1L) || !SET(CURLOPT_ACCEPT_ENCODING, "identity") ||
		!SET(CURLOPT_USERAGENT, "turnpike/" PACKAGE_VERSION))
		return "libcurl cannot be set up";
	return NULL;
}

static const char *header_text(struct lane *lane, struct arena *arena, const char *name)
{
	struct curl_header *header;

	if (curl_easy_header(lane->easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
		return NULL;
	return arena_strdup(arena, header->value);
}

void http_read_head(struct lane *lane, struct arena *arena, struct net_head *ret)
{
	const char *type = NULL, *id = header_text(lane, arena, "request-id");
	curl_off_t retry_after_s = 0;
	long status = 0;

	if (id == NULL)
		id = header_text(lane, arena, "x-request-id");
	curl_easy_getinfo(lane->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(lane->easy, CURLINFO_CONTENT_TYPE, &type);
	curl_easy_getinfo(lane->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
	*ret = (struct net_head){
		.status = (int)status,
		.content_type = arena_strdup(arena, type != NULL ? type : ""),
		.retry_after_s = retry_after_s > 0 ? retry_after_s : 0,
		.request_id = id != NULL ? id : "",
	};
}
