/* TOTP (RFC 6238) over HOTP (RFC 4226). */
#include "totp.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "../fcgi/core/clock.h"
#include "../fcgi/core/crypto.h"
#include "../fcgi/core/str.h"

enum { SHA1_BYTES = 20, MODULUS = 1000000 };

static const char base32_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

char *base32_encode(struct arena *a, const void *data, size_t length)
{
	const unsigned char *byte = data;
	char *text = arena_alloc(a, (length * 8 + 4) / 5 + 1);
	unsigned held = 0, n_bits = 0;
	size_t n = 0;

	for (size_t i = 0; i < length; i++) {
		held = (held << 8 | byte[i]) & 0xfff;
		for (n_bits += 8; n_bits >= 5; n_bits -= 5)
			text[n++] = base32_digits[held >> (n_bits - 5) & 31];
	}
	if (n_bits > 0)
		text[n++] = base32_digits[held << (5 - n_bits) & 31];
	return text;
}

static int digit_of(char c)
{
	if (c >= 'a' && c <= 'z')
		c = (char)(c - 'a' + 'A');
	const char *at = memchr(base32_digits, c, sizeof(base32_digits) - 1);
	return at != NULL ? (int)(at - base32_digits) : -1;
}

unsigned char *base32_decode(struct arena *a, const char *text, size_t *ret_n)
{
	size_t length = strlen(text), padded = length;
	unsigned held = 0, n_bits = 0;

	while (length > 0 && text[length - 1] == '=')
		length--;
	if (padded != length && (padded % 8 != 0 || padded - length > 6))
		return NULL;
	unsigned char *bytes = arena_alloc(a, length * 5 / 8 + 1);
	*ret_n = 0;
	for (size_t i = 0; i < length; i++) {
		int digit = digit_of(text[i]);
		if (digit < 0)
			return NULL;
		held = (held << 5 | (unsigned)digit) & 0xfff;
		n_bits += 5;
		if (n_bits < 8)
			continue;
		n_bits -= 8;
		bytes[(*ret_n)++] = (unsigned char)(held >> n_bits);
	}
	/* A whole digit too many, or bits that no byte has. */
	return n_bits < 5 && (held & ((1U << n_bits) - 1)) == 0 ? bytes : NULL;
}

i64 totp_step(i64 now_us)
{
	return now_us / S_TO_US(TOTP_STEP_S);
}

unsigned totp_code(const unsigned char *secret, size_t length, i64 step)
{
	unsigned char counter[8], mac[SHA1_BYTES];

	for (int i = 0; i < 8; i++)
		counter[i] = (unsigned char)((unsigned long long)step >> (56 - 8 * i));
	HMAC(EVP_sha1(), secret, (int)length, counter, sizeof(counter), mac, NULL);
	const unsigned char *p = mac + (mac[SHA1_BYTES - 1] & 15);
	unsigned number = (p[0] & 127U) << 24 | (unsigned)p[1] << 16 | (unsigned)p[2] << 8 | p[3];
	return number % MODULUS;
}

/* Six digits without the blanks between and around them. */
static bool tidy(const char *code, char ret[TOTP_DIGITS + 1])
{
	size_t n = 0;

	for (; *code != '\0'; code++) {
		if (*code == ' ' || *code == '\t')
			continue;
		if (*code < '0' || *code > '9' || n == TOTP_DIGITS)
			return false;
		ret[n++] = *code;
	}
	ret[n] = '\0';
	return n == TOTP_DIGITS;
}

i64 totp_find(
	const unsigned char *secret, size_t length, const char *code, i64 now_us, i64 after_step)
{
	char given[TOTP_DIGITS + 1], right[16];
	i64 now_step = totp_step(now_us), found = -1;

	if (!tidy(code, given))
		return -1;
	/* All three are always compared, so that time does not tell which one was near. */
	for (i64 step = now_step + 1; step >= now_step - 1; step--) {
		snprintf(right, sizeof(right), "%06u", totp_code(secret, length, step));
		if (equal_ct(given, right, TOTP_DIGITS) && step > after_step)
			found = step;
	}
	return found;
}

char *totp_url(struct arena *a, const char *issuer, const char *account, const char *secret_base32)
{
	const char *name = url_encode(a, issuer);

	return arena_printf(a,
		"otpauth://totp/%s:%s?issuer=%s&secret=%s&algorithm=SHA1&digits=%d&period=%d", name,
		url_encode(a, account), name, secret_base32, TOTP_DIGITS, TOTP_STEP_S);
}
