/* Building and sending answers. */
#include "response.h"

#include <fcgiapp.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "../core/clock.h"
#include "../core/crypto.h"
#include "../core/log.h"
#include "../core/metrics.h"
#include "../core/str.h"
#include "dialect.h"
#include "fields.h"

static const char json_type[] = "application/json; charset=utf-8";

const char resp_full_text[] = "This needs more memory than one request may have.";

int resp_text(struct req *r, int status, const char *content_type, const char *body, size_t length)
{
	r->response.status = status;
	r->response.content_type = content_type;
	r->response.body = body;
	r->response.body_length = length;
	r->response.is_ready = true;
	return 0;
}

int resp_json(struct req *r, const struct schema *schema, const void *value)
{
	struct buf b;

	buf_init(&b, r->arena, 512);
	schema_encode(schema, value, &b);
	buf_char(&b, '\n');
	return resp_text(r, r->route->status, json_type, b.data, b.length);
}

int resp_empty(struct req *r, int status)
{
	return resp_text(r, status, NULL, "", 0);
}

static void put_line(struct req *r, struct buf *h, const char *name, const char *value)
{
	if (strpbrk(value, "\r\n") != NULL)
		return;
	if (h->data == NULL)
		buf_init(h, r->arena, 256);
	buf_str(h, name);
	buf_str(h, ": ");
	buf_str(h, value);
	buf_str(h, "\r\n");
}

void resp_header(struct req *r, const char *name, const char *value)
{
	put_line(r, &r->response.header, name, value);
}

int resp_methods(struct req *r)
{
	resp_header(r, "Allow", r->allow);
	return resp_empty(r, 204);
}

void resp_header_kept(struct req *r, const char *name, const char *value)
{
	put_line(r, &r->response.kept_header, name, value);
}

int resp_page(struct req *r, int status, const char *title, const char *style, const char *content)
{
	struct buf b;

	buf_init(&b, r->arena, 4096);
	buf_printf(&b,
		"<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<title>%s</title>\n"
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		"<meta name=\"robots\" content=\"noindex\">\n"
		"<link rel=\"icon\" href=\"/assets/favicon.svg\" type=\"image/svg+xml\">\n"
		"<link rel=\"stylesheet\" href=\"/assets/base.css\">\n"
		"<link rel=\"stylesheet\" href=\"/assets/parts.css\">\n"
		"<link rel=\"stylesheet\" href=\"/assets/%s.css\">\n</head>\n<body>\n",
		html_escape(r->arena, title), style);
	buf_str(&b, content);
	buf_str(&b, "\n</body>\n</html>\n");
	/* No form-action: browsers apply it to a redirect that follows the form as well. */
	resp_header(r, "Content-Security-Policy",
		"default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
		"frame-ancestors 'none'");
	return resp_text(r, status, "text/html; charset=utf-8", b.data, b.length);
}

int resp_redirect(struct req *r, const char *location)
{
	for (const char *p = location; *p != '\0'; p++)
		if ((unsigned char)*p <= 0x20 || *p == 0x7f)
			return fail_cause(
				r->fail, E_INTERNAL, "a redirect with control characters");
	resp_header(r, "Location", location);
	return resp_empty(r, 302);
}

static bool is_secure(const struct req *r)
{
	return str_starts(r->worker->options->public_url, "https://");
}

void resp_cookie(struct req *r, const char *name, const char *value, i64 expires_at_us)
{
	struct buf b;

	buf_init(&b, r->arena, 256);
	buf_printf(&b, "%s=%s; Path=/", name, value);
	if (expires_at_us != 0)
		buf_printf(&b, "; Expires=%s", clock_http_date(r->arena, expires_at_us));
	buf_printf(&b, "; HttpOnly%s; SameSite=Lax", is_secure(r) ? "; Secure" : "");
	resp_header(r, "Set-Cookie", b.data);
}

void resp_cookie_for(struct req *r, const char *name, const char *value, int max_age_s)
{
	resp_header(r, "Set-Cookie",
		arena_printf(r->arena, "%s=%s; Path=/; Max-Age=%d; HttpOnly%s; SameSite=Lax", name,
			value, max_age_s, is_secure(r) ? "; Secure" : ""));
}

