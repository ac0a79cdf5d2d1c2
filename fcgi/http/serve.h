/* The path of a request, from the CGI environment to the answer. */
#ifndef TURNPIKE_SERVE_H
#define TURNPIKE_SERVE_H

struct req;

/* Fills r->response, whatever happens. */
void serve_request(struct req *r);

#endif
