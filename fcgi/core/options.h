/* The configuration: turnpike.conf read into one struct, by the table options.def. */
#ifndef TURNPIKE_OPTIONS_H
#define TURNPIKE_OPTIONS_H

#include <stdio.h>

#include "types.h"

struct options {
#define OPT_MEMBER_TEXT(name) const char *name;
#define OPT_MEMBER_SECRET(name) const char *name;
#define OPT_MEMBER_NUMBER(name) i64 name;
#define OPT_MEMBER_BOOL(name) bool name;
#define OPT(section, key, name, type, fallback, min, max, text) OPT_MEMBER_##type(name)
#include "options.def"
#undef OPT
};

enum option_type { OPTION_TEXT, OPTION_NUMBER, OPTION_BOOL, OPTION_SECRET };

struct option {
	const char *section, *key;
	enum option_type type;
	const char *fallback, *min, *max, *text;
	size_t offset; /* in struct options */
};

/* The rows of options.def, in its order; ends with a NULL section. */
extern const struct option option_table[];

/* Reads path over the defaults. Sections named "limits" also take the names of limits.def, which
 * are handed to limit_row(key, value, arg) (false: not a limit or not N/SECONDS, and `*ret_why`
 * says why). On a fault prints one line to `err`: "FILE:LINE: what is wrong; the nearest known key
 * or the bounds", for every fault of the file, and returns false. Strings live as long as the
 * process. */
typedef bool option_limit_fn(const char *key, const char *value, void *arg, const char **ret_why);
bool options_load(
	const char *path, struct options *ret, option_limit_fn *limit_row, void *arg, FILE *err);
/* The sample turnpike.conf: every option, commented, with its text, default and bounds. */
void options_print_sample(FILE *out);
/* `turnpike options`: one line per option: section.key, type, default, bounds, text, tab-separated.
 */
void options_print(FILE *out);

#endif
