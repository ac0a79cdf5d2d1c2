/* The dialects of upstreams, each in its own source. Only for this room. */
#ifndef TURNPIKE_DIALECTS_H
#define TURNPIKE_DIALECTS_H

#include "chat.h"

extern const struct dialect_upstream dialect_openai, dialect_anthropic;
extern const struct dialect_upstream dialect_fim_openai, dialect_fim_mistral, dialect_fim_llamacpp;

#endif
