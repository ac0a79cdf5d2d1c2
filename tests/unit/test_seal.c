/* What is sealed opens with its keys and for its owner only, and shows nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "fcgi/core/seal.h"
#include "fcgi/core/str.h"

#include <cmocka.h>

static struct arena arena = {.ceiling_bytes = 64 * 1024 * 1024};

static const char first[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
static const char second[] = "//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA=";
static const struct seal_text text = {(const unsigned char *)"twenty bytes of them", 20};

static struct options keys(const char *current, const char *old)
{
	return (struct options){.encryption_key = current, .encryption_key_old = old};
}

static struct seal_text sealed_with(const char *key, const char *bound_to)
{
	struct options options = keys(key, "");
	struct fail fail = {.arena = &arena};
	struct seal_text sealed;

	assert_int_equal(seal_close(&arena, &fail, &options, bound_to, text, &sealed), 0);
	return sealed;
}

static void test_there_and_back(void **state)
{
	static const struct {
		const char *name, *sealed_with, *current, *old, *bound_to;
		int rc;
		bool is_outdated;
	} cases[] = {
		{"its key", first, first, "", "totp 1", 0, false},
		{"its key beside an old one", first, first, second, "totp 1", 0, false},
		{"its key is the old one", first, second, first, "totp 1", 0, true},
		{"without padding", first, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "",
			"totp 1", 0, false},
		{"another key", first, second, "", "totp 1", E_INTERNAL, false},
		{"for another user", first, first, second, "totp 2", E_INTERNAL, false},
		{"for a longer name", first, first, "", "totp 11", E_INTERNAL, false},
		{"no key", first, "", "", "totp 1", E_NOT_CONFIGURED, false},
		{"only the old key", first, "", first, "totp 1", E_NOT_CONFIGURED, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct seal_text sealed = sealed_with(cases[i].sealed_with, "totp 1"), opened;
		struct options options = keys(cases[i].current, cases[i].old);
		struct fail fail = {.arena = &arena};
		bool is_outdated;

		print_message("  %s\n", cases[i].name);
		int rc = seal_open(
			&arena, &fail, &options, cases[i].bound_to, sealed, &opened, &is_outdated);
		assert_int_equal(rc, cases[i].rc);
		if (rc != 0)
			continue;
		assert_int_equal(is_outdated, cases[i].is_outdated);
		assert_int_equal(opened.length, text.length);
		assert_memory_equal(opened.data, text.data, text.length);
	}
	arena_reset(&arena);
}

/* Every bit counts, and so does every byte that is missing. */
static void test_changed(void **state)
{
	struct options options = keys(first, second);
	struct seal_text sealed = sealed_with(first, "totp 1"), opened;
	bool is_outdated;

	(void)state;
	assert_int_equal(sealed.length, text.length + SEAL_OVERHEAD_BYTES);
	for (size_t i = 0; i < sealed.length * 8; i++) {
		struct fail fail = {.arena = &arena};
		unsigned char *bytes = arena_memdup(&arena, sealed.data, sealed.length);
		bytes[i / 8] ^= (unsigned char)(1 << (i % 8));
		assert_int_equal(
			seal_open(&arena, &fail, &options, "totp 1",
				(struct seal_text){bytes, sealed.length}, &opened, &is_outdated),
			E_INTERNAL);
	}
	for (size_t length = 0; length < sealed.length; length++) {
		struct fail fail = {.arena = &arena};
		assert_int_equal(
			seal_open(&arena, &fail, &options, "totp 1",
				(struct seal_text){sealed.data, length}, &opened, &is_outdated),
			E_INTERNAL);
	}
	arena_reset(&arena);
}

/* Two seals of one text have nothing in common, and the text is not in them. */
static void test_shows_nothing(void **state)
{
	struct seal_text a = sealed_with(first, "totp 1"), b = sealed_with(first, "totp 1");

	(void)state;
	assert_int_equal(a.data[0], 2);
	assert_memory_not_equal(a.data + 1, b.data + 1, 12);
	assert_memory_not_equal(a.data + 13, b.data + 13, text.length);
	assert_null(memmem(a.data, a.length, text.data, 4));
	arena_reset(&arena);
}

static void test_faults(void **state)
{
	static const struct {
		const char *name, *current, *old, *named;
	} cases[] = {
		{"none", "", "", NULL},
		{"one", first, "", NULL},
		{"both", first, second, NULL},
		{"31 bytes", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==", "", "encryption_key "},
		{"33 bytes", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g", "", "encryption_key "},
		{"hexadecimal", "000102030405060708090a0b0c0d0e0f101112131415", "",
			"encryption_key "},
		{"a blank in it", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh =", "",
			"encryption_key "},
		{"a sign of no alphabet", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdH!8=", "",
			"encryption_key "},
		{"padding in the middle", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX==kaGxwdHh8=", "",
			"encryption_key "},
		{"an old one that is none", first, "short", "encryption_key_old "},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct options options = keys(cases[i].current, cases[i].old);
		const char *fault = seal_fault(&options);

		print_message("  %s: %s\n", cases[i].name, fault != NULL ? fault : "fine");
		if (cases[i].named == NULL)
			assert_null(fault);
		else
			assert_non_null(fault);
		if (fault != NULL)
			assert_non_null(strstr(fault, cases[i].named));
	}
}

/* The layout, opened by hand: version, iv, ciphertext, tag; the version and the name are
 * authenticated. */
static void test_layout(void **state)
{
	struct seal_text sealed = sealed_with(first, "totp 1");
	unsigned char key[32], out[64], tag[16];
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n;

	(void)state;
	for (unsigned i = 0; i < sizeof(key); i++)
		key[i] = (unsigned char)i;
	memcpy(tag, sealed.data + sealed.length - 16, 16);
	assert_int_equal(EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, sealed.data + 1), 1);
	assert_int_equal(EVP_DecryptUpdate(c, NULL, &n, (const unsigned char *)"\2totp 1", 7), 1);
	assert_int_equal(EVP_DecryptUpdate(c, out, &n, sealed.data + 13, (int)text.length), 1);
	assert_int_equal(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, 16, tag), 1);
	assert_int_equal(EVP_DecryptFinal_ex(c, out + n, &n), 1);
	assert_memory_equal(out, text.data, text.length);
	EVP_CIPHER_CTX_free(c);
	arena_reset(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_changed),
		cmocka_unit_test(test_shows_nothing),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_layout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
