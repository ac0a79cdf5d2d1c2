/* turnpike: the operator's command. */
#include "turnpike.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mysql.h>

#include "../../fcgi/core/clock.h"
#include "../../fcgi/core/log.h"
#include "../../fcgi/core/str.h"
#include "../../fcgi/db/migrate.h"
#include "../../fcgi/http/route.h"
#include "../../fcgi/limit/limits.h"
#include "../../fcgi/net/net.h"

#define UNIX_TIME_MAX 253402300799 /* the end of the year 9999 */

enum { ARENA_CEILING_BYTES = 512 * 1024 * 1024 };

/* Everything the command can do. */
static const struct command commands[] = {
	{"audit", command_audit, true, 0, "--user= --event= --since= --limit= --json --follow",
		"[--user EMAIL|ID] [--event NAME] [--since TIME] [--limit N] [--json] [--follow]",
		"who signed in, and the like"},
	{"catalog", command_catalog, true, 2, "--dry-run --effective=",
		"load FILE [--dry-run] [--effective TIME]\n"
		"show",
		"what is sold"},
	{"doctor", command_doctor, true, 0, "", "",
		"check this installation; every fault with its fix"},
	{"ide-token", command_ide_token, true, 2, "--user= --name=",
		"create --user EMAIL|ID [--name TEXT]\n"
		"list --user EMAIL|ID\n"
		"revoke TOKEN|ID",
		"tokens of the IDE"},
	{"incident", command_incident, true, 3,
		"--title= --component= --severity= --status= --body=",
		"open --title TEXT --component worker|anthropic_proxy|stripe|discord\n"
		"     --severity minor|major|critical --body TEXT\n"
		"update ID --status investigating|identified|monitoring --body TEXT\n"
		"resolve ID --body TEXT\n"
		"pin COMPONENT ok|degraded|down\n"
		"unpin COMPONENT\n"
		"list",
		"the status page"},
	{"ledger", command_ledger, true, 1,
		"--user= --cents= --micro= --reason= --key= --hold= --days= --entry= --rows=",
		"verify\n"
		"grant     --user EMAIL|ID --cents N --reason TEXT [--key KEY]\n"
		"adjust    --user EMAIL|ID --cents [-]N --reason TEXT [--key KEY]\n"
		"refund    --user EMAIL|ID --reason TEXT [--cents N] [--hold HOLD] [--key KEY]\n"
		"allowance --user EMAIL|ID --cents N --reason TEXT [--days N] [--key KEY]\n"
		"balance   --user EMAIL|ID\n"
		"explain   --user EMAIL|ID [--entry ID] [--rows N]\n"
		" --micro N instead of --cents N: in micro-dollars, of which a cent has 10000",
		"the books, and users' credit"},
	{"migrate", command_migrate, true, 0, "--dry-run --dir=", "[--dry-run] [--dir DIR]",
		"bring the database up to date"},
	{"nginx", command_nginx, true, 0, "--out=", "--out DIR",
		"write the generated part of nginx's configuration"},
	{"openapi", command_openapi, true, 0, "", "", "print the OpenAPI document"},
	{"options", command_options, false, 2, "", "[sample | get SECTION.KEY]",
		"every option of turnpike.conf; as a file; or what one is set to"},
	{"outbox", command_outbox, true, 2, "",
		"[list [pending|dead|done]]\n"
		"retry ID",
		"mails and their fate"},
	{"release", command_release, true, 1,
		"--file= --url= --platform= --quality= --commit= --version= --name= --rollout= "
		"--min-os= --notes= --sha256= --sha512= --size= --percent=",
		"add --file FILE --url URL --platform P --quality stable|insider --commit SHA\n"
		"    --version X.Y.Z [--name NAME] [--rollout 0..100] [--min-os V] [--notes TEXT]\n"
		"    --sha256 HEX and/or --sha512 HEX [--size BYTES]\n"
		"list\n"
		"pause|resume --platform P --quality Q --commit SHA\n"
		"rollout --percent N --platform P --quality Q --commit SHA",
		"builds of the IDE"},
	{"routes", command_routes, false, 0, "--all", "[--all]",
		"family, method and path of every route; --all: hidden ones, too, and what guards "
		"them"},
	{"user", command_user, true, 2, "",
		"add EMAIL\n"
		"suspend|resume EMAIL|ID",
		"who has an account and may use it"},
};

