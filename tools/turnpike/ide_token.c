/* turnpike ide-token: tokens of the IDE, made and ended by hand. */
#include "../../domain/ide_token.h"

#include <string.h>

#include "../../fcgi/core/clock.h"
#include "../../fcgi/core/str.h"
#include "turnpike.h"

enum { NAME_CHARS_MAX = 80 };

static int find_user(struct command_context *c, int argc, char **argv, u64 *ret_user_id)
{
	const char *who = argument(argc, argv, "--user", NULL);

	return who != NULL ? command_find_user(c, who, ret_user_id) : command_usage(c);
}

static int create(struct command_context *c, int argc, char **argv)
{
	const char *name = argument(argc, argv, "--name", NULL);
	struct ide_token token;
	u64 user_id;
	int status = find_user(c, argc, argv, &user_id);

	if (status != EXIT_FINE)
		return status;
	if (name != NULL && (!utf8_valid(name, strlen(name)) || utf8_count(name) > NAME_CHARS_MAX))
		return command_usage(c);
	if (ide_token_mint(&c->db, user_id, name, (struct opt_i64){true, clock_now_us()},
		    clock_now_us(), &token) != 0)
		return command_failed(c, "The token could not be made");
	printf("%s\n", token.token);
	return EXIT_FINE;
}

static int list(struct command_context *c, int argc, char **argv)
{
	struct ide_token_list_row *row;
	size_t n;
	u64 user_id;
	int status = find_user(c, argc, argv, &user_id);

	if (status != EXIT_FINE)
		return status;
	if (sql_ide_token_list(&c->db, user_id, clock_now_us(), &row, &n) != 0)
		return command_failed(c, "The tokens could not be listed");
	for (size_t i = 0; i < n; i++)
		printf("%s\t%s\t%s\t%s\n", row[i].public_id,
			clock_iso8601(&c->arena, row[i].last_used_at_us),
			clock_iso8601(&c->arena, row[i].expires_at_us),
			row[i].name != NULL ? row[i].name : "");
	return EXIT_FINE;
}

static int revoke(struct command_context *c, const char *token_or_id)
{
	bool found;

	if (ide_token_revoke(&c->db, token_or_id, &found) != 0)
		return command_failed(c, "The token was not revoked");
	if (!found) {
		fputs("There is no such token.\n", stderr);
		return EXIT_FAILED;
	}
	puts("Done.");
	return EXIT_FINE;
}

int command_ide_token(struct command_context *c, int argc, char **argv)
{
	if (argc >= 2 && str_equal(argv[1], "create"))
		return create(c, argc, argv);
	if (argc >= 2 && str_equal(argv[1], "list"))
		return list(c, argc, argv);
	if (argc == 3 && str_equal(argv[1], "revoke"))
		return revoke(c, argv[2]);
	return command_usage(c);
}
