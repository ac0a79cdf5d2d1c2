/* One operation of the OpenAPI document: what a route takes, what it answers. */
#include <string.h>

#include "../../fcgi/core/str.h"
#include "../../fcgi/http/dialect.h"
#include "../../fcgi/http/idem.h"
#include "openapi.h"

static void components_add(struct components *c, const struct schema *s)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->schema[i] == s)
			return;
	if (c->n == ARRAY_LEN(c->schema))
		return;
	c->schema[c->n++] = s;
	for (size_t i = 0; i < s->n_fields; i++)
		if (s->field[i].schema != NULL)
			components_add(c, s->field[i].schema);
}

static void put_header_parameter(const char *name, i64 max, const char *doc, struct buf *out)
{
	buf_printf(out,
		"{\"name\":\"%s\",\"in\":\"header\",\"required\":false,\"schema\":{"
		"\"type\":\"string\",\"minLength\":1",
		name);
	if (max > 0)
		buf_printf(out, ",\"maxLength\":%lld", (long long)max);
	buf_str(out, "},\"description\":");
	buf_json(out, doc);
	buf_char(out, '}');
}

static void put_parameters(const struct route *route, struct buf *out)
{
	const struct schema *s = route->in;
	size_t n = 0;

	for (size_t i = 0; s != NULL && i < s->n_fields; i++) {
		const struct field *f = &s->field[i];
		if (f->place == PLACE_BODY)
			continue;
		buf_str(out, n++ == 0 ? ",\"parameters\":[" : ",");
		buf_printf(out, "{\"name\":\"%s\",\"in\":\"%s\",\"required\":%s,\"schema\":{",
			field_name(f), f->place == PLACE_PATH ? "path" : "query",
			f->required || f->place == PLACE_PATH ? "true" : "false");
		openapi_put_type(f, out);
		buf_str(out, "}}");
	}
	if ((route->flags & IDEMPOTENT) != 0) {
		buf_str(out, n++ == 0 ? ",\"parameters\":[" : ",");
		put_header_parameter("Idempotency-Key", IDEM_KEY_BYTES_MAX,
			"Printable ASCII; a repeat with the same key and body is answered again "
			"and does nothing",
			out);
	}
	if (route->other_status == 304) {
		buf_str(out, n++ == 0 ? ",\"parameters\":[" : ",");
		put_header_parameter("If-None-Match", 0, "The ETag of what the client has", out);
	}
	if (n > 0)
		buf_char(out, ']');
}

/* A body that is one item or a list of them has to be one of both. */
static bool needs_body(const struct schema *s)
{
	for (size_t i = 0; i < s->n_fields; i++)
		if (s->field[i].place == PLACE_BODY && (s->field[i].required || s->bare_list))
			return true;
	return false;
}

static bool has_body(const struct schema *s)
{
	for (size_t i = 0; s != NULL && i < s->n_fields; i++)
		if (s->field[i].place == PLACE_BODY)
			return true;
	return false;
}

/* What one of several schemas describes; none: any text of JSON. */
static void put_any_of(const char *const *name, size_t n, bool may_be_null, struct buf *out)
{
	if (may_be_null)
		buf_str(out, "{\"type\":\"object\",\"nullable\":true,\"allOf\":[");
	if (n > 1)
		buf_str(out, "{\"anyOf\":[");
	for (size_t i = 0; i < n; i++) {
		buf_str(out, i > 0 ? "," : "");
		openapi_put_ref(name[i], out);
	}
	buf_str(out, n > 1 ? "]}" : "");
	buf_str(out, may_be_null ? "]}" : "");
}

static void put_other_status(const struct route *route, struct buf *out)
{
	if (route->other_status >= 400) { /* the same shape, with bad news */
		buf_printf(out,
			",\"%d\":{\"description\":\"Not now\",\"content\":{"
			"\"application/json\":{\"schema\":",
			route->other_status);
		openapi_put_ref(route->out->name, out);
		buf_str(out, "}}}");
	} else if (route->other_status != 0)
		buf_printf(out, ",\"%d\":{\"description\":\"%s\"}", route->other_status,
			route->other_status == 304   ? "What the client has is current"
			: route->other_status == 302 ? "Go to the address in Location"
						     : "Nothing newer");
}

