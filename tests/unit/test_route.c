/* Finding routes: an example of every rule on a small table of the product, and every row of every
 * family by its own path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "fcgi/core/str.h"
#include "req_world.h"

#include <cmocka.h>

static struct world world;

#define UPDATE "/api/update/{platform}/{quality}/{commit}"

static const struct {
	const char *name, *method, *path;
	int rc;
	const char *route, *params, *allow;
} cases[] = {
	{"literal", "GET", "/api/account/me", 0, "/api/account/me", "", NULL},
	{"HEAD is GET", "HEAD", "/api/account/me", 0, "/api/account/me", "", NULL},
	{"PATCH", "PATCH", "/api/account/me", 0, "/api/account/me", "", NULL},
	{"trailing slash", "GET", "/api/account/me/", 0, "/api/account/me", "", NULL},
	{"parameters", "GET", "/api/update/linux-x64/stable/abcd", 0, UPDATE,
		"platform=linux-x64 quality=stable commit=abcd ", NULL},
	{"a parameter can be anything", "GET", "/api/update/é/%/{x}", 0, UPDATE,
		"platform=é quality=% commit={x} ", NULL},
	{"parameters in the middle", "GET", "/api/auth/oauth/github/start", 0,
		"/api/auth/oauth/{provider}/start", "provider=github ", NULL},
	{"the other end", "GET", "/api/auth/oauth/google/callback", 0,
		"/api/auth/oauth/{provider}/callback", "provider=google ", NULL},

	{"the rest of the path", "GET", "/v1/models/a/b:c", 0, "/v1/models/{model_id}",
		"model_id=a/b:c ", NULL},
	{"one segment of it", "GET", "/v1/models/x", 0, "/v1/models/{model_id}", "model_id=x ",
		NULL},
	{"a row without the rest goes first", "GET", "/v1/models/tiers/x", 0,
		"/v1/models/tiers/{tier}", "tier=x ", NULL},
	{"where that does not fit", "GET", "/v1/models/tiers/x/y", 0, "/v1/models/{model_id}",
		"model_id=tiers/x/y ", NULL},
	{"and so does a literal", "GET", "/v1/models/", 0, "/v1/models", "", NULL},

	{"unknown", "GET", "/api/nothing", E_NOT_FOUND, NULL, "", NULL},
	{"unknown with POST", "POST", "/api/nothing", E_NOT_FOUND, NULL, "", NULL},
	{"prefix of a row", "GET", "/api/account", E_METHOD_NOT_ALLOWED, NULL, "",
		"DELETE, OPTIONS"},
	{"longer than a row", "GET", "/api/account/me/x", E_NOT_FOUND, NULL, "", NULL},
	{"case counts", "GET", "/api/account/Me", E_NOT_FOUND, NULL, "", NULL},
	{"root", "GET", "/", E_NOT_FOUND, NULL, "", NULL},
	{"empty parameter", "GET", "/api/update/linux-x64//abcd", E_NOT_FOUND, NULL, "", NULL},
	{"one segment short", "GET", "/api/update/linux-x64/stable", E_NOT_FOUND, NULL, "", NULL},
	{"one segment more", "GET", "/api/update/a/b/c/d", E_NOT_FOUND, NULL, "", NULL},
	{"the template itself", "GET", "/api/auth/oauth/{provider}/start", 0,
		"/api/auth/oauth/{provider}/start", "provider={provider} ", NULL},
	{"literal part of another length", "GET", "/api/auth/oauth/github/starts", E_NOT_FOUND,
		NULL, "", NULL},

	{"wrong method", "POST", "/api/account/me", E_METHOD_NOT_ALLOWED, NULL, "",
		"GET, HEAD, PATCH, OPTIONS"},
	{"wrong method with parameters", "DELETE", "/api/update/a/b/c", E_METHOD_NOT_ALLOWED, NULL,
		"", "GET, HEAD, OPTIONS"},
	{"HEAD of a POST", "HEAD", "/api/auth/verify", E_METHOD_NOT_ALLOWED, NULL, "",
		"POST, OPTIONS"},
	{"unknown method", "BREW", "/api/account/me", E_METHOD_NOT_ALLOWED, NULL, "",
		"GET, HEAD, PATCH, OPTIONS"},
	{"small letters", "get", "/api/account/me", E_METHOD_NOT_ALLOWED, NULL, "",
		"GET, HEAD, PATCH, OPTIONS"},
	{"OPTIONS", "OPTIONS", "/api/auth/verify", 0, "/api/auth/verify", "", "POST, OPTIONS"},
	{"OPTIONS of nothing", "OPTIONS", "/api/nothing", E_NOT_FOUND, NULL, "", NULL},
};

static const char *params(struct req *r)
{
	struct buf b;

	buf_init(&b, r->arena, 0);
	for (size_t i = 0; i < r->n_params; i++)
		buf_printf(&b, "%s=%s ", r->param[i].name, r->param[i].value);
	return b.data;
}

static int find(const char *method, const char *path)
{
	struct req *r = world_request(&world, method, path);

	assert_int_equal(req_parse(r), 0);
	return route_find(r);
}

static void test_cases(void **state)
{
	struct req *r = &world.req;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		print_message("  %s: %s %s\n", cases[i].name, cases[i].method, cases[i].path);
		assert_int_equal(find(cases[i].method, cases[i].path), cases[i].rc);
		assert_int_equal(world.fail.code, cases[i].rc);
		if (cases[i].rc == 0) {
			assert_string_equal(r->route->path, cases[i].route);
			assert_string_equal(params(r), cases[i].params);
			assert_non_null(r->family);
		} else {
			assert_null(r->route);
		}
		if (cases[i].allow == NULL)
			assert_null(r->allow);
		else
			assert_string_equal(r->allow, cases[i].allow);
	}
}

/* An encoded slash is a slash where the rest of the path is taken, and nowhere else. */
static void test_encoded_slash(void **state)
{
	static const struct {
		const char *path;
		int rc;
	} slashes[] = {{"/v1/models/a/b", 0}, {"/v1/models/tiers/x", E_BAD_REQUEST},
		{"/api/account/me", E_BAD_REQUEST}, {"/api/nothing", E_BAD_REQUEST}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(slashes); i++) {
		struct req *r = world_request(&world, "GET", slashes[i].path);
		print_message("  %s\n", slashes[i].path);
		assert_int_equal(req_parse(r), 0);
		r->has_encoded_slash = true;
		assert_int_equal(route_find(r), slashes[i].rc);
	}
}

