/* Reads migration files: which there are, and the statements in each. */
#include "migrate_file.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../core/buf.h"
#include "../core/str.h"

enum { DIGITS = 4, FILE_BYTES_MAX = 1024 * 1024 };

static bool is_sql(const char *file)
{
	size_t n = strlen(file);

	return n > 4 && str_equal(file + n - 4, ".sql");
}

/* NNNN_name.sql with a name of a-z, 0-9 and _ */
static bool is_migration(const char *file)
{
	size_t n = strlen(file) - 4;

	for (size_t i = 0; i < n; i++) {
		bool ok = i < DIGITS ? isdigit((unsigned char)file[i])
				     : islower((unsigned char)file[i]) || file[i] == '_' ||
					       isdigit((unsigned char)file[i]);
		if (!ok)
			return false;
	}
	return n > DIGITS + 1 && file[DIGITS] == '_';
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct migration *)a)->name, ((const struct migration *)b)->name);
}

/* Cuts the comment and the space off the end of a line; *quote is the quotation that is open
 * between lines. */
static void cut_line(char *line, char *quote)
{
	char *p = line;

	for (; *p != '\0'; p++) {
		if (*quote != '\0') {
			if (*p == '\\' && p[1] != '\0')
				p++;
			else if (*p == *quote)
				*quote = '\0';
		} else if (strchr("'\"`", *p) != NULL) {
			*quote = *p;
		} else if (str_starts(p, "--") && (p[2] == '\0' || isspace((unsigned char)p[2]))) {
			break;
		}
	}
	if (*quote == '\0')
		while (p > line && isspace((unsigned char)p[-1]))
			p--;
	*p = '\0';
}

bool migration_split(struct arena *a, char *text, struct migration *m)
{
	struct buf statement;
	size_t capacity = 0;
	char quote = '\0';

	m->n_statements = 0;
	buf_init(&statement, a, 256);
	for (char *line; (line = strsep(&text, "\n")) != NULL;) {
		cut_line(line, &quote);
		if (statement.length > 0)
			buf_char(&statement, '\n');
		else if (line[0] == '\0')
			continue;
		size_t n = strlen(line);
		bool ends = quote == '\0' && n > 0 && line[n - 1] == ';';
		buf_bytes(&statement, line, ends ? n - 1 : n);
		if (!ends)
			continue;
		if (m->n_statements == capacity) {
			const char **old = m->statements;
			capacity = capacity > 0 ? 2 * capacity : 16;
			m->statements = arena_array(a, const char *, capacity);
			if (m->n_statements > 0)
				memcpy(m->statements, old, m->n_statements * sizeof(*old));
		}
		m->statements[m->n_statements++] = statement.data;
		buf_init(&statement, a, 256);
	}
	for (const char *p = statement.data; *p != '\0'; p++)
		if (!isspace((unsigned char)*p))
			return false;
	return true;
}

struct sha256 migration_checksum(const struct migration *m, size_t n)
{
	/* Each link covers the one before: no length or separator can be moved between two. */
	struct {
		struct sha256 before, statement;
	} link = {0};

	for (size_t i = 0; i < n; i++) {
		link.statement = sha256(m->statements[i], strlen(m->statements[i]));
		link.before = sha256(&link, sizeof(link));
	}
	return link.before;
}

static bool read_one(struct arena *a, const char *dir, struct migration *m, FILE *err)
{
	const char *path = arena_printf(a, "%s/%s.sql", dir, m->name);
	FILE *f = fopen(path, "re");
	char *text = malloc(FILE_BYTES_MAX + 1);
	size_t n = f != NULL && text != NULL ? fread(text, 1, FILE_BYTES_MAX + 1, f) : 0;
	const char *wrong = NULL;

	if (f == NULL || text == NULL || ferror(f) != 0)
		wrong = strerror(errno);
	else if (n > FILE_BYTES_MAX)
		wrong = "larger than a mebibyte";
	else if (memchr(text, '\0', n) != NULL)
		wrong = "holds a NUL byte";
	if (wrong == NULL) {
		text[n] = '\0';
		if (!migration_split(a, text, m))
			wrong = "the last statement does not end with ';' at the end of a line";
		else if (m->n_statements == 0)
			wrong = "holds no statement";
	}
	if (wrong != NULL)
		fprintf(err, "%s: %s.\n", path, wrong);
	free(text);
	if (f != NULL)
		fclose(f);
	return wrong == NULL;
}

enum { MIGRATIONS_MAX = 9999 };

/* The names of the files of dir, unsorted. */
static bool list(struct arena *a, const char *dir, struct migration *ret, size_t *ret_n, FILE *err)
{
	DIR *d = opendir(dir);
	bool ok = d != NULL;

	*ret_n = 0;
	if (d == NULL)
		fprintf(err, "%s cannot be read: %s\n", dir, strerror(errno));
	for (struct dirent *e; ok && (e = readdir(d)) != NULL;) {
		if (!is_sql(e->d_name))
			continue;
		ok = is_migration(e->d_name);
		if (!ok)
			fprintf(err, "%s/%s: name it like 0007_add_payouts.sql.\n", dir, e->d_name);
		else if (*ret_n < MIGRATIONS_MAX)
			ret[(*ret_n)++].name = arena_strndup(a, e->d_name, strlen(e->d_name) - 4);
	}
	if (d != NULL)
		closedir(d);
	return ok;
}

bool migrations_read(
	struct arena *a, const char *dir, struct migration **ret, size_t *ret_n, FILE *err)
{
	struct migration *m = arena_array(a, struct migration, MIGRATIONS_MAX);
	size_t n;

	if (!list(a, dir, m, &n, err))
		return false;
	if (n == 0) {
		fprintf(err, "%s holds no migrations (NNNN_name.sql).\n", dir);
		return false;
	}
	qsort(m, n, sizeof(*m), by_name);
	for (size_t i = 0; i < n; i++) {
		m[i].number = (unsigned)strtoul(m[i].name, NULL, 10);
		if (m[i].number != i + 1) {
			fprintf(err,
				"%s/%s.sql: number %04zu was expected here; migrations are "
				"numbered "
				"from 0001 without a gap, each number once.\n",
				dir, m[i].name, i + 1);
			return false;
		}
		if (!read_one(a, dir, &m[i], err))
			return false;
	}
	*ret = m;
	*ret_n = n;
	return true;
}
