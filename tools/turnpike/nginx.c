/* The generated part of nginx's configuration, from the route tables, limits.def and errors.def:
 * http.conf (nginx_http.c) and locations.conf (one location per path, nginx's own errors in each
 * family's dialect). */
#include "nginx.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../../domain/call_budget.h"
#include "../../fcgi/core/str.h"
#include "../../fcgi/http/dialect.h"
#include "../../fcgi/http/route.h"
#include "turnpike.h"

enum {
	SPARE_S = 30, /* workers that stream keep their own time, and have so much longer */
	BODY_KEPT_BYTES = 256 * 1024, /* a larger body waits in a file until it is all there */
};

/* A location's settings: what differs between paths. */
struct place {
	const struct family *family;
	const struct route *route;
	enum pool pool;
	enum limit_id limit;   /* as nginx counts it */
	enum limit_id general; /* the family's, which counts beside it; LIMIT_NONE: none */
	size_t body_bytes;
	i64 silence_s; /* of one that streams; 0: it does not */
	int cache_s;
};

/* A call of a model may be silent for all of its mode's time. */
static i64 longest_silence_s(const struct options *o)
{
	static const enum chat_mode modes[] = {MODE_CHAT, MODE_PLAN, MODE_AGENT, MODE_TAB};
	i64 longest_ms = 0;

	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		const struct call_budget b = call_budget(o, modes[i]);
		longest_ms = b.stream > longest_ms ? b.stream : longest_ms;
		longest_ms = b.whole > longest_ms ? b.whole : longest_ms;
	}
	return longest_ms / 1000 + SPARE_S;
}

static void write_error_pages(const struct place *p, const char *indent, FILE *out)
{
	static const int statuses[] = {400, 413, 500, 502, 503, 504};

	for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
		fprintf(out, "%serror_page %d = /.error/%s/%d;\n", indent, statuses[i],
			p->family->dialect->name, statuses[i]);
	fprintf(out, "%serror_page 429 = /.error/%s/429/%s;\n", indent, p->family->dialect->name,
		limit_table[p->limit].name);
}

static void write_limit(enum limit_id limit, const char *indent, FILE *out)
{
	const struct limit_row *l = &limit_table[limit];

	if (nginx_counts(limit))
		fprintf(out, "%slimit_req zone=turnpike_%s burst=%lld nodelay;\n", indent, l->name,
			(long long)nginx_count(l) - 1);
}

static void write_settings(const struct place *p, const char *indent, FILE *out)
{
	fprintf(out, "%sset $turnpike_family %s;\n%sset $turnpike_pool %s;\n", indent,
		p->family->name, indent, pool_names[p->pool]);
	if ((p->route->flags & OPERATOR) != 0) /* whom turnpike-http.conf lists */
		fprintf(out, "%sif ($turnpike_is_operator = 0) {\n%s\treturn 404;\n%s}\n", indent,
			indent, indent);
	write_limit(p->limit, indent, out);
	if (p->general != p->limit)
		write_limit(p->general, indent, out);
	if (p->body_bytes != BODY_DEFAULT_BYTES)
		fprintf(out, "%sclient_max_body_size %zu;\n%sclient_body_buffer_size %zu;\n",
			indent, p->body_bytes, indent,
			p->body_bytes < BODY_KEPT_BYTES ? p->body_bytes : BODY_KEPT_BYTES);
	if (p->silence_s > 0)
		fprintf(out,
			"%sfastcgi_buffering off;\n%sgzip off;\n%sfastcgi_read_timeout %llds;\n",
			indent, indent, indent, (long long)p->silence_s);
	if (p->cache_s > 0)
		fprintf(out,
			"%sfastcgi_cache turnpike;\n%sfastcgi_cache_key $request_method$uri;\n"
			"%sfastcgi_cache_valid 200 1s;\n"
			"%sfastcgi_cache_use_stale updating error timeout http_500 http_503;\n"
			"%sfastcgi_ignore_headers Cache-Control Expires Vary;\n",
			indent, indent, indent, indent, indent);
	write_error_pages(p, indent, out);
	fprintf(out, "%sfastcgi_pass turnpike_%s;\n", indent, pool_names[p->pool]);
}