static void put_success(const struct operation *op, struct components *c, struct buf *out)
{
	const struct route *route = op->route[0];
	const char *name[2];
	size_t n = 0;

	buf_printf(out, "\"%d\":{\"description\":\"%s\"", route->status,
		route->status == 302 ? "Go to the address in Location" : "Done");
	for (size_t i = 0; i < op->n; i++)
		if (op->route[i]->out != NULL) {
			components_add(c, op->route[i]->out);
			name[n++] = op->route[i]->out->name;
		}
	if (n > 0) {
		buf_str(out, ",\"content\":{\"application/json\":{\"schema\":");
		put_any_of(name, n, (route->flags & MAY_BE_NULL) != 0, out);
		buf_str(out, "}}");
	} else if (route->produces != NULL && route->status == 200) {
		buf_printf(out, ",\"content\":{\"%s\":{\"schema\":{\"type\":\"string\"}}}",
			route->produces);
	}
	buf_char(out, '}');
	for (size_t i = 0; i < op->n; i++)
		put_other_status(op->route[i], out);
}

/* Statuses of failure that the row documents: its own errors and those that follow from what it
 * asks for. */
static size_t failure_statuses(const struct family *family, const struct route *route, int *ret)
{
	size_t n = 0;
	int candidate[ROUTE_ERRORS_MAX + 10];

	for (size_t i = 0; i < ROUTE_ERRORS_MAX && route->errors[i] != E_OK; i++)
		candidate[n++] = dialect_status(family->dialect, route->errors[i]);
	if (route->in != NULL)
		candidate[n++] = 400;
	if (route->auth != AUTH_NONE && route->auth != AUTH_ACCOUNT_OPTIONAL)
		candidate[n++] = 401;
	if (route->auth != AUTH_NONE)
		candidate[n++] = 403;
	/* Of a foreign origin; what lies here has a token of its own against that. */
	if (family->admit != NULL && route->method != GET && !str_starts(route->path, "/api/auth/"))
		candidate[n++] = 403;
	if (has_body(route->in))
		candidate[n++] = 413;
	if (has_body(route->in) && (!family->any_type || (route->flags & FORM_OR_JSON) != 0))
		candidate[n++] = 415;
	if ((route->flags & IDEMPOTENT) != 0) {
		candidate[n++] = 409;
		candidate[n++] = 422;
	}
	if (route->limit != LIMIT_NONE)
		candidate[n++] = 429;
	if (n == 0) /* what can go wrong with any request at all */
		candidate[n++] = 400;
	size_t n_unique = 0;
	for (size_t i = 0; i < n; i++) {
		bool seen = false;
		for (size_t j = 0; j < n_unique; j++)
			seen = seen || ret[j] == candidate[i];
		if (!seen)
			ret[n_unique++] = candidate[i];
	}
	return n_unique;
}

/* "wrong code, expired; bad field": the texts of all errors with that status that the row can give.
 */
static void put_failure_text(const struct family *family, const struct route *route, int status,
	struct buf *out, struct arena *a)
{
	struct buf text;

	buf_init(&text, a, 128);
	for (size_t i = 0; i < ROUTE_ERRORS_MAX && route->errors[i] != E_OK; i++) {
		const struct error_info *info = &error_table[route->errors[i]];
		if (dialect_status(family->dialect, route->errors[i]) == status)
			buf_printf(&text, "%s`%s`: %s", text.length > 0 ? " " : "", info->code,
				info->text);
	}
	for (size_t e = 1; text.length == 0 && e < E_MAX; e++)
		if (error_table[e].status == status)
			buf_str(&text, error_table[e].text);
	buf_json(out, text.data);
}

/* {"application/json": what the families say of errors}: of those that share a path either, since
 * nginx speaks for the first of them only. */
static void put_error_content(const struct operation *op, struct buf *out)
{
	const char *name[2];

	for (size_t i = 0; i < op->n; i++)
		name[i] = arena_printf(out->arena, "%s_error", op->family[i]->dialect->name);
	buf_str(out, "\"application/json\":{\"schema\":");
	put_any_of(name, op->n, false, out);
	buf_char(out, '}');
}

