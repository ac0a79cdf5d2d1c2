/* What people call themselves. */
#ifndef TURNPIKE_DISPLAY_NAME_H
#define TURNPIKE_DISPLAY_NAME_H

#include "../fcgi/core/arena.h"

enum { DISPLAY_NAME_MAX = 80 };

enum display_name_fault { NAME_FINE, NAME_EMPTY, NAME_TOO_LONG, NAME_CHARACTERS };

/* Without the blanks around it: 1 to 80 characters, none that controls how text is written.
 * text is UTF-8. */
enum display_name_fault display_name_read(struct arena *a, const char *text, const char **ret_name);

#endif
