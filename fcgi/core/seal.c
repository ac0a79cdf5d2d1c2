/* Sealing and opening with OpenSSL's AES-256-GCM. */
#include "seal.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "crypto.h"

/* Layout 1 is the one without associated data, which never was written here. */
enum { LAYOUT = 2, IV_BYTES = 12, TAG_BYTES = 16, KEY_TEXT_MAX = 44 };

struct key {
	unsigned char byte[SEAL_KEY_BYTES];
};

/* base64 of 32 bytes, with or without its padding. */
static bool read_key(const char *text, struct key *ret)
{
	unsigned char bytes[KEY_TEXT_MAX / 4 * 3 + 1];
	char padded[KEY_TEXT_MAX + 1];
	size_t length = strlen(text);

	if (length + 1 != KEY_TEXT_MAX && length != KEY_TEXT_MAX)
		return false;
	memcpy(padded, text, length);
	padded[KEY_TEXT_MAX - 1] = '=';
	padded[KEY_TEXT_MAX] = '\0';
	if (text[length - 1] != '=' && length == KEY_TEXT_MAX)
		return false;
	if (memchr(text, '=', KEY_TEXT_MAX - 1) != NULL)
		return false;
	bool fine = EVP_DecodeBlock(bytes, (const unsigned char *)padded, KEY_TEXT_MAX) ==
		    SEAL_KEY_BYTES + 1; /* it counts the padding */
	memcpy(ret->byte, bytes, SEAL_KEY_BYTES);
	OPENSSL_cleanse(bytes, sizeof(bytes));
	OPENSSL_cleanse(padded, sizeof(padded));
	return fine;
}

const char *seal_fault(const struct options *options)
{
	struct key key;

	if (options->encryption_key[0] != '\0' && !read_key(options->encryption_key, &key))
		return "[server] encryption_key is not the base64 of 32 bytes; "
		       "`openssl rand -base64 32` makes one";
	if (options->encryption_key_old[0] != '\0' && !read_key(options->encryption_key_old, &key))
		return "[server] encryption_key_old is not the base64 of 32 bytes: put the key "
		       "there that encryption_key was before, or leave it empty";
	OPENSSL_cleanse(&key, sizeof(key));
	return NULL;
}

int seal_ready(const struct options *options, struct fail *fail_record)
{
	return options->encryption_key[0] != '\0' ? 0 : fail(fail_record, E_NOT_CONFIGURED, NULL);
}

/* One run of the cipher; the tag is written when closing and read when opening. False when the tag
 * does not fit. */
static bool run(bool closes, const struct key *key, const unsigned char *iv, const char *bound_to,
	struct seal_text in, unsigned char *out, unsigned char *tag)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	unsigned char layout = LAYOUT;
	int n = 0;
	bool fine = c != NULL &&
		    EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, key->byte, iv, closes) == 1 &&
		    EVP_CipherUpdate(c, NULL, &n, &layout, 1) == 1 &&
		    EVP_CipherUpdate(c, NULL, &n, (const unsigned char *)bound_to,
			    (int)strlen(bound_to)) == 1 &&
		    EVP_CipherUpdate(c, out, &n, in.data, (int)in.length) == 1;

	if (fine && !closes)
		fine = EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, tag) == 1;
	fine = fine && EVP_CipherFinal_ex(c, out + n, &n) == 1;
	if (fine && closes)
		fine = EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, tag) == 1;
	EVP_CIPHER_CTX_free(c);
	return fine;
}

int seal_close(struct arena *a, struct fail *fail_record, const struct options *options,
	const char *bound_to, struct seal_text text, struct seal_text *ret)
{
	unsigned char *out = arena_alloc(a, text.length + SEAL_OVERHEAD_BYTES);
	struct key key;

	TRY(seal_ready(options, fail_record));
	out[0] = LAYOUT;
	random_bytes(out + 1, IV_BYTES);
	unsigned char *body = out + 1 + IV_BYTES;
	bool fine = read_key(options->encryption_key, &key) &&
		    run(true, &key, out + 1, bound_to, text, body, body + text.length);
	OPENSSL_cleanse(&key, sizeof(key));
	if (!fine)
		return fail_cause(fail_record, E_INTERNAL, "AES-256-GCM did not work");
	*ret = (struct seal_text){out, text.length + SEAL_OVERHEAD_BYTES};
	return 0;
}

static bool open_with(const char *key_text, struct arena *a, const char *bound_to,
	struct seal_text sealed, struct seal_text *ret)
{
	struct key key;

	if (sealed.length < SEAL_OVERHEAD_BYTES || sealed.data[0] != LAYOUT ||
		!read_key(key_text, &key))
		return false;
	size_t length = sealed.length - SEAL_OVERHEAD_BYTES;
	const unsigned char *body = sealed.data + 1 + IV_BYTES;
	unsigned char tag[TAG_BYTES], *out = arena_alloc(a, length + 1);
	memcpy(tag, body + length, TAG_BYTES);
	bool fine = run(
		false, &key, sealed.data + 1, bound_to, (struct seal_text){body, length}, out, tag);
	OPENSSL_cleanse(&key, sizeof(key));
	*ret = (struct seal_text){out, length};
	return fine;
}

int seal_open(struct arena *a, struct fail *fail_record, const struct options *options,
	const char *bound_to, struct seal_text sealed, struct seal_text *ret, bool *ret_outdated)
{
	TRY(seal_ready(options, fail_record));
	*ret_outdated = false;
	if (open_with(options->encryption_key, a, bound_to, sealed, ret))
		return 0;
	*ret_outdated = true;
	if (open_with(options->encryption_key_old, a, bound_to, sealed, ret))
		return 0;
	return fail_cause(fail_record, E_INTERNAL,
		"what is sealed for '%s' opens with no key: [server] encryption_key was changed, "
		"and encryption_key_old does not hold the one before",
		bound_to);
}
