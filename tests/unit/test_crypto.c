/* Known answers of the hashes, and what can be said about random names without knowing them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/core/crypto.h"
#include "fcgi/core/str.h"

#include <cmocka.h>

static struct arena arena = {.ceiling_bytes = 64 * 1024 * 1024};

/* FIPS 180-4 examples. */
static void test_sha256(void **state)
{
	static const struct {
		const char *data, *hash;
	} cases[] = {
		{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
			"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sha256 hash = sha256(cases[i].data, strlen(cases[i].data));
		print_message("  '%s'\n", cases[i].data);
		assert_string_equal(hex_encode(&arena, hash.byte, SHA256_BYTES), cases[i].hash);
	}
	arena_reset(&arena);
}

/* RFC 4231, test cases 1, 2, 3 and 6. */
static void test_hmac(void **state)
{
	static unsigned char key_0b[20], key_aa[131], data_dd[50];
	const struct {
		const char *name;
		const void *key;
		size_t key_length;
		const void *data;
		size_t length;
		const char *mac;
	} cases[] = {
		{"1", key_0b, 20, "Hi There", 8,
			"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
		{"2", "Jefe", 4, "what do ya want for nothing?", 28,
			"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		{"3", key_aa, 20, data_dd, 50,
			"773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
		{"6", key_aa, 131, "Test Using Larger Than Block-Size Key - Hash Key First", 54,
			"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
	};

	(void)state;
	memset(key_0b, 0x0b, sizeof(key_0b));
	memset(key_aa, 0xaa, sizeof(key_aa));
	memset(data_dd, 0xdd, sizeof(data_dd));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sha256 mac = hmac_sha256(
			cases[i].key, cases[i].key_length, cases[i].data, cases[i].length);
		print_message("  test case %s\n", cases[i].name);
		assert_string_equal(hex_encode(&arena, mac.byte, SHA256_BYTES), cases[i].mac);
	}
	arena_reset(&arena);
}

static void test_equal_ct(void **state)
{
	(void)state;
	assert_true(equal_ct("abc", "abc", 3));
	assert_true(equal_ct("abc", "abd", 2));
	assert_false(equal_ct("abc", "abd", 3));
	assert_false(equal_ct("xbc", "abc", 3));
	assert_true(equal_ct("a", "b", 0));
}

/* Pearson's statistic against its 1 - 10^-9 quantile: a fair draw fails once in a billion runs, and
 * "value % bound" of a byte or a missing top value fails every time. */
static void check_uniform(const unsigned *count, unsigned bound, unsigned draws, unsigned quantile)
{
	unsigned expected = draws / bound;
	u64 sum = 0;

	for (unsigned i = 0; i < bound; i++) {
		i64 off = (i64)count[i] - expected;
		sum += (u64)(off * off);
	}
	print_message("  bound %u: %llu, at most %u\n", bound, (unsigned long long)(sum / expected),
		quantile);
	assert_true(sum / expected <= quantile);
}

static void test_random_below(void **state)
{
	static const struct {
		unsigned bound, quantile; /* of chi-square with bound - 1 degrees of freedom */
	} cases[] = {{2, 38}, {6, 55}, {10, 64}, {62, 154}, {100, 210}};
	enum { PER_VALUE = 2000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		unsigned count[100] = {0}, draws = cases[i].bound * PER_VALUE;
		for (unsigned n = 0; n < draws; n++) {
			unsigned value = random_below(cases[i].bound);
			assert_true(value < cases[i].bound);
			count[value]++;
		}
		check_uniform(count, cases[i].bound, draws, cases[i].quantile);
	}
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(random_below(1), 0);
		assert_true(random_below(UINT32_MAX) < UINT32_MAX);
		assert_true(random_below(1U << 31) < 1U << 31);
	}
}

static int compare_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void test_public_ids(void **state)
{
	static const char base62[] =
		"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	enum { IDS = 5000 };
	unsigned count[62] = {0};
	static char *id[IDS];

	(void)state;
	for (size_t i = 0; i < IDS; i++) {
		id[i] = public_id(&arena, "usr_");
		assert_true(str_starts(id[i], "usr_"));
		assert_int_equal(strlen(id[i]), 4 + PUBLIC_ID_RANDOM);
		assert_int_equal(strspn(id[i] + 4, base62), PUBLIC_ID_RANDOM);
		for (const char *p = id[i] + 4; *p != '\0'; p++)
			count[strchr(base62, *p) - base62]++;
	}
	check_uniform(count, 62, IDS * PUBLIC_ID_RANDOM, 154);
	qsort(id, IDS, sizeof(*id), compare_text);
	for (size_t i = 1; i < IDS; i++)
		assert_string_not_equal(id[i - 1], id[i]);
	assert_int_equal(strlen(public_id(&arena, "")), PUBLIC_ID_RANDOM);
	arena_reset(&arena);
}

static void test_tokens(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		const char *token = random_token(&arena);
		size_t n;
		assert_int_equal(strlen(token), 43);
		assert_non_null(base64url_decode(&arena, token, 43, &n));
		assert_int_equal(n, 32);
		assert_string_not_equal(token, random_token(&arena));
	}
	arena_reset(&arena);
}

static int compare_bytes(const void *a, const void *b)
{
	return memcmp(a, b, 32);
}

/* A generator with less than 38 bits to draw from would most likely meet itself. */
static void test_a_million_tokens(void **state)
{
	enum { TOKENS = 1000000, AT_A_TIME = 1000 };
	unsigned char(*drawn)[32] = malloc(TOKENS * sizeof(*drawn));
	size_t n;

	(void)state;
	assert_non_null(drawn);
	for (size_t i = 0; i < TOKENS; i++) {
		memcpy(drawn[i], base64url_decode(&arena, random_token(&arena), 43, &n), 32);
		if (i % AT_A_TIME == 0)
			arena_reset(&arena);
	}
	qsort(drawn, TOKENS, sizeof(*drawn), compare_bytes);
	for (size_t i = 1; i < TOKENS; i++)
		assert_memory_not_equal(drawn[i - 1], drawn[i], 32);
	free(drawn);
	arena_reset(&arena);
}

static void test_random_bytes(void **state)
{
	static const size_t lengths[] = {0, 1, 255, 256, 257, 1000};
	unsigned char data[1001];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		bool last_was_set = lengths[i] == 0;
		print_message("  %zu bytes\n", lengths[i]);
		for (int n = 0; n < 64 && !last_was_set; n++) {
			memset(data, 0, sizeof(data));
			random_bytes(data, lengths[i]);
			last_was_set = data[lengths[i] - 1] != 0;
			assert_int_equal(data[lengths[i]], 0);
		}
		assert_true(last_was_set);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha256),
		cmocka_unit_test(test_hmac),
		cmocka_unit_test(test_equal_ct),
		cmocka_unit_test(test_random_below),
		cmocka_unit_test(test_public_ids),
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_a_million_tokens),
		cmocka_unit_test(test_random_bytes),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	arena_free(&arena);
	return failed;
}
