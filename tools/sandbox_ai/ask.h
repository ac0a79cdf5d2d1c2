/* What a client asks of a model: the few members of the body that matter here. */
#ifndef TURNPIKE_SANDBOX_AI_ASK_H
#define TURNPIKE_SANDBOX_AI_ASK_H

#include "plan.h"

enum { ASK_MODEL_MAX = 128 };

enum ask_kind { ASK_CHAT, ASK_MESSAGES, ASK_FIM, ASK_COUNT };

struct ask {
	enum ask_kind kind;
	char model[ASK_MODEL_MAX];	 /* as it lies in the JSON, with its escapes */
	bool is_stream, has_usage_frame; /* stream_options.include_usage */
	i64 max_tokens;			 /* 0: none given */
	size_t text_bytes;		 /* of the prompt, as UTF-8 */
	struct plan plan;
};

/* Returns NULL, or what a provider would complain about (status 400). version: the header
 * anthropic-version, with ASK_MESSAGES and ASK_COUNT. */
const char *ask_read(struct ask *ask, struct text body, struct text version);

#endif
