/* Reads turnpike.conf with libinih. inih splits keys from values; lines and sections are watched
 * here, because inih cuts long lines, skips what follows a section's bracket and tells the line
 * only of the first fault. */
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "options.h"
#include "str.h"

enum { LINE_BYTES_MAX = 1000, FILE_BYTES_MAX = 1024 * 1024, SECRET_FILE_BYTES_MAX = 4096 };

enum {
	N_OPTIONS = 0
#define OPT(section, key, name, type, fallback, min, max, text) +1
#include "options.def"
#undef OPT
};

struct limit_given {
	struct limit_given *next;
	const char *key;
	int line;
};

struct load {
	struct arena *arena;
	const char *path;
	const char *text, *end; /* what is not read yet */
	struct options *options;
	option_limit_fn *limit_row;
	void *limit_arg;
	FILE *err;
	int line;
	const char *section; /* NULL: none yet, or its heading is faulty and its keys are skipped */
	bool skip_keys;
	bool faulty;
	int line_given[N_OPTIONS]; /* 0: not given */
	struct limit_given *limits;
};

__attribute__((format(printf, 2, 3))) static void fault(struct load *l, const char *format, ...)
{
	va_list args;

	l->faulty = true;
	fprintf(l->err, "%s:%d: ", l->path, l->line);
	va_start(args, format);
	vfprintf(l->err, format, args);
	va_end(args);
	fputc('\n', l->err);
}

static void fault_unknown_section(struct load *l, const char *section)
{
	const char *known[N_OPTIONS];
	size_t n = 0;

	for (const struct option_row *o = option_table; o->section != NULL; o++)
		known[n++] = o->section;
	const char *nearest = str_nearest(section, known, n);
	if (nearest != NULL)
		fault(l, "unknown section [%s]; did you mean [%s]?", section, nearest);
	else
		fault(l, "unknown section [%s]", section);
}

static void fault_unknown_key(struct load *l, const char *key)
{
	const char *known[2 * N_OPTIONS];
	size_t n = 0;

	for (const struct option_row *o = option_table; o->section != NULL; o++) {
		if (!str_equal(o->section, l->section))
			continue;
		known[n++] = o->key;
		if (o->type == OPTION_SECRET)
			known[n++] = arena_printf(l->arena, "%s_file", o->key);
	}
	const char *nearest = str_nearest(key, known, n);
	if (nearest != NULL)
		fault(l, "unknown key '%s' in [%s]; did you mean '%s'?", key, l->section, nearest);
	else
		fault(l, "unknown key '%s' in [%s]", key, l->section);
}

static void set_option(struct load *l, const struct option_row *o, const char *value)
{
	const char *expected = option_store(l->arena, l->options, o, value);

	if (expected == NULL)
		return;
	if (o->type == OPTION_SECRET)
		fault(l, "'%s' in [%s] has %zu bytes; expected: %s", o->key, o->section,
			strlen(value), expected);
	else
		fault(l, "'%s' in [%s] is '%s'; expected: %s", o->key, o->section, value, expected);
}

static const char *why_unreadable(struct load *l, const char *path, int error)
{
	if (error == ENOENT)
		return arena_printf(l->arena, "there is no file %s; make it", path);
	if (error == EACCES)
		return arena_printf(l->arena,
			"%s must be readable by user id %u; change its owner or mode", path,
			(unsigned)geteuid());
	return arena_printf(l->arena, "%s cannot be read: %s", path, strerror(error));
}

