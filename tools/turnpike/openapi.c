/* The OpenAPI 3.0.3 document, from the same tables and schemas that the requests go through. */
#include <string.h>

#include "../../fcgi/core/str.h"
#include "../../fcgi/http/dialect.h"
#include "openapi.h"
#include "turnpike.h"

/* Whether a row before this one, in the order of the tables, has its path; and its method, if
 * asked. */
static bool is_told(size_t f, size_t i, bool with_method)
{
	const struct route *route = &families[f]->route[i];

	for (size_t g = 0; g <= f; g++)
		for (size_t j = 0; j < (g == f ? i : families[g]->n_routes); j++) {
			const struct route *other = &families[g]->route[j];
			if ((other->flags & HIDDEN) == 0 && str_equal(other->path, route->path) &&
				(!with_method || other->method == route->method))
				return true;
		}
	return false;
}

/* A row, and that of a later family with the same path and method. */
static struct operation operation_at(size_t f, size_t i)
{
	const struct route *route = &families[f]->route[i];
	struct operation op = {{families[f]}, {route}, 1};

	for (size_t g = f + 1; families[g] != NULL; g++)
		for (size_t j = 0; j < families[g]->n_routes && op.n < 2; j++) {
			const struct route *other = &families[g]->route[j];
			if ((other->flags & HIDDEN) == 0 && other->method == route->method &&
				str_equal(other->path, route->path)) {
				op.family[op.n] = families[g];
				op.route[op.n++] = other;
			}
		}
	return op;
}

/* All methods of a path. */
static void put_path(const char *path, struct components *c, struct arena *a, struct buf *out)
{
	bool first = true;

	buf_json(out, path);
	for (size_t f = 0; families[f] != NULL; f++)
		for (size_t i = 0; i < families[f]->n_routes; i++) {
			const struct route *route = &families[f]->route[i];
			if ((route->flags & HIDDEN) != 0 || !str_equal(route->path, path) ||
				is_told(f, i, true))
				continue;
			struct operation op = operation_at(f, i);
			buf_str(out, first ? ":{" : ",");
			first = false;
			openapi_put_operation(&op, c, a, out);
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
