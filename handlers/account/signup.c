/* Sign-up with a password (account.md section 3), and what other anonymous requests by address
 * share with it. */
#include "../../domain/signup.h"

#include <string.h>

#include "../../domain/display_name.h"
#include "../../domain/password.h"
#include "../../domain/password_change.h"
#include "../../fcgi/core/email.h"
#include "../../fcgi/core/str.h"
#include "../../fcgi/http/request.h"
#include "../../fcgi/limit/limit.h"
#include "account.h"

SCHEMA(account_mailed, BOOL(account_mailed, ok, REQUIRED),
	BOOL(account_mailed, configured, REQUIRED, DOC("Mail can be sent here at all")));

int account_trim(struct req *r, const char *field, const char *text, size_t min, size_t max,
	const char **ret)
{
	static const char blanks[] = " \t\n\v\f\r";
	size_t length;

	text += strspn(text, blanks);
	for (length = strlen(text); length > 0 && strchr(blanks, text[length - 1]) != NULL;)
		length--;
	*ret = arena_strndup(r->arena, text, length);
	size_t n = utf16_count(*ret);
	if (n >= min && n <= max)
		return 0;
	fail_fault_limit(r->fail, field, n < min ? "min" : "max", n < min ? (i64)min : (i64)max);
	return fail(r->fail, E_INVALID_FIELD, NULL);
}

static struct errand errand_of(const struct req *r, const char *email)
{
	return (struct errand){
		.options = r->worker->options,
		.email = email,
		.visitor = req_visitor(r),
		.now_us = r->now_us,
	};
}

int account_ask(struct req *r, enum errand_kind kind, const char *email, struct account_mailed *out)
{
	struct errand errand = errand_of(r, mail_address_normal(r->arena, email));

	*out = (struct account_mailed){true, r->worker->options->account_mail};
	if (!out->configured || errand.email == NULL)
		return 0;
	/* Whoever floods a mailbox is not told when it has had enough; its links all work. */
	int rc = limit_hit(r, LIMIT_MAIL_EMAIL, errand.email);
	if (rc == E_RATE_LIMITED) {
		fail_clear(r->fail);
		return 0;
	}
	TRY(rc);
	return errand_add(&r->db, kind, &errand);
}

struct account_signup_in {
	const char *name, *email, *password;
};
SCHEMA(account_signup_in, STR(account_signup_in, name, UTF16, .min = 1, .max = 80),
	STR(account_signup_in, email, REQUIRED, .max = 1000),
	STR(account_signup_in, password, REQUIRED, UTF16, .min = PASSWORD_MIN,
		.max = PASSWORD_MAX));

struct account_signup_user {
	const char *id, *email, *name, *image;
};
SCHEMA(account_signup_user, STR(account_signup_user, id, REQUIRED),
	STR(account_signup_user, email, REQUIRED),
	STR(account_signup_user, name, REQUIRED, NULLABLE),
	STR(account_signup_user, image, REQUIRED, NULLABLE));

struct account_signup {
	bool ok;
	struct account_signup_user *user;
};
SCHEMA(account_signup, BOOL(account_signup, ok, REQUIRED),
	OBJECT(account_signup, user, account_signup_user,
		DOC("Only where a sign-up may tell whether the address was free")));

static int read_signup(struct req *r, const struct account_signup_in *in, struct errand *ret)
{
	*ret = errand_of(r, mail_address_normal(r->arena, in->email));
	if (ret->email == NULL) {
		fail_fault(r->fail, "email", "address");
		return fail(r->fail, E_INVALID_FIELD, NULL);
	}
	if (in->name != NULL &&
		display_name_read(r->arena, in->name, &ret->display_name) == NAME_CHARACTERS) {
		fail_fault(r->fail, "name", "characters");
		return fail(r->fail, E_INVALID_FIELD, NULL);
	}
	return password_admit(r->fail, "password", in->password, ret->email);
}

/* The password is hashed whoever the address belongs to. */
int account_signup(struct req *r, const void *in_, void *out_)
{
	const struct account_signup_in *in = in_;
	const struct options *o = r->worker->options;
	struct account_signup *out = out_;
	struct errand signup;
	const char *id;

	TRY(read_signup(r, in, &signup));
	if (o->account_mail)
		TRY(limit_hit(r, LIMIT_MAIL_EMAIL, signup.email));
	TRY(password_hash(r->arena, r->fail, in->password, &signup.password_hash));
	out->ok = true;
	if (o->account_mail && !o->account_signup_tells)
		return errand_add(&r->db, ERRAND_SIGN_UP, &signup);
	TRY(signup_openly(&r->db, &signup, &id));
	out->user = arena_new(r->arena, struct account_signup_user);
	*out->user = (struct account_signup_user){id, signup.email, signup.display_name, NULL};
	return 0;
}
