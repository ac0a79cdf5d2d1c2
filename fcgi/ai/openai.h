/* What the sources of the OpenAI dialect, and those that lean on it, share. Only for this room. */
#ifndef TURNPIKE_OPENAI_H
#define TURNPIKE_OPENAI_H

#include "answer.h"

/* Reads chat completions, text completions and Mistral's mixture of both, streamed or whole. */
extern const struct answer_decoder openai_decoder;

/* Content-Type, Accept and Authorization; an empty key means none is wanted. */
void openai_headers(struct arena *a, const struct upstream_model *m, bool is_stream,
	const char *key, struct upstream_call *ret);

#endif
