/* SipHash, and what a killed process leaves in a shard: a child is stepped through each operation
 * and killed after every single instruction of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "fcgi/limit/shard.h"

enum { KEYS = 6, DUMP_MAX = 16000, KILLS_MAX = 400, STEPS_MAX = 200000 };

static void reference_siphash(
	const unsigned char key[16], const void *data, size_t length, unsigned char ret[16])
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
	EVP_MAC_CTX *context = EVP_MAC_CTX_new(mac);
	size_t size = 16, n;
	OSSL_PARAM params[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
		OSSL_PARAM_construct_end()};

	assert_int_equal(EVP_MAC_init(context, key, 16, params), 1);
	assert_int_equal(EVP_MAC_update(context, data, length), 1);
	assert_int_equal(EVP_MAC_final(context, ret, &n, 16), 1);
	EVP_MAC_CTX_free(context);
	EVP_MAC_free(mac);
}

static void test_siphash(void **state)
{
	unsigned char key[16], data[80], expected[16];
	u64 words[2];

	(void)state;
	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (unsigned char)i;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char)(i * 7);
	memcpy(words, key, sizeof(key));
	for (size_t length = 0; length <= sizeof(data); length++) {
		struct siphash print = siphash(words, data, length);
		reference_siphash(key, data, length, expected);
		assert_memory_equal(&print, expected, sizeof(expected));
	}
}

static struct siphash print_of(unsigned key)
{
	return (struct siphash){.word = {key % 3, key}}; /* several to a bucket */
}

/* Everything that counts, newest key first. */
static void dump(const struct shard *s, char ret[DUMP_MAX])
{
	size_t n = 0;

	ret[0] = '\0';
	for (uint32_t i = s->head->newest; i != SHARD_NONE; i = s->slot[i].older) {
		const struct shard_slot *k = &s->slot[i];
		n += (size_t)snprintf(ret + n, DUMP_MAX - n, "%d:", (int)k->print.word[1]);
		for (unsigned j = 0; j < k->log.n; j++)
			n += (size_t)snprintf(
				ret + n, DUMP_MAX - n, " %d", (int)shard_time(s, k, j));
		n += (size_t)snprintf(ret + n, DUMP_MAX - n, "\n");
	}
}

static void hit(struct shard *s, unsigned key, i64 until_us, i64 time_us)
{
	struct shard_slot *k = shard_use(s, print_of(key));

	shard_expire(s, k, until_us);
	shard_append(s, k, time_us);
}

static void do_hit_known(struct shard *s)
{
	hit(s, 2, 0, 500);
}

static void do_hit_new(struct shard *s)
{
	hit(s, 99, 0, 500);
}

static void do_hit_expiring(struct shard *s)
{
	hit(s, 4, 115, 500);
}

static void do_hit_all_expired(struct shard *s)
{
	hit(s, 4, 400, 500);
}

static void do_drop(struct shard *s)
{
	shard_drop_newest(s, shard_find(s, print_of(5)));
}

static void do_clamp(struct shard *s)
{
	shard_clamp(s, shard_find(s, print_of(3)), 105);
}

static void do_fill(struct shard *s) /* takes the blocks of all other keys */
{
	struct shard_slot *k = shard_use(s, print_of(1));

	while (k->log.n < SHARD_HITS_MAX)
		shard_append(s, k, 500);
}

/* Keys 1 to KEYS, the last one newest; key i has 4 * i - 2 times from 100 on. */
static struct shard make(void *memory, struct shard_size size)
{
	memset(memory, 0, shard_bytes(size));
	struct shard s = shard_view(memory, size);
	shard_repair(&s);
	for (uint32_t i = 0; i < size.n_blocks; i++) /* times of former use */
		for (unsigned j = 0; j < SHARD_BLOCK_TIMES; j++)
			s.block[i].time_us[j] = 777;
	for (unsigned key = 1; key <= KEYS; key++)
		for (unsigned i = 0; i < 4 * key - 2; i++)
			shard_append(&s, shard_use(&s, print_of(key)), 100 + i);
	return s;
}

/* Steps a child n instructions into the operation and kills it; false when it was done by then. */
static bool kill_at(struct shard *s, void (*run)(struct shard *), unsigned n)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		run(s);
		raise(SIGSTOP);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	bool within = true;
	for (unsigned i = 0; i < n && within; i++) {
		assert_int_equal(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		within = WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP;
	}
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	return within;
}

