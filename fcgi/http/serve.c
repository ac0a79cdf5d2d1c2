/* The path of a request, and nothing else. Every stage continues or fails the request. */
#include "serve.h"

#include "../core/log.h"
#include "../limit/limit.h"
#include "idem.h"
#include "request.h"
#include "response.h"

static int serve(struct req *r)
{
	TRY(req_parse(r));   /* method, path, headers */
	TRY(route_find(r));  /* r->route, r->param; 404, 405 */
	TRY(route_admit(r)); /* what the family refuses outright: foreign origins */
	if (r->is_options)   /* a preflight; fields.c adds what other origins may */
		return resp_methods(r);
	TRY(limit_check_address(r)); /* by r->route->limit, before anything costs; 429 */
	TRY(auth_check(r));	     /* by r->route->auth; sets r->caller */
	TRY(limit_check_caller(r));  /* by r->route->limit and r->caller; 429 */
	TRY(req_bind(r));	     /* path, query and body into r->in, or 400 with all faults */
	TRY(idem_replay(r));	     /* a repeated Idempotency-Key answers from the store */
	if (r->response.is_ready)
		return 0;
	TRY(r->route->run(r, r->in, r->out));
	if (r->response.is_ready)
		return 0;
	return resp_json(r, r->route->out, r->out);
}

/* Failures on our side go to the event log, with the cause that the client does not see. Whoever
 * leaves is no failure: main.c notes that. */
static void log_failure(const struct req *r)
{
	const struct error_info *info = &error_table[r->fail->code];

	if ((info->status < 500 && r->fail->cause == NULL) || r->fail->code == E_CLIENT_LEFT)
		return;
	if (r->fail->code == E_BUSY) /* counted; a storm must not become one of lines */
		return;
	LOG(ERROR, "request_failed", LOG_TEXT("request_id", r->request_id),
		LOG_TEXT("route", r->route != NULL ? r->route->path : ""),
		LOG_NUMBER("status", info->status), LOG_TEXT("error", info->name),
		LOG_TEXT("cause", r->fail->cause));
}

void serve_request(struct req *r)
{
	int rc = serve(r);

	if (rc != 0) {
		fail(r->fail, rc > 0 ? (enum error)rc : E_INTERNAL, NULL);
		resp_error(r);
		log_failure(r);
	}
	idem_finish(r);
}
