/* Finds a key that an object has twice: the keys of all objects that are open lie on one stack, and
 * when an object closes its keys are compared. Used by json.c only. */
#ifndef TURNPIKE_JSON_KEYS_H
#define TURNPIKE_JSON_KEYS_H

#include "../core/arena.h"

struct json_key {
	uint32_t hash;
	uint32_t at; /* its first byte in the text, after the quote */
};

struct json_keys {
	struct arena *arena;
	const char *text;
	u64 secret[2];
	struct json_key *key;
	size_t n, capacity;
	uint32_t *slot; /* number of a key + 1; 0: free */
	size_t slot_capacity;
};

/* length: of the key as written; is_escaped: there is a backslash in it. The key must be valid. */
void json_keys_add(struct json_keys *k, const char *key, size_t length, bool is_escaped);
/* Takes the keys from `first` on off the stack: an object ends. When two of them are equal after
 * unescaping, returns the later one's place in the text, else NULL. */
const char *json_keys_close(struct json_keys *k, size_t first);
/* SipHash-1-3 (Aumasson, Bernstein): nobody without the secret can choose colliding keys. */
u64 siphash13(const u64 secret[2], const void *data, size_t length);

#endif
