/* The configuration: turnpike.conf read into one struct, by the table options.def. */
#ifndef TURNPIKE_OPTIONS_H
#define TURNPIKE_OPTIONS_H

#include <stdio.h>

#include "arena.h"

struct options {
#define OPT_MEMBER_TEXT(name) const char *name;
#define OPT_MEMBER_SECRET(name) const char *name;
#define OPT_MEMBER_CHOICE(name) const char *name;
#define OPT_MEMBER_NUMBER(name) i64 name;
#define OPT_MEMBER_BOOL(name) bool name;
#define OPT(section, key, name, type, fallback, min, max, text) OPT_MEMBER_##type(name)
#include "options.def"
#undef OPT
};

enum option_type { OPTION_TEXT, OPTION_NUMBER, OPTION_BOOL, OPTION_CHOICE, OPTION_SECRET };

struct option_row {
	const char *section, *key;
	enum option_type type;
	const char *fallback;
	const char *min, *max; /* CHOICE: min holds the words, "a|b" */
	const char *text;
	size_t offset; /* in struct options */
};

/* The rows of options.def, in its order; ends with a NULL section. */
extern const struct option_row option_table[];
/* NULL when there is none. */
const struct option_row *option_find(const char *section, const char *key);
/* The same for "section.key". */
const struct option_row *option_find_dotted(const char *name);
/* Sets the option, with a copy of value; or returns what is expected instead: "yes or no". */
const char *option_store(
	struct arena *a, struct options *options, const struct option_row *o, const char *value);
void options_defaults(struct options *ret);

/* Reads path over the defaults. Sections named "limits" also take the names of limits.def, which
 * are handed to limit_row(key, value, arg) (false: not a limit or not N/SECONDS, and `*ret_why`
 * says why). On a fault prints one line to `err`: "FILE:LINE: what is wrong; the nearest known key
 * or the bounds", for every fault of the file, and returns false; lines "FILE:LINE: warning: ..."
 * do not make it fail. Strings live as long as the process. Call it before there are threads. */
typedef bool option_limit_fn(const char *key, const char *value, void *arg, const char **ret_why);
bool options_load(
	const char *path, struct options *ret, option_limit_fn *limit_row, void *arg, FILE *err);
/* The same for text already in memory, which `path` names in messages; strings go to the arena. */
bool options_read(struct arena *arena, const char *path, const char *text, size_t length,
	struct options *ret, option_limit_fn *limit_row, void *arg, FILE *err);

/* The sample turnpike.conf: every option, commented, with its text, default and bounds. */
void options_print_sample(FILE *out);
/* `turnpike options`: one line per option: section.key, type, default, bounds, text, tab-separated.
 */
void options_print(FILE *out);
/* The value of "section.key", without a newline; of a SECRET only "(set)" or "(not set)". False
 * when there is no such option. */
bool options_print_value(const struct options *options, const char *dotted_name, FILE *out);

#endif