/* The file's text without its last newline; NULL after a fault. */
static char *read_secret(struct load *l, const char *key, const char *path)
{
	struct stat st;
	ssize_t n = -1;

	if (path[0] != '/') {
		fault(l, "'%s' in [%s] is '%s'; expected: an absolute path", key, l->section, path);
		return NULL;
	}
	char *text = arena_alloc(l->arena, SECRET_FILE_BYTES_MAX + 1);
	scoped_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0 && fstat(fd, &st) == 0)
		n = read(fd, text, SECRET_FILE_BYTES_MAX + 1);
	if (n < 0) {
		fault(l, "'%s' in [%s]: %s", key, l->section, why_unreadable(l, path, errno));
		return NULL;
	}
	if (n > SECRET_FILE_BYTES_MAX || memchr(text, '\0', (size_t)n) != NULL) {
		fault(l, "'%s' in [%s]: %s is not a short text", key, l->section, path);
		return NULL;
	}
	if ((st.st_mode & S_IROTH) != 0)
		fprintf(l->err, "%s:%d: warning: everybody can read %s; chmod o-r %s\n", l->path,
			l->line, path, path);
	if (n > 0 && text[n - 1] == '\n')
		n--;
	text[n] = '\0';
	return text;
}

/* The SECRET that KEY_file gives, or NULL. */
static const struct option_row *find_secret_file(const char *section, const char *key)
{
	char name[64];
	size_t n = strlen(key);

	if (n <= 5 || n >= sizeof(name) || !str_equal(key + n - 5, "_file"))
		return NULL;
	memcpy(name, key, n - 5);
	name[n - 5] = '\0';
	const struct option_row *o = option_find(section, name);
	return o != NULL && o->type == OPTION_SECRET ? o : NULL;
}

/* True, and notes it, when this is the first time. */
static bool first_time(struct load *l, const char *key, int *line_given)
{
	if (*line_given == 0) {
		*line_given = l->line;
		return true;
	}
	fault(l, "'%s' in [%s] was given in line %d already", key, l->section, *line_given);
	return false;
}

static void take_limit(struct load *l, const char *key, const char *value)
{
	const char *why = "not a limit";

	for (struct limit_given *g = l->limits; g != NULL; g = g->next) {
		if (str_equal(g->key, key)) {
			first_time(l, key, &g->line);
			return;
		}
	}
	if (!l->limit_row(key, value, l->limit_arg, &why)) {
		fault(l, "'%s = %s' in [limits]: %s", key, value, why);
		return;
	}
	struct limit_given *given = arena_new(l->arena, struct limit_given);
	*given = (struct limit_given){l->limits, arena_strdup(l->arena, key), l->line};
	l->limits = given;
}

/* What follows the first word may be a secret whose '=' was forgotten; a first word that is no key
 * may be one itself. */
static void fault_no_value(struct load *l, const char *text)
{
	const char *word = arena_strndup(l->arena, text, strcspn(text, " \t"));

	for (const struct option_row *o = option_table; o->section != NULL; o++) {
		if (!str_equal(o->key, word) && find_secret_file(o->section, word) == NULL)
			continue;
		fault(l, "'%s' has no '='; expected: %s = VALUE", word, word);
		return;
	}
	fault(l, "this is not a comment, a [section] or KEY = VALUE");
}

/* Called by inih for each KEY = VALUE; a line without '=' comes with value NULL. */
static int take_pair(void *arg, const char *section, const char *key, const char *value)
{
	struct load *l = arg;

	(void)section; /* cut at 49 bytes */
	if (l->skip_keys)
		return 1;
	if (value == NULL) {
		fault_no_value(l, key);
		return 1;
	}
	if (l->section == NULL) {
		fault(l, "'%s' stands before the first [section]", key);
		return 1;
	}
	const struct option_row *o = option_find(l->section, key);
	bool in_file = false;
	if (o == NULL) {
		o = find_secret_file(l->section, key);
		in_file = o != NULL;
	}
	if (o == NULL) {
		if (l->limit_row != NULL && str_equal(l->section, "limits"))
			take_limit(l, key, value);
		else
			fault_unknown_key(l, key);
		return 1;
	}
	if (!first_time(l, o->key, &l->line_given[o - option_table]))
		return 1;
	if (in_file)
		value = read_secret(l, key, value);
	if (value != NULL)
		set_option(l, o, value);
	return 1;
}

