/* What must hold of the route tables before anything is served from them. */
#include "route_check.h"

#include <stdio.h>
#include <string.h>

#include "../core/str.h"
#include "route.h"

/* Whether two table paths are the same, segment by segment: a parameter equals any other, and a
 * literal segment, too, when `literals` says so. */
static bool paths_meet(const char *a, const char *b, bool literals)
{
	for (;;) {
		size_t n = strcspn(a, "/"), m = strcspn(b, "/");
		bool is_param = literals ? a[0] == '{' || b[0] == '{' : a[0] == '{' && b[0] == '{';
		if (!is_param && (n != m || strncmp(a, b, n) != 0))
			return false;
		if (a[n] != b[m])
			return false;
		if (a[n] == '\0')
			return true;
		a += n + 1;
		b += m + 1;
	}
}

static bool same_shape(const char *a, const char *b)
{
	return paths_meet(a, b, false);
}

/* Whether some path matches both, though their shapes differ: which of them answers would depend on
 * the order of the tables. A literal path is looked up first and may be in the way of nobody. */
static bool overlap(const char *a, const char *b)
{
	return strchr(a, '{') != NULL && strchr(b, '{') != NULL && paths_meet(a, b, true);
}

static bool has_prefix(const struct family *family, const char *path)
{
	for (const char *const *p = family->prefix; *p != NULL; p++)
		if (str_starts(path, *p))
			return true;
	return false;
}

static const struct field *param_field(const struct schema *s, const char *name, size_t length)
{
	for (size_t i = 0; s != NULL && i < s->n_fields; i++)
		if (s->field[i].place == PLACE_PATH && strlen(field_name(&s->field[i])) == length &&
			strncmp(field_name(&s->field[i]), name, length) == 0)
			return &s->field[i];
	return NULL;
}

/* NULL, or what is wrong with the parameters of a row's path. */
static const char *params_fault(const struct route *route)
{
	size_t n_params = 0;

	for (const char *p = route->path; (p = strchr(p, '{')) != NULL; p++) {
		size_t length = strcspn(p + 1, "}/");
		if (p[1 + length] != '}' || p[-1] != '/' ||
			(p[2 + length] != '/' && p[2 + length] != '\0'))
			return "a parameter must fill a whole segment";
		if (param_field(route->in, p + 1, length) == NULL)
			return "a parameter of its path is no PATH field of its input schema";
		if (memmem(route->path, (size_t)(p - route->path), p, length + 2) != NULL)
			return "a parameter is twice in its path";
		n_params++;
	}
	if (n_params > ROUTE_PARAMS_MAX)
		return "its path has too many parameters";
	for (size_t i = 0; route->in != NULL && i < route->in->n_fields; i++)
		n_params -= route->in->field[i].place == PLACE_PATH ? 1 : 0;
	return n_params != 0 ? "its input schema has a PATH field that is not in its path" : NULL;
}

/* Of a family that claims requests for paths of others: they need no prefix of its own. */
static bool is_shared(const struct family *family, const struct route *route)
{
	for (size_t f = 0; family->claims != NULL && families[f] != NULL; f++)
		for (size_t i = 0; i < families[f]->n_routes && families[f] != family; i++)
			if (str_equal(families[f]->route[i].path, route->path))
				return true;
	return false;
}

/* NULL, or what is wrong with one row by itself. */
static const char *row_fault(const struct family *family, const struct route *route)
{
	if (route->path[0] != '/' || !(has_prefix(family, route->path) || is_shared(family, route)))
		return "its path is outside the family's prefixes";
	if (route->run == NULL)
		return "it has no handler";
	if (route->summary == NULL || route->summary[0] == '\0')
		return "it has no summary";
	if (route->out == NULL && route->produces == NULL && route->status == 200)
		return "it answers 200 but has neither an output schema nor a content type";
	if (route->method != GET && route->cache_s != 0)
		return "only GET can be cached";
	if (route->cache_s != 0 && family->limit != LIMIT_NONE)
		return "nginx would keep what it tells one client of the limits for the others";
	if ((route->flags & IDEMPOTENT) != 0 && route->method != POST)
		return "only POST takes an Idempotency-Key";
	if ((route->flags & IDEMPOTENT) != 0 && route->auth == AUTH_NONE)
		return "an Idempotency-Key belongs to an account, but it asks for no "
		       "authentication";
	if ((route->flags & REST) != 0 && route->path[strlen(route->path) - 1] != '}')
		return "it takes the rest of the path, but does not end with a parameter";
	if (route->auth != AUTH_NONE && family->authenticate == NULL)
		return "it asks for authentication, but its family has none";
	return params_fault(route);
}

/* Whether the paths that take the rest lie one within the other. */
static bool rest_overlap(const struct route *a, const struct route *b)
{
	size_t n = strcspn(a->path, "{"), m = strcspn(b->path, "{");

	return (a->flags & b->flags & REST) != 0 && strncmp(a->path, b->path, n < m ? n : m) == 0;
}

static bool limit_in_nginx(enum limit_id limit)
{
	return limit_table[limit].where == LIMIT_AT_NGINX ||
	       limit_table[limit].where == LIMIT_AT_BOTH;
}

/* NULL, or what is wrong between two rows. */
static const char *pair_fault(const struct family *fa, const struct route *a,
	const struct family *fb, const struct route *b)
{
	if (((a->flags ^ b->flags) & REST) != 0) /* the one without is tried first */
		return str_equal(a->path, b->path) ? "takes the rest of its path, unlike" : NULL;
	if (!same_shape(a->path, b->path))
		return overlap(a->path, b->path) || rest_overlap(a, b)
			       ? "matches some of the paths of"
			       : NULL;
	if (a->method == b->method && fa == fb)
		return "has the same method and shape as";
	if (fa != fb && fa->claims == NULL)
		return "shares its path with another family:";
	if (route_pool(fa, a) != route_pool(fb, b))
		return "is in another pool than";
	if (a->limit != b->limit && (limit_in_nginx(a->limit) || limit_in_nginx(b->limit)))
		return "is limited by nginx otherwise than"; /* a location knows no methods */
	if (!str_equal(a->path, b->path))
		return "names its parameters otherwise than";
	return NULL;
}

bool route_tables_consistent(char *why, size_t why_size)
{
	for (size_t f = 0; families[f] != NULL; f++) {
		for (size_t i = 0; i < families[f]->n_routes; i++) {
			const struct route *a = &families[f]->route[i];
			const char *fault = row_fault(families[f], a);
			if (fault != NULL) {
				snprintf(why, why_size, "family %s, row %zu, %s %s: %s",
					families[f]->name, i + 1, method_names[a->method], a->path,
					fault);
				return false;
			}
			for (size_t g = 0; g <= f; g++) {
				size_t n = g == f ? i : families[g]->n_routes;
				for (size_t j = 0; j < n; j++) {
					const struct route *b = &families[g]->route[j];
					fault = pair_fault(families[f], a, families[g], b);
					if (fault == NULL)
						continue;
					snprintf(why, why_size,
						"family %s, row %zu, %s %s: %s %s %s",
						families[f]->name, i + 1, method_names[a->method],
						a->path, fault, method_names[b->method], b->path);
					return false;
				}
			}
		}
	}
	return true;
}
