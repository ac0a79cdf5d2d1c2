/* Scalars and small macros used everywhere. */
#ifndef TURNPIKE_TYPES_H
#define TURNPIKE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int64_t i64;
typedef uint64_t u64;

/* A value that may be absent: a NULL column, a missing JSON member. Absent text is a NULL pointer.
 */
struct opt_i64 {
	bool has;
	i64 value;
};

struct opt_bool {
	bool has;
	bool value;
};

/* A double only ever carries a number for people to look at, never money. */
struct opt_double {
	bool has;
	double value;
};

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Leaves the function with x's error code when it is not 0. The only control-flow macro. */
#define TRY(x)                          \
	do {                            \
		int try_rc_ = (x);      \
		if (try_rc_ != 0)       \
			return try_rc_; \
	} while (0)

/* scoped_fd: closed when it leaves the scope; scoped(T): freed by scope_free_T. */
#define scoped(type) __attribute__((cleanup(scope_free_##type))) struct type
#define scoped_fd __attribute__((cleanup(scope_close_fd)))
void scope_close_fd(int *fd);

#endif
