/* turnpike incident: what the status page tells. */
#include <string.h>

#include "../../domain/status.h"
#include "../../fcgi/core/clock.h"
#include "../../fcgi/core/str.h"
#include "gen/sql.h"
#include "turnpike.h"

static bool is_one_of(const char *word, const char *const *words, size_t n)
{
	for (size_t i = 0; word != NULL && i < n; i++)
		if (str_equal(word, words[i]))
			return true;
	return false;
}

static bool is_component(const char *word)
{
	return is_one_of(word, status_component_names, STATUS_COMPONENTS);
}

static int open_incident(struct command_context *c, int argc, char **argv)
{
	static const char *const severities[] = {"minor", "major", "critical"};
	const char *title = argument(argc, argv, "--title", NULL), *id;
	const char *component = argument(argc, argv, "--component", NULL);
	const char *severity = argument(argc, argv, "--severity", NULL);
	const char *body = argument(argc, argv, "--body", NULL);

	if (title == NULL || body == NULL || !is_component(component) ||
		!is_one_of(severity, severities, ARRAY_LEN(severities)))
		return command_usage(c);
	if (incident_open(&c->db, title, component, severity, body, clock_now_us(), &id) != 0)
		return command_failed(c, "The incident could not be opened");
	printf("%s\n", id);
	return EXIT_FINE;
}

static int change_incident(struct command_context *c, int argc, char **argv)
{
	static const char *const statuses[] = {"investigating", "identified", "monitoring"};
	bool resolve = str_equal(argv[1], "resolve");
	const char *status = resolve ? "resolved" : argument(argc, argv, "--status", NULL);
	const char *body = argument(argc, argv, "--body", NULL);

	if (body == NULL || (!resolve && !is_one_of(status, statuses, ARRAY_LEN(statuses))))
		return command_usage(c);
	if (incident_change(&c->db, argv[2], status, body, clock_now_us()) != 0)
		return command_failed(c, "The incident was not changed");
	puts("Done.");
	return EXIT_FINE;
}

static int pin(struct command_context *c, const char *component, const char *state)
{
	if (!is_component(component) ||
		(state != NULL && !is_one_of(state, status_names, ARRAY_LEN(status_names))))
		return command_usage(c);
	int rc = state != NULL ? sql_pin_set(&c->db, component, state, NULL)
			       : sql_pin_clear(&c->db, component, NULL);
	if (rc != 0)
		return command_failed(c, "The pin was not changed");
	puts("Done.");
	return EXIT_FINE;
}

static int list(struct command_context *c)
{
	struct incident_list_row *row;
	size_t n;

	if (sql_incident_list(&c->db, 0, &row, &n) != 0)
		return command_failed(c, "The incidents could not be read");
	for (size_t i = 0; i < n; i++)
		printf("%s\t%s\t%s\t%s\t%s\t%s\n", row[i].public_id,
			clock_iso8601(&c->arena, row[i].started_at_us), row[i].severity,
			row[i].status, row[i].component, row[i].title);
	return EXIT_FINE;
}

int command_incident(struct command_context *c, int argc, char **argv)
{
	if (argc == 2 && str_equal(argv[1], "list"))
		return list(c);
	if (argc > 2 && str_equal(argv[1], "open"))
		return open_incident(c, argc, argv);
	if (argc > 2 && (str_equal(argv[1], "update") || str_equal(argv[1], "resolve")))
		return change_incident(c, argc, argv);
	if (argc == 4 && str_equal(argv[1], "pin"))
		return pin(c, argv[2], argv[3]);
	if (argc == 3 && str_equal(argv[1], "unpin"))
		return pin(c, argv[2], NULL);
	return command_usage(c);
}
