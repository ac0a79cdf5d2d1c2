/* Whether we are well (gateway.md section 9). */
#include "../../fcgi/http/request.h"
#include "gateway.h"

struct gateway_health {
	const char *status;
};
SCHEMA(gateway_health, STR(gateway_health, status, REQUIRED, .values = "ok"));

/* Asks nothing of anybody. */
int gateway_health(struct req *r, const void *in, void *out_)
{
	struct gateway_health *out = out_;

	(void)r, (void)in;
	out->status = "ok";
	return 0;
}
