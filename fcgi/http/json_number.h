/* The numbers of JSON: their grammar and their range. Used by json.c and schema.c. */
#ifndef TURNPIKE_JSON_NUMBER_H
#define TURNPIKE_JSON_NUMBER_H

#include "../core/arena.h"

/* Reads the number at p (a minus sign or a digit). Returns NULL and where it ends, or what is wrong
 * and where. */
const char *json_number(struct arena *arena, const char *p, const char *end, const char **ret_at);

/* A number as JSON writes it (0.25, 1e-7) in millionths, rounded up, with no double in between.
 * False when it does not fit or is below zero. */
bool json_number_micro(const char *number, i64 *ret);

#endif
