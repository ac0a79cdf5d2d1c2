/* The route tables compiled for look-up: a hash of literal paths, a short list of paths with
 * parameters; and the checks that refuse inconsistent tables at start-up. */
#include "route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/str.h"
#include "request.h"

const char *const method_names[METHOD_MAX] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
const char *const pool_names[POOL_MAX] = {"core", "auth", "ai", "tab", "ops", "sandbox"};

/* One path with the routes of its methods. */
struct node {
	const char *path;
	bool takes_rest; /* REST: tried after all others */
	const struct family *family;
	const struct route *route[METHOD_MAX];
	size_t index[METHOD_MAX];
	struct node *rival; /* the same path of another family, which claims requests for it */
	struct node *next;  /* in its hash bucket, or in the list of paths with parameters */
};

struct router {
	struct node **bucket;
	size_t n_buckets; /* a power of two */
	struct node *with_params;
	const char **label;
	size_t n_labels;
};

static size_t path_hash(const char *path)
{
	u64 h = 14695981039346656037ULL;

	for (; *path != '\0'; path++)
		h = (h ^ (unsigned char)*path) * 1099511628211ULL;
	return (size_t)(h ^ h >> 32);
}

/* Whether two table paths match the same requests as far as their shape goes: parameters equal
 * anything. */
static bool same_shape(const char *a, const char *b)
{
	for (;;) {
		size_t n = strcspn(a, "/"), m = strcspn(b, "/");
		bool param = a[0] == '{' && b[0] == '{';
		if (!param && (n != m || strncmp(a, b, n) != 0))
			return false;
		if (a[n] != b[m])
			return false;
		if (a[n] == '\0')
			return true;
		a += n + 1;
		b += m + 1;
	}
}

/* Whether some path matches both, though their shapes differ: which of them answers would depend on
 * the order of the tables. A literal path is looked up first and may be in the way of nobody. */
static bool overlap(const char *a, const char *b)
{
	if (strchr(a, '{') == NULL || strchr(b, '{') == NULL)
		return false;
	for (;;) {
		size_t n = strcspn(a, "/"), m = strcspn(b, "/");
		if (a[0] != '{' && b[0] != '{' && (n != m || strncmp(a, b, n) != 0))
			return false;
		if (a[n] != b[m])
			return false;
		if (a[n] == '\0')
			return true;
		a += n + 1;
		b += m + 1;
	}
}

static bool has_prefix(const struct family *family, const char *path)
{
	for (const char *const *p = family->prefix; *p != NULL; p++)
		if (str_starts(path, *p))
			return true;
	return false;
}

