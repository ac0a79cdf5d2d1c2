/* turnpike catalog: loading and showing what is sold. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../domain/catalog.h"
#include "../../fcgi/core/clock.h"
#include "../../fcgi/core/str.h"
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

/* The catalog in force; without one: nothing. */
static int read_current(struct command_context *c, i64 now_us, struct catalog_current_row *ret,
	struct catalog_file *ret_file)
{
	int rc = sql_catalog_current(&c->db, now_us, ret);

	*ret_file = (struct catalog_file){0};
	if (rc == SQL_NONE)
		*ret = (struct catalog_current_row){0};
	else
		TRY(rc);
	return rc == SQL_NONE ? 0 : catalog_fetch(&c->db, ret->catalog_id, ret_file);
}

static int print_diff(struct command_context *c, const struct catalog_file *file, i64 now_us)
{
	struct catalog_current_row current;
	struct catalog_file in_force;
	struct buf lines;

	TRY(read_current(c, now_us, &current, &in_force));
	buf_init(&lines, &c->arena, 4096);
	if (catalog_diff(&c->arena, &in_force, file, &lines) == 0)
		puts("  no changes");
	fputs(lines.data, stdout);
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

static int load(
	struct command_context *c, const char *path, struct opt_i64 effective_at, bool dry_run)
{
	struct catalog_file file;
	struct catalog_faults faults;
	size_t length = 0;
	struct catalog_stored stored;
	i64 now_us = clock_now_us();
	char *text = read_file(&c->arena, path, &length);

	if (text == NULL) {
		perror(path);
		return EXIT_FAILED;
	}
	if (!catalog_parse(&c->arena, &c->options, text, length, &file, &faults)) {
		for (size_t i = 0; i < faults.n; i++)
			fprintf(stderr, "%s: %s: %s\n", path, faults.fault[i].path,
				faults.fault[i].text);
		fprintf(stderr, "%zu %s. Nothing was loaded.\n", faults.n,
			faults.n == 1 ? "fault" : "faults");
		return EXIT_FAILED;
	}
	if (effective_at.has)
		catalog_set_effective(&file, effective_at.value);
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

static void show_plans(const struct catalog_file *file)
{
	for (size_t i = 0; i < file->n_plans; i++)
		printf("  plan     %-12s %8lld cents / %s%s\n", file->plans[i].id,
			(long long)file->plans[i].price_cents, file->plans[i].interval,
			file->plans[i].listed.value ? "" : " (not listed)");
	for (size_t i = 0; i < file->n_topups; i++)
		printf("  topup    %-12s %8lld cents for %lld\n", file->topups[i].id,
			(long long)file->topups[i].price_cents,
			(long long)file->topups[i].credits_cents);
	for (size_t i = 0; i < file->n_tiers; i++)
		printf("  tier     %-12s plan %s%s\n", file->tiers[i].id, file->tiers[i].plan,
			file->tiers[i].active.value ? "" : " (not active)");
	for (size_t i = 0; i < file->n_packs; i++)
		printf("  pack     %-12s %8lld cents for %lld credits%s\n", file->packs[i].id,
			(long long)file->packs[i].price_cents, (long long)file->packs[i].credits,
			file->packs[i].active.value ? "" : " (not active)");
}

static const char *usd(struct arena *a, i64 micro)
{
	struct buf b;

	buf_init(&b, a, 32);
	buf_decimal(&b, micro, 6);
	return b.data;
}

static void show_models(struct arena *a, const struct catalog_file *file)
{
	for (size_t i = 0; i < file->n_providers; i++) {
		const struct catalog_file_provider *p = &file->providers[i];
		printf("  provider %-12s %s at %s\n", p->id, p->dialect, p->base_url);
		for (size_t k = 0; k < p->n_keys; k++)
			printf("    key    %-12s %s%s\n", p->keys[k].label, p->keys[k].secret_file,
				access(p->keys[k].secret_file, R_OK) == 0 ? ""
									  : " (not readable here)");
	}
	for (size_t i = 0; i < file->n_models; i++) {
		const struct catalog_file_model *m = &file->models[i];
		printf("  model    %-20s %s in, %s out USD per million tokens%s%s\n", m->id,
			usd(a, m->price.input.value), usd(a, m->price.output.value),
			m->deprecated.value ? " (deprecated)" : "",
			m->enabled.value ? "" : " (not enabled)");
		for (size_t r = 0; r < m->n_routes; r++)
			printf("    route  %-12s %s\n", m->routes[r].provider,
				m->routes[r].upstream_model);
	}
}

static int show(struct command_context *c)
{
	struct catalog_current_row current;
	struct catalog_file file;

	if (read_current(c, clock_now_us(), &current, &file) != 0)
		return command_failed(c, "The catalog could not be read");
	if (current.catalog_id == 0) {
		puts("Nothing is sold yet: turnpike catalog load FILE");
		return EXIT_FINE;
	}
	printf("version %llu, in effect since %s\n", (unsigned long long)current.catalog_id,
		clock_iso8601(&c->arena, current.effective_at_us));
	show_plans(&file);
	show_models(&c->arena, &file);
	return EXIT_FINE;
}

int command_catalog(struct command_context *c, int argc, char **argv)
{
	const char *when = argument(argc, argv, "--effective", NULL);
	struct opt_i64 effective_at = {when != NULL, 0};

	if (argc == 2 && str_equal(argv[1], "show"))
		return show(c);
	if (when != NULL && !read_time(when, &effective_at.value)) {
		fputs("--effective takes a time such as 2026-08-01T00:00:00Z, or Unix seconds\n",
			stderr);
		return EXIT_USAGE;
	}
	if (argc >= 3 && str_equal(argv[1], "load"))
		return load(c, argv[2], effective_at, has_flag(argc, argv, "--dry-run"));
	return command_usage(c);
}
