/* The table of options: finding, setting and printing one or all. Reading a file is
 * options_load.c's. */
#include "options.h"

#include <string.h>

#include "str.h"

const struct option_row option_table[] = {
#define OPT(section, key, name, type, fallback, min, max, text) \
	{section, key, OPTION_##type, fallback, min, max, text, offsetof(struct options, name)},
#include "options.def"
#undef OPT
	{NULL, NULL, OPTION_TEXT, NULL, NULL, NULL, NULL, 0},
};

enum { SAMPLE_COLUMNS = 96 };

const struct option_row *option_find(const char *section, const char *key)
{
	for (const struct option_row *o = option_table; o->section != NULL; o++)
		if (str_equal(o->section, section) && str_equal(o->key, key))
			return o;
	return NULL;
}

static bool word_in_list(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (;; list++) {
		size_t length = strcspn(list, "|");
		if (length == n && strncmp(list, word, n) == 0)
			return true;
		list += length;
		if (*list == '\0')
			return false;
	}
}

static bool parse_bool(const char *value, bool *ret)
{
	static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (str_equal_nocase(value, words[i])) {
			*ret = i % 2 == 1;
			return true;
		}
	}
	return false;
}

static const char *wrong_text(struct arena *a, const struct option_row *o, const char *value)
{
	size_t length = strlen(value);
	i64 min = 0, max = 0;

	if (length == 0 && o->fallback[0] == '\0')
		return NULL; /* given empty where that is the default: not set */
	str_to_i64(o->min, &min);
	str_to_i64(o->max, &max);
	if (length < (size_t)min || length > (size_t)max)
		return arena_printf(a, "%s to %s bytes", o->min, o->max);
	if (o->type == OPTION_SECRET)
		return NULL;
	if (length > 1 && value[0] == '"' && value[length - 1] == '"')
		return "text without quotes";
	if (strstr(value, " # ") != NULL || strstr(value, " ; ") != NULL)
		return "text without a comment (it needs a line of its own)";
	return NULL;
}

static const char *wrong_number(
	struct arena *a, const struct option_row *o, const char *value, i64 *ret)
{
	i64 number, min = 0, max = 0;

	str_to_i64(o->min, &min);
	str_to_i64(o->max, &max);
	if (!str_to_i64(value, &number) || number < min || number > max)
		return arena_printf(a, "a whole number from %s to %s", o->min, o->max);
	*ret = number;
	return NULL;
}

const char *option_store(
	struct arena *a, struct options *options, const struct option_row *o, const char *value)
{
	void *member = (char *)options + o->offset;
	const char *wrong = NULL;

	switch (o->type) {
	case OPTION_NUMBER:
		return wrong_number(a, o, value, member);
	case OPTION_BOOL:
		return parse_bool(value, member) ? NULL : "yes or no";
	case OPTION_CHOICE:
		if (!word_in_list(o->min, value))
			wrong = arena_printf(a, "one of %s", o->min);
		break;
	case OPTION_TEXT:
	case OPTION_SECRET:
		wrong = wrong_text(a, o, value);
		break;
	}
	if (wrong == NULL)
		*(const char **)member = arena_strdup(a, value);
	return wrong;
}

void options_defaults(struct options *ret)
{
	*ret = (struct options){0};
	for (const struct option_row *o = option_table; o->section != NULL; o++) {
		void *member = (char *)ret + o->offset;
		if (o->type == OPTION_NUMBER)
			str_to_i64(o->fallback, member);
		else if (o->type == OPTION_BOOL)
			parse_bool(o->fallback, member);
		else
			*(const char **)member = o->fallback;
	}
}

static void print_bounds(const struct option_row *o, FILE *out)
{
	switch (o->type) {
	case OPTION_NUMBER:
		fprintf(out, "%s to %s", o->min, o->max);
		break;
	case OPTION_TEXT:
	case OPTION_SECRET:
		fprintf(out, "%s to %s bytes", o->min, o->max);
		break;
	case OPTION_BOOL:
		fputs("yes|no", out);
		break;
	case OPTION_CHOICE:
		fputs(o->min, out);
		break;
	}
}

/* Words after "# ", in lines that are no longer than the sample's columns. */
static void print_comment(const char *text, FILE *out)
{
	size_t column = 0;

	while (*text != '\0') {
		size_t n = strcspn(text, " ");
		if (column > 0 && column + 1 + n > SAMPLE_COLUMNS) {
			fputc('\n', out);
			column = 0;
		}
		column += (size_t)fprintf(out, "%s%.*s", column == 0 ? "# " : " ", (int)n, text);
		text += n;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

void options_print_sample(FILE *out)
{
	const char *section = "";

	fputs("# turnpike.conf: every option with its default. To change one, take the '#' from "
	      "its\n"
	      "# line. A comment has a line of its own; a value reaches to the end of its line "
	      "and\n"
	      "# has no quotes. A secret can also stand in a file: `password_file = /path`.\n",
		out);
	for (const struct option_row *o = option_table; o->section != NULL; o++) {
		if (!str_equal(o->section, section)) {
			section = o->section;
			fprintf(out, "\n[%s]\n", section);
			if (str_equal(section, "limits"))
				fputs("# A limit is changed by its name: name = COUNT/SECONDS\n",
					out);
		}
		fputc('\n', out);
		print_comment(o->text, out);
		fputs("# (", out);
		print_bounds(o, out);
		fprintf(out, ")\n#%s =%s%s\n", o->key, o->fallback[0] != '\0' ? " " : "",
			o->fallback);
	}
}

void options_print(FILE *out)
{
	static const char *const names[] = {
		[OPTION_TEXT] = "text",
		[OPTION_NUMBER] = "number",
		[OPTION_BOOL] = "bool",
		[OPTION_CHOICE] = "choice",
		[OPTION_SECRET] = "secret",
	};

	for (const struct option_row *o = option_table; o->section != NULL; o++) {
		fprintf(out, "%s.%s\t%s\t%s\t", o->section, o->key, names[o->type], o->fallback);
		print_bounds(o, out);
		fprintf(out, "\t%s\n", o->text);
	}
}

const struct option_row *option_find_dotted(const char *name)
{
	const char *dot = strrchr(name, '.');

	if (dot == NULL)
		return NULL;
	size_t n = (size_t)(dot - name);
	for (const struct option_row *o = option_table; o->section != NULL; o++)
		if (strlen(o->section) == n && strncmp(o->section, name, n) == 0 &&
			str_equal(o->key, dot + 1))
			return o;
	return NULL;
}

bool options_print_value(const struct options *options, const char *dotted_name, FILE *out)
{
	const struct option_row *o = option_find_dotted(dotted_name);

	if (o == NULL)
		return false;
	const void *value = (const char *)options + o->offset;
	switch (o->type) {
	case OPTION_NUMBER:
		fprintf(out, "%lld", (long long)*(const i64 *)value);
		break;
	case OPTION_BOOL:
		fputs(*(const bool *)value ? "yes" : "no", out);
		break;
	case OPTION_TEXT:
	case OPTION_CHOICE:
		fputs(*(const char *const *)value, out);
		break;
	case OPTION_SECRET:
		fputs((*(const char *const *)value)[0] != '\0' ? "(set)" : "(not set)", out);
		break;
	}
	return true;
}
