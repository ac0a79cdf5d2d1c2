/* turnpike user: suspends people and lets them back in. */
#include "../../fcgi/core/clock.h"
#include "../../fcgi/core/email.h"
#include "../../fcgi/core/str.h"
#include "gen/sql.h"
#include "turnpike.h"

static const char usage[] = "user suspend|resume EMAIL|ID";

/* Credentials stay: every one is refused while the account is suspended. */
int command_user(struct command_context *c, int argc, char **argv)
{
	bool suspends = argc == 3 && str_equal(argv[1], "suspend");
	struct opt_i64 at_us = {suspends, clock_now_us()};
	int rc;
	u64 n;

	if (argc != 3 || (!suspends && !str_equal(argv[1], "resume")))
		return command_usage(usage);
	const char *email = mail_address_normal(&c->arena, argv[2]);
	if (email != NULL)
		rc = sql_user_suspend(&c->db, at_us, email, &n);
	else
		rc = sql_user_suspend_id(&c->db, at_us, argv[2], &n);
	if (rc != 0)
		return command_failed(c, "The account was not changed");
	if (n == 0) {
		fprintf(stderr, "There is no account %s.\n", argv[2]);
		return EXIT_FAILED;
	}
	puts("Done.");
	return EXIT_FINE;
}
