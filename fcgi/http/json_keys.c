/* Duplicate keys in linear time, whatever the sender chooses: keyed hashes, and a table once an
 * object is large. */
#include "json_keys.h"

#include <endian.h>
#include <string.h>

#include "../core/crypto.h"

/* Up to here comparing all pairs of hashes is quicker than a table. */
enum { PAIRWISE_MAX = 16, FIRST_KEYS = 64 };

static u64 rotate(u64 x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static void sip_round(u64 v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32) + v[3];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] = rotate(v[2], 32);
}

static void sip_word(u64 v[4], u64 word)
{
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
}

u64 siphash13(const u64 secret[2], const void *data, size_t length)
{
	const char *p = data;
	u64 word, last = 0;
	u64 v[4] = {
		secret[0] ^ 0x736f6d6570736575,
		secret[1] ^ 0x646f72616e646f6d,
		secret[0] ^ 0x6c7967656e657261,
		secret[1] ^ 0x7465646279746573,
	};

	for (size_t left = length / 8; left > 0; left--, p += 8) {
		memcpy(&word, p, 8);
		sip_word(v, le64toh(word));
	}
	memcpy(&last, p, length % 8);
	sip_word(v, le64toh(last) | (u64)length << 56);
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static unsigned hex4(const char *p)
{
	unsigned value = 0;

	for (size_t i = 0; i < 4; i++) {
		unsigned c = (unsigned char)p[i];
		value = value << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return value;
}

static size_t utf8_put(char *out, unsigned c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 63));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 63));
		out[2] = (char)(0x80 | (c & 63));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 63));
	out[2] = (char)(0x80 | (c >> 6 & 63));
	out[3] = (char)(0x80 | (c & 63));
	return 4;
}

/* p: behind the backslash of a valid escape. Returns what follows it. */
static const char *unescape_one(const char *p, char *out, size_t *n)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	const char *letter = strchr(from, *p);

	if (*p != 'u') {
		out[(*n)++] = letter != NULL ? to[letter - from] : *p;
		return p + 1;
	}
	unsigned c = hex4(p + 1);
	p += 5;
	if (c >= 0xd800 && c <= 0xdbff) {
		c = 0x10000 + ((c - 0xd800) << 10) + (hex4(p + 2) - 0xdc00);
		p += 6;
	}
	*n += utf8_put(out + *n, c);
	return p;
}

/* Unescapes the key that starts at p up to its closing quote; never longer than it was. */
static size_t unescape(const char *p, char *out)
{
	size_t n = 0;

	while (*p != '"') {
		if (*p == '\\')
			p = unescape_one(p + 1, out, &n);
		else
			out[n++] = *p++;
	}
	return n;
}

static size_t length_written(const char *key)
{
	const char *p = key;

	for (; *p != '"'; p++)
		if (*p == '\\')
			p++;
	return (size_t)(p - key);
}

/* Equal hashes are as good as equal keys, but for one chance in 2^32. */
static bool equal_keys(struct json_keys *k, const struct json_key *a, const struct json_key *b)
{
	if (a->hash != b->hash)
		return false;
	const char *key_a = k->text + a->at, *key_b = k->text + b->at;
	struct arena_mark mark = arena_mark(k->arena);
	char *text_a = arena_alloc(k->arena, length_written(key_a));
	char *text_b = arena_alloc(k->arena, length_written(key_b));
	size_t n_a = unescape(key_a, text_a), n_b = unescape(key_b, text_b);
	bool equal = n_a == n_b && memcmp(text_a, text_b, n_a) == 0;
	arena_rewind(k->arena, mark);
	return equal;
}

static void grow(struct json_keys *k)
{
	if (k->capacity == 0)
		random_bytes(k->secret, sizeof(k->secret));
	k->capacity = k->capacity == 0 ? FIRST_KEYS : 2 * k->capacity;
	struct json_key *key = arena_array(k->arena, struct json_key, k->capacity);
	if (k->n > 0)
		memcpy(key, k->key, k->n * sizeof(*key));
	k->key = key;
}

void json_keys_add(struct json_keys *k, const char *key, size_t length, bool is_escaped)
{
	u64 hash;

	if (k->n == k->capacity)
		grow(k);
	if (is_escaped) {
		struct arena_mark mark = arena_mark(k->arena);
		char *text = arena_alloc(k->arena, length);
		hash = siphash13(k->secret, text, unescape(key, text));
		arena_rewind(k->arena, mark);
	} else {
		hash = siphash13(k->secret, key, length);
	}
	k->key[k->n++] = (struct json_key){(uint32_t)hash, (uint32_t)(key - k->text)};
}

static const struct json_key *find_pairwise(
	struct json_keys *k, const struct json_key *key, size_t n)
{
	for (size_t i = 1; i < n; i++)
		for (size_t j = 0; j < i; j++)
			if (key[i].hash == key[j].hash && equal_keys(k, &key[i], &key[j]))
				return &key[i];
	return NULL;
}

static const struct json_key *find_by_table(
	struct json_keys *k, const struct json_key *key, size_t n)
{
	size_t n_slots = 64;

	while (n_slots < n + n / 2)
		n_slots *= 2;
	if (n_slots > k->slot_capacity) {
		k->slot = arena_array(k->arena, uint32_t, n_slots);
		k->slot_capacity = n_slots;
	} else {
		memset(k->slot, 0, n_slots * sizeof(*k->slot));
	}
	for (size_t i = 0; i < n; i++) {
		size_t at = key[i].hash & (n_slots - 1);
		for (; k->slot[at] != 0; at = (at + 1) & (n_slots - 1))
			if (equal_keys(k, &key[i], &key[k->slot[at] - 1]))
				return &key[i];
		k->slot[at] = (uint32_t)(i + 1);
	}
	return NULL;
}

const char *json_keys_close(struct json_keys *k, size_t first)
{
	size_t n = k->n - first;

	k->n = first;
	if (n < 2)
		return NULL;
	const struct json_key *key = k->key + first;
	const struct json_key *twice =
		n <= PAIRWISE_MAX ? find_pairwise(k, key, n) : find_by_table(k, key, n);
	return twice != NULL ? k->text + twice->at : NULL;
}
