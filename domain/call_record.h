/* What is known of one call of a hosted model, from its admission until it is settled. Records lie
 * in a file that all see who map it, so what a killed process knew is settled by another. */
#ifndef TURNPIKE_CALL_RECORD_H
#define TURNPIKE_CALL_RECORD_H

#include "models.h"

enum call_endpoint { CALL_CHAT, CALL_COMPLETIONS, CALL_MESSAGES };

extern const char *const call_endpoint_names[]; /* "chat" ... */

enum call_status {
	CALL_OK,
	CALL_ABORTED,  /* the client left */
	CALL_CUT,      /* the upstream ended in the middle */
	CALL_REFUNDED, /* nothing was delivered: nothing is charged */
	CALL_CRASHED,  /* our process died; only recovery writes this */
};

extern const char *const call_status_names[]; /* "ok" ... */

enum call_state {
	RECORD_FREE,
	RECORD_HELD,	/* paid for, nothing was sent yet */
	RECORD_RUNNING, /* an upstream was asked */
	RECORD_PRICED,	/* its cost is known; the end of the answer is on its way */
	RECORD_DONE,	/* to be settled */
};

enum {
	CALL_ID_BYTES = 30,
	REQUEST_ID_BYTES = 129,
	MODEL_BYTES = 101,
	NAME_BYTES = 65,
	REASON_BYTES = 191,
};

struct call_record {
	_Atomic int state;
	u64 user_id;
	i64 estimate, cost;
	i64 started_at_us, started_mono_us, first_token_us, latency_us;
	u64 catalog_id;
	struct model_price price;
	struct token_counts tokens; /* as far as they are known */
	i64 relayed_chars;	    /* of text that the client was sent, UTF-8 */
	i64 input_bytes, n_images;  /* for an estimate of the input */
	int attempts;
	enum call_endpoint endpoint;
	enum call_status status;
	bool is_estimated, has_first_token;
	bool has_begun; /* something was passed on to the client, if no token of it */
	char id[CALL_ID_BYTES], hold_id[CALL_ID_BYTES];
	char request_id[REQUEST_ID_BYTES], mode[9], model[MODEL_BYTES];
	char provider[NAME_BYTES], upstream_model[MODEL_BYTES], key_label[NAME_BYTES];
	char reason[REASON_BYTES];
	unsigned next; /* in its purse's list, or in that of free ones */
};

/* Tokens that were not reported: input from bytes, output from the characters that were
 * relayed (gateway.md section 6). */
void call_estimate_missing(struct call_record *r, bool has_input, bool has_output);
/* Whether a model of this context window that was told max_tokens can have used so much; with room
 * for those that count a little otherwise. What an upstream reports beyond that is not charged. */
bool call_usage_is_credible(const struct call_record *r, i64 context_window, i64 max_tokens);
/* r->cost from its tokens and price. -1: they make no sense; the cost is then the estimate. */
int call_price(struct call_record *r);

#endif
