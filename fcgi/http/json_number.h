/* The numbers of JSON: their grammar and their range. Used by json.c only. */
#ifndef TURNPIKE_JSON_NUMBER_H
#define TURNPIKE_JSON_NUMBER_H

#include "../core/arena.h"

/* Reads the number at p (a minus sign or a digit). Returns NULL and where it ends, or what is wrong
 * and where. */
const char *json_number(struct arena *arena, const char *p, const char *end, const char **ret_at);

#endif