const struct family *family_of_path(const char *path)
{
	const struct family *found = NULL;
	size_t longest = 0;

	for (size_t f = 0; path != NULL && families[f] != NULL; f++)
		for (const char *const *p = families[f]->prefix; *p != NULL; p++)
			if (strlen(*p) > longest && str_starts(path, *p)) {
				found = families[f];
				longest = strlen(*p);
			}
	return found;
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

/* NULL, or what is wrong with one row by itself. */
static const char *row_fault(const struct family *family, const struct route *route)
{
	if (route->path[0] != '/' || !has_prefix(family, route->path))
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

static bool tables_consistent(char *why, size_t why_size)
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

static struct node *node_find(const struct router *router, const char *path)
{
	struct node *n = router->bucket[path_hash(path) & (router->n_buckets - 1)];

	while (n != NULL && !str_equal(n->path, path))
		n = n->next;
	return n;
}

static void router_add(
	struct router *router, const struct family *family, const struct route *route)
{
	bool literal = strchr(route->path, '{') == NULL;
	struct node **list = &router->with_params, *n;

	if (literal)
		list = &router->bucket[path_hash(route->path) & (router->n_buckets - 1)];
	for (n = *list; n != NULL && !str_equal(n->path, route->path); n = n->next)
		;
	if (n != NULL && n->family != family) { /* a path that two families share */
		list = &n->rival;
		n = n->rival;
	}
	if (n == NULL) {
		n = calloc(1, sizeof(*n));
		if (n == NULL)
			abort();
		bool takes_rest = (route->flags & REST) != 0;
		while (takes_rest && *list != NULL)
			list = &(*list)->next;
		*n = (struct node){route->path, takes_rest, family, .next = *list};
		*list = n;
	}
	n->route[route->method] = route;
	n->index[route->method] = router->n_labels;

	size_t size = strlen(route->path) + 10;
	char *label = malloc(size);
	if (label == NULL)
		abort();
	snprintf(label, size, "%s %s", method_names[route->method], route->path);
	router->label[router->n_labels++] = label;
}

struct router *router_new(enum pool pool, char *why, size_t why_size)
{
	size_t n_routes = 0;

	if (!tables_consistent(why, why_size))
		return NULL;
	for (size_t f = 0; families[f] != NULL; f++)
		n_routes += families[f]->n_routes;
	struct router *router = calloc(1, sizeof(*router));
	if (router == NULL)
		abort();
	for (router->n_buckets = 16; router->n_buckets < 2 * n_routes;)
		router->n_buckets *= 2;
	router->bucket = calloc(router->n_buckets, sizeof(*router->bucket));
	router->label = calloc(n_routes + 1, sizeof(*router->label));
	if (router->bucket == NULL || router->label == NULL)
		abort();
	for (size_t f = 0; families[f] != NULL; f++)
		for (size_t i = 0; i < families[f]->n_routes; i++) {
			const struct route *route = &families[f]->route[i];
			if (pool == POOL_MAX || route_pool(families[f], route) == pool)
				router_add(router, families[f], route);
		}
	return router;
}

static void free_nodes(struct node *n)
{
	while (n != NULL) {
		struct node *next = n->next;
		free(n->rival);
		free(n);
		n = next;
	}
}

void router_free(struct router *router)
{
	for (size_t i = 0; i < router->n_buckets; i++)
		free_nodes(router->bucket[i]);
	free_nodes(router->with_params);
	for (size_t i = 0; i < router->n_labels; i++)
		free((void *)(uintptr_t)router->label[i]);
	free(router->bucket);
	free(router->label);
	free(router);
}

const char *const *router_labels(const struct router *router, size_t *ret_n)
{
	*ret_n = router->n_labels;
	return router->label;
}

/* Whether the path has the shape of the node's; its parameters go into r->param. */
static bool match_params(struct req *r, const struct node *n)
{
	const char *shape = n->path, *path = r->path;

	r->n_params = 0;
	for (;;) {
		size_t shape_length = strcspn(shape, "/"), length = strcspn(path, "/");
		if (n->takes_rest && shape[shape_length] == '\0')
			length = strlen(path);
		if (shape[0] == '{') {
			if (length == 0)
				return false;
			r->param[r->n_params++] = (struct param){
				arena_strndup(r->arena, shape + 1, shape_length - 2),
				arena_strndup(r->arena, path, length),
			};
		} else if (shape_length != length || strncmp(shape, path, length) != 0) {
			return false;
		}
		if (shape[shape_length] != path[length])
			return false;
		if (path[length] == '\0')
			return true;
		shape += shape_length + 1;
		path += length + 1;
	}
}

static const char *allowed_methods(struct req *r, const struct node *n)
{
	struct buf b;

	buf_init(&b, r->arena, 64);
	for (size_t m = 0; m < METHOD_MAX; m++) {
		if (n->route[m] == NULL)
			continue;
		if (b.length > 0)
			buf_str(&b, ", ");
		buf_str(&b, m == GET ? "GET, HEAD" : method_names[m]);
	}
	buf_str(&b, ", OPTIONS");
	return b.data;
}

int route_find(struct req *r)
{
	const struct router *router = r->worker->router;
	const struct node *n = node_find(router, r->path);

	if (n == NULL)
		for (n = router->with_params; n != NULL && !match_params(r, n);)
			n = n->next;
	if (r->has_encoded_slash && (n == NULL || !n->takes_rest))
		return fail(r->fail, E_BAD_REQUEST, "The path has an encoded slash.");
	if (n == NULL)
		return fail(r->fail, E_NOT_FOUND, NULL);
	if (n->rival != NULL && n->rival->family->claims(r))
		n = n->rival;
	r->family = n->family;
	if (r->is_options || r->method == METHOD_MAX || n->route[r->method] == NULL)
		r->allow = allowed_methods(r, n);
	if (r->is_options) {
		for (r->method = GET; n->route[r->method] == NULL;)
			r->method++;
	} else if (r->allow != NULL) {
		return fail(r->fail, E_METHOD_NOT_ALLOWED, NULL);
	}
	r->route = n->route[r->method];
	r->route_index = n->index[r->method];
	return 0;
}

int route_admit(struct req *r)
{
	return r->family->admit != NULL ? r->family->admit(r) : 0;
}