/* Of a path that two families share, the account family has who comes with its cookie alone. */
static void test_shared_path(void **state)
{
	static const struct {
		const char *name, *method, *cookie, *authorization, *family, *allow;
	} shared[] = {
		{"nobody", "POST", NULL, NULL, "product", NULL},
		{"a token", "POST", NULL, "Bearer session:x", "product", NULL},
		{"the cookie", "POST", "a=b; authjs.session-token=x", NULL, "account", NULL},
		{"the cookie of https", "POST", "__Secure-authjs.session-token=x", NULL, "account",
			NULL},
		{"both", "POST", "authjs.session-token=x", "Bearer session:x", "product", NULL},
		{"another cookie", "POST", "session=x", NULL, "product", NULL},
		{"a preflight", "OPTIONS", NULL, NULL, "product", "POST, OPTIONS"},
		{"a preflight with the cookie", "OPTIONS", "authjs.csrf-token=x", NULL, "account",
			"GET, HEAD, POST, OPTIONS"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(shared); i++) {
		struct req *r = world_request(&world, shared[i].method, "/api/auth/signout");
		print_message("  %s\n", shared[i].name);
		assert_int_equal(req_parse(r), 0);
		r->cookie = shared[i].cookie;
		r->authorization = shared[i].authorization;
		assert_int_equal(route_find(r), 0);
		assert_string_equal(r->family->name, shared[i].family);
		assert_string_equal(r->route->path, "/api/auth/signout");
		if (shared[i].allow != NULL)
			assert_string_equal(r->allow, shared[i].allow);
	}
}

static void test_family_of_path(void **state)
{
	(void)state;
	assert_string_equal(family_of_path("/v1/models/x")->name, "gateway");
	assert_string_equal(family_of_path("/v1/nothing")->name, "gateway");
	assert_string_equal(family_of_path("/api/nothing")->name, "product");
	assert_string_equal(family_of_path("/api/auth/csrf")->name, "account");
	assert_string_equal(family_of_path("/api/auth/verify")->name, "product");
	assert_string_equal(family_of_path("/api/account/2fa/x")->name, "account");
	assert_null(family_of_path("/"));
	assert_null(family_of_path(NULL));
}

/* Every row is found by its path, with "x" for each parameter, under its own label; and only by the
 * workers of its pool. */
static void check_rows(enum pool pool)
{
	char why[300] = "";
	size_t n_labels, n_found = 0;

	world.worker.router = router_new(pool, why, sizeof(why));
	assert_string_equal(why, "");
	const char *const *labels = router_labels(world.worker.router, &n_labels);
	for (size_t f = 0; families[f] != NULL; f++)
		for (size_t i = 0; i < families[f]->n_routes; i++) {
			const struct route *route = &families[f]->route[i];
			struct buf path;
			world_request(&world, NULL, NULL);
			buf_init(&path, &world.arena, 0);
			for (const char *p = route->path; *p != '\0'; p++) {
				buf_char(&path, *p == '{' ? 'x' : *p);
				p += *p == '{' ? strcspn(p, "}") : 0;
			}
			world.req.path = path.data;
			/* Of a path that two families share, the second claims this. */
			world.req.authorization = NULL;
			world.req.cookie =
				families[f]->claims != NULL ? "authjs.session-token=x" : NULL;
			world.req.method = route->method;
			/* of a path that it shares, the account family has its browsers */
			world.req.cookie = families[f]->claims != NULL ? "authjs.x=" : NULL;
			int rc = route_find(&world.req);
			if (pool != POOL_MAX && route_pool(families[f], route) != pool) {
				/* one with a parameter may have the shape of it */
				assert_true(rc == E_NOT_FOUND || world.req.route != route);
				continue;
			}
			assert_int_equal(rc, 0);
			assert_ptr_equal(world.req.route, route);
			assert_ptr_equal(world.req.family, families[f]);
			assert_true(world.req.route_index < n_labels);
			assert_string_equal(labels[world.req.route_index],
				arena_printf(&world.arena, "%s %s", method_names[route->method],
					route->path));
			n_found++;
		}
	assert_int_equal(n_found, n_labels);
	router_free(world.worker.router);
}

static void test_every_row(void **state)
{
	(void)state;
	for (int pool = 0; pool <= POOL_MAX; pool++) {
		print_message("  %s\n", pool == POOL_MAX ? "all pools" : pool_names[pool]);
		check_rows((enum pool)pool);
	}
}

static int router_open(void **state)
{
	char why[300];

	(void)state;
	world.worker.router = router_new(POOL_MAX, why, sizeof(why));
	return world.worker.router == NULL ? -1 : 0;
}

static int router_close(void **state)
{
	(void)state;
	router_free(world.worker.router);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_cases, router_open, router_close),
		cmocka_unit_test_setup_teardown(test_encoded_slash, router_open, router_close),
		cmocka_unit_test_setup_teardown(test_shared_path, router_open, router_close),
		cmocka_unit_test(test_family_of_path),
		cmocka_unit_test(test_every_row),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	world_close(&world);
	return failed;
}
