/* Reading and writing the text forms of password hashes. */
#include "stored_hash.h"

#include <string.h>

#include "../fcgi/core/str.h"

enum { NUMBER_DIGITS_MAX = 7, BASE64_MAX = 96, BCRYPT_LENGTH = 60, BCRYPT_PREFIX = 7 };

static bool take(const char **p, const char *word)
{
	if (!str_starts(*p, word))
		return false;
	*p += strlen(word);
	return true;
}

/* A number without leading zeros, from 1 to max. */
static bool take_number(const char **p, uint32_t max, uint32_t *ret)
{
	size_t n = strspn(*p, "0123456789");
	uint32_t value = 0;

	if (n == 0 || n > NUMBER_DIGITS_MAX || **p == '0')
		return false;
	for (size_t i = 0; i < n; i++)
		value = 10 * value + (uint32_t)((*p)[i] - '0');
	*p += n;
	*ret = value;
	return value <= max;
}

/* PHC strings have the other base64 alphabet. */
static void translate(char *text, char from_62, char from_63, char to_62, char to_63)
{
	for (char *c = text; *c != '\0'; c++)
		*c = *c == from_62 ? to_62 : *c == from_63 ? to_63 : *c;
}

/* Base64 up to the next '$' or the end. */
static bool take_bytes(struct arena *a, const char **p, size_t min, size_t max, unsigned char *ret,
	uint32_t *ret_n)
{
	size_t length = strcspn(*p, "$"), n;
	char text[BASE64_MAX + 1];

	if (length > BASE64_MAX || strcspn(*p, "-_") < length)
		return false;
	memcpy(text, *p, length);
	text[length] = '\0';
	translate(text, '+', '/', '-', '_');
	const unsigned char *bytes = base64url_decode(a, text, length, &n);
	if (bytes == NULL || n < min || n > max)
		return false;
	memcpy(ret, bytes, n);
	*ret_n = (uint32_t)n;
	*p += length;
	return true;
}

bool argon_hash_read(struct arena *a, const char *text, struct argon_hash *ret)
{
	const char *p = text;

	return take(&p, "$argon2id$v=19$m=") &&
	       take_number(&p, ARGON_MEMORY_MAX_KIB, &ret->memory_kib) && take(&p, ",t=") &&
	       take_number(&p, ARGON_PASSES_MAX, &ret->passes) && take(&p, ",p=") &&
	       take_number(&p, ARGON_LANES_MAX, &ret->lanes) && take(&p, "$") &&
	       take_bytes(a, &p, 8, ARGON_SALT_MAX, ret->salt, &ret->n_salt) && take(&p, "$") &&
	       take_bytes(a, &p, ARGON_TAG_MIN, ARGON_TAG_MAX, ret->tag, &ret->n_tag) &&
	       *p == '\0' && ret->memory_kib >= 8 * ret->lanes;
}

static const char *base64(struct arena *a, const unsigned char *bytes, size_t n)
{
	char *text = base64url_encode(a, bytes, n);

	translate(text, '-', '_', '+', '/');
	return text;
}

const char *argon_hash_write(struct arena *a, const struct argon_hash *h)
{
	return arena_printf(a, "$argon2id$v=19$m=%u,t=%u,p=%u$%s$%s", h->memory_kib, h->passes,
		h->lanes, base64(a, h->salt, h->n_salt), base64(a, h->tag, h->n_tag));
}

bool argon_hash_outdated(const struct argon_hash *h)
{
	return h->memory_kib < ARGON_MEMORY_KIB || h->passes < ARGON_PASSES ||
	       h->n_salt < ARGON_SALT_BYTES || h->n_tag < ARGON_TAG_BYTES;
}

bool bcrypt_hash_valid(const char *text)
{
	static const char alphabet[] =
		"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

	if (strlen(text) != BCRYPT_LENGTH || !str_starts(text, "$2") || text[3] != '$' ||
		strchr("aby", text[2]) == NULL || text[6] != '$' ||
		strspn(text + 4, "0123456789") != 2 ||
		strspn(text + BCRYPT_PREFIX, alphabet) != BCRYPT_LENGTH - BCRYPT_PREFIX)
		return false;
	int cost = 10 * (text[4] - '0') + text[5] - '0';
	return cost >= 4 && cost <= BCRYPT_COST_MAX;
}