static struct place place_of(
	const struct options *o, const struct family *family, const struct route *route)
{
	struct place p = {
		.family = family,
		.route = route,
		.pool = route_pool(family, route),
		.general = family->limit,
		.body_bytes = BODY_DEFAULT_BYTES,
	};

	p.limit = family->limit != LIMIT_NONE ? family->limit : LIMIT_GENERAL;
	if (nginx_counts(route->limit))
		p.limit = route->limit;
	if (route->limit == LIMIT_NONE)
		p.limit = p.general = LIMIT_NONE;
	/* All methods of a path share its location: the widest of them counts. */
	for (size_t i = 0; i < family->n_routes; i++) {
		const struct route *other = &family->route[i];
		if (!str_equal(other->path, route->path))
			continue;
		if (other->body_bytes > p.body_bytes)
			p.body_bytes = other->body_bytes;
		if ((other->flags & STREAM) != 0)
			p.silence_s = longest_silence_s(o);
		p.cache_s = other->cache_s > p.cache_s ? other->cache_s : p.cache_s;
	}
	return p;
}

static bool same_settings(const struct place *a, const struct place *b)
{
	return a->family->dialect == b->family->dialect && a->family == b->family &&
	       a->pool == b->pool && a->limit == b->limit && a->body_bytes == b->body_bytes &&
	       a->silence_s == b->silence_s && a->cache_s == b->cache_s;
}

/* "/api/x/{id}/y" as "^/api/x/[^/]+/y/?$". */
static void write_regex(const struct route *route, FILE *out)
{
	fputc('^', out);
	for (const char *p = route->path; *p != '\0'; p++) {
		if (*p == '{') {
			p += strcspn(p, "}");
			fputs((route->flags & REST) != 0 && p[1] == '\0' ? ".+" : "[^/]+", out);
		} else {
			if (strchr(".+*?()[]|^$\\", *p) != NULL)
				fputc('\\', out);
			fputc(*p, out);
		}
	}
	fputs("/?$", out);
}

/* A path that two families share has the settings of the first. */
static bool is_first_of_path(size_t f, size_t i)
{
	const char *path = families[f]->route[i].path;

	for (size_t g = 0; g <= f; g++)
		for (size_t j = 0; j < (g == f ? i : families[g]->n_routes); j++)
			if (str_equal(families[g]->route[j].path, path))
				return false;
	return true;
}

static size_t prefix_length(const char *path)
{
	return strcspn(path, "{");
}

static bool is_literal(const char *path, size_t length)
{
	for (size_t f = 0; families[f] != NULL; f++)
		for (size_t i = 0; i < families[f]->n_routes; i++) {
			const char *literal = families[f]->route[i].path;
			if (strncmp(literal, path, length) == 0 && literal[length] == '\0')
				return true;
		}
	return false;
}

/* The prefix without its slash: nginx would send its clients to the one with it. */
static void write_bare_prefix(const char *path, FILE *out)
{
	size_t length = prefix_length(path) - 1;

	if (!is_literal(path, length))
		fprintf(out, "location = %.*s {\n\treturn 404;\n}\n", (int)length, path);
}

/* All paths with parameters that share the text before the first one: one prefix location when
 * their settings are equal, else one with a regular expression for each inside. */
static void write_prefix(const struct place *place, size_t n, FILE *out)
{
	bool uniform = true;

	write_bare_prefix(place[0].route->path, out);
	for (size_t i = 1; i < n; i++)
		uniform = uniform && same_settings(&place[0], &place[i]);
	fprintf(out, "location ^~ %.*s {\n", (int)prefix_length(place[0].route->path),
		place[0].route->path);
	if (uniform) {
		write_settings(&place[0], "\t", out);
	} else {
		for (size_t i = 0; i < n; i++) {
			fputs("\tlocation ~ ", out);
			write_regex(place[i].route, out);
			fputs(" {\n", out);
			write_settings(&place[i], "\t\t", out);
			fputs("\t}\n", out);
		}
		fputs("\treturn 404;\n", out);
	}
	fputs("}\n", out);
}

