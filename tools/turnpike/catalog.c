/* turnpike catalog: loading and showing what is sold. */
#include <stdlib.h>
#include <string.h>

#include "../../domain/catalog.h"
#include "../../fcgi/core/clock.h"
#include "../../fcgi/core/str.h"
#include "../../fcgi/http/dialect.h"
#include "gen/sql.h"
#include "turnpike.h"

enum { FILE_MAX_BYTES = 4 * 1024 * 1024 };

static char *read_file(struct arena *a, const char *path, size_t *ret_length)
{
	FILE *in = fopen(path, "r");

	if (in == NULL)
		return NULL;
	char *text = arena_alloc(a, FILE_MAX_BYTES + 1);
	*ret_length = fread(text, 1, FILE_MAX_BYTES, in);
	fclose(in);
	return text;
}

static void print_change(
	const char *kind, const char *id, const struct opt_i64 *before, i64 after, int *ret_n)
{
	if (before->has && before->value == after)
		return;
	++*ret_n;
	if (before->has)
		printf("  %s %s: %lld -> %lld cents\n", kind, id, (long long)before->value,
			(long long)after);
	else
		printf("  %s %s: new, %lld cents\n", kind, id, (long long)after);
}

/* What changes for customers: prices of plans and top-ups that are new, dearer, cheaper or gone. */
static int print_diff(struct command_context *c, const struct catalog_file *file, i64 now_us)
{
	struct catalog_current_row current;
	struct catalog_plans_row *plan = NULL;
	struct catalog_topups_row *topup = NULL;
	size_t n_plans = 0, n_topups = 0;
	int n = 0, rc = sql_catalog_current(&c->db, now_us, &current);

	if (rc == 0) {
		TRY(sql_catalog_plans(&c->db, current.catalog_id, &plan, &n_plans));
		TRY(sql_catalog_topups(&c->db, current.catalog_id, &topup, &n_topups));
	} else if (rc != SQL_NONE) {
		return rc;
	}
	for (size_t i = 0; i < file->n_plans; i++) {
		struct opt_i64 before = {false, 0};
		for (size_t j = 0; j < n_plans; j++)
			if (str_equal(plan[j].plan_id, file->plans[i].id))
				before = (struct opt_i64){true, plan[j].price_cents};
		print_change("plan", file->plans[i].id, &before, file->plans[i].price_cents, &n);
	}
	for (size_t i = 0; i < file->n_topups; i++) {
		struct opt_i64 before = {false, 0};
		for (size_t j = 0; j < n_topups; j++)
			if (str_equal(topup[j].topup_id, file->topups[i].id))
				before = (struct opt_i64){true, topup[j].price_cents};
		print_change(
			"top-up", file->topups[i].id, &before, file->topups[i].price_cents, &n);
	}
	for (size_t j = 0; j < n_plans; j++) {
		bool kept = false;
		for (size_t i = 0; i < file->n_plans; i++)
			kept = kept || str_equal(plan[j].plan_id, file->plans[i].id);
		if (!kept)
			n++, printf("  plan %s: no longer sold\n", plan[j].plan_id);
	}
	if (n == 0)
		puts("  no price changes");
	return 0;
}

static void print_outcome(
	struct command_context *c, const struct catalog_stored *stored, i64 now_us)
{
	printf("%s version %llu; ",
		stored->is_new ? "Loaded as" : "This very file is loaded already, as",
		(unsigned long long)stored->catalog_id);
	if (stored->catalog_id == stored->current_id)
		puts("it is in effect.");
	else if (stored->effective_at_us > now_us)
		printf("it takes effect at %s, not before.\n",
			clock_iso8601(&c->arena, stored->effective_at_us));
	else
		printf("version %llu is in effect instead, with a later effective time.\n",
			(unsigned long long)stored->current_id);
}

static int load(struct command_context *c, const char *path, bool dry_run)
{
	struct catalog_file file;
	size_t length = 0;
	struct catalog_stored stored;
	i64 now_us = clock_now_us();
	char *text = read_file(&c->arena, path, &length);

	if (text == NULL) {
		perror(path);
		return EXIT_FAILED;
	}
	if (catalog_parse(&c->arena, text, length, &file, &c->fail) != 0) {
		struct buf message;
		buf_init(&message, &c->arena, 200);
		dialect_message(&c->fail, &message);
		fprintf(stderr, "%s: %s\nNothing was loaded.\n", path, message.data);
		return EXIT_FAILED;
	}
	if (dry_run && catalog_check_time(&c->db, &file, now_us) != 0)
		return command_failed(c, "The catalog would not be stored");
	if (print_diff(c, &file, now_us) != 0)
		return command_failed(c, "The catalog could not be read");
	if (dry_run) {
		puts("Dry run: nothing was loaded.");
		return EXIT_FINE;
	}
	if (catalog_store(&c->db, &file, now_us, &stored) != 0)
		return command_failed(c, "The catalog could not be stored");
	print_outcome(c, &stored, now_us);
	return EXIT_FINE;
}

static int show(struct command_context *c)
{
	struct catalog_current_row current;
	struct catalog_plans_row *plan;
	size_t n;
	int rc = sql_catalog_current(&c->db, clock_now_us(), &current);

	if (rc == SQL_NONE) {
		puts("Nothing is sold yet: turnpike catalog load FILE");
		return EXIT_FINE;
	}
	if (rc != 0 || sql_catalog_plans(&c->db, current.catalog_id, &plan, &n) != 0)
		return command_failed(c, "The catalog could not be read");
	printf("version %llu, in effect since %s\n", (unsigned long long)current.catalog_id,
		clock_iso8601(&c->arena, current.effective_at_us));
	for (size_t i = 0; i < n; i++)
		printf("  %-12s %8lld cents / %s%s\n", plan[i].plan_id,
			(long long)plan[i].price_cents, plan[i].billing_interval,
			plan[i].is_listed ? "" : " (not listed)");
	return EXIT_FINE;
}

int command_catalog(struct command_context *c, int argc, char **argv)
{
	if (argc == 2 && str_equal(argv[1], "show"))
		return show(c);
	if (argc >= 3 && str_equal(argv[1], "load"))
		return load(c, argv[2], has_flag(argc, argv, "--dry-run"));
	return command_usage("catalog load FILE [--dry-run] | catalog show");
}
