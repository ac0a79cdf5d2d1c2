/* Whatever json_check() accepts, json-c reads too, with as many members as were written (so no key
 * came twice), and what json-c writes of it is accepted again and read as the same. */
#include <json-c/json_visit.h>
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

/* Colons outside of strings: the members of all objects of a valid text. */
static size_t members_written(const uint8_t *text, size_t length)
{
	bool in_string = false;
	size_t n = 0;

	for (size_t i = 0; i < length; i++) {
		if (text[i] == '"')
			in_string = !in_string;
		else if (in_string && text[i] == '\\')
			i++;
		else if (!in_string && text[i] == ':')
			n++;
	}
	return n;
}

static int count_member(struct json_object *value, int flags, struct json_object *parent,
	const char *key, size_t *index, void *arg)
{
	(void)value;
	(void)parent;
	(void)index;
	if (key != NULL && flags != JSON_C_VISIT_SECOND)
		++*(size_t *)arg;
	return JSON_C_VISIT_RETURN_CONTINUE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arena arena = {.ceiling_bytes = 64 * 1024 * 1024};
	const char *why = json_check(&arena, (const char *)data, size), *why_read;

	scoped(json_object) *doc = json_read(&arena, (const char *)data, size, &why_read);
	must((why == NULL) == (why_read == NULL));
	if (why == NULL) {
		size_t n_members = 0;
		json_c_visit(doc, 0, count_member, &n_members);
		must(n_members == members_written(data, size));
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
