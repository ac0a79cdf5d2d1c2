/* The route tables compiled for look-up: a hash of literal paths, a short list of paths with
 * parameters. */
#include "route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/str.h"
#include "request.h"
#include "route_check.h"

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

	if (!route_tables_consistent(why, why_size))
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
