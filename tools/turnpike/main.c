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

/* need_config false: works without turnpike.conf. */
static const struct command {
	const char *name;
	int (*run)(struct command_context *c, int argc, char **argv);
	bool need_config;
	const char *text;
} commands[] = {
	{"audit", command_audit, true,
		"audit [--user EMAIL|ID] [--event NAME] [--since TIME] [--limit N] [--json] "
		"[--follow]: who signed in, and the like"},
	{"catalog", command_catalog, true,
		"catalog load FILE [--dry-run] [--effective TIME] | show: what is sold"},
	{"doctor", command_doctor, true,
		"doctor: check this installation; every fault with its fix"},
	{"ide-token", command_ide_token, true,
		"ide-token create|list --user EMAIL | revoke TOKEN: tokens of the IDE"},
	{"incident", command_incident, true,
		"incident open|update|resolve|pin|unpin|list: the status page"},
	{"ledger", command_ledger, true,
		"ledger verify|grant|adjust|refund|balance|explain: the books, and users' credit"},
	{"migrate", command_migrate, true,
		"migrate [--dry-run] [--dir DIR]: bring the database up to date"},
	{"nginx", command_nginx, true,
		"nginx --out DIR: write the generated part of nginx's configuration"},
	{"openapi", command_openapi, true, "openapi: print the OpenAPI document"},
	{"options", command_options, false,
		"options [sample|get SECTION.KEY]: every option of turnpike.conf"},
	{"outbox", command_outbox, true,
		"outbox [list [pending|dead|done]] | retry ID: mails and their fate"},
	{"release", command_release, true,
		"release add|list|pause|resume|rollout: builds of the IDE"},
	{"routes", command_routes, false,
		"routes [--all]: family, method and path of every route, tab-separated; or, of "
		"hidden "
		"ones too, also who may call it, which pool serves it, its limit and its flags"},
	{"user", command_user, true,
		"user add|suspend|resume EMAIL: who has an account and may use it"},
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

int command_usage(const char *usage)
{
	fprintf(stderr, "usage: turnpike [--config FILE] %s\n", usage);
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
		return command_usage("options [sample|get SECTION.KEY]");
	return EXIT_FINE;
}

int command_migrate(struct command_context *c, int argc, char **argv)
{
	const char *dir = argument(argc, argv, "--dir", TURNPIKE_DATADIR "/sql/migrations");

	return migrate_run(&c->options, dir, has_flag(argc, argv, "--dry-run"), stdout, stderr) == 0
		       ? EXIT_FINE
		       : EXIT_FAILED;
}

static int usage(void)
{
	fputs("usage: turnpike [--config FILE] COMMAND ...\n\n", stderr);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		fprintf(stderr, "  turnpike %s\n", commands[i].text);
	fputs("\nThe file is " TURNPIKE_SYSCONFDIR "/turnpike.conf unless told.\n", stderr);
	return EXIT_USAGE;
}

static int run(const struct command *command, struct command_context *c, int argc, char **argv)
{
	char why[500];
	struct router *router = router_new(POOL_MAX, why, sizeof(why));

	if (router == NULL) {
		fprintf(stderr, "The route tables are inconsistent: %s\n", why);
		return EXIT_FAILED;
	}
	router_free(router);
	if (command->need_config &&
		!options_load(c->config, &c->options, limit_override, NULL, stderr))
		return EXIT_USAGE;
	mysql_library_init(0, NULL, NULL);
	net_global_init();
	log_open("turnpike", LOG_LEVEL_WARN);
	arena_init(&c->arena, ARENA_CEILING_BYTES);
	c->fail = (struct fail){.arena = &c->arena};
	c->db = (struct db){.arena = &c->arena, .fail = &c->fail};
	if (command->need_config)
		c->db.pool = db_pool_new(&c->options, 1);
	int status = command->run(c, argc, argv);
	if (c->db.pool != NULL)
		db_pool_free(c->db.pool);
	arena_free(&c->arena);
	return status;
}

int main(int argc, char **argv)
{
	static struct command_context context = {.config = TURNPIKE_SYSCONFDIR "/turnpike.conf"};

	argc--, argv++;
	if (argc >= 2 && str_equal(argv[0], "--config")) {
		context.config = argv[1];
		argc -= 2, argv += 2;
	}
	for (size_t i = 0; argc > 0 && i < ARRAY_LEN(commands); i++)
		if (str_equal(argv[0], commands[i].name))
			return run(&commands[i], &context, argc, argv);
	return usage();
}