void resp_cookie_clear(struct req *r, const char *name)
{
	resp_cookie_for(r, name, "", 0);
}

const char *resp_tag_of(struct arena *a, const char *body, size_t length)
{
	struct sha256 hash = sha256(body, length);

	return arena_printf(a, "\"%s\"", hex_encode(a, hash.byte, 16));
}

int resp_etag(struct req *r)
{
	return resp_etag_is(r, resp_tag_of(r->arena, r->response.body, r->response.body_length));
}

int resp_etag_is(struct req *r, const char *tag)
{
	resp_header(r, "ETag", tag);
	if (r->if_none_match != NULL &&
		(strstr(r->if_none_match, tag) != NULL || str_equal(r->if_none_match, "*")))
		return resp_empty(r, 304);
	return 0;
}

static void error_page(struct req *r, int status)
{
	struct buf message;

	buf_init(&message, r->arena, 128);
	dialect_message(r->fail, &message);
	resp_page(r, status, "This did not work", "signin",
		arena_printf(r->arena,
			"<main class=\"page signin-page\"><div class=\"card step\">"
			"<div class=\"stack-tight\"><h1>This did not work</h1>"
			"<p class=\"muted\">%s</p></div></div></main>",
			html_escape(r->arena, message.data)));
}

bool resp_wants_error_object(const struct req *r)
{
	const char *format = req_header(r, "HTTP_X_ERROR_FORMAT");

	return format != NULL && str_equal_nocase(format, "openai");
}

/* In which an answer is: also where there is no route, as far as the path tells. */
static const struct dialect *dialect_of(const struct req *r)
{
	const struct family *family = r->family != NULL ? r->family : family_of_path(r->path);

	return family != NULL ? family->dialect : &dialect_product;
}

void resp_error(struct req *r)
{
	const struct dialect *dialect = dialect_of(r);
	int status = dialect_status(dialect, r->fail->code);
	struct buf b;

	r->response.header = (struct buf){0};
	r->response.more = NULL;
	if ((status == 429 || status == 503 || status == 529) && r->fail->retry_after_s == 0)
		r->fail->retry_after_s = 1;
	buf_init(&b, r->arena, 256);
	if (r->route != NULL && (r->route->flags & PAGE) != 0) {
		error_page(r, status);
	} else {
		struct dialect_form form = {
			r->request_id, dialect->has_openai && resp_wants_error_object(r)};
		dialect->render(r->fail, &form, &b);
		resp_text(r, status, dialect->content_type, b.data, b.length);
	}
	if (status == 401)
		resp_header(r, "WWW-Authenticate", "Bearer");
	if (r->fail->retry_after_s > 0 && dialect->retry_after)
		resp_header(r, "Retry-After",
			arena_printf(r->arena, "%lld", (long long)r->fail->retry_after_s));
	if (r->fail->no_retry)
		resp_header(r, "x-should-retry", "false");
	if (r->allow != NULL)
		resp_header(r, "Allow", r->allow);
	r->response.cache_control = "no-store";
}

static void put_id(const struct req *r, struct buf *b)
{
	const char *name = dialect_of(r)->id_header;

	if (name != NULL && r->request_id != NULL)
		buf_printf(b, "%s: %s\r\n", name, r->request_id);
}

static const char *reason_of(int status)
{
	static const struct {
		int status;
		const char *text;
	} reasons[] = {
		{201, "Created"}, {202, "Accepted"}, {204, "No Content"}, {302, "Found"},
		{304, "Not Modified"}, {400, "Bad Request"}, {401, "Unauthorized"},
		{402, "Payment Required"}, {403, "Forbidden"}, {404, "Not Found"},
		{405, "Method Not Allowed"}, {408, "Request Timeout"}, {409, "Conflict"},
		{413, "Content Too Large"}, {415, "Unsupported Media Type"},
		{422, "Unprocessable Content"}, {429, "Too Many Requests"},
		{499, "Client Closed Request"}, /* nginx's */
		{500, "Internal Server Error"}, {502, "Bad Gateway"}, {503, "Service Unavailable"},
		{504, "Gateway Timeout"}, {529, "Overloaded"}, /* Anthropic's */
	};

	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "Status";
}

