/* What handlers may say besides filling their out struct. */
#ifndef TURNPIKE_RESPONSE_H
#define TURNPIKE_RESPONSE_H

#include "request.h"

/* Encodes value as the answer with the route's status. */
int resp_json(struct req *r, const struct schema *schema, const void *value);
/* An answer without body: 204, 304. */
int resp_empty(struct req *r, int status);
/* 204 with the methods that the path has: what OPTIONS asks for. */
int resp_methods(struct req *r);
/* A body that is written already. It lives in the arena. */
int resp_text(struct req *r, int status, const char *content_type, const char *body, size_t length);
/* A JSON answer that is too large to hold: body is its beginning; after the headers, more() writes
 * the rest with resp_stream_write(). The status is out by then: where more() fails, the connection
 * ends before the answer does, so that nobody takes it for complete, and the cause goes to the log.
 */
int resp_stream_begin(struct req *r, const char *body, size_t length, int (*more)(struct req *r));
/* 0, or -1 when the client is gone; more() then returns that. */
int resp_stream_write(struct req *r, const char *data, size_t length);
/* For an answer whose pieces are known only while the handler runs: sends the route's status and
 * the headers; then resp_stream_write(), and resp_stream_flush() where the client should see what
 * there is. From here on nothing can replace the answer. 0, or -1 when the client is gone. */
int resp_open(struct req *r, const char *content_type);
int resp_stream_flush(struct req *r);
/* What is said when a request wants more memory than one may have. */
extern const char resp_full_text[];
/* Ends an answer that was opened and cannot go on because there is no memory left, so without any:
 * with r->response.last_words, which were written when it was opened, or else so that nobody takes
 * it for complete. */
void resp_give_up(struct req *r);
/* A page without scripts in the look of web/: style names a sheet of web/assets beside base.css and
 * parts.css, content is the inside of <body>. */
int resp_page(struct req *r, int status, const char *title, const char *style, const char *content);
/* 302 to an absolute address or path; control characters in it are refused (E_INTERNAL). */
int resp_redirect(struct req *r, const char *location);
/* A header line; name and value without CR and LF, else it is left out. */
void resp_header(struct req *r, const char *name, const char *value);
/* The same, and also on the error that the request may end with. */
void resp_header_kept(struct req *r, const char *name, const char *value);
/* A cookie for all paths, out of the reach of scripts and of other sites' forms (Path=/; HttpOnly;
 * SameSite=Lax), Secure where the public URL is https. expires_at_us 0: until the browser ends. */
void resp_cookie(struct req *r, const char *name, const char *value, i64 expires_at_us);
/* The same for so many seconds. */
void resp_cookie_for(struct req *r, const char *name, const char *value, int max_age_s);
/* Makes the browser forget it. */
void resp_cookie_clear(struct req *r, const char *name);
/* ETag of the body that is ready, and 304 when the client has it (RFC 9110 section 13.1.2). */
int resp_etag(struct req *r);
/* The same with a tag that was made before, by resp_tag_of(). */
int resp_etag_is(struct req *r, const char *tag);
const char *resp_tag_of(struct arena *a, const char *body, size_t length);
/* Whether this client reads errors as OpenAI's do (gateway.md 0.2), also within a stream. */
bool resp_wants_error_object(const struct req *r);
/* Turns r->fail into the answer, in the family's dialect. */
void resp_error(struct req *r);
/* Sends status line, headers and body. 0, or -1 when the client is gone. */
int resp_send(struct req *r, struct FCGX_Stream *out);

#endif
