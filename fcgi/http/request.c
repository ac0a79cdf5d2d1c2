/* Reading a request: CGI environment, path, query, cookies, body. */
#include "request.h"

#include <fcgiapp.h>
#include <string.h>
#include <strings.h>

#include "../core/str.h"
#include "json.h"

enum { PATH_MAX_BYTES = 1024, HEADERS_MAX = 256 };

/* The CGI variables that requests keep, by name. */
struct variable {
	const char *name;
	size_t offset;
};

#define VARIABLE(name, member)                     \
	{                                          \
		name, offsetof(struct req, member) \
	}
static const struct variable variables[] = {
	VARIABLE("REQUEST_METHOD", method_text),
	VARIABLE("DOCUMENT_URI", path),
	VARIABLE("REQUEST_URI", raw_uri),
	VARIABLE("QUERY_STRING", query),
	VARIABLE("CONTENT_TYPE", content_type),
	VARIABLE("REMOTE_ADDR", remote_addr),
	VARIABLE("REQUEST_ID", request_id),
	VARIABLE("LIMIT_STATUS", limit_status),
	VARIABLE("HTTP_AUTHORIZATION", authorization),
	VARIABLE("HTTP_ORIGIN", origin),
	VARIABLE("HTTP_COOKIE", cookie),
	VARIABLE("HTTP_IDEMPOTENCY_KEY", idempotency_key),
	VARIABLE("HTTP_IF_NONE_MATCH", if_none_match),
	VARIABLE("HTTP_USER_AGENT", user_agent),
};

static const struct variable *variable_find(const char *name, size_t length)
{
	for (size_t i = 0; i < ARRAY_LEN(variables); i++)
		if (strncmp(variables[i].name, name, length) == 0 &&
			variables[i].name[length] == '\0')
			return &variables[i];
	return NULL;
}

static int read_environment(struct req *r)
{
	for (size_t i = 0; r->env[i] != NULL; i++) {
		if (i == HEADERS_MAX)
			return fail(r->fail, E_HEADERS_TOO_LARGE, NULL);
		const char *entry = r->env[i], *equals = strchr(entry, '=');
		if (equals == NULL)
			continue;
		if (strncmp(entry, "CONTENT_LENGTH=", 15) == 0) {
			i64 n = 0;
			if (equals[1] != '\0' && (!str_to_i64(equals + 1, &n) || n < 0))
				return fail(
					r->fail, E_BAD_REQUEST, "Content-Length is not a number.");
			r->content_length = (size_t)n;
			continue;
		}
		const struct variable *v = variable_find(entry, (size_t)(equals - entry));
		if (v == NULL)
			continue;
		const char **slot = (const char **)(void *)((char *)r + v->offset);
		if (*slot != NULL && slot != &r->origin)
			return fail(
				r->fail, E_BAD_REQUEST, "The header %s was sent twice.", v->name);
		*slot = *slot == NULL ? equals + 1 : "null"; /* two origins are none of ours */
	}
	return 0;
}

static int parse_method(struct req *r)
{
	const char *text = r->method_text;

	if (text == NULL || r->path == NULL)
		return fail(r->fail, E_BAD_REQUEST, NULL);
	r->is_head = str_equal(text, "HEAD");
	r->is_options = str_equal(text, "OPTIONS");
	if (r->is_head || r->is_options) {
		r->method = GET;
		return 0;
	}
	for (r->method = 0; r->method < METHOD_MAX; r->method++)
		if (str_equal(text, method_names[r->method]))
			return 0;
	return 0; /* METHOD_MAX: route_find() answers 405 with what is allowed */
}

/* nginx chose the location by the decoded path; an encoded backslash or NUL would make the two
 * differ, and so would a slash, unless route_find() finds that it makes no difference. */
static bool raw_path_is_plain(const char *uri, bool *ret_encoded_slash)
{
	for (const char *p = uri; *p != '\0' && *p != '?'; p++) {
		if (p[0] != '%')
			continue;
		if (strncasecmp(p, "%2f", 3) == 0)
			*ret_encoded_slash = true;
		if (strncasecmp(p, "%5c", 3) == 0 || strncmp(p, "%00", 3) == 0)
			return false;
	}
	return true;
}

