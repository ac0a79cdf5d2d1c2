/* The sandbox: imitations of outside services over real HTTP, for development and tests only. */
#ifndef TURNPIKE_SANDBOX_H
#define TURNPIKE_SANDBOX_H

#include "../../fcgi/http/schema.h"

struct req;

#define HANDLER(name) int name(struct req *r, const void *in, void *out)
HANDLER(sandbox_jwks);
HANDLER(sandbox_jwks_rotate);
HANDLER(sandbox_jwt);
HANDLER(sandbox_mail_page);
HANDLER(sandbox_mail_json);
HANDLER(sandbox_oauth_page);
HANDLER(sandbox_oauth_consent);
HANDLER(sandbox_oauth_token);
HANDLER(sandbox_github_user);
HANDLER(sandbox_github_emails);
HANDLER(sandbox_google_userinfo);
#undef HANDLER

SCHEMA_DECLARE(sandbox_jwks_rotate_in);
SCHEMA_DECLARE(sandbox_jwt_in);
SCHEMA_DECLARE(sandbox_mail_in);
SCHEMA_DECLARE(sandbox_oauth_page_in);
SCHEMA_DECLARE(sandbox_oauth_consent_in);
SCHEMA_DECLARE(sandbox_oauth_token_in);

#endif
