/* What the sources about fill-in-the-middle share. Only for this room. */
#ifndef TURNPIKE_FIM_H
#define TURNPIKE_FIM_H

#include "chat.h"

/* The tag that a chat model is told to put around its answer. */
#define FIM_TAG "insertion"

/* The completion as a chat that asks for it. */
void fim_as_chat(struct arena *a, const struct fim *fim, struct chat *ret);

/* The prompt with a model's own tokens, and what must stop it; false when the template is unknown.
 */
struct fim_prompt {
	const char *text;
	const char *const *stop;
	size_t n_stop;
};
bool fim_prompt_make(
	struct arena *a, const struct fim *fim, const char *template, struct fim_prompt *ret);

#endif