/* heading: "[...". */
static void take_section(struct load *l, char *heading)
{
	char *end = strchr(heading, ']');

	l->skip_keys = true;
	if (end == NULL || end[1] != '\0') {
		fault(l, "'%s' is not a [section] by itself", heading);
		return;
	}
	*end = '\0';
	for (const struct option_row *o = option_table; o->section != NULL; o++) {
		if (str_equal(o->section, heading + 1)) {
			l->section = o->section;
			l->skip_keys = false;
			return;
		}
	}
	fault_unknown_section(l, heading + 1);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static const char *line_fault(const char *line, size_t length)
{
	if (length > LINE_BYTES_MAX)
		return "longer than 1000 bytes";
	if (!utf8_valid(line, length))
		return "not UTF-8";
	for (size_t i = 0; i < length; i++)
		if (((unsigned char)line[i] < 0x20 && line[i] != '\t') || line[i] == 0x7f)
			return "a control character is in it";
	return NULL;
}

/* Hands inih the next line that is a KEY = VALUE; all others arrive empty. */
static char *next_line(char *buffer, int size, void *arg)
{
	struct load *l = arg;

	(void)size; /* LINE_BYTES_MAX + 3 */
	if (l->text == l->end)
		return NULL;
	const char *line = l->text;
	const char *newline = memchr(line, '\n', (size_t)(l->end - line));
	const char *end = newline != NULL ? newline : l->end;
	l->text = newline != NULL ? newline + 1 : l->end;
	l->line++;
	buffer[0] = '\0';
	while (line < end && is_blank(*line))
		line++;
	while (line < end && is_blank(end[-1]))
		end--;
	if (line == end || *line == '#' || *line == ';')
		return buffer;
	size_t length = (size_t)(end - line);
	const char *wrong = line_fault(line, length);
	if (wrong != NULL) {
		fault(l, "the line cannot be read: %s", wrong);
		return buffer;
	}
	memcpy(buffer, line, length);
	buffer[length] = '\0';
	if (buffer[0] == '[') {
		take_section(l, buffer);
		buffer[0] = '\0';
	}
	return buffer;
}

bool options_read(struct arena *arena, const char *path, const char *text, size_t length,
	struct options *ret, option_limit_fn *limit_row, void *arg, FILE *err)
{
	struct load l = {
		.arena = arena,
		.path = path,
		.text = text,
		.end = text + length,
		.options = ret,
		.limit_row = limit_row,
		.limit_arg = arg,
		.err = err,
	};

	options_defaults(ret);
	if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		l.text += 3;
	ini_max_line = LINE_BYTES_MAX + 3;
	ini_allow_bom = false;
	ini_allow_inline_comments = false; /* they would cut passwords short */
	ini_allow_multiline = false;
	ini_allow_no_value = true; /* so that take_pair() sees every such line */
	ini_parse_stream(next_line, &l, take_pair, &l);
	return !l.faulty;
}

/* The whole file in memory that the caller frees; NULL with errno. */
static char *read_file(const char *path, size_t *ret_length)
{
	scoped_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = malloc(FILE_BYTES_MAX);
	ssize_t n = 0;

	*ret_length = 0;
	while (fd >= 0 && text != NULL && *ret_length < FILE_BYTES_MAX) {
		n = read(fd, text + *ret_length, FILE_BYTES_MAX - *ret_length);
		if (n <= 0)
			break;
		*ret_length += (size_t)n;
	}
	if (fd >= 0 && n == 0)
		return text;
	if (n > 0)
		errno = EFBIG;
	int error = errno;
	free(text);
	errno = error;
	return NULL;
}

bool options_load(
	const char *path, struct options *ret, option_limit_fn *limit_row, void *arg, FILE *err)
{
	static struct arena kept = {
		.ceiling_bytes = SIZE_MAX}; /* never freed: the strings of *ret */
	size_t length;
	char *text = read_file(path, &length);

	if (text == NULL) {
		fprintf(err, "%s: cannot be read: %s\n", path, strerror(errno));
		return false;
	}
	bool fine = options_read(&kept, path, text, length, ret, limit_row, arg, err);
	free(text);
	return fine;
}
