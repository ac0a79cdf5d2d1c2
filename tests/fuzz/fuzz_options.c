/* Any turnpike.conf is read or refused with a message, and what was stored is within its bounds. */
#include <string.h>

#include "fcgi/core/options.h"
#include "fcgi/core/str.h"
#include "seeds.h"

static void seed_sample(bool without_hashes)
{
	char *sample = NULL;
	size_t n;
	FILE *out = open_memstream(&sample, &n);

	options_print_sample(out);
	fclose(out);
	for (char *p = sample; without_hashes && p < sample + n; p = strchr(p, '\n') + 1)
		if (p[0] == '#' && p[1] >= 'a' && p[1] <= 'z')
			*p = ' ';
	seed_write(sample, n);
	free(sample);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char *const seeds[] = {
		"\xef\xbb\xbf[server]\r\nsandbox = on\r\n",
		"[server]\nconfig_key_file = here\nconfig_key=0123456789abcdef0123456789abcdef\n",
		"[limits]\nmode = dry-run\nauth = 5/60\nauth: 6/60\n",
		"[pool.cor]\nthreads = 1\n[pool.core] x\n[\nconections = -1\n",
	};

	(void)argc;
	(void)argv;
	if (getenv("FUZZ_SEEDS") == NULL)
		return 0;
	seed_sample(false);
	seed_sample(true);
	for (size_t i = 0; i < ARRAY_LEN(seeds); i++)
		seed_write(seeds[i], strlen(seeds[i]));
	exit(0);
}

/* A fuzzer must not open whatever file it can spell. */
static bool names_a_file(const char *text, size_t length)
{
	const char *end = text + length, *p = text;

	while ((p = memmem(p, (size_t)(end - p), "_file", 5)) != NULL) {
		for (p += 5; p < end && strchr(" \t\r\v\f=:", *p) != NULL && *p != '\0'; p++)
			;
		if (p < end && *p == '/')
			return true;
	}
	return false;
}

static bool limit_row(const char *key, const char *value, void *arg, const char **ret_why)
{
	(void)arg;
	*ret_why = "no";
	return str_equal(key, "auth") && value[0] != '\0';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arena arena = {.ceiling_bytes = 64 * 1024 * 1024};
	static FILE *nowhere;
	struct options options;

	if (nowhere == NULL && (nowhere = fopen("/dev/null", "w")) == NULL)
		abort();
	if (names_a_file((const char *)data, size))
		return 0;
	options_read(&arena, "fuzz", (const char *)data, size, &options, limit_row, NULL, nowhere);
	for (const struct option_row *o = option_table; o->section != NULL; o++) {
		const char *dotted_name = arena_printf(&arena, "%s.%s", o->section, o->key);
		const void *member = (const char *)&options + o->offset;
		if (!options_print_value(&options, dotted_name, nowhere))
			abort();
		if (o->type == OPTION_NUMBER || o->type == OPTION_BOOL)
			continue;
		if (option_store(&arena, &options, o, *(const char *const *)member) != NULL)
			abort();
	}
	arena_reset(&arena);
	return 0;
}
