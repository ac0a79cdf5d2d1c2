/* turnpike outbox: what waits for delivery, what was given up and why. */
#include <string.h>

#include "../../fcgi/core/clock.h"
#include "../../fcgi/core/str.h"
#include "gen/sql.h"
#include "turnpike.h"

enum { LISTED_MAX = 200 };

static int list(struct command_context *c, const char *state)
{
	struct outbox_list_row *row;
	size_t n;

	if (sql_outbox_list(&c->db, state, LISTED_MAX, &row, &n) != 0)
		return command_failed(c, "The outbox could not be read");
	for (size_t i = 0; i < n; i++)
		printf("%s\t%s\t%s\t%lld attempts\tsince %s\t%s\n", row[i].public_id, row[i].kind,
			row[i].state, (long long)row[i].attempts,
			clock_iso8601(&c->arena, row[i].created_at_us),
			row[i].last_error != NULL ? row[i].last_error : "");
	return EXIT_FINE;
}

static int summary(struct command_context *c)
{
	struct outbox_counts_row counts;
	i64 now_us = clock_now_us();

	if (sql_outbox_counts(&c->db, now_us, &counts) != 0)
		return command_failed(c, "The outbox could not be read");
	printf("pending\t%lld\toldest %lld s\ndead\t%lld\n", (long long)counts.pending,
		(long long)((now_us - counts.oldest_at_us) / US_PER_S), (long long)counts.dead);
	if (counts.dead > 0)
		puts("`turnpike outbox list dead` shows why; `turnpike outbox retry ID` tries "
		     "again.");
	return EXIT_FINE;
}

static int retry(struct command_context *c, const char *id)
{
	u64 affected;

	if (sql_outbox_revive(&c->db, clock_now_us(), id, &affected) != 0)
		return command_failed(c, "Nothing was changed");
	if (affected == 0) {
		fprintf(stderr, "There is no dead row %s that may still be sent.\n", id);
		return EXIT_FAILED;
	}
	puts("It will be tried within a second.");
	return EXIT_FINE;
}

int command_outbox(struct command_context *c, int argc, char **argv)
{
	if (argc == 1)
		return summary(c);
	if (str_equal(argv[1], "list") && argc <= 3) {
		const char *state = argc == 3 ? argv[2] : "pending";
		if (str_equal(state, "pending") || str_equal(state, "dead") ||
			str_equal(state, "done"))
			return list(c, state);
	}
	if (str_equal(argv[1], "retry") && argc == 3)
		return retry(c, argv[2]);
	return command_usage(c);
}
