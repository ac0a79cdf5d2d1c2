/* The list of dialects that the catalog's routes name. */
#include "dialects.h"

#include "../core/str.h"

const struct dialect_upstream *const dialects_upstream[] = {
	&dialect_openai,
	&dialect_anthropic,
	&dialect_fim_openai,
	&dialect_fim_mistral,
	&dialect_fim_llamacpp,
	NULL,
};

const struct dialect_upstream *dialect_upstream_find(const char *name)
{
	for (size_t i = 0; dialects_upstream[i] != NULL; i++)
		if (str_equal(dialects_upstream[i]->name, name))
			return dialects_upstream[i];
	return NULL;
}
