/* What was served: the sums that tests compare a bill with, and the last requests one by one. */
#ifndef TURNPIKE_SANDBOX_AI_SERVED_H
#define TURNPIKE_SANDBOX_AI_SERVED_H

#include "plan.h"

enum { SERVED_LIST = 10000, SERVED_ROWS = 256, SERVED_TAGS = 4096 };

struct usage {
	i64 input, output, cached, cache_write, reasoning; /* tokens; input counts the cached too */
};

enum record_state { RECORD_OPEN, RECORD_COMPLETED, RECORD_FAILED, RECORD_ABORTED };

struct record {
	u64 id;
	enum record_state state;
	char key[40], model[64], request_id[130], tag[PLAN_NAME_MAX];
	const char *dialect;
	size_t row;
	int status; /* 0: no status line was sent */
	bool is_stream, is_usage_sent, is_x_api_key;
	struct usage usage; /* in usage frames that were written, if without their line ends */
	i64 generated;	    /* output tokens, reported or not */
	u64 body_bytes;
	i64 started_at_ms, ended_at_ms; /* Unix time */
};

struct served;
struct served *served_new(void);
void served_free(struct served *s);

void served_begin(struct served *s, struct record *r); /* gives it its id */
void served_end(struct served *s, struct record *r);
/* How many requests with this tag came before; counts this one. */
i64 served_tag(struct served *s, const char *tag);
void served_reset(struct served *s); /* requests still open are not counted either */
/* query: detail=1, tag=NAME, since=ID */
void served_report(const struct served *s, struct text query, struct bytes *ret);

#endif
