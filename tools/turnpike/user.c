/* turnpike user: makes accounts by hand, suspends people and lets them back in. */
#include "../../fcgi/core/clock.h"
#include "../../fcgi/core/crypto.h"
#include "../../fcgi/core/email.h"
#include "../../fcgi/core/str.h"
#include "gen/sql.h"
#include "turnpike.h"

int command_find_user(struct command_context *c, const char *who, u64 *ret_user_id)
{
	const char *email = mail_address_normal(&c->arena, who);
	struct user_by_public_id_row by_id;
	struct user_by_email_row by_email;
	int rc;

	if (email != NULL) {
		rc = sql_user_by_email(&c->db, email, &by_email);
		*ret_user_id = by_email.user_id;
	} else {
		rc = sql_user_by_public_id(&c->db, who, &by_id);
		*ret_user_id = by_id.user_id;
	}
	if (rc == 0)
		return EXIT_FINE;
	if (rc != SQL_NONE)
		return command_failed(c, "The user could not be looked up");
	fprintf(stderr, "There is no account %s.\n", who);
	return EXIT_FAILED;
}

/* As if its owner had signed in with a code. An account that is there already is fine. */
static int add(struct command_context *c, const char *address)
{
	const char *email = mail_address_normal(&c->arena, address);
	u64 user_id;

	if (email == NULL) {
		fprintf(stderr, "%s is not an e-mail address.\n", address);
		return EXIT_USAGE;
	}
	int rc = sql_user_insert(&c->db,
		&(struct user_insert_in){
			.public_id = public_id(&c->arena, "usr_"),
			.email = email,
			.email_verified_at_us = {true, clock_now_us()},
			.created_at_us = clock_now_us(),
		},
		&user_id);
	if (rc != 0 && rc != SQL_CONFLICT)
		return command_failed(c, "The account was not made");
	puts(rc == 0 ? "Done." : "It is there already.");
	return EXIT_FINE;
}

/* Credentials stay: every one is refused while the account is suspended. */
static int suspend(struct command_context *c, const char *who, bool suspends)
{
	u64 user_id;
	int status = command_find_user(c, who, &user_id);

	if (status != EXIT_FINE)
		return status;
	if (sql_user_suspend(&c->db, (struct opt_i64){suspends, clock_now_us()}, user_id, NULL) !=
		0)
		return command_failed(c, "The account was not changed");
	puts("Done.");
	return EXIT_FINE;
}

int command_user(struct command_context *c, int argc, char **argv)
{
	if (argc == 3 && str_equal(argv[1], "add"))
		return add(c, argv[2]);
	if (argc == 3 && (str_equal(argv[1], "suspend") || str_equal(argv[1], "resume")))
		return suspend(c, argv[2], str_equal(argv[1], "suspend"));
	return command_usage(c);
}
