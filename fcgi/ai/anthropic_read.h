/* Reads answers of the Messages API. Only for this room. */
#ifndef TURNPIKE_ANTHROPIC_READ_H
#define TURNPIKE_ANTHROPIC_READ_H

#include "answer.h"

extern const struct answer_decoder anthropic_decoder;

#endif
