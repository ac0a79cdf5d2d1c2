/* Route tables: one per family, C data. From them come dispatch, nginx's locations, the OpenAPI
 * document and the list that `turnpike routes` prints. */
#ifndef TURNPIKE_ROUTE_H
#define TURNPIKE_ROUTE_H

#include "../auth/auth.h"
#include "../core/errors.h"
#include "../limit/limits.h"
#include "schema.h"

struct db;
struct req;
struct worker;

enum method { GET, POST, PUT, PATCH, DELETE, METHOD_MAX };

extern const char *const method_names[METHOD_MAX];

/* A pool is a name and its three options (options.def). */
enum pool { POOL_CORE, POOL_AUTH, POOL_AI, POOL_TAB, POOL_OPS, POOL_SANDBOX, POOL_MAX };

extern const char *const pool_names[POOL_MAX];

enum route_flags {
	IDEMPOTENT = 1,	    /* honours Idempotency-Key */
	PUBLIC_CORS = 2,    /* any origin may read it */
	STREAM = 4,	    /* nginx must not buffer the answer */
	HIDDEN = 8,	    /* not in `turnpike routes` nor in the OpenAPI document */
	OPERATOR = 16,	    /* nginx lets only listed addresses in */
	PAGE = 32,	    /* asked for by a browser: failures are pages, too */
	REST = 64,	    /* its last parameter takes all that is left of the path, slashes too */
	FORM = 128,	    /* the body is application/x-www-form-urlencoded */
	FORM_OR_JSON = 256, /* the body is a form when it says so, else JSON */
	RAW_BODY = 512,	    /* the handler reads the body itself; `in` describes it */
	MAY_BE_NULL = 1024, /* the handler may answer with the JSON text null */
	MFA_EXEMPT = 2048,  /* open to a credential whose second factor is pending */
};

enum { ROUTE_PARAMS_MAX = 4, ROUTE_ERRORS_MAX = 6, BODY_DEFAULT_BYTES = 64 * 1024 };

/* The announcement that a route goes away: RFC 9745, RFC 8594. */
struct deprecation {
	i64 since_s, sunset_s; /* Unix seconds; sunset 0: not decided */
	const char *successor; /* "/v2/models"; NULL: none */
};

struct route {
	enum method method;
	const char *path; /* "/api/account/sessions/{session_id}" */
	enum auth_kind auth;
	enum limit_id limit;
	unsigned flags;
	int (*run)(struct req *r, const void *in, void *out);
	const struct schema *in, *out; /* NULL: none */
	int status;		       /* of success */
	const char *summary;
	/* Where the row differs from its family or needs more words: */
	enum pool pool;	   /* 0 (core): the family's */
	size_t body_bytes; /* largest body; 0: BODY_DEFAULT_BYTES */
	int cache_s; /* Cache-Control: public, max-age; nginx keeps it for a second. 0: no-store */
	const char *produces; /* content type of an answer without schema: "text/html" */
	enum error errors[ROUTE_ERRORS_MAX]; /* beyond those that follow from auth, limit and in */
	/* A second success: 204, 302, 304; or the same answer with bad news: 503. 0: none */
	int other_status;
	const struct deprecation *deprecated; /* NULL: it stays */
};

/* A row; members that it does not name are as in struct route, and may follow by name. */
#define ROUTE(m, p, a, l, f, fn, i, o, s, text, ...)                                              \
	{                                                                                         \
		.method = (m), .path = (p), .auth = AUTH_##a, .limit = LIMIT_##l, .flags = (f),   \
		.run = (fn), .in = (i), .out = (o), .status = (s), .summary = (text), __VA_ARGS__ \
	}
#define IN(T) &T##_schema
#define OUT(T) &T##_schema
#define NO_IN NULL
#define NO_OUT NULL
#define ERRORS(...) .errors = {__VA_ARGS__}

struct family {
	const char *name;
	const char *title;	   /* for the OpenAPI document */
	const char *const *prefix; /* every path starts with one of these; ends with NULL */
	const struct dialect *dialect;
	enum pool pool;
	enum limit_id limit; /* every route with a limit counts against this one, too */
	bool untyped_json;   /* a body without Content-Type is taken for JSON */
	bool any_type;	     /* a body of whatever Content-Type is taken for JSON */
	bool no_cors;	     /* scripts of other origins are told nothing */
	bool fault_paths;    /* a fault is named with its place: "events[2].name" */
	/* Header fields beyond the usual that scripts of allowed origins may send and read;
	 * "x-stainless-*" in the former stands for all that begin so. NULL: none */
	const char *cors_allow, *cors_expose;
	const struct route *route;
	size_t n_routes;
	/* Of a family that shares paths with another one: whether a request for such a path is its
	 * own. NULL: it shares none as the second. */
	bool (*claims)(const struct req *r);
	/* Refuses a request before anything else is done with it; may be NULL. */
	int (*admit)(struct req *r);
	/* Resolves the credential that r->route->auth asks for and fills r->caller. */
	int (*authenticate)(struct req *r);
	/* Around the threads of every process that serves the family; may be NULL. start(): 0, or
	 * -1 and a sentence on why, which ends the process. */
	int (*start)(const struct worker *worker, char *why, size_t why_size);
	void (*stop)(const struct worker *worker);
	/* Once a second in every process that serves the family; may be NULL. */
	void (*tick)(const struct worker *worker, struct db *db);
};

/* All families, in the order of `turnpike routes`; ends with NULL (handlers/families.c). */
extern const struct family *const families[];

/* The one whose longest prefix begins the path, whether there is a route or not; NULL: none. */
const struct family *family_of_path(const char *path);

static inline enum pool route_pool(const struct family *family, const struct route *route)
{
	return route->pool != POOL_CORE ? route->pool : family->pool;
}

/* The routes of one pool, compiled for look-up; or of all, with POOL_MAX. */
struct router;

/* Checks all tables; NULL and one sentence on `why` (which row, what is wrong) when they are
 * inconsistent. */
struct router *router_new(enum pool pool, char *why, size_t why_size);
void router_free(struct router *router);
/* Labels "GET /api/account/me" of the routes, in index order, for the metrics. */
const char *const *router_labels(const struct router *router, size_t *ret_n);

/* Finds r->route, r->family, r->route_index and r->param for r->path and r->method.
 * 0, E_NOT_FOUND, or E_METHOD_NOT_ALLOWED with r->allow set. */
int route_find(struct req *r);

/* The family's admit(), where it has one. */
int route_admit(struct req *r);

#endif