int req_parse(struct req *r)
{
	TRY(read_environment(r));
	TRY(parse_method(r));
	size_t length = strlen(r->path);
	if (r->path[0] != '/' || length > PATH_MAX_BYTES || !utf8_valid(r->path, length))
		return fail(r->fail, E_BAD_REQUEST, "The path is malformed.");
	if (r->raw_uri != NULL && !raw_path_is_plain(r->raw_uri, &r->has_encoded_slash))
		return fail(r->fail, E_BAD_REQUEST, "The path has an encoded backslash or NUL.");
	if (length > 1 && r->path[length - 1] == '/')
		r->path = arena_strndup(r->arena, r->path, length - 1);
	return 0;
}

const char *req_header(const struct req *r, const char *cgi_name)
{
	size_t length = strlen(cgi_name);

	for (size_t i = 0; r->env[i] != NULL; i++)
		if (strncmp(r->env[i], cgi_name, length) == 0 && r->env[i][length] == '=')
			return r->env[i] + length + 1;
	return NULL;
}

const char *req_cookie(struct req *r, const char *name)
{
	const char *found = NULL, *p = r->cookie;
	size_t length = strlen(name);

	while (p != NULL && *p != '\0') {
		p += strspn(p, " ;");
		size_t n = strcspn(p, ";");
		if (n > length && p[length] == '=' && strncmp(p, name, length) == 0) {
			if (found != NULL)
				return NULL;
			found = arena_strndup(r->arena, p + length + 1, n - length - 1);
		}
		p += n;
	}
	return found;
}

int req_body(struct req *r)
{
	size_t limit = r->route->body_bytes != 0 ? r->route->body_bytes : BODY_DEFAULT_BYTES;

	if (r->body != NULL || r->body_stream == NULL)
		return 0;
	if (r->content_length > limit)
		return fail(r->fail, E_PAYLOAD_TOO_LARGE, NULL);
	size_t capacity = r->content_length != 0 ? r->content_length : limit;
	char *body = arena_raw(r->arena, capacity + 1);
	size_t length = 0;
	for (;;) {
		int n = FCGX_GetStr(body + length, (int)(capacity - length), r->body_stream);
		if (n <= 0)
			break;
		length += (size_t)n;
		if (length == capacity)
			break;
	}
	if (length == capacity && FCGX_GetChar(r->body_stream) >= 0)
		return fail(r->fail, E_PAYLOAD_TOO_LARGE, NULL);
	if (length < r->content_length)
		return fail(r->fail, E_BAD_REQUEST, "The body ended early.");
	body[length] = '\0';
	r->body = body;
	r->body_length = length;
	return 0;
}

static const struct field *field_find(
	const struct schema *s, enum field_place place, const char *name, size_t length)
{
	for (size_t i = 0; i < s->n_fields; i++) {
		const struct field *f = &s->field[i];
		if (f->place == place && strncmp(field_name(f), name, length) == 0 &&
			field_name(f)[length] == '\0')
			return f;
	}
	return NULL;
}

static int bind_path(struct req *r)
{
	for (size_t i = 0; i < r->n_params; i++) {
		const char *name = r->param[i].name;
		const struct field *f = field_find(r->route->in, PLACE_PATH, name, strlen(name));
		TRY(schema_bind_text(f, r->param[i].value, r->in, r->fail));
	}
	return 0;
}

/* name=value pairs of a query or a form into the fields of `place`; others are ignored. */
static int bind_pairs(struct req *r, const char *text, enum field_place place)
{
	int first = 0;

	for (const char *p = text; p != NULL && *p != '\0';) {
		size_t length = strcspn(p, "&"), name_length = strcspn(p, "=&");
		const struct field *f = field_find(r->route->in, place, p, name_length);
		if (f != NULL) {
			size_t start = name_length < length ? name_length + 1 : length;
			const char *value = form_decode(r->arena, p + start, length - start);
			int rc = E_INVALID_FIELD;
			if (value != NULL)
				rc = schema_bind_text(f, value, r->in, r->fail);
			else
				fail_fault(r->fail, field_name(f), "encoding");
			first = first != 0 ? first : rc;
		}
		p += length;
		p += *p == '&' ? 1 : 0;
	}
	int rc = schema_check_required(r->route->in, place, r->in, r->fail);
	return first != 0 ? first : rc;
}

