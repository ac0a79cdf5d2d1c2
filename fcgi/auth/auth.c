/* Finding credentials in a request. */
#include "auth.h"

#include <string.h>
#include <strings.h>

#include "../http/request.h"

const struct auth_info auth_table[AUTH_MAX] = {
#define A(name, scheme, text) [AUTH_##name] = {#name, scheme, text},
#include "auth.def"
#undef A
};

const char *auth_bearer(const struct req *r)
{
	static const char scheme[] = "Bearer ";
	const char *value = r->authorization;

	if (value == NULL || strncasecmp(value, scheme, sizeof(scheme) - 1) != 0)
		return NULL;
	value += sizeof(scheme) - 1;
	value += strspn(value, " ");
	return *value != '\0' ? value : NULL;
}

int auth_check(struct req *r)
{
	if (r->route->auth == AUTH_NONE)
		return 0;
	r->caller.kind = r->route->auth;
	TRY(r->family->authenticate(r));
	if (r->caller.mfa_pending && (r->route->flags & MFA_EXEMPT) == 0)
		return fail(r->fail, E_MFA_REQUIRED, NULL);
	return 0;
}
