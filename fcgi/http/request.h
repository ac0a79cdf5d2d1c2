/* One request on its way through serve(): what was asked, who asks, what is answered. */
#ifndef TURNPIKE_REQUEST_H
#define TURNPIKE_REQUEST_H

#include "../core/buf.h"
#include "../core/options.h"
#include "../db/db.h"
#include "route.h"

struct FCGX_Stream;
struct net;
struct window_map;

/* What all threads of a worker process share; read-only after the start. */
struct worker {
	const struct options *options;
	enum pool pool;
	struct router *router;
	struct db_pool *db_pool;
	struct window_map *windows;
	bool limits_dry_run;
	i64 started_mono_us;
	size_t n_threads;
};

struct param {
	const char *name, *value;
};

/* An Idempotency-Key under way: assurance.md section 2. */
struct idem {
	bool is_active, is_encoded, is_stored;
	const char *key;
	unsigned char fingerprint[32];
	u64 idem_id;
};

struct req;

/* The fixed window that was counted last: what the RateLimit header fields say. */
struct rate {
	const struct limit_row *row; /* NULL: none was */
	i64 remaining, reset_s;
};

struct response {
	int status;
	const char *content_type; /* NULL: no body */
	const char *body;
	size_t body_length;
	struct buf header;	    /* further lines, each ended by CRLF */
	struct buf kept_header;	    /* the same, which an error does not drop */
	bool is_open;		    /* status and headers are sent */
	bool is_ready;		    /* the handler wrote it; otherwise the out struct is encoded */
	int (*more)(struct req *r); /* resp_stream_begin(); NULL: body is all */
	struct buf last_words;	    /* resp_give_up() */
	const char *cache_control;
};

struct req {
	struct worker *worker;
	struct net *net; /* this thread's connections to the outside */
	struct arena *arena;
	struct fail *fail;
	struct db db;
	i64 now_us; /* when it arrived, wall clock */

	/* what nginx says */
	char *const *env;
	struct FCGX_Stream *body_stream, *out_stream;
	struct FCGX_Stream *answer_stream; /* out_stream, once the answer has begun */
	int client_fd;			   /* closed by nginx when the client goes */
	const char *method_text, *path, *raw_uri, *query;
	enum method method;
	bool is_head, is_options;
	bool has_encoded_slash; /* only for routes with REST: to them it is a slash */
	const char *content_type, *remote_addr, *request_id, *limit_status;
	const char *authorization, *origin, *cookie, *idempotency_key, *if_none_match, *user_agent;
	const char *body;
	size_t body_length, content_length;
	struct json_object *tree; /* of the body, by req_json() */

	/* what it turns out to be */
	const struct family *family;
	const struct route *route;
	size_t route_index;
	struct param param[ROUTE_PARAMS_MAX];
	size_t n_params;
	const char *allow;
	struct rate rate;
	struct caller caller;
	void *in, *out;
	struct idem idem;
	struct response response;
};

/* Reads the CGI environment: method, path, the headers that the platform needs. 0, E_BAD_REQUEST,
 * E_METHOD_NOT_ALLOWED. */
int req_parse(struct req *r);
/* A header by its CGI name ("HTTP_ACCEPT"), or NULL. */
const char *req_header(const struct req *r, const char *cgi_name);
/* The value of a cookie, or NULL; when it appears twice: NULL. */
const char *req_cookie(struct req *r, const char *name);
/* Reads the body, at most the route's size. 0 or E_PAYLOAD_TOO_LARGE. */
int req_body(struct req *r);
/* The same of a body that has to be said to be JSON; an empty one needs no type. The handler looks
 * at what is in it. Also E_UNSUPPORTED_MEDIA_TYPE. */
int req_json_text(struct req *r);
/* The body as JSON, by the rules for its type; it lives until the request ends. 0,
 * E_PAYLOAD_TOO_LARGE, E_UNSUPPORTED_MEDIA_TYPE or E_INVALID_JSON. */
int req_json(struct req *r, struct json_object **ret);
/* For handlers that go on for minutes without it: gives the tree back now, and all texts in it. */
void req_json_release(struct req *r);
/* The body of a route with RAW_BODY into r->in by r->route->in, once the handler has done what
 * comes before. 0, or as req_bind(). */
int req_bind_raw(struct req *r);
/* Path, query and body into r->in by r->route->in; all faults noted. 0 or the error of the first.
 */
int req_bind(struct req *r);

#endif
