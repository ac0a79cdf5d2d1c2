/* Whatever json_check() accepts, json-c reads too, and what json-c writes of it is accepted again
 * and read as the same. */
#include <string.h>

#include "fcgi/http/json.h"
#include "seeds.h"

static const struct seed {
	const char *text;
	size_t length;
} seeds[] = {
#define Y(name, text) {text, sizeof(text) - 1},
#define S(name, text) Y(name, text)
#define N(name, text) Y(name, text)
#define I(name, text, expectation) Y(name, text)
#include "../unit/json_suite.def"
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (getenv("FUZZ_SEEDS") == NULL)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(seeds); i++)
		seed_write(seeds[i].text, seeds[i].length);
	exit(0);
}

static const char *plain(struct json_object *doc)
{
	return json_object_to_json_string_ext(doc, JSON_C_TO_STRING_PLAIN);
}

static void must(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arena arena = {.ceiling_bytes = 64 * 1024 * 1024};
	const char *why = json_check(&arena, (const char *)data, size), *why_read;

	scoped(json_object) *doc = json_read(&arena, (const char *)data, size, &why_read);
	must((why == NULL) == (why_read == NULL));
	if (why == NULL) {
		const char *text = plain(doc);
		scoped(json_object) *again = json_read(&arena, text, strlen(text), &why_read);
		must(why_read == NULL);
		must(json_object_equal(doc, again));
		must(strcmp(text, plain(again)) == 0);
	} else {
		must(doc == NULL);
	}
	arena_reset(&arena);
	return 0;
}
