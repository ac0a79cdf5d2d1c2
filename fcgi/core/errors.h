/* Error codes and the record of a failure. A function returns 0 or an enum error; fail() notes the
 * code, a detail for the client and the cause for the log, and returns the code. */
#ifndef TURNPIKE_ERRORS_H
#define TURNPIKE_ERRORS_H

#include "arena.h"

enum error {
	E_OK = 0,
#define E(name, status, code, text, ...) E_##name,
#include "errors.def"
#undef E
	E_MAX
};

struct error_info {
	const char *name; /* "NOT_FOUND" */
	int status;	  /* HTTP */
	const char *code; /* "not_found" */
	const char *text;
	const char *gateway_code, *gateway_text; /* the gateway's; NULL: the same */
};

extern const struct error_info error_table[E_MAX];

/* A member beside the code and message of an error answer: a number (of units of 1 / 10^decimals),
 * or text when not NULL. */
struct fail_extra {
	const char *name;
	const char *text;
	i64 number;
	int decimals;
};

/* One fault of the input: which field, which rule, and the rule's bound when has_limit. */
struct fault {
	const char *field;
	const char *rule;
	bool has_limit;
	i64 limit;
};

enum { FAIL_EXTRAS_MAX = 4, FAULTS_MAX = 16 };

struct fail {
	struct arena *arena;
	enum error code;
	const char *detail; /* for the client; NULL: the table's text */
	const char *cause;  /* for the log only */
	i64 retry_after_s;  /* 0: none */
	bool no_retry;	    /* x-should-retry: false; a repetition would be charged again */
	struct fail_extra extra[FAIL_EXTRAS_MAX];
	size_t n_extra;
	const char *path; /* stands before the fields of faults ("models[2]."); NULL: names alone */
	struct fault fault[FAULTS_MAX];
	size_t n_fault;
};

/* Records the failure (the first one wins) and returns code. format may be NULL. */
int fail(struct fail *f, enum error code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* As fail(), for causes that the client must not see (SQL errno, curl code): the text goes to the
 * log. */
int fail_cause(struct fail *f, enum error code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* As fail() with Retry-After. */
int fail_later(struct fail *f, enum error code, i64 retry_after_s);
/* number / 10^decimals, without trailing zeros: 546, 2 is 5.46. */
void fail_decimal(struct fail *f, const char *name, i64 number, int decimals);
void fail_text(struct fail *f, const char *name, const char *text);
/* Notes a fault of the input; the caller goes on and fails with E_INVALID_FIELD at the end. */
void fail_fault(struct fail *f, const char *field, const char *rule);
void fail_fault_limit(struct fail *f, const char *field, const char *rule, i64 limit);
/* Forgets everything: before another try. */
void fail_clear(struct fail *f);

#endif
