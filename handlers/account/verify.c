/* Proving an address by a mailed link (account.md sections 4.4 and 4.5). A GET never does: mail
 * scanners open links. */
#include "../../domain/email_verify.h"

#include "../../fcgi/core/email.h"
#include "../../fcgi/http/request.h"
#include "../../fcgi/limit/limit.h"
#include "account.h"

enum { ADDRESS_MIN = 3, ADDRESS_MAX = 120 };

struct account_verify_start_in {
	const char *email;
};
SCHEMA(account_verify_start_in,
	STR(account_verify_start_in, email,
		DOC("Whose link it is; needed, and read, only from who is not signed in")));

/* The address in the body; one that is no JSON counts as {}. */
static int read_address(
	struct req *r, const struct account_verify_start_in *in, const char **ret_email)
{
	int rc = req_bind_raw(r);

	if (rc == E_INVALID_JSON)
		fail_clear(r->fail);
	else
		TRY(rc);
	if (in->email == NULL) {
		fail_fault(r->fail, "email", "required");
		return fail(r->fail, E_INVALID_FIELD, NULL);
	}
	return account_trim(r, "email", in->email, ADDRESS_MIN, ADDRESS_MAX, ret_email);
}

int account_verify_start(struct req *r, const void *in, void *out)
{
	const struct account_caller *caller = account_caller(r);
	const char *email;

	if (caller == NULL)
		TRY(read_address(r, in, &email));
	else
		email = caller->email;
	const char *key = mail_address_normal(r->arena, email);
	TRY(limit_hit_pair(r, LIMIT_VERIFY_START, key != NULL ? key : email));
	return account_ask(r, ERRAND_VERIFY_EMAIL, email, out);
}

struct account_verify_in {
	const char *token;
};
SCHEMA(account_verify_in, STR(account_verify_in, token, REQUIRED, UTF16, .min = 20, .max = 120));

struct account_verified {
	bool ok;
	const char *email;
};
SCHEMA(account_verified, BOOL(account_verified, ok, REQUIRED),
	STR(account_verified, email, REQUIRED, DOC("The address that is proved now")));

int account_verify_confirm(struct req *r, const void *in_, void *out_)
{
	const struct account_verify_in *in = in_;
	struct account_verified *out = out_;
	struct visitor visitor = req_visitor(r);

	TRY(email_verify_confirm(&r->db, in->token, &visitor, r->now_us, &out->email));
	out->ok = true;
	return 0;
}