static bool can_trace(void)
{
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 ? 0 : 1);
	waitpid(child, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

struct operation {
	const char *name;
	void (*run)(struct shard *);
	unsigned key;
};

/* The line of a key in a dump; "" when it has none. */
static void line_of(const char *text, unsigned key, char ret[DUMP_MAX])
{
	ret[0] = '\0';
	for (const char *p = text; *p != '\0'; p = strchr(p, '\n') + 1) {
		if ((unsigned)atoi(p) != key)
			continue;
		size_t length = strcspn(p, "\n");
		memcpy(ret, p, length);
		ret[length] = '\0';
	}
}

/* The key's own log is the one before, the one after, or that without the hit: times had expired,
 * the new one was not there yet. Setting the clock back, which may be half done, is finished. */
static void check_own(const struct operation *op, struct shard *s, const char *before,
	const char *after, const char *left)
{
	static char was[DUMP_MAX], will_be[DUMP_MAX], is[DUMP_MAX], all[DUMP_MAX];

	line_of(before, op->key, was);
	line_of(after, op->key, will_be);
	line_of(left, op->key, is);
	if (op->run == do_clamp) {
		op->run(s);
		dump(s, all);
		assert_string_equal(all, after);
		return;
	}
	if (strcmp(is, was) == 0 || strcmp(is, will_be) == 0)
		return;
	assert_ptr_not_equal(op->run, do_drop);
	*strrchr(will_be, ' ') = '\0';
	assert_string_equal(is, will_be);
}

/* No key but the operation's and those that give way (the oldest ones) has changed, nor their
 * order; and the whole is sound. */
static void check_left(
	const struct operation *op, struct shard *s, const char *before, const char *after)
{
	static char left[DUMP_MAX];
	u64 n_keys;
	char *line, *rest = left;
	const char *from = before;

	assert_true(shard_sound(s, &n_keys));
	assert_true(n_keys >= KEYS - 1);
	dump(s, left);
	check_own(op, s, before, after, left);
	while ((line = strsep(&rest, "\n")) != NULL && *line != '\0') {
		if ((unsigned)atoi(line) == op->key)
			continue;
		from = strstr(from, line);
		assert_non_null(from);
		from += strlen(line);
		assert_int_equal(*from, '\n');
	}
}

static void kill_everywhere(const struct operation *op, void *memory, void *copy)
{
	static char before[DUMP_MAX], after[DUMP_MAX];
	struct shard_size size = shard_size(KEYS);
	size_t bytes = shard_bytes(size);
	struct shard s = make(memory, size);
	unsigned steps, n_kills = 0;

	memcpy(copy, memory, bytes);
	dump(&s, before);
	op->run(&s);
	dump(&s, after);
	for (steps = 64; steps < STEPS_MAX && kill_at(&s, op->run, steps); steps *= 2)
		;
	unsigned stride = 1 + steps / KILLS_MAX;
	for (unsigned n = 0;; n += stride, n_kills++) {
		memcpy(memory, copy, bytes);
		bool within = n < STEPS_MAX && kill_at(&s, op->run, n);
		shard_repair(&s);
		check_left(op, &s, before, after);
		if (!within)
			break;
	}
	print_message("  %s: %u kills, one every %u instructions\n", op->name, n_kills, stride);
}

static void test_killed_at_every_instruction(void **state)
{
	static const struct operation cases[] = {
		{"a hit of a known key", do_hit_known, 2},
		{"a hit of a new key, the oldest gives way", do_hit_new, 99},
		{"a hit that lets blocks expire", do_hit_expiring, 4},
		{"a hit after all has expired", do_hit_all_expired, 4},
		{"the newest time taken back", do_drop, 5},
		{"the clock set back", do_clamp, 3},
	};
	size_t bytes = shard_bytes(shard_size(KEYS));
	void *copy = malloc(bytes);
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	(void)state;
	if (!can_trace()) {
		print_message("  not allowed to trace: skipped\n");
		skip();
	}
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		kill_everywhere(&cases[i], memory, copy);
	munmap(memory, bytes);
	free(copy);
}

static void test_longest_log_takes_all(void **state)
{
	static char text[DUMP_MAX];
	struct shard_size size = shard_size(2);
	void *memory = aligned_alloc(64, shard_bytes(size));
	struct shard s = make(memory, size); /* leaves keys 5 and 6 */
	u64 n_keys = 0;

	(void)state;
	dump(&s, text);
	assert_int_equal(text[0], '6');
	do_fill(&s);
	struct shard_slot *k = shard_find(&s, print_of(1));
	assert_int_equal(k->log.n, SHARD_HITS_MAX);
	/* The window moves on, time by time, through every place in a block. */
	for (i64 t = 501; t < 3500; t++) {
		shard_expire(&s, k, k->log.n == SHARD_HITS_MAX ? shard_time(&s, k, 0) : 0);
		while (k->log.n < SHARD_HITS_MAX)
			shard_append(&s, k, t);
		assert_true(shard_sound(&s, &n_keys));
	}
	while (k->log.n > 0)
		shard_drop_newest(&s, k);
	assert_true(shard_sound(&s, &n_keys));
	free(memory);
}

/* Whatever the file held, mending it gives a sound shard that works. */
static void test_garbage_is_mended(void **state)
{
	struct shard_size size = shard_size(KEYS);
	size_t bytes = shard_bytes(size);
	unsigned char *memory = aligned_alloc(64, bytes);
	u64 n_keys;

	(void)state;
	srandom(1);
	for (unsigned round = 0; round < 3000; round++) {
		struct shard s = make(memory, size);
		unsigned n_changes = round % 50 == 0 ? (unsigned)bytes : 1 + round % 40;
		for (unsigned i = 0; i < n_changes; i++)
			memory[(size_t)random() % bytes] = (unsigned char)random();
		shard_repair(&s);
		assert_true(shard_sound(&s, &n_keys));
		for (unsigned key = 0; key < 20; key++)
			hit(&s, key, 0, INT64_MAX);
		assert_true(shard_sound(&s, &n_keys));
		assert_int_equal(n_keys, KEYS);
	}
	free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_siphash),
		cmocka_unit_test(test_killed_at_every_instruction),
		cmocka_unit_test(test_longest_log_takes_all),
		cmocka_unit_test(test_garbage_is_mended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
