/* Everything that opens the account, of every family, in one list: sessions, browsers that signed
 * in with a password, tokens of the IDE. */
#include "../../domain/credential.h"
#include "../../fcgi/core/str.h"
#include "../../fcgi/http/request.h"
#include "product.h"

struct product_credential {
	const char *kind, *id, *name, *device, *ip;
	i64 created_at_us, last_seen_at_us, expires_at_us;
	bool current;
};
SCHEMA(product_credential, STR(product_credential, kind, REQUIRED, .values = "session|browser|ide"),
	STR(product_credential, id, REQUIRED),
	STR(product_credential, name, REQUIRED, NULLABLE,
		DOC("What it calls itself; of a browser: its User-Agent")),
	STR(product_credential, device, REQUIRED, NULLABLE, DOC("Platform id of a session")),
	STR(product_credential, ip, REQUIRED, NULLABLE, DOC("null: not kept")),
	TIME_S(product_credential, created_at_us, REQUIRED, .json = "created_at"),
	TIME_S(product_credential, last_seen_at_us, REQUIRED, .json = "last_seen_at"),
	TIME_S(product_credential, expires_at_us, REQUIRED, .json = "expires_at",
		DOC("Unless it is used")),
	BOOL(product_credential, current, REQUIRED, DOC("It is the one that asks")));

struct product_credentials {
	struct product_credential *credentials;
	size_t n_credentials;
};
SCHEMA(product_credentials, ARRAY(product_credentials, credentials, product_credential, REQUIRED));

int product_credentials_list(struct req *r, const void *in, void *out_)
{
	struct product_credentials *out = out_;
	const char *own_id = product_account(r)->session_public_id;
	struct credential_list_row *row;

	(void)in;
	TRY(credential_list(&r->db, r->caller.user_id, r->now_us, &row, &out->n_credentials));
	out->credentials = arena_array(r->arena, struct product_credential, out->n_credentials);
	for (size_t i = 0; i < out->n_credentials; i++)
		out->credentials[i] = (struct product_credential){
			.kind = row[i].kind,
			.id = row[i].public_id,
			.name = row[i].name,
			.device = row[i].device,
			.ip = row[i].ip,
			.created_at_us = row[i].created_at_us,
			.last_seen_at_us = row[i].last_seen_at_us,
			.expires_at_us = row[i].expires_at_us,
			.current = str_equal(row[i].public_id, own_id),
		};
	return 0;
}

struct product_credential_in {
	const char *credential_id;
};
SCHEMA(product_credential_in,
	STR(product_credential_in, credential_id, REQUIRED, PATH, .max = 64, .error = E_NOT_FOUND));

int product_credential_end(struct req *r, const void *in_, void *out_)
{
	const struct product_credential_in *in = in_;
	struct product_ok *out = out_;
	struct visitor visitor = req_visitor(r);

	TRY(credential_end(&r->db, r->caller.user_id, in->credential_id, &visitor, r->now_us));
	out->ok = true;
	return 0;
}
