/* What all families tell the record of security events about a request. */
#ifndef TURNPIKE_HANDLERS_VISITOR_H
#define TURNPIKE_HANDLERS_VISITOR_H

#include "../domain/audit.h"
#include "../fcgi/http/request.h"

static inline struct visitor req_visitor(const struct req *r)
{
	return (struct visitor){r->remote_addr, r->user_agent, r->request_id};
}

#endif