static void write_routes(const struct options *o, struct arena *arena, FILE *out)
{
	size_t n = 0, n_all = 0;

	for (size_t f = 0; families[f] != NULL; f++)
		n_all += families[f]->n_routes;
	struct place *with_params = arena_array(arena, struct place, n_all);
	for (size_t f = 0; families[f] != NULL; f++)
		for (size_t i = 0; i < families[f]->n_routes; i++) {
			struct place p = place_of(o, families[f], &families[f]->route[i]);
			if (!is_first_of_path(f, i) || !nginx_serves(o, p.pool))
				continue;
			if (strchr(p.route->path, '{') != NULL) {
				with_params[n++] = p;
				continue;
			}
			for (int slash = 0; slash < 2; slash++) {
				fprintf(out, "location = %s%s {\n", p.route->path,
					slash ? "/" : "");
				write_settings(&p, "\t", out);
				fputs("}\n", out);
			}
		}
	struct place *group = arena_array(arena, struct place, n_all);
	for (size_t i = 0; i < n; i++) {
		size_t length = prefix_length(with_params[i].route->path), n_group = 0;
		bool written = false;
		for (size_t j = 0; j < n; j++) {
			const char *path = with_params[j].route->path;
			if (prefix_length(path) != length ||
				strncmp(path, with_params[i].route->path, length) != 0)
				continue;
			written = written || j < i;
			group[n_group++] = with_params[j];
		}
		if (!written)
			write_prefix(group, n_group, out);
	}
}

static void nginx_write_locations(const struct options *o, struct arena *arena, FILE *out)
{
	static const int early[] = {
		400, 403, 404, 405, 413, 414, 415, 494, 500, 501, 502, 503, 504, 505};

	fputs("# Generated by `turnpike nginx`; changes belong into turnpike.conf.\n", out);
	for (size_t i = 0; i < ARRAY_LEN(early); i++)
		fprintf(out, "error_page %d = /.error/$turnpike_dialect/%d;\n", early[i], early[i]);
	write_routes(o, arena, out);
	fprintf(out,
		"location = /.well-known/openapi.json {\n\tinclude turnpike/headers-api.conf;\n"
		"\tif ($turnpike_not_read) {\n\t\tset $turnpike_allow \"GET, HEAD\";\n"
		"\t\treturn 405;\n\t}\n"
		"\tadd_header Access-Control-Allow-Origin * always;\n"
		"\tadd_header Cache-Control \"public, max-age=300\";\n"
		"\talias %s/openapi.json;\n}\n",
		o->state_dir);
	fputs("location / {\n\treturn 404;\n}\n", out);
	for (size_t f = 0; families[f] != NULL; f++)
		if (nginx_dialect_is_first(f))
			nginx_write_errors(families[f]->dialect, arena, out);
}

/* Written beside and renamed, so that a reload never reads half a file. */
static bool write_file(const char *dir, const char *name, const char *text, size_t length)
{
	char path[500], temp[520];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	snprintf(temp, sizeof(temp), "%s.new", path);
	FILE *out = fopen(temp, "w");
	if (out == NULL || fwrite(text, 1, length, out) != length || fclose(out) != 0 ||
		rename(temp, path) != 0) {
		perror(path);
		return false;
	}
	return true;
}

int command_nginx(struct command_context *c, int argc, char **argv)
{
	const char *dir = argument(argc, argv, "--out", NULL);
	char *http = NULL, *locations = NULL;
	size_t http_length = 0, locations_length = 0;
	struct buf openapi;

	if (dir == NULL)
		return command_usage(c);
	mkdir(dir, 0755);
	FILE *out = open_memstream(&http, &http_length);
	nginx_write_http(&c->options, out);
	fclose(out);
	out = open_memstream(&locations, &locations_length);
	nginx_write_locations(&c->options, &c->arena, out);
	fclose(out);
	buf_init(&openapi, &c->arena, 64 * 1024);
	openapi_write(&c->options, &c->arena, &openapi);
	bool ok = write_file(dir, "http.conf", http, http_length) &&
		  write_file(dir, "locations.conf", locations, locations_length) &&
		  write_file(c->options.state_dir, "openapi.json", openapi.data, openapi.length);
	free(http);
	free(locations);
	return ok ? EXIT_FINE : EXIT_FAILED;
}
