/* Drawing recovery codes and reading them back. */
#include "recovery_code.h"

#include <string.h>

#include "../fcgi/core/crypto.h"

/* Without those that look like others: I, L, O, 0, 1. */
static const char alphabet[] = "ABCDEFGHJKMNPQRSTUVWXYZ23456789";

const char *recovery_code_new(struct arena *a)
{
	char text[RECOVERY_CODE_CHARS];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = alphabet[random_below(sizeof(alphabet) - 1)];
	return arena_printf(a, "%.4s-%.4s-%.2s", text, text + 4, text + 8);
}

const char *recovery_code_normal(struct arena *a, const char *typed)
{
	char *text = arena_alloc(a, RECOVERY_CODE_CHARS + 1);
	size_t n = 0;

	for (; *typed != '\0'; typed++) {
		char c = *typed;
		if (c == ' ' || c == '-')
			continue;
		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		if (n == RECOVERY_CODE_CHARS || strchr(alphabet, c) == NULL)
			return NULL;
		text[n++] = c;
	}
	return n == RECOVERY_CODE_CHARS ? text : NULL;
}
