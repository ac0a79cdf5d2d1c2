#ifndef TURNPIKE_ROUTE_PICK_H
#define TURNPIKE_ROUTE_PICK_H
#include "../fcgi/net/stream.h"
#include "models.h"
struct choice {
	const struct model_route *route;
	const struct provider_key *key;
	size_t n_tried;
};
enum choice_outcome { CHOICE_GOOD, CHOICE_UNKNOWN, CHOICE_BAD };
struct verdict {
	enum error error;
	bool retry;
	const char *text;
};
bool choice_next(struct choice *c, const struct model *model);
void choice_done(struct choice *c, enum choice_outcome outcome, i64 retry_after_s);
struct verdict upstream_verdict(int status, const char *type, const char *message);
#endif
