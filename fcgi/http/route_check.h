/* The route tables as a whole. */
#ifndef TURNPIKE_ROUTE_CHECK_H
#define TURNPIKE_ROUTE_CHECK_H

#include "../core/types.h"

/* False, and one sentence on `why`: which row, what is wrong. */
bool route_tables_consistent(char *why, size_t why_size);

#endif