static bool has_body_fields(const struct schema *s)
{
	for (size_t i = 0; i < s->n_fields; i++)
		if (s->field[i].place == PLACE_BODY)
			return true;
	return false;
}

static bool content_type_is(const struct req *r, const char *wanted)
{
	size_t length = strlen(wanted);

	return r->content_type != NULL && strncasecmp(r->content_type, wanted, length) == 0 &&
	       (r->content_type[length] == '\0' || strchr("; \t", r->content_type[length]) != NULL);
}

/* Some families take a body without a type for JSON. nginx passes an absent field as empty text. */
static bool may_lack_type(const struct req *r)
{
	if (r->family != NULL && r->family->any_type)
		return true;
	return r->family != NULL && r->family->untyped_json &&
	       (r->content_type == NULL || r->content_type[0] == '\0');
}

void req_json_release(struct req *r)
{
	json_object_put(r->tree);
	r->tree = NULL;
}

static void release(void *r)
{
	req_json_release(r);
}

int req_json_text(struct req *r)
{
	TRY(req_body(r));
	if (r->body_length > 0 && !content_type_is(r, "application/json") && !may_lack_type(r))
		return fail(r->fail, E_UNSUPPORTED_MEDIA_TYPE, NULL);
	return 0;
}

int req_json(struct req *r, struct json_object **ret)
{
	const char *why = NULL, *text;

	TRY(req_json_text(r));
	text = r->body;
	size_t length = r->body_length;
	if (length == 0) { /* an empty body is {} (product.md section 0) */
		text = "{}";
		length = 2;
	}
	r->tree = *ret = json_read(r->arena, text, length, &why);
	if (why != NULL) /* the text "null" is valid and has no tree */
		return fail(r->fail, E_INVALID_JSON, "The body is not valid JSON: %s.", why);
	arena_defer(r->arena, release, r);
	return 0;
}

static int bind_json(struct req *r)
{
	struct json_object *doc;

	TRY(req_json(r, &doc));
	if (r->family != NULL && r->family->fault_paths)
		r->fail->path = "";
	return schema_bind_body(r->route->in, doc, r->in, r->arena, r->fail);
}

int req_bind_raw(struct req *r)
{
	int rc = bind_json(r);

	return rc != 0 ? fail(r->fail, (enum error)rc, NULL) : 0;
}

static int bind_body(struct req *r)
{
	if (!has_body_fields(r->route->in) || (r->route->flags & RAW_BODY) != 0)
		return 0;
	bool is_form = content_type_is(r, "application/x-www-form-urlencoded");
	bool may_be_form = (r->route->flags & (FORM | FORM_OR_JSON)) != 0;
	if (!may_be_form || (!is_form && (r->route->flags & FORM_OR_JSON) != 0))
		return bind_json(r);
	TRY(req_body(r));
	if (r->body_length > 0 && !is_form)
		return fail(r->fail, E_UNSUPPORTED_MEDIA_TYPE, "Send the body as a form.");
	if (r->body != NULL && strlen(r->body) != r->body_length)
		return fail(r->fail, E_BAD_REQUEST, NULL);
	return bind_pairs(r, r->body, PLACE_BODY);
}

int req_bind(struct req *r)
{
	if (r->route->out != NULL)
		r->out = arena_alloc(r->arena, r->route->out->size);
	if (r->route->in == NULL)
		return 0;
	r->in = arena_alloc(r->arena, r->route->in->size);
	int path = bind_path(r);
	int query = bind_pairs(r, r->query, PLACE_QUERY);
	int body = bind_body(r);
	int first = path != 0 ? path : query != 0 ? query : body;
	return first != 0 ? fail(r->fail, (enum error)first, NULL) : 0;
}