const char *argument(int argc, char **argv, const char *name, const char *fallback)
{
	for (int i = 0; i + 1 < argc; i++)
		if (str_equal(argv[i], name))
			return argv[i + 1];
	return fallback;
}

bool has_flag(int argc, char **argv, const char *name)
{
	for (int i = 0; i < argc; i++)
		if (str_equal(argv[i], name))
			return true;
	return false;
}

bool read_time(const char *text, i64 *ret_s)
{
	i64 at_us;

	if (clock_from_iso8601(text, &at_us))
		*ret_s = at_us / US_PER_S;
	else if (!str_to_i64(text, ret_s))
		return false;
	return *ret_s >= 0 && *ret_s <= UNIX_TIME_MAX;
}

int command_failed(struct command_context *c, const char *what)
{
	const struct error_info *info = &error_table[c->fail.code];

	fprintf(stderr, "%s: %s", what, c->fail.detail != NULL ? c->fail.detail : info->text);
	if (c->fail.cause != NULL)
		fprintf(stderr, " (%s)", c->fail.cause);
	fputc('\n', stderr);
	return EXIT_FAILED;
}

/* Lines that begin with a blank go on with the one before. */
static void print_usage(const struct command *command, FILE *out)
{
	const char *line = command->usage, *start = "usage:";

	for (;; start = "") {
		int length = (int)strcspn(line, "\n");
		bool goes_on = line[0] == ' ';
		fprintf(out, "%-6s %s %s%s%.*s\n", start, goes_on ? "        " : "turnpike",
			goes_on ? "" : command->name, length > 0 && !goes_on ? " " : "", length,
			line);
		if (line[length] == '\0')
			return;
		line += length + 1;
	}
}

int command_usage(const struct command_context *c)
{
	print_usage(c->command, stderr);
	return EXIT_USAGE;
}

/* What decides who gets through, for tests that ask every door. */
static void print_gate(const struct family *family, const struct route *route)
{
	static const struct {
		unsigned flag;
		const char *name;
	} flags[] = {{MFA_EXEMPT, "mfa_exempt"}, {OPERATOR, "operator"}, {HIDDEN, "hidden"},
		{STREAM, "stream"}, {PAGE, "page"}};
	const char *comma = "";

	printf("\t%s\t%s\t%s\t", auth_table[route->auth].name,
		pool_names[route_pool(family, route)], limit_table[route->limit].name);
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if ((route->flags & flags[i].flag) != 0) {
			printf("%s%s", comma, flags[i].name);
			comma = ",";
		}
}

int command_routes(struct command_context *c, int argc, char **argv)
{
	bool all = has_flag(argc, argv, "--all");

	(void)c;
	for (size_t f = 0; families[f] != NULL; f++)
		for (size_t i = 0; i < families[f]->n_routes; i++) {
			const struct route *route = &families[f]->route[i];
			if ((route->flags & HIDDEN) != 0 && !all)
				continue;
			printf("%s\t%s\t%s", families[f]->name, method_names[route->method],
				route->path);
			if (all)
				print_gate(families[f], route);
			putchar('\n');
		}
	return EXIT_FINE;
}

int command_options(struct command_context *c, int argc, char **argv)
{
	if (argc == 1)
		options_print(stdout);
	else if (argc == 2 && str_equal(argv[1], "sample"))
		options_print_sample(stdout);
	else if (argc == 3 && str_equal(argv[1], "get")) { /* only this asks for the file */
		if (!options_load(c->config, &c->options, limit_override, NULL, stderr))
			return EXIT_USAGE;
		if (!options_print_value(&c->options, argv[2], stdout)) {
			fprintf(stderr, "There is no option %s; `turnpike options` lists them.\n",
				argv[2]);
			return EXIT_USAGE;
		}
		putchar('\n');
	} else
		return command_usage(c);
	return EXIT_FINE;
}

