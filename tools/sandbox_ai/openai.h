/* What the completions (fim.c) take over from the chat. They append to the answer's frame. */
#ifndef TURNPIKE_SANDBOX_AI_OPENAI_H
#define TURNPIKE_SANDBOX_AI_OPENAI_H

#include "answer.h"

void openai_object(struct answer *a, const char *prefix, const char *object);
void openai_usage(struct answer *a, bool is_final);
void openai_whole_end(struct answer *a);
void openai_error(struct answer *a, int status, const char *message);

#endif