static void put_failures(const struct operation *op, struct arena *a, struct buf *out)
{
	int status[2 * (ROUTE_ERRORS_MAX + 10)];
	size_t n = 0;

	for (size_t f = 0; f < op->n; f++) {
		const struct route *route = op->route[f];
		size_t first = n, n_more = failure_statuses(op->family[f], route, status + n);
		for (size_t i = first; i < first + n_more; i++) {
			bool seen = false;
			for (size_t k = 0; k < first; k++)
				seen = seen || status[k] == status[i];
			if (seen)
				continue;
			buf_printf(out, ",\"%d\":{\"description\":", status[i]);
			put_failure_text(op->family[f], route, status[i], out, a);
			buf_str(out, ",\"content\":{");
			if ((route->flags & PAGE) != 0)
				buf_str(out, "\"text/html\":{\"schema\":{\"type\":\"string\"}},");
			put_error_content(op, out);
			buf_str(out, "}}");
		}
		n += n_more;
	}
	buf_str(out, ",\"default\":{\"description\":\"Something went wrong here or "
		     "upstream\",\"content\":{");
	put_error_content(op, out);
	buf_str(out, "}}");
}

static void put_lower(const char *text, struct buf *out)
{
	for (; *text != '\0'; text++)
		buf_char(out, (char)(*text | 0x20));
}

/* "product_me_get", from the method and the path. */
static void put_operation_id(
	const struct family *family, const struct route *route, struct buf *out)
{
	buf_str(out, family->name);
	for (const char *p = route->path; *p != '\0'; p++)
		if (*p != '{' && *p != '}')
			buf_char(out, strchr("/-.", *p) != NULL ? '_' : *p);
	buf_char(out, '_');
	put_lower(method_names[route->method], out);
}

static void put_security(const struct route *route, struct buf *out)
{
	const char *scheme = auth_table[route->auth].scheme;

	if (route->auth == AUTH_NONE)
		buf_str(out, ",\"security\":[]");
	else if (route->auth == AUTH_OPTIONAL || route->auth == AUTH_ACCOUNT_OPTIONAL)
		buf_printf(out, ",\"security\":[{},{\"%s\":[]}]", scheme);
	else
		buf_printf(out, ",\"security\":[{\"%s\":[]}]", scheme);
}

static void put_request_body(const struct route *route, struct components *c, struct buf *out)
{
	bool is_form = (route->flags & FORM) != 0;

	components_add(c, route->in);
	buf_printf(out, ",\"requestBody\":{\"required\":%s,\"content\":{\"%s\":{\"schema\":",
		needs_body(route->in) ? "true" : "false",
		is_form ? "application/x-www-form-urlencoded" : "application/json");
	openapi_put_ref(route->in->name, out);
	if ((route->flags & FORM_OR_JSON) != 0) {
		buf_str(out, "},\"application/x-www-form-urlencoded\":{\"schema\":");
		openapi_put_ref(route->in->name, out);
	}
	buf_str(out, "}}}");
}

void openapi_put_operation(
	const struct operation *op, struct components *c, struct arena *a, struct buf *out)
{
	const struct route *route = op->route[0];

	buf_char(out, '"');
	put_lower(method_names[route->method], out);
	buf_str(out, "\":{\"operationId\":\"");
	put_operation_id(op->family[0], route, out);
	buf_printf(out, "\",\"tags\":[\"%s\"],\"summary\":", op->family[0]->name);
	buf_json(out, route->summary);
	if (op->n > 1) {
		buf_str(out, ",\"description\":");
		buf_json(out, arena_printf(a, "With a cookie and no Authorization: %s.",
				      op->route[1]->summary));
	}
	put_security(route, out);
	put_parameters(route, out);
	if (has_body(route->in))
		put_request_body(route, c, out);
	buf_str(out, ",\"responses\":{");
	put_success(op, c, out);
	put_failures(op, a, out);
	buf_str(out, "}}");
}
