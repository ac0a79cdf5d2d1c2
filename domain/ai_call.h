/* One governed call of a hosted model: paid for before an upstream is asked, run on the first of
 * the model's routes that answers, and settled at what it really cost, however it ends. No database
 * connection is held while an upstream works. Source: gateway.md sections 2.4 and 6. */
#ifndef TURNPIKE_AI_CALL_H
#define TURNPIKE_AI_CALL_H

#include "../fcgi/ai/relay.h"
#include "../fcgi/net/stream.h"
#include "purse.h"
#include "route_choice.h"

enum ai_call_end {
	AI_CALL_FAILED, /* also: was not run */
	AI_CALL_COMPLETE,
	AI_CALL_LEFT,	  /* the client left */
	AI_CALL_GIVEN_UP, /* by us: the arena is full */
};

struct ai_call {
	/* given */
	const struct options *options;
	struct db *db;
	struct net *net;
	int client_fd;
	u64 user_id;
	const char *plan;
	const char *request_id;
	enum call_endpoint endpoint;
	enum chat_mode mode;
	const char *model_name;	 /* as the client wrote it */
	const struct chat *chat; /* one of these */
	const struct fim *fim;
	const struct raw_call *raw; /* served only by upstreams of its dialect */
	bool is_stream;
	bool is_free; /* nothing is reserved or charged; the answer is not looked into */
	i64 input_bytes, n_images, max_tokens; /* max_tokens 0: the model's default */
	/* What the model says, while it says it (is_stream), or all at the end. A result other than
	 * 0 ends the call: the client is gone. */
	chat_sink *on_event;  /* sets record->has_begun when it sends: it may leave events out */
	relay_sink *on_bytes; /* of a raw call, instead: its bytes, whole events of a stream */
	int (*on_quiet)(void *arg); /* nothing for QUIET_MS, when something has been passed on */
	void *arg;

	/* found */
	const struct models *models;
	const struct model *model;
	struct call_record *record;
	struct choice choice;
	enum ai_call_end end;
	bool has_usage, is_priced;
	bool has_relayed_error; /* the upstream's own, in the middle of a raw stream */
};

enum { QUIET_MS = 15000 };

/* Finds the model and reserves what the call may cost; when the arena is reset, which is after the
 * answer's last byte, the call is settled, whatever became of it. E_MODEL_NOT_FOUND,
 * E_MODEL_NOT_ALLOWED, E_INSUFFICIENT_BALANCE, by the limits of the tier E_FORBIDDEN and
 * E_RATE_LIMITED, E_UNAVAILABLE; then nothing is reserved. */
int ai_call_begin(struct ai_call *c);
/* Asks an upstream. 0: the answer was complete. Else why not, in db->fail; c->record->has_begun
 * tells whether the client has seen a part. E_CLIENT_LEFT: nobody waits for it any more. */
int ai_call_run(struct ai_call *c);
/* Sets the price: c->record->cost is right from here on. After ai_call_run(), whatever it said. */
void ai_call_price(struct ai_call *c);

#endif
