/* Text forms of password hashes: what is read, what is refused, what is made anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "domain/stored_hash.h"

#include <cmocka.h>

#define SALT "AAECAwQFBgcICQoLDA0ODw"			  /* 0 .. 15 */
#define TAG "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8" /* 0 .. 31 */
#define OURS "$argon2id$v=19$m=19456,t=2,p=1$" SALT "$" TAG

static struct arena arena;

static void test_argon(void **state)
{
	static const struct {
		const char *name, *text;
		bool is_read, is_outdated;
	} cases[] = {
		{"ours", OURS, true, false},
		{"stronger", "$argon2id$v=19$m=65536,t=3,p=4$" SALT "$" TAG, true, false},
		{"less memory", "$argon2id$v=19$m=19455,t=2,p=1$" SALT "$" TAG, true, true},
		{"fewer passes", "$argon2id$v=19$m=47104,t=1,p=1$" SALT "$" TAG, true, true},
		{"a shorter salt", "$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgc$" TAG, true, true},
		{"a shorter tag", "$argon2id$v=19$m=19456,t=2,p=1$" SALT "$" SALT, true, true},
		{"empty", "", false, false},
		{"text", "correct horse", false, false},
		{"another variant", "$argon2i$v=19$m=19456,t=2,p=1$" SALT "$" TAG, false, false},
		{"another version", "$argon2id$v=16$m=19456,t=2,p=1$" SALT "$" TAG, false, false},
		{"more memory than there is", "$argon2id$v=19$m=65537,t=2,p=1$" SALT "$" TAG, false,
			false},
		{"gigabytes", "$argon2id$v=19$m=4294967297,t=2,p=1$" SALT "$" TAG, false, false},
		{"an hour", "$argon2id$v=19$m=19456,t=11,p=1$" SALT "$" TAG, false, false},
		{"many lanes", "$argon2id$v=19$m=19456,t=2,p=9$" SALT "$" TAG, false, false},
		{"less than its lanes need", "$argon2id$v=19$m=15,t=2,p=2$" SALT "$" TAG, false,
			false},
		{"no memory", "$argon2id$v=19$m=0,t=2,p=1$" SALT "$" TAG, false, false},
		{"a number with a zero in front", "$argon2id$v=19$m=019456,t=2,p=1$" SALT "$" TAG,
			false, false},
		{"a negative one", "$argon2id$v=19$m=-1,t=2,p=1$" SALT "$" TAG, false, false},
		{"no number", "$argon2id$v=19$m=,t=2,p=1$" SALT "$" TAG, false, false},
		{"no tag", "$argon2id$v=19$m=19456,t=2,p=1$" SALT, false, false},
		{"an empty one", "$argon2id$v=19$m=19456,t=2,p=1$" SALT "$", false, false},
		{"a tag of 8 bytes", "$argon2id$v=19$m=19456,t=2,p=1$" SALT "$AAECAwQFBgc", false,
			false},
		{"more behind it", OURS "$", false, false},
		{"padding", OURS "=", false, false},
		{"base64url", "$argon2id$v=19$m=19456,t=2,p=1$-_ECAwQFBgcICQoLDA0ODw$" TAG, false,
			false},
		{"a tag without end", "$argon2id$v=19$m=19456,t=2,p=1$" SALT "$" TAG TAG TAG TAG,
			false, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct argon_hash h;
		print_message("  %s\n", cases[i].name);
		bool is_read = argon_hash_read(&arena, cases[i].text, &h);
		assert_int_equal(is_read, cases[i].is_read);
		if (!is_read)
			continue;
		assert_int_equal(argon_hash_outdated(&h), cases[i].is_outdated);
		assert_string_equal(argon_hash_write(&arena, &h), cases[i].text);
	}
}

static void test_bytes(void **state)
{
	struct argon_hash h;

	(void)state;
	assert_true(argon_hash_read(&arena, OURS, &h));
	assert_int_equal(h.memory_kib, 19456);
	assert_int_equal(h.passes, 2);
	assert_int_equal(h.lanes, 1);
	assert_int_equal(h.n_salt, 16);
	assert_int_equal(h.n_tag, 32);
	for (unsigned char i = 0; i < 32; i++)
		assert_int_equal(h.tag[i], i);
	/* Both characters that the two base64 alphabets differ in. */
	memset(h.salt, 0xff, h.n_salt);
	h.salt[0] = 0xfb;
	const char *text = argon_hash_write(&arena, &h);
	assert_non_null(strstr(text, "$+/"));
	struct argon_hash again;
	assert_true(argon_hash_read(&arena, text, &again));
	assert_memory_equal(again.salt, h.salt, h.n_salt);
}

static void test_bcrypt(void **state)
{
#define REST "abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234"
	static const struct {
		const char *name, *text;
		bool is_valid;
	} cases[] = {
		{"2a", "$2a$12$" REST, true},
		{"2b", "$2b$04$" REST, true},
		{"2y", "$2y$14$" REST, true},
		{"the broken one", "$2x$12$" REST, false},
		{"the first one", "$2$12$" REST "a", false},
		{"too cheap", "$2b$03$" REST, false},
		{"too dear", "$2b$15$" REST, false},
		{"no cost", "$2b$1a$" REST, false},
		{"too short", "$2b$12$abc", false},
		{"too long", "$2b$12$" REST ".", false},
		{"another alphabet",
			"$2b$12$+"
			"bcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234",
			false},
		{"empty", "", false},
		{"ours", OURS, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		print_message("  %s\n", cases[i].name);
		assert_int_equal(bcrypt_hash_valid(cases[i].text), cases[i].is_valid);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_argon),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_bcrypt),
	};

	arena_init(&arena, 1024 * 1024);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_free(&arena);
	return failed;
}