int resp_stream_begin(struct req *r, const char *body, size_t length, int (*more)(struct req *r))
{
	r->response.more = more;
	return resp_text(r, r->route->status, json_type, body, length);
}

int resp_stream_write(struct req *r, const char *data, size_t length)
{
	return FCGX_PutStr(data, (int)length, r->answer_stream) == (int)length ? 0 : -1;
}

/* nginx takes a connection that merely ends for the end of the answer. A record that only a server
 * may send (FCGI_ABORT_REQUEST, request 1) makes it give up, and end its client's connection
 * without the last chunk. */
static void cut_off(struct req *r)
{
	static const unsigned char record[8] = {1, 2, 0, 1};
	const struct error_info *info = &error_table[r->fail->code];

	LOG(ERROR, "answer_cut_off", LOG_TEXT("request_id", r->request_id),
		LOG_TEXT("route", r->route->path), LOG_TEXT("error", info->name),
		LOG_TEXT("cause", r->fail->cause));
	FCGX_FFlush(r->answer_stream);
	(void)send(r->client_fd, record, sizeof(record), MSG_NOSIGNAL);
	shutdown(r->client_fd, SHUT_WR);
}

void resp_give_up(struct req *r)
{
	const struct buf *words = &r->response.last_words;

	fail(r->fail, E_UNAVAILABLE, NULL);
	if (words->length == 0)
		cut_off(r);
	else if (resp_stream_write(r, words->data, words->length) == 0)
		(void)resp_stream_flush(r); /* who has left will not read it */
}

/* Runs more(). What is sent already cannot be replaced by another answer, so a full arena comes
 * back here. */
static int send_rest(struct req *r)
{
	jmp_buf full, *outer = r->arena->on_full;
	volatile int rc;

	r->arena->on_full = &full;
	if (setjmp(full) == 0) {
		rc = r->response.more(r);
	} else {
		rc = fail_cause(r->fail, E_UNAVAILABLE, "the arena is full");
		metrics_add(METRIC_ARENA_FULL, 1); /* behind what may come back once more */
	}
	r->arena->on_full = outer;
	if (rc > 0)
		cut_off(r);
	return rc < 0 ? -1 : 0;
}

static void put_head(struct req *r, struct buf *b)
{
	const struct response *a = &r->response;

	if (a->status != 200) /* nginx's own: "200 OK" */
		buf_printf(b, "Status: %d %s\r\n", a->status, reason_of(a->status));
	if (a->content_type != NULL) {
		buf_str(b, "Content-Type: ");
		buf_str(b, a->content_type);
		if (a->more == NULL && !a->is_open)
			buf_printf(b, "\r\nContent-Length: %zu", a->body_length);
		buf_str(b, "\r\n");
	}
	put_id(r, b);
	fields_put(r, b);
	if (a->header.length > 0)
		buf_bytes(b, a->header.data, a->header.length);
	if (a->kept_header.length > 0)
		buf_bytes(b, a->kept_header.data, a->kept_header.length);
	buf_str(b, "\r\n");
}

int resp_open(struct req *r, const char *content_type)
{
	struct response *a = &r->response;
	struct buf b;

	a->status = r->route->status;
	a->content_type = content_type;
	a->is_open = a->is_ready = true;
	buf_init(&b, r->arena, a->header.length + a->kept_header.length + 512);
	put_head(r, &b);
	r->answer_stream = r->out_stream;
	return resp_stream_write(r, b.data, b.length);
}

int resp_stream_flush(struct req *r)
{
	return FCGX_FFlush(r->answer_stream) == 0 ? 0 : -1;
}

int resp_send(struct req *r, struct FCGX_Stream *out)
{
	struct response *a = &r->response;
	struct buf b;

	if (a->is_open)
		return FCGX_GetError(out) != 0 ? -1 : 0;
	buf_init(&b, r->arena, a->body_length + a->header.length + a->kept_header.length + 512);
	put_head(r, &b);
	if (a->content_type != NULL && !r->is_head)
		buf_bytes(&b, a->body, a->body_length);
	if (FCGX_PutStr(b.data, (int)b.length, out) < 0)
		return -1;
	r->answer_stream = out;
	if (a->more != NULL && !r->is_head)
		TRY(send_rest(r));
	return FCGX_GetError(out) != 0 ? -1 : 0;
}
