/* The OpenAPI 3.0.3 document, from the same tables and schemas that the requests go through. */
#include <string.h>

#include "../../fcgi/core/str.h"
#include "../../fcgi/http/dialect.h"
#include "../../fcgi/http/idem.h"
#include "../../fcgi/http/route.h"
#include "openapi.h"
#include "turnpike.h"

/* Schemas met while writing the paths; each becomes a component once. */
struct components {
	const struct schema *schema[512];
	size_t n;
};

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

static void put_success(const struct route *route, struct components *c, struct buf *out)
{
	buf_printf(out, "\"%d\":{\"description\":\"%s\"", route->status,
		route->status == 302 ? "Go to the address in Location" : "Done");
	if (route->out != NULL) {
		components_add(c, route->out);
		buf_str(out, ",\"content\":{\"application/json\":{\"schema\":");
		openapi_put_ref(route->out->name, out);
		buf_str(out, "}}");
	} else if (route->produces != NULL && route->status == 200) {
		buf_printf(out, ",\"content\":{\"%s\":{\"schema\":{\"type\":\"string\"}}}",
			route->produces);
	}
	buf_char(out, '}');
	if (route->other_status >= 400) { /* the same shape, with bad news */
		buf_printf(out,
			",\"%d\":{\"description\":\"Not now\",\"content\":{"
			"\"application/json\":{\"schema\":",
			route->other_status);
		openapi_put_ref(route->out->name, out);
		buf_str(out, "}}}");
	} else if (route->other_status != 0)
		buf_printf(out, ",\"%d\":{\"description\":\"%s\"}", route->other_status,
			route->other_status == 304 ? "What the client has is current"
						   : "Nothing newer");
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
	if (route->auth != AUTH_NONE) {
		candidate[n++] = 401;
		candidate[n++] = 403;
	}
	if (family->admit != NULL && route->method != GET) /* of a foreign origin */
		candidate[n++] = 403;
	if (has_body(route->in)) {
		candidate[n++] = 413;
		candidate[n++] = 415;
	}
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

static void put_failures(
	const struct family *family, const struct route *route, struct arena *a, struct buf *out)
{
	int status[ROUTE_ERRORS_MAX + 10];
	size_t n = failure_statuses(family, route, status);

	for (size_t i = 0; i < n; i++) {
		buf_printf(out, ",\"%d\":{\"description\":", status[i]);
		put_failure_text(family, route, status[i], out, a);
		buf_str(out, ",\"content\":{");
		if ((route->flags & PAGE) != 0)
			buf_str(out, "\"text/html\":{\"schema\":{\"type\":\"string\"}},");
		buf_printf(out,
			"\"application/json\":{\"schema\":{\"$ref\":"
			"\"#/components/schemas/%s_error\"}}}}",
			family->dialect->name);
	}
	buf_printf(out,
		",\"default\":{\"description\":\"Something went wrong here or "
		"upstream\",\"content\":"
		"{\"application/json\":{\"schema\":{\"$ref\":\"#/components/schemas/%s_error\"}}}}",
		family->dialect->name);
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

static void put_operation(const struct family *family, const struct route *route,
	struct components *c, struct arena *a, struct buf *out)
{
	buf_char(out, '"');
	put_lower(method_names[route->method], out);
	buf_str(out, "\":{\"operationId\":\"");
	put_operation_id(family, route, out);
	buf_printf(out, "\",\"tags\":[\"%s\"],\"summary\":", family->name);
	buf_json(out, route->summary);
	if (route->auth == AUTH_NONE)
		buf_str(out, ",\"security\":[]");
	else if (route->auth == AUTH_OPTIONAL || route->auth == AUTH_ACCOUNT_OPTIONAL)
		buf_printf(out, ",\"security\":[{},{\"%s\":[]}]", auth_table[route->auth].scheme);
	else
		buf_printf(out, ",\"security\":[{\"%s\":[]}]", auth_table[route->auth].scheme);
	put_parameters(route, out);
	if (has_body(route->in)) {
		components_add(c, route->in);
		buf_printf(out,
			",\"requestBody\":{\"required\":%s,\"content\":{\"%s\":{\"schema\":",
			needs_body(route->in) ? "true" : "false",
			(route->flags & FORM) != 0 ? "application/x-www-form-urlencoded"
						   : "application/json");
		openapi_put_ref(route->in->name, out);
		if ((route->flags & FORM_OR_JSON) != 0) {
			buf_str(out, "},\"application/x-www-form-urlencoded\":{\"schema\":");
			openapi_put_ref(route->in->name, out);
		}
		buf_str(out, "}}}");
	}
	buf_str(out, ",\"responses\":{");
	put_success(route, c, out);
	put_failures(family, route, a, out);
	buf_str(out, "}}");
}

/* Whether a row before this one, in the order of the tables, has its path; and its method, if
 * asked. */
static bool is_told(size_t f, size_t i, bool with_method)
{
	const struct route *route = &families[f]->route[i];

	for (size_t g = 0; g <= f; g++)
		for (size_t j = 0; j < (g == f ? i : families[g]->n_routes); j++) {
			const struct route *other = &families[g]->route[j];
			if (str_equal(other->path, route->path) &&
				(!with_method || other->method == route->method))
				return true;
		}
	return false;
}

/* All methods of a path. Where two families share one, the document has the first family's: a path
 * can be described once. */
static void put_path(const char *path, struct components *c, struct arena *a, struct buf *out)
{
	bool first = true;

	buf_json(out, path);
	for (size_t f = 0; families[f] != NULL; f++)
		for (size_t i = 0; i < families[f]->n_routes; i++) {
			if (!str_equal(families[f]->route[i].path, path) || is_told(f, i, true))
				continue;
			buf_str(out, first ? ":{" : ",");
			first = false;
			put_operation(families[f], &families[f]->route[i], c, a, out);
		}
	buf_char(out, '}');
}

static void put_paths(struct components *c, struct arena *a, struct buf *out)
{
	bool first = true;

	for (size_t f = 0; families[f] != NULL; f++)
		for (size_t i = 0; i < families[f]->n_routes; i++) {
			const struct route *route = &families[f]->route[i];
			if ((route->flags & HIDDEN) != 0 || is_told(f, i, false))
				continue;
			buf_str(out, first ? "" : ",");
			first = false;
			put_path(route->path, c, a, out);
		}
}

static void put_tags(struct buf *out)
{
	for (size_t f = 0, n = 0; families[f] != NULL; f++) {
		if ((families[f]->route[0].flags & HIDDEN) != 0)
			continue;
		buf_printf(out, "%s{\"name\":\"%s\",\"description\":\"%s\"}", n++ > 0 ? "," : "",
			families[f]->name, families[f]->title);
	}
}

static void put_error_components(struct buf *out)
{
	for (size_t f = 0, n = 0; families[f] != NULL; f++) {
		bool seen = false;
		for (size_t g = 0; g < f; g++)
			seen = seen || families[g]->dialect == families[f]->dialect;
		if (!seen)
			buf_printf(out, "%s\"%s_error\":%s", n++ > 0 ? "," : "",
				families[f]->dialect->name, families[f]->dialect->openapi);
	}
}

void openapi_write(const struct options *options, struct arena *arena, struct buf *out)
{
	static struct components c;

	c.n = 0;
	buf_str(out,
		"{\"openapi\":\"3.0.3\",\"info\":{\"title\":\"Turnpike\",\"version\":"
		"\"" PACKAGE_VERSION "\",\"description\":\"Accounts, billing, AI gateway and sync "
		"for an AI coding tool.\","
		"\"license\":{\"name\":\"Proprietary\",\"url\":\"https://example.org/license\"}},"
		"\"servers\":[{\"url\":");
	buf_json(out, options->public_url);
	buf_str(out, "}],\"tags\":[");
	put_tags(out);
	buf_str(out, "],\"paths\":{");
	put_paths(&c, arena, out);
	buf_str(out, "},\"components\":{\"securitySchemes\":{");
	for (size_t i = AUTH_NONE + 1; i < AUTH_MAX; i++) {
		if (i > 0 && str_equal(auth_table[i].scheme, auth_table[i - 1].scheme))
			continue; /* kinds with the same scheme are neighbours */
		buf_printf(out, "%s\"%s\":{%s,\"description\":", i > AUTH_NONE + 1 ? "," : "",
			auth_table[i].scheme,
			str_equal(auth_table[i].scheme, "cookie")
				? "\"type\":\"apiKey\",\"in\":\"cookie\","
				  "\"name\":\"authjs.session-token\""
				: "\"type\":\"http\",\"scheme\":\"bearer\"");
		buf_json(out, auth_table[i].text);
		buf_char(out, '}');
	}
	buf_str(out, "},\"schemas\":{");
	put_error_components(out);
	for (size_t i = 0; i < c.n; i++) {
		buf_printf(out, ",\"%s\":", c.schema[i]->name);
		openapi_put_component(c.schema[i], out);
	}
	buf_str(out, "}}}\n");
}

int command_openapi(struct command_context *c, int argc, char **argv)
{
	struct buf out;

	(void)argc, (void)argv;
	buf_init(&out, &c->arena, 64 * 1024);
	openapi_write(&c->options, &c->arena, &out);
	fwrite(out.data, 1, out.length, stdout);
	return EXIT_FINE;
}