int command_migrate(struct command_context *c, int argc, char **argv)
{
	const char *dir = argument(argc, argv, "--dir", TURNPIKE_DATADIR "/sql/migrations");

	return migrate_run(&c->options, dir, has_flag(argc, argv, "--dry-run"), stdout, stderr) == 0
		       ? EXIT_FINE
		       : EXIT_FAILED;
}

static void print_commands(FILE *out)
{
	fputs("usage: turnpike [--config FILE] COMMAND ...\n\n", out);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		fprintf(out, "  turnpike %-10s %s\n", commands[i].name, commands[i].text);
	fputs("\n`turnpike help COMMAND` tells more. The file is " TURNPIKE_SYSCONFDIR
	      "/turnpike.conf unless told.\n",
		out);
}

/* Whether an option of the command is meant, and whether a value follows it. */
static bool takes_option(const struct command *command, const char *word, bool *ret_has_value)
{
	size_t length = strlen(word);

	for (const char *at = command->options; (at = strstr(at, word)) != NULL; at += length) {
		char next = at[length];
		*ret_has_value = next == '=';
		if (next == '=' || next == ' ' || next == '\0')
			return true;
	}
	return false;
}

/* A word that means nothing to the command is never passed over: `migrate --dryrun` must not
 * migrate. */
static bool words_fit(const struct command *command, int argc, char **argv)
{
	int n_words = 0;

	for (int i = 1; i < argc; i++) {
		bool has_value = false;
		if (!str_starts(argv[i], "--")) {
			n_words++;
		} else if (!takes_option(command, argv[i], &has_value)) {
			fprintf(stderr, "turnpike %s has no option %s\n", command->name, argv[i]);
			return false;
		}
		if (has_value && ++i >= argc) {
			fprintf(stderr, "%s needs a value\n", argv[i - 1]);
			return false;
		}
	}
	return n_words <= command->words_max;
}

static int run(const struct command *command, struct command_context *c, int argc, char **argv)
{
	char why[500];

	c->command = command;
	if (!words_fit(command, argc, argv))
		return command_usage(c);
	struct router *router = router_new(POOL_MAX, why, sizeof(why));

	if (router == NULL) {
		fprintf(stderr, "The route tables are inconsistent: %s\n", why);
		return EXIT_FAILED;
	}
	router_free(router);
	if (command->needs_config &&
		!options_load(c->config, &c->options, limit_override, NULL, stderr)) {
		if (access(c->config, R_OK) != 0)
			fputs("turnpike --config FILE ... names another file.\n", stderr);
		return EXIT_USAGE;
	}
	mysql_library_init(0, NULL, NULL);
	net_global_init();
	log_open("turnpike", LOG_LEVEL_WARN);
	arena_init(&c->arena, ARENA_CEILING_BYTES);
	c->fail = (struct fail){.arena = &c->arena};
	c->db = (struct db){.arena = &c->arena, .fail = &c->fail};
	if (command->needs_config)
		c->db.pool = db_pool_new(&c->options, 1);
	int status = command->run(c, argc, argv);
	if (c->db.pool != NULL)
		db_pool_free(c->db.pool);
	arena_free(&c->arena);
	return status;
}

static bool is_help_option(const char *word)
{
	return str_equal(word, "--help") || str_equal(word, "-h");
}

int main(int argc, char **argv)
{
	static struct command_context context = {.config = TURNPIKE_SYSCONFDIR "/turnpike.conf"};

	argc--, argv++;
	if (argc >= 2 && str_equal(argv[0], "--config")) {
		context.config = argv[1];
		argc -= 2, argv += 2;
	}
	bool asks = argc > 0 && (str_equal(argv[0], "help") || is_help_option(argv[argc - 1]));
	bool is_of_one = argc > 1 || (argc == 1 && !asks);
	if (!is_of_one) {
		print_commands(asks ? stdout : stderr);
		return asks ? EXIT_FINE : EXIT_USAGE;
	}
	const char *name = argv[str_equal(argv[0], "help") ? 1 : 0];
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (str_equal(name, commands[i].name)) {
			if (!asks)
				return run(&commands[i], &context, argc, argv);
			print_usage(&commands[i], stdout);
			return EXIT_FINE;
		}
	fprintf(stderr, "There is no command %s; `turnpike help` lists them.\n", name);
	return EXIT_USAGE;
}
