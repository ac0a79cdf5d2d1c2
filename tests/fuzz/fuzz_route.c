/* Any path against the product's tables, compared with a plain search through all rows: the first
 * byte is the method, the rest the path. */
#include <string.h>

#include "fcgi/core/str.h"
#include "fcgi/http/request.h"
#include "seeds.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (getenv("FUZZ_SEEDS") == NULL)
		return 0;
	for (size_t f = 0; families[f] != NULL; f++)
		for (size_t i = 0; i < families[f]->n_routes; i++) {
			const struct route *route = &families[f]->route[i];
			char text[300];
			int n = snprintf(
				text, sizeof(text), "%c%s", '0' + (int)route->method, route->path);
			seed_write(text, (size_t)n);
		}
	exit(0);
}

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* Segment by segment, with copies: slow and plain. rest: the last parameter takes all that is left.
 */
static bool matches(struct arena *arena, const char *shape, const char *path, bool rest)
{
	char *a = arena_strdup(arena, shape), *b = arena_strdup(arena, path);

	for (;;) {
		char *slash_a = strchr(a, '/'), *slash_b = strchr(b, '/');
		if (rest && a[0] == '{' && slash_a == NULL)
			return b[0] != '\0';
		if ((slash_a == NULL) != (slash_b == NULL))
			return false;
		if (slash_a != NULL)
			*slash_a = *slash_b = '\0';
		if (a[0] == '{' ? b[0] == '\0' : !str_equal(a, b))
			return false;
		if (slash_a == NULL)
			return true;
		a = slash_a + 1;
		b = slash_b + 1;
	}
}

enum { PLACE_LITERAL, PLACE_PARAMS, PLACE_REST, PLACE_MAX };

static int place_of(const struct route *route)
{
	if (strchr(route->path, '{') == NULL)
		return PLACE_LITERAL;
	return (route->flags & REST) != 0 ? PLACE_REST : PLACE_PARAMS;
}

/* Literal paths come first, those that end with anything last; of each kind only one can match (the
 * tables are checked for that), but for paths that two families share: without a cookie, they are
 * the first one's. */
static const struct route *expected(struct req *r, bool *ret_known)
{
	const struct route *found = NULL;

	*ret_known = false;
	for (int place = 0; place < PLACE_MAX && !*ret_known; place++)
		for (size_t f = 0; families[f] != NULL && !*ret_known; f++)
			for (size_t i = 0; i < families[f]->n_routes; i++) {
				const struct route *route = &families[f]->route[i];
				if (place_of(route) != place ||
					!matches(r->arena, route->path, r->path,
						place == PLACE_REST))
					continue;
				*ret_known = true;
				if (route->method == r->method)
					found = route;
			}
	return found;
}

static void check_params(struct req *r)
{
	struct buf path;
	size_t n = 0;

	/* Put back into the row's path, they make the request's path again. */
	buf_init(&path, r->arena, 0);
	for (const char *p = r->route->path; *p != '\0'; p++) {
		if (*p != '{') {
			buf_char(&path, *p);
			continue;
		}
		must(n < r->n_params);
		must(strncmp(r->param[n].name, p + 1, strlen(r->param[n].name)) == 0);
		buf_str(&path, r->param[n++].value);
		p += strcspn(p, "}");
	}
	must(n == r->n_params || strchr(r->route->path, '{') == NULL);
	must(str_equal(path.data, r->path));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arena arena = {.ceiling_bytes = 64 * 1024 * 1024};
	static struct worker worker = {.pool = POOL_MAX};
	char why[300];
	bool known;

	if (worker.router == NULL && (worker.router = router_new(POOL_MAX, why, 300)) == NULL)
		abort();
	if (size < 1 || memchr(data, '\0', size) != NULL)
		return 0;
	struct fail failure = {.arena = &arena};
	struct req r = {.worker = &worker,
		.arena = &arena,
		.fail = &failure,
		.method = (enum method)(data[0] % (METHOD_MAX + 1)),
		.path = arena_strndup(&arena, (const char *)data + 1, size - 1)};
	const struct route *wanted = expected(&r, &known);
	int rc = route_find(&r);
	if (wanted != NULL) {
		must(rc == 0 && r.route == wanted && r.allow == NULL);
		check_params(&r);
	} else if (known) {
		must(rc == E_METHOD_NOT_ALLOWED && r.route == NULL && r.allow != NULL);
	} else {
		must(rc == E_NOT_FOUND && r.route == NULL && r.allow == NULL);
	}
	arena_reset(&arena);
	return 0;
}
