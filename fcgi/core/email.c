/* E-mail addresses. An account is found by its address, so the rule here is: two different texts
 * may become one address only by the case of letters or by the two spellings of a host name. */
#include "email.h"

#include <idn2.h>
#include <string.h>

#include "str.h"

enum { LOCAL_MAX = 64, HOST_MAX = 253, LABEL_MAX = 63, INPUT_MAX = 1024 };

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* dot-atom of RFC 5322 section 3.2.3 */
static bool local_valid(const char *p, size_t n)
{
	if (n == 0 || n > LOCAL_MAX || p[0] == '.' || p[n - 1] == '.')
		return false;
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '.' && p[i + 1] == '.')
			return false;
		if (p[i] == '\0' ||
			(!is_alnum(p[i]) && strchr("!#$%&'*+-/=?^_`{|}~.", p[i]) == NULL))
			return false;
	}
	return true;
}

static bool label_valid(const char *p, size_t n)
{
	if (n == 0 || n > LABEL_MAX || p[0] == '-' || p[n - 1] == '-')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_alnum(p[i]) && p[i] != '-')
			return false;
	return true;
}

/* A last label that URL parsers take for the end of an IPv4 address: 1, 0x7f. */
static bool label_is_number(const char *p, size_t n)
{
	size_t i = n >= 2 && p[0] == '0' && lower(p[1]) == 'x' ? 2 : 0;
	const char *digits = i == 2 ? "0123456789abcdefABCDEF" : "0123456789";

	return i + strspn(p + i, digits) == n;
}

static bool host_valid(const char *host)
{
	size_t length = strlen(host);
	const char *label = host;

	if (length > HOST_MAX)
		return false;
	if (str_equal_nocase(host, "localhost"))
		return true;
	for (;;) {
		size_t n = strcspn(label, ".");
		if (!label_valid(label, n))
			return false;
		if (label[n] == '\0')
			return label != host && !label_is_number(label, n);
		label += n + 1;
	}
}

bool mail_address_valid(const char *text)
{
	const char *at = strchr(text, '@');

	return at != NULL && strlen(text) <= EMAIL_BYTES_MAX &&
	       local_valid(text, (size_t)(at - text)) && host_valid(at + 1);
}

static bool is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* Whether a and b have the same ASCII characters in the same order (but for case), and the same
 * number of others. */
static bool ascii_same(const char *a, const char *b)
{
	size_t others_a = 0, others_b = 0;

	for (;; a++, b++) {
		for (; (unsigned char)*a >= 0x80; a++)
			others_a += is_continuation(*a) ? 0 : 1;
		for (; (unsigned char)*b >= 0x80; b++)
			others_b += is_continuation(*b) ? 0 : 1;
		if (lower(*a) != lower(*b))
			return false;
		if (*a == '\0')
			return others_a == others_b;
	}
}

/* The host as A-labels in lower case, NULL when it is no host name. UTS 46 maps some characters to
 * ASCII or to nothing (KELVIN SIGN, full-width letters, zero-width space): hosts with those are
 * refused, which shows when the result is read back. */
static char *host_normal(struct arena *a, const char *host)
{
	const int flags = IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL | IDN2_USE_STD3_ASCII_RULES;
	uint8_t *ascii = NULL;
	char *back = NULL, *normal = NULL;
	bool ok;

	if (idn2_lookup_u8((const uint8_t *)host, &ascii, flags) != IDN2_OK)
		return NULL;
	ok = idn2_to_unicode_8z8z((const char *)ascii, &back, 0) == IDN2_OK &&
	     (ascii_same(host, back) || str_equal_nocase(host, (const char *)ascii)) &&
	     strlen((const char *)ascii) <= HOST_MAX;
	char copy[HOST_MAX + 1] = "";
	if (ok)
		memcpy(copy, ascii, strlen((const char *)ascii));
	idn2_free(ascii);
	idn2_free(back);
	if (ok)
		normal = arena_strdup(a, copy);
	return normal;
}

static bool needs_idna(const char *host)
{
	for (const char *p = host; *p != '\0'; p++) {
		bool at_label = p == host || p[-1] == '.';
		if ((unsigned char)*p >= 0x80 || (at_label && strncasecmp(p, "xn--", 4) == 0))
			return true;
	}
	return false;
}

char *mail_address_normal(struct arena *a, const char *text)
{
	size_t length = strlen(text);

	if (length > INPUT_MAX || !utf8_valid(text, length))
		return NULL;
	while (*text == ' ' || *text == '\t')
		text++, length--;
	while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t'))
		length--;

	char *copy = arena_strndup(a, text, length);
	for (char *p = copy; *p != '\0'; p++)
		*p = lower(*p);
	char *at = strchr(copy, '@');
	if (at == NULL || !local_valid(copy, (size_t)(at - copy)))
		return NULL;
	if (needs_idna(at + 1)) {
		const char *host = host_normal(a, at + 1);
		if (host == NULL)
			return NULL;
		copy = arena_printf(a, "%.*s@%s", (int)(at - copy), copy, host);
	}
	return mail_address_valid(copy) ? copy : NULL;
}
