/* The token that forms of a browser carry, and where they may lead (account.md section 2.2). */
#include <string.h>

#include "../../fcgi/core/crypto.h"
#include "../../fcgi/core/str.h"
#include "../../fcgi/http/request.h"
#include "../../fcgi/http/response.h"
#include "account.h"

enum { CSRF_CHARS = 64 };

/* What makes a token ours: nobody else can plant a cookie that fits. */
static const char *csrf_mac(struct req *r, const char *token)
{
	const char *key = r->worker->options->config_key;
	const char *text = arena_printf(r->arena, "csrf\n%s", token);
	struct sha256 mac = hmac_sha256(key, strlen(key), text, strlen(text));

	return hex_encode(r->arena, mac.byte, sizeof(mac.byte));
}

/* The token of the cookie, `<token>|<mac>` with its bar percent-encoded; NULL: absent or not ours.
 */
static const char *csrf_of_cookie(struct req *r)
{
	const char *cookie = req_cookie(r, account_csrf_cookie(r));
	char *value = cookie != NULL ? form_decode(r->arena, cookie, strlen(cookie)) : NULL;

	if (value == NULL || strlen(value) != 2 * CSRF_CHARS + 1 || value[CSRF_CHARS] != '|')
		return NULL;
	value[CSRF_CHARS] = '\0';
	return equal_ct(value + CSRF_CHARS + 1, csrf_mac(r, value), CSRF_CHARS) ? value : NULL;
}

const char *account_target(struct req *r, const char *wanted)
{
	const char *site = r->worker->options->public_url;
	size_t length = strlen(site);

	if (wanted == NULL)
		return site;
	for (const char *p = wanted; *p != '\0'; p++)
		if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f || *p == '\\')
			return site;
	if (wanted[0] == '/' && wanted[1] != '/')
		return arena_printf(r->arena, "%s%s", site, wanted);
	if (strncmp(wanted, site, length) == 0 && strchr("/?#", wanted[length]) != NULL)
		return wanted;
	return site;
}

static bool callback_cookie_is_ours(struct req *r)
{
	const char *cookie = req_cookie(r, account_callback_cookie(r));
	const char *url = cookie != NULL ? form_decode(r->arena, cookie, strlen(cookie)) : NULL;

	return url != NULL && account_target(r, url) == url;
}

struct account_csrf {
	const char *csrf_token;
};
SCHEMA(account_csrf, STR(account_csrf, csrf_token, REQUIRED, .json = "csrfToken"));

int account_csrf(struct req *r, const void *in, void *out_)
{
	struct account_csrf *out = out_;
	unsigned char bytes[CSRF_CHARS / 2];

	(void)in;
	out->csrf_token = csrf_of_cookie(r);
	if (out->csrf_token == NULL) {
		random_bytes(bytes, sizeof(bytes));
		out->csrf_token = hex_encode(r->arena, bytes, sizeof(bytes));
		resp_cookie(r, account_csrf_cookie(r),
			arena_printf(r->arena, "%s%%7C%s", out->csrf_token,
				csrf_mac(r, out->csrf_token)),
			0);
	}
	if (!callback_cookie_is_ours(r))
		resp_cookie(r, account_callback_cookie(r),
			url_encode(r->arena, r->worker->options->public_url), 0);
	r->response.cache_control = "private, no-cache, no-store";
	return 0;
}

bool account_csrf_fits(struct req *r, const char *given)
{
	const char *token = csrf_of_cookie(r);

	return token != NULL && given != NULL && strlen(given) == CSRF_CHARS &&
	       equal_ct(given, token, CSRF_CHARS);
}
