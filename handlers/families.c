/* The families, in the order of `turnpike routes`. */
#include "../fcgi/http/route.h"

extern const struct family product_family, account_family, anthropic_family, gateway_family,
	ops_family, sandbox_family;

const struct family *const families[] = {&product_family, &account_family, &anthropic_family,
	&gateway_family, &ops_family, &sandbox_family, NULL};
